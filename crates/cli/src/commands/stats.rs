//! `orbit stats`: what a server says of itself, whatever that is.
//!
//! Fields are not known here by name but by the way they are called: `_bytes` is a size, `_seconds` a time. So the
//! numbers of a newer server are shown as well.

use std::process::ExitCode;
use std::time::Duration;

use serde_json::Value;

use crate::client::Connection;
use crate::output;

/// Show a server's numbers
#[derive(Debug, clap::Args)]
pub(crate) struct Stats {
    /// Print the JSON as the server gives it
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

impl Stats {
    /// Shows the numbers.
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let client = self.connection.client();
        let stats: Value = client.json(client.get("/stats").call())?;
        if self.json {
            output::json(&stats)?;
        } else {
            let mut rows = Vec::new();
            flatten("", &stats, &mut rows);
            // What stands alone tells who is speaking, and comes first.
            rows.sort_by_key(|row| row.first().is_some_and(|name| name.contains('.')));
            output::table(&[], &rows, &[1])?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn flatten(name: &str, value: &Value, rows: &mut Vec<Vec<String>>) {
    let inner = |key: &str| if name.is_empty() { key.to_owned() } else { format!("{name}.{key}") };
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_unstable_by_key(|(key, _)| *key);
            fields.iter().for_each(|(key, value)| flatten(&inner(key), value, rows));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, value)| flatten(&inner(&index.to_string()), value, rows));
        }
        Value::String(text) => rows.push(vec![name.to_owned(), text.clone()]),
        other => rows.push(vec![name.to_owned(), number(name, other)]),
    }
}

fn number(name: &str, value: &Value) -> String {
    let last = name.rsplit('.').next().unwrap_or(name);
    match value.as_u64() {
        Some(bytes) if last == "bytes" || last.ends_with("_bytes") => output::size(bytes),
        Some(seconds) if last.ends_with("_seconds") => {
            humantime::format_duration(Duration::from_secs(seconds)).to_string()
        }
        _ => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn sizes_and_times_are_known_by_their_names_and_the_rest_passes_through() {
        let mut rows = Vec::new();
        let stats = json!({
            "uptime_seconds": 3661, "role": "serve",
            "edge": {"memory": {"max_bytes": 268_435_456, "bytes": 0, "hits": 12}}, "future": [true, 1.5],
        });
        flatten("", &stats, &mut rows);
        let lines: Vec<_> = rows.iter().map(|row| row.join("=")).collect();
        assert_eq!(
            lines,
            [
                "edge.memory.bytes=0 B",
                "edge.memory.hits=12",
                "edge.memory.max_bytes=256.0 MiB",
                "future.0=true",
                "future.1=1.5",
                "role=serve",
                "uptime_seconds=1h 1m 1s",
            ]
        );
    }
}
