//! `orbit meta`: all that is known of one image; with the token, its prompt too.

use std::process::ExitCode;

use orbit_model::ImageId;
use serde_json::Value;

use crate::client::{Client, Connection, Failure};
use crate::output;

/// Show what is known of an image
#[derive(Debug, clap::Args)]
pub(crate) struct Meta {
    /// The image's id
    #[arg(value_parser = ImageId::from_segment)]
    id: ImageId,
    /// Print the JSON as the server gives it
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

impl Meta {
    /// Shows the metadata.
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let metadata = fetch(&self.connection.client(), &self.id)?;
        if self.json {
            output::json(&metadata)?;
        } else {
            output::table(&[], &rows(&metadata), &[])?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn fetch(client: &Client, id: &ImageId) -> Result<Value, Failure> {
    client.json(client.get(&format!("/images/{id}/meta")).call())
}

/// Name and value of every field, the best known ones first and in a form for people.
fn rows(metadata: &Value) -> Vec<Vec<String>> {
    let first = ["id", "url", "title", "style", "thread_id", "prompt", "seed", "recipe", "model", "created_at"];
    let fields = metadata.as_object().into_iter().flatten();
    let mut rows: Vec<_> = fields.flat_map(|(name, value)| field(name, value)).collect();
    let place = |row: &Vec<String>| first.iter().position(|name| row.first().is_some_and(|field| field == name));
    rows.sort_by_key(|row| place(row).unwrap_or(first.len()));
    rows
}

fn field(name: &str, value: &Value) -> Vec<Vec<String>> {
    let row = |text: String| vec![vec![name.to_owned(), text]];
    match value {
        Value::Null => Vec::new(),
        Value::String(text) => row(text.clone()),
        Value::Number(number) if name == "bytes" => {
            row(number.as_u64().map_or(number.to_string(), |bytes| format!("{bytes} ({})", output::size(bytes))))
        }
        Value::Array(items) => row(format!("{} (--json shows them)", items.len())),
        Value::Object(fields) => {
            let inner = fields.iter().filter(|(inner, _)| *inner != "data_url");
            inner.flat_map(|(inner, value)| field(&format!("{name}.{inner}"), value)).collect()
        }
        other => row(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use ureq::http::StatusCode;

    use super::*;
    use crate::client::Exit;
    use crate::client::scripted::{Scripted, client, metadata, problem};

    #[test]
    fn fields_that_this_version_does_not_know_are_shown_too() {
        let mut value = metadata("fox", 51_200);
        value["future"] = "yes".into();
        let rows = rows(&value);
        assert_eq!(rows[0], ["id", "fox"]);
        assert!(rows.contains(&vec!["bytes".to_owned(), "51200 (50.0 KiB)".to_owned()]), "{rows:?}");
        assert!(rows.contains(&vec!["future".to_owned(), "yes".to_owned()]), "{rows:?}");
        assert!(rows.contains(&vec!["placeholder.color".to_owned(), "#aabbcc".to_owned()]), "{rows:?}");
        assert!(!rows.iter().any(|row| row[0] == "model"), "what is null is left out");
    }

    #[test]
    fn metadata_of_no_image_is_not_found() {
        let server = Scripted::start(|_| problem(StatusCode::NOT_FOUND, "not_found", "no such image"));
        let failure = fetch(&client(&server), &"fox".parse().unwrap()).unwrap_err();
        assert_eq!(failure.exit(), Exit::NotFound);
        assert_eq!(server.requests()[0].target, "/images/fox/meta");
    }
}
