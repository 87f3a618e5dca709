//! `orbit export`: images as PNGs at their full size, for other programs; with `--with-prompt`, the prompts back in.
//!
//! 1. The picture, the way anybody gets it: `?fm=png`.
//! 2. For `--with-prompt`, in the name of the token's holder: the recipe, or where there is none what the labels say.
//! 3. The texts go into the PNG on this machine, so that no server and no cache ever holds such a file.
//!
//! One image that fails does not stop the others; a server that is away or refuses stops them all.

use std::path::PathBuf;
use std::process::ExitCode;

use indicatif::ProgressBar;
use orbit_model::{ImageId, Metadata, Recipe};
use serde::Serialize;
use ureq::http::StatusCode;

use super::get::save;
use crate::client::{Client, Connection, Exit, Failure};
use crate::output;

/// The largest PNG that is taken: what texts are written into is held whole.
const MAX_PNG_BYTES: u64 = 1 << 30;

/// Save images as PNG, on request with their prompts
#[derive(Debug, clap::Args)]
pub(crate) struct Export {
    /// The images' ids; `.webp` after them is fine
    #[arg(required = true, value_name = "ID", value_parser = ImageId::from_segment)]
    ids: Vec<ImageId>,
    /// The folder for `{id}.png`; it is made where it is missing
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    output: PathBuf,
    /// Write prompt, settings and workflow into the files, for which the server wants its token
    #[arg(long)]
    with_prompt: bool,
    /// Print a JSON array of what was saved
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

/// An image that was saved.
#[derive(Debug, Serialize)]
struct Saved {
    id: ImageId,
    file: PathBuf,
    bytes: u64,
    /// The keywords of the texts that are in it.
    texts: Vec<&'static str>,
}

impl Export {
    /// Saves everything that is named.
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        std::fs::create_dir_all(&self.output)
            .map_err(|error| anyhow::Error::new(error).context(format!("cannot make {}", self.output.display())))?;
        let client = self.connection.client();
        let count = self.ids.len();
        let bar = if count > 1 { output::progress(count) } else { ProgressBar::hidden() };
        let (mut saved, mut failed) = (Vec::new(), 0);
        for id in &self.ids {
            match self.export(&client, id) {
                Ok(one) => {
                    if !self.json {
                        bar.suspend(|| output::line(&one.sentence()))?;
                    }
                    saved.push(one);
                }
                Err(error) if count == 1 || stops_all(&error) => return Err(error),
                Err(error) => {
                    failed += 1;
                    bar.suspend(|| output::note(&output::plain(&format!("{id}: {error:#}"))));
                }
            }
            bar.inc(1);
        }
        bar.finish_and_clear();
        if self.json {
            output::json(&saved)?;
        }
        if failed == 0 {
            return Ok(ExitCode::SUCCESS);
        }
        output::note(&format!("error: {failed} of {count} images were not saved"));
        Ok(Exit::Failed.into())
    }

    fn export(&self, client: &Client, id: &ImageId) -> anyhow::Result<Saved> {
        let answer = client.success(client.anonymous(&format!("/api/images/{id}?fm=png")).call())?;
        let mut body = answer.into_body();
        let file = self.output.join(format!("{id}.png"));
        if !self.with_prompt {
            let bytes = save(&mut body.into_reader(), &file)?;
            return Ok(Saved { id: id.clone(), file, bytes, texts: Vec::new() });
        }
        let read = body.with_config().limit(MAX_PNG_BYTES).read_to_vec();
        let png = read.map_err(|error| Failure::transport(client.base(), &error))?;
        let texts = texts(client, id)?;
        let written: Vec<(&str, &str)> = texts.iter().map(|(keyword, text)| (*keyword, text.as_str())).collect();
        let png = orbit_codec::with_text(png, &written)?;
        let bytes = save(&mut png.as_slice(), &file)?;
        Ok(Saved { id: id.clone(), file, bytes, texts: texts.into_iter().map(|(keyword, _)| keyword).collect() })
    }
}

impl Saved {
    fn sentence(&self) -> String {
        let (file, size) = (self.file.display(), output::size(self.bytes));
        let texts = self.texts.join(", ");
        output::plain(&if texts.is_empty() { format!("{file}  {size}") } else { format!("{file}  {size}  {texts}") })
            .into_owned()
    }
}

/// Whether the other images would meet the same failure.
fn stops_all(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Failure>().is_some_and(|failure| matches!(failure.exit(), Exit::Unreachable | Exit::Refused))
}

/// What is to be written into an image's file: its recipe, or what its labels say.
fn texts(client: &Client, id: &ImageId) -> Result<Vec<(&'static str, String)>, Failure> {
    let mut answer = client.any_status(client.get(&format!("/images/{id}/recipe")).call())?;
    if answer.status().is_success() {
        let Recipe { parameters, prompt, workflow, user_comment } = client.read_json(&mut answer)?;
        // In a JPEG or WebP the text of the parameters is the comment.
        let texts = [("parameters", parameters.or(user_comment)), ("prompt", prompt), ("workflow", workflow)];
        return Ok(texts.into_iter().filter_map(|(keyword, text)| Some((keyword, text?))).collect());
    }
    if answer.status() != StatusCode::NOT_FOUND {
        client.success(Ok(answer))?;
        return Ok(Vec::new());
    }
    let metadata: Metadata = client.json(client.get(&format!("/images/{id}/meta")).call())?;
    Ok(parameters(&metadata).map(|text| ("parameters", text)).into_iter().collect())
}

