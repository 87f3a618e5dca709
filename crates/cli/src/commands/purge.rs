//! `orbit purge`: removes images from every tier and reads the receipt out.

use std::process::ExitCode;

use clap::ArgGroup;
use orbit_model::{ImageId, PurgeRequest, Receipt, Removed, ThreadId};

use crate::client::{Connection, Exit, Failure};
use crate::output;

/// Remove images from every tier
#[derive(Debug, clap::Args)]
#[command(group(ArgGroup::new("what").required(true).multiple(true).args(["ids", "threads", "tags", "paths", "all"])))]
pub(crate) struct Purge {
    /// Images by id
    #[arg(value_name = "IDS")]
    ids: Vec<ImageId>,
    /// All images of this thread; may be repeated
    #[arg(long = "thread", value_name = "THREAD")]
    threads: Vec<ThreadId>,
    /// All images and responses with this tag; may be repeated
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// Copies of this path, as clients of the edge ask for it; may be repeated
    #[arg(long = "path", value_name = "PATH")]
    paths: Vec<String>,
    /// Everything; asks first
    #[arg(long)]
    all: bool,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// Only mark copies as stale; the images stay
    #[arg(long)]
    soft: bool,
    /// Print the receipt as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

impl Purge {
    /// Removes what is named and shows the receipt.
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let client = self.connection.client();
        if self.all && !self.soft && !self.yes {
            match output::confirm(&format!("Remove every image of {}?", client.base()))? {
                Some(true) => {}
                Some(false) => return Err(Failure::new(Exit::Failed, "nothing was removed").into()),
                None => {
                    let refusal = Failure::new(Exit::Usage, "--all removes every image, and there is no one to ask");
                    return Err(refusal.with_advice("Add --yes if that is meant.").into());
                }
            }
        }
        let request = PurgeRequest {
            ids: self.ids,
            threads: self.threads,
            tags: self.tags,
            paths: self.paths,
            all: self.all,
            soft: self.soft,
        };
        let receipt: Receipt = client.json(client.post("/purge").send_json(&request))?;
        if self.json {
            output::json(&receipt)?;
        } else {
            for line in sentences(&receipt) {
                output::line(&output::plain(&line))?;
            }
        }
        let nothing = receipt.images.is_empty() && receipt.removed.iter().all(|removed| removed.entries == 0);
        if nothing && !receipt.missing.is_empty() {
            return Ok(Exit::NotFound.into());
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn sentences(receipt: &Receipt) -> Vec<String> {
    let done = if receipt.soft { "marked as stale" } else { "removed" };
    let images = match receipt.images.as_slice() {
        [] => "no image".to_owned(),
        [one] => one.to_string(),
        several => format!("{} images", several.len()),
    };
    let mut lines = vec![format!("{images} {done} at {}", receipt.at)];
    lines.extend(receipt.removed.iter().map(|removed| format!("  {}", removed_sentence(removed))));
    for edge in &receipt.edges {
        let word = if edge.confirmed { "done" } else { "cut off; it asks before it serves a copy" };
        lines.push(format!("  edge {}: {word}", edge.name));
    }
    if receipt.pending {
        lines.push("  edges: not told yet, for their log cannot be reached; they are as soon as it can".to_owned());
    }
    if !receipt.missing.is_empty() {
        let missing: Vec<_> = receipt.missing.iter().map(ImageId::as_str).collect();
        lines.push(format!("  not there: {}", missing.join(", ")));
    }
    lines
}

fn removed_sentence(removed: &Removed) -> String {
    if let Some(why) = &removed.failed {
        return format!("{}: not confirmed: {why}", removed.tier);
    }
    let noun = if removed.entries == 1 { "entry" } else { "entries" };
    let size = removed.bytes.map(|bytes| format!(", {}", output::size(bytes))).unwrap_or_default();
    format!("{}: {} {noun}{size}", removed.tier, removed.entries)
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::json;

    use super::*;
    use crate::client::scripted::Scripted;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        purge: Purge,
    }

    fn run(server: &Scripted, words: &[&str]) -> ExitCode {
        let line = Line::try_parse_from([&["purge", "--url", server.url()], words].concat()).unwrap();
        line.purge.run().unwrap_or_else(|error| output::report(&error))
    }

    fn receipt(images: &[&str], missing: &[&str]) -> serde_json::Value {
        json!({
            "images": images, "missing": missing, "soft": false, "at": "2026-11-23T20:30:14Z",
            "removed": [
                {"tier": "index", "entries": images.len()}, {"tier": "files", "entries": 0, "bytes": 2048},
                {"tier": "cdn:fastly", "entries": 0, "failed": "it answered 503; it is told again until it confirms"},
            ],
            "edges": [{"name": "a", "confirmed": true, "position": null}, {"name": "b", "confirmed": false, "position": null}],
        })
    }

    fn server(receipt: &serde_json::Value) -> Scripted {
        let body = receipt.to_string();
        Scripted::start(move |_| Scripted::answer("200 OK", "application/json", &body))
    }

    #[test]
    fn what_is_named_is_what_is_posted() {
        let server = server(&receipt(&["a"], &[]));
        let words = ["a", "b", "--thread", "t:1", "--tag", "x", "--soft"];
        assert_eq!(run(&server, &words), ExitCode::SUCCESS);
        let expected = json!({"ids": ["a", "b"], "threads": ["t:1"], "tags": ["x"], "all": false, "soft": true});
        assert_eq!(server.requests()[0].json(), expected);
    }

    #[test]
    fn nothing_found_is_told_by_the_exit_code() {
        assert_eq!(run(&server(&receipt(&[], &["a"])), &["a"]), ExitCode::from(3));
        assert_eq!(run(&server(&receipt(&["b"], &["a"])), &["a", "b"]), ExitCode::SUCCESS);
    }

    #[test]
    fn a_purge_that_names_nothing_is_a_usage_error() {
        assert!(Line::try_parse_from(["purge"]).is_err());
        assert!(Line::try_parse_from(["purge", "--soft"]).is_err());
        assert!(Line::try_parse_from(["purge", "../x"]).is_err());
    }

    #[test]
    fn a_receipt_reads_as_sentences() {
        let receipt: Receipt = serde_json::from_value(receipt(&["a", "b"], &["c"])).unwrap();
        assert_eq!(
            sentences(&receipt),
            [
                "2 images removed at 2026-11-23T20:30:14Z",
                "  index: 2 entries",
                "  files: 0 entries, 2.0 KiB",
                "  cdn:fastly: not confirmed: it answered 503; it is told again until it confirms",
                "  edge a: done",
                "  edge b: cut off; it asks before it serves a copy",
                "  not there: c",
            ]
        );
    }
}
