//! `orbit ls`: lists what is stored, newest first, one page or all of them.

use std::process::ExitCode;

use orbit_model::{Metadata, MetadataPage, ThreadId};

use crate::client::{Client, Connection, Failure};
use crate::output;

/// The most that a server gives in one page.
const MAX_PAGE: u32 = 200;

/// List stored images, newest first
#[derive(Debug, clap::Args)]
pub(crate) struct Ls {
    /// Only images of this thread
    #[arg(long)]
    thread: Option<ThreadId>,
    /// Only images of this style
    #[arg(long)]
    style: Option<String>,
    /// At most this many
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Every image
    #[arg(long, conflicts_with = "limit")]
    all: bool,
    /// Print a JSON array of metadata
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

impl Ls {
    /// Lists the images.
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let wanted = if self.all { usize::MAX } else { self.limit as usize };
        let (images, more) = self.fetch(&self.connection.client(), wanted)?;
        if self.json {
            output::json(&images)?;
            return Ok(ExitCode::SUCCESS);
        }
        if images.is_empty() {
            output::note("nothing is stored here; `orbit put FILE` or `orbit generate PROMPT` changes that");
            return Ok(ExitCode::SUCCESS);
        }
        let header = ["id", "size", "bytes", "style", "title", "created (UTC)"];
        output::table(&header, &images.iter().map(row).collect::<Vec<_>>(), &[1, 2])?;
        if more {
            output::note("there are more: --limit N or --all shows them");
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Asks page after page until there is enough; tells whether there would be more.
    fn fetch(&self, client: &Client, wanted: usize) -> Result<(Vec<Metadata>, bool), Failure> {
        let mut images: Vec<Metadata> = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let missing = u32::try_from(wanted - images.len()).unwrap_or(u32::MAX).min(MAX_PAGE);
            let mut request = client.get("/images").query("limit", missing.to_string());
            let filters = [
                ("thread_id", self.thread.as_ref().map(ThreadId::as_str)),
                ("style", self.style.as_deref()),
                ("cursor", cursor.as_deref()),
            ];
            for (name, value) in filters {
                if let Some(value) = value {
                    request = request.query(name, value);
                }
            }
            let page: MetadataPage = client.json(request.call())?;
            images.extend(page.images);
            if page.next_cursor.is_none() || images.len() >= wanted {
                return Ok((images, page.next_cursor.is_some()));
            }
            if page.next_cursor == cursor {
                return Err(Failure::not_orbit(client.base(), "its list does not move on"));
            }
            cursor = page.next_cursor;
        }
    }
}

fn row(image: &Metadata) -> Vec<String> {
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
    vec![
        image.id.to_string(),
        format!("{}x{}", image.width, image.height),
        output::size(image.bytes),
        text(&image.style),
        text(&image.title),
        image.created_at.strftime("%Y-%m-%d %H:%M:%S").to_string(),
    ]
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::json;

    use super::*;
    use crate::client::scripted::{Scripted, client, metadata};

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        ls: Ls,
    }

    fn ls(server: &Scripted, words: &[&str]) -> Ls {
        Line::try_parse_from([&["ls", "--url", server.url()], words].concat()).unwrap().ls
    }

    /// Three pages: a, b, c.
    fn pages() -> Scripted {
        Scripted::start(|request| {
            let (id, next) = match request.target.split_once("cursor=").map(|(_, cursor)| cursor) {
                None => ("a", Some("1")),
                Some("1") => ("b", Some("2")),
                Some(_) => ("c", None),
            };
            let page = json!({"images": [metadata(id, 2048)], "next_cursor": next});
            Scripted::answer("200 OK", "application/json", &page.to_string())
        })
    }

    #[test]
    fn all_follows_the_cursor_to_the_end() {
        let server = pages();
        let (images, more) = ls(&server, &["--all"]).fetch(&client(&server), usize::MAX).unwrap();
        assert_eq!(images.iter().map(|image| image.id.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
        assert!(!more);
        assert_eq!(server.requests()[1].target, "/images?limit=200&cursor=1");
    }

    #[test]
    fn a_limit_ends_the_asking_and_more_is_known() {
        let server = pages();
        let (images, more) = ls(&server, &["--thread", "t", "--style", "a b"]).fetch(&client(&server), 2).unwrap();
        assert_eq!((images.len(), more), (2, true));
        assert_eq!(server.requests()[0].target, "/images?limit=2&thread_id=t&style=a%20b");
        assert_eq!(server.requests()[1].target, "/images?limit=1&thread_id=t&style=a%20b&cursor=1");
    }

    #[test]
    fn a_list_that_does_not_move_on_is_an_error() {
        let page = json!({"images": [metadata("a", 1)], "next_cursor": "same"}).to_string();
        let server = Scripted::start(move |_| Scripted::answer("200 OK", "application/json", &page));
        assert!(ls(&server, &["--all"]).fetch(&client(&server), usize::MAX).is_err());
        assert_eq!(server.requests().len(), 2);
    }

    #[test]
    fn a_row_names_what_people_look_for() {
        let mut image: Metadata = serde_json::from_value(metadata("fox", 2048)).unwrap();
        image.title = None;
        assert_eq!(row(&image), ["fox", "64x32", "2.0 KiB", "hero", "-", "2026-11-23 20:30:14"]);
    }
}
