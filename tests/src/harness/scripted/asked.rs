//! A request as a scripted origin saw it.

use std::sync::{Arc, Mutex};

/// Its line and its fields, and its body as far as it has come.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: String,
    /// Path and query, byte for byte.
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(super) body: Arc<Mutex<Vec<u8>>>,
}

impl Asked {
    /// The target without its query.
    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// Whether this path was asked for, with any query or with the one that it names.
    pub(crate) fn is_for(&self, path: &str) -> bool {
        self.target == path || self.path() == path
    }

    /// A field, its lines joined; empty where it is missing.
    pub(crate) fn header(&self, name: &str) -> String {
        let lines = self.headers.iter().filter(|(field, _)| field.eq_ignore_ascii_case(name));
        lines.map(|(_, value)| value.as_str()).collect::<Vec<_>>().join(", ")
    }

    /// What has come of the body so far.
    pub(crate) fn body(&self) -> Vec<u8> {
        self.body.lock().unwrap().clone()
    }

    /// Whether it holds a copy with this entity tag already.
    pub(crate) fn holds(&self, etag: &str) -> bool {
        self.header("if-none-match").split(',').any(|tag| tag.trim() == etag)
    }
}
