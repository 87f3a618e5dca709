//! A thread's event stream as a subscriber reads it.

use std::io::{BufRead, BufReader};

use super::Client;
use serde_json::Value;

/// An open stream; it ends where the server ends it.
pub(crate) struct Events {
    lines: Box<dyn BufRead + Send>,
}

/// One event.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Told {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) data: Value,
}

impl Events {
    /// Subscribes at a path like `/threads/t/events`; from here on the server knows of the subscriber.
    pub(crate) fn open(client: &Client, path: &str, last_event_id: Option<&str>) -> Self {
        let header = last_event_id.map(|id| ("last-event-id", id));
        let response = client.open(path, header.as_slice());
        assert_eq!(response.status(), 200);
        let field = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap());
        assert_eq!(field("content-type"), Some("text/event-stream"));
        assert_eq!(field("cache-control"), Some("no-cache, no-transform"));
        assert_eq!(field("x-accel-buffering"), Some("no"));
        Self { lines: Box::new(BufReader::new(response.into_body().into_reader())) }
    }

    /// Subscribes through a proxy that compresses what it passes on, and takes fields for itself.
    pub(crate) fn open_compressed(client: &Client, path: &str) -> Self {
        let flow = client.flow(path, &[("accept-encoding", "gzip")]);
        assert_eq!((flow.status, flow.header("content-encoding")), (200, "gzip"));
        Self { lines: Box::new(BufReader::new(flate2::read::GzDecoder::new(flow.into_reader()))) }
    }

    /// Reads on until an event of this name has come; returns all up to it.
    pub(crate) fn until(&mut self, name: &str) -> Vec<Told> {
        let mut all: Vec<Told> = Vec::new();
        while all.last().is_none_or(|told| told.name != name) {
            all.push(self.next().unwrap_or_else(|| panic!("the stream ended before {name}: {all:?}")));
        }
        all
    }

    /// The next event of this name; those before it are passed over.
    pub(crate) fn next_of(&mut self, name: &str) -> Told {
        self.until(name).pop().unwrap_or_else(|| panic!("no {name}"))
    }
}

impl Iterator for Events {
    type Item = Told;

    fn next(&mut self) -> Option<Told> {
        let (mut id, mut name, mut data) = (String::new(), String::new(), None);
        loop {
            let mut line = String::new();
            match self.lines.read_line(&mut line) {
                Ok(1..) => {}
                Ok(0) => return None,
                Err(error) => panic!("the stream broke off: {error}"),
            }
            let line = line.trim_end_matches('\n');
            match line.split_once(": ") {
                Some(("id", value)) => id = value.to_owned(),
                Some(("event", value)) => name = value.to_owned(),
                Some(("data", value)) => data = serde_json::from_str(value).ok(),
                _ if line.is_empty() => match data.take() {
                    Some(data) => return Some(Told { id, name, data }),
                    None => continue,
                },
                // A comment, the heartbeat.
                _ => assert!(line.starts_with(':'), "{line:?}"),
            }
        }
    }
}
