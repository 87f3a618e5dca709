//! `orbit get`: downloads an image the way a browser would, and tells which tier answered.
//!
//! Through the edge (`/api/images/{id}`) or straight from the origin (`/images/{id}`). The file appears under its
//! name only when it is whole. No token is sent: what a browser gets is the question.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use orbit_model::ImageId;
use serde_json::json;
use ureq::Body;
use ureq::http::Response;

use crate::client::{Client, Connection, Exit, Failure, header};
use crate::output;

/// Download an image
#[derive(Debug, clap::Args)]
pub(crate) struct Get {
    /// The image's id; `.webp` after it is fine
    #[arg(value_parser = ImageId::from_segment)]
    id: ImageId,
    /// Where to write it; `-` for standard output [default: {id}.webp]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Ask the origin rather than the edge
    #[arg(long)]
    origin: bool,
    /// Only print status and headers
    #[arg(long, conflicts_with = "output")]
    head: bool,
    /// Print what came as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

impl Get {
    /// Downloads the image, or asks for its headers.
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let client = self.connection.client();
        let prefix = if self.origin { "/images/" } else { "/api/images/" };
        let path = format!("{prefix}{}", self.id);
        if self.head {
            return self.print_head(&client, &path);
        }
        let file = self.output.clone().unwrap_or_else(|| PathBuf::from(format!("{}.webp", self.id)));
        let to_stdout = file == Path::new("-");
        if to_stdout && self.json {
            return Err(Failure::new(Exit::Usage, "standard output can take the image or the JSON, not both").into());
        }
        if to_stdout && output::is_terminal() {
            let refusal = Failure::new(Exit::Usage, "an image is no text for a terminal");
            return Err(refusal.with_advice("Pipe it somewhere, or name a file with -o.").into());
        }
        let start = Instant::now();
        let answer = client.success(client.anonymous(&path).call())?;
        let first_byte = start.elapsed();
        let (head, body) = answer.into_parts();
        let mut reader = body.into_reader();
        let bytes = if to_stdout { output::copy(&mut reader)? } else { save(&mut reader, &file)? };
        let total = start.elapsed();
        let answer = Response::from_parts(head, ());
        if self.json {
            output::json(&json!({
                "id": self.id, "file": file, "bytes": bytes, "content_type": header(&answer, "content-type"),
                "x_cache": header(&answer, "x-cache"), "cache_status": header(&answer, "cache-status"),
                "etag": header(&answer, "etag"), "milliseconds": millis(total),
            }))?;
        } else {
            let name = if to_stdout { "standard output".into() } else { file.display().to_string() };
            let tier = tier(&answer, self.origin);
            let (first, total) = (millis(first_byte), millis(total));
            let size = output::size(bytes);
            output::note(&format!("{name}  {size}  {tier}  first byte {first:.1} ms, all {total:.1} ms"));
        }
        Ok(ExitCode::SUCCESS)
    }

    fn print_head(&self, client: &Client, path: &str) -> anyhow::Result<ExitCode> {
        let start = Instant::now();
        let answer = client.any_status(client.head(path).call())?;
        let took = start.elapsed();
        let headers = headers(&answer);
        if self.json {
            let fields: serde_json::Map<_, _> =
                headers.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
            output::json(&json!({
                "status": answer.status().as_u16(), "headers": fields, "milliseconds": millis(took),
            }))?;
        } else {
            output::line(&format!("{}", answer.status()))?;
            for (name, value) in &headers {
                output::line(&output::plain(&format!("{name}: {value}")))?;
            }
            output::note(&format!("{}  {:.1} ms", tier(&answer, self.origin), millis(took)));
        }
        if answer.status().is_success() {
            return Ok(ExitCode::SUCCESS);
        }
        Ok(Exit::from(answer.status()).into())
    }
}

/// Every header in order; repeated ones are joined as HTTP joins them.
fn headers(answer: &Response<Body>) -> Vec<(String, String)> {
    let names = answer.headers().keys();
    let values = |name| answer.headers().get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
    names.map(|name| (name.to_string(), values(name).collect::<Vec<_>>().join(", "))).collect()
}

fn tier<T>(answer: &Response<T>, from_origin: bool) -> String {
    let (cache, server) = (header(answer, "x-cache"), header(answer, "server-timing"));
    match (from_origin, cache) {
        (true, _) => "from the origin".to_owned(),
        (false, "") => "no X-Cache: an edge was expected here".to_owned(),
        (false, _) if server.is_empty() => output::plain(cache).into_owned(),
        (false, _) => output::plain(&format!("{cache} ({server})")).into_owned(),
    }
}

fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 100_000.0).round() / 100.0
}

/// Writes beside the file first, so that nobody ever opens half an image.
pub(super) fn save(reader: &mut impl std::io::Read, file: &Path) -> anyhow::Result<u64> {
    let mut name = file.as_os_str().to_owned();
    name.push(".part");
    let part = PathBuf::from(name);
    let written = File::create(&part).and_then(|mut to| std::io::copy(reader, &mut to));
    let saved = written.and_then(|bytes| fs::rename(&part, file).map(|()| bytes));
    saved.map_err(|error| {
        // The first error is the one to tell.
        let _also = fs::remove_file(&part);
        anyhow::Error::new(error).context(format!("cannot save {}", file.display()))
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use ureq::http::StatusCode;

    use super::*;
    use crate::client::scripted::{Scripted, problem};

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        get: Get,
    }

    fn run(server: &Scripted, words: &[&str]) -> ExitCode {
        let line = Line::try_parse_from([&["get", "--url", server.url()], words].concat()).unwrap();
        line.get.run().unwrap_or_else(|error| output::report(&error))
    }

    #[test]
    fn the_edge_is_asked_unless_the_origin_is_wanted() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("fox.webp");
        let name = file.display().to_string();
        let server = Scripted::start(|request| Scripted::answer("200 OK", "image/webp", &request.target));
        assert_eq!(run(&server, &["fox.webp", "-o", &name]), ExitCode::SUCCESS);
        assert_eq!(fs::read_to_string(&file).unwrap(), "/api/images/fox");
        assert_eq!(run(&server, &["fox", "--origin", "-o", &name]), ExitCode::SUCCESS);
        assert_eq!(fs::read_to_string(&file).unwrap(), "/images/fox");
    }

    #[test]
    fn half_an_image_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let name = folder.path().join("fox.webp").display().to_string();
        let server = Scripted::start(|_| b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf".to_vec());
        assert_eq!(run(&server, &["fox", "-o", &name]), ExitCode::from(1));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn an_image_that_is_not_there_is_told_by_the_exit_code() {
        let server = Scripted::start(|request| match request.method.as_str() {
            "HEAD" => b"HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n".to_vec(),
            _ => problem(StatusCode::NOT_FOUND, "not_found", "no such image"),
        });
        assert_eq!(run(&server, &["fox", "-o", "/no/such/folder/fox"]), ExitCode::from(3));
        assert_eq!(run(&server, &["fox", "--head"]), ExitCode::from(3));
        assert_eq!(server.requests()[1].method, "HEAD");
    }

    #[test]
    fn an_image_and_json_do_not_share_standard_output() {
        let server = Scripted::start(|_| Vec::new());
        assert_eq!(run(&server, &["fox", "-o", "-", "--json"]), ExitCode::from(2));
        assert!(server.requests().is_empty());
    }

    #[test]
    fn an_id_that_is_none_is_a_usage_error() {
        assert!(Line::try_parse_from(["get", "../etc/passwd"]).is_err());
    }
}