/// Prompt and seed in the form that readers of `parameters` know.
fn parameters(metadata: &Metadata) -> Option<String> {
    let seed = metadata.seed.map(|seed| format!("Seed: {seed}, Size: {}x{}", metadata.width, metadata.height));
    match (metadata.prompt.clone().filter(|prompt| !prompt.is_empty()), seed) {
        (Some(prompt), Some(seed)) => Some(format!("{prompt}\n{seed}")),
        (prompt, seed) => prompt.or(seed),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use clap::Parser;

    use super::*;
    use crate::client::scripted::{Request, Scripted, metadata, problem};

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        export: Export,
    }

    fn export(server: &Scripted, words: &[&str]) -> ExitCode {
        let line = Line::try_parse_from([&["export", "--url", server.url()], words].concat()).unwrap();
        line.export.run().unwrap_or_else(|error| output::report(&error))
    }

    fn script(request: &Request) -> Vec<u8> {
        let png = orbit_codec::encode_png(1, 1, &[1, 2, 3, 255]).unwrap();
        let json = |value: serde_json::Value| Scripted::answer("200 OK", "application/json", &value.to_string());
        let mut known = metadata("drawn", 1);
        (known["prompt"], known["seed"]) = ("a hen".into(), 7.into());
        match request.target.as_str() {
            "/api/images/gone?fm=png" => problem(StatusCode::NOT_FOUND, "not_found", "no such image"),
            "/api/images/odd?fm=png" => Scripted::answer("200 OK", "image/png", "no PNG"),
            "/images/lifted/recipe" => json(serde_json::json!({
                "parameters": null, "prompt": "{}", "workflow": null, "user_comment": "a fox\nSteps: 2", "seed": 4,
            })),
            "/images/drawn/meta" | "/images/odd/meta" => json(known),
            "/images/secret/recipe" => problem(StatusCode::UNAUTHORIZED, "unauthorized", "no"),
            target if target.ends_with("?fm=png") => {
                let head = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", png.len());
                [head.into_bytes(), png].concat()
            }
            _ => problem(StatusCode::NOT_FOUND, "not_found", "no such recipe"),
        }
    }

    #[test]
    fn texts_are_those_of_the_recipe_or_of_the_labels_and_only_on_request() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("new/folder").display().to_string();
        let read = |id: &str| fs::read(format!("{to}/{id}.png")).unwrap();
        let server = Scripted::start(script);
        assert_eq!(export(&server, &["lifted", "drawn.webp", "-o", &to]), ExitCode::SUCCESS);
        assert!(orbit_codec::recipe(&read("lifted")).is_empty());
        assert!(server.requests().iter().all(|request| request.target.ends_with("?fm=png")));
        assert_eq!(export(&server, &["lifted", "drawn", "-o", &to, "--with-prompt", "--json"]), ExitCode::SUCCESS);
        let lifted = orbit_codec::recipe(&read("lifted"));
        assert_eq!((lifted.parameters.as_deref(), lifted.prompt.as_deref()), (Some("a fox\nSteps: 2"), Some("{}")));
        let drawn = orbit_codec::recipe(&read("drawn"));
        assert_eq!(drawn.asked(), (Some("a hen".to_owned()), Some(7)));
    }

    #[test]
    fn one_that_fails_does_not_stop_the_others_and_a_refusal_stops_all() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().display().to_string();
        let server = Scripted::start(script);
        let words = |ids: &[&'static str]| [ids, &["--with-prompt"]].concat();
        let run = |ids: &[&'static str]| export(&server, &[&words(ids)[..], &["-o", &to]].concat());
        assert_eq!(run(&["gone"]), ExitCode::from(3));
        assert_eq!(run(&["odd"]), ExitCode::from(1));
        assert_eq!(run(&["gone", "odd", "lifted"]), ExitCode::from(1));
        assert_eq!(run(&["secret", "drawn"]), ExitCode::from(6));
        let files: Vec<_> = fs::read_dir(&to).unwrap().map(|file| file.unwrap().file_name()).collect();
        assert_eq!(files, ["lifted.png"], "no half of a file, and nothing after the refusal");
    }

    #[test]
    fn a_file_where_the_folder_should_be_is_told_and_ids_that_are_none_too() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("taken");
        fs::write(&file, "x").unwrap();
        let server = Scripted::start(script);
        assert_eq!(export(&server, &["lifted", "-o", &file.display().to_string()]), ExitCode::from(1));
        fs::create_dir(folder.path().join("lifted.png")).unwrap();
        assert_eq!(export(&server, &["lifted", "-o", &folder.path().display().to_string()]), ExitCode::from(1));
        assert!(Line::try_parse_from(["export", "../fox"]).is_err() && Line::try_parse_from(["export"]).is_err());
    }
}
