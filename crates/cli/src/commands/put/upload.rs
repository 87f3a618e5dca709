//! One upload: a raw body with the labels in the query, and the answer in words.
//!
//! A server with a full queue is asked again after the time that it names, a few times. Large bodies wait for
//! `100 Continue`, so that a server can refuse them by their length before they travel.

use std::time::Duration;

use orbit_model::{ImageId, Metadata};
use ureq::http::{Response, StatusCode};
use ureq::{Body, RequestBuilder, typestate::WithBody};

use super::inputs::Input;
use crate::client::{Client, Exit, Failure, header, is_cut};
use crate::output;

/// From this size on a body waits for leave to be sent: a server that refuses it unread hangs up, and its answer is lost
/// on a client that is still sending.
const LARGE_BYTES: usize = 4 << 10;
/// How often a busy server is asked again.
const MAX_RETRIES: u32 = 5;
/// The longest time to wait for a busy server.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// What all uploads of one command have in common.
#[derive(Debug)]
pub(super) struct Upload {
    /// The id to store under; otherwise the server makes one.
    pub(super) id: Option<ImageId>,
    /// The entity tag of the image to replace.
    pub(super) if_match: Option<String>,
    /// Query parameters.
    pub(super) labels: Vec<(&'static str, String)>,
}

/// An image that the server has.
#[derive(Debug)]
pub(super) struct Stored {
    /// What the server says of it.
    pub(super) image: Metadata,
    /// The size of what was sent.
    pub(super) before: u64,
    /// Whether it was not there before.
    pub(super) new: bool,
    /// Its whole URL.
    pub(super) url: String,
}

impl Upload {
    /// Sends one image.
    pub(super) fn send(&self, client: &Client, input: &Input) -> Result<Stored, Failure> {
        let bytes = input.read().map_err(|error| Failure::new(Exit::Failed, error.to_string()))?;
        if bytes.is_empty() {
            return Err(Failure::new(Exit::Failed, "the file is empty"));
        }
        let mut answer = self.send_until_taken(client, &bytes)?;
        let new = answer.status() == StatusCode::CREATED;
        let image: Metadata = client.read_json(&mut answer)?;
        let url = if image.url.starts_with('/') { client.url(&image.url) } else { image.url.clone() };
        Ok(Stored { image, before: bytes.len() as u64, new, url })
    }

    fn send_until_taken(&self, client: &Client, bytes: &[u8]) -> Result<Response<Body>, Failure> {
        let mut retries = 0;
        loop {
            let sent = self.request(client, bytes).send(bytes);
            if matches!(&sent, Err(ureq::Error::Io(error)) if is_cut(error)) && bytes.len() >= LARGE_BYTES {
                return Err(cut_short(bytes.len() as u64));
            }
            let answer = client.any_status(sent)?;
            if answer.status() != StatusCode::SERVICE_UNAVAILABLE || retries == MAX_RETRIES {
                return client.success(Ok(answer));
            }
            let Ok(seconds) = header(&answer, "retry-after").parse() else {
                return client.success(Ok(answer));
            };
            retries += 1;
            std::thread::sleep(Duration::from_secs(seconds).min(MAX_WAIT));
        }
    }

    fn request(&self, client: &Client, bytes: &[u8]) -> RequestBuilder<WithBody> {
        let request = match &self.id {
            Some(id) => client.put(&format!("/images/{id}")),
            None => client.post("/images"),
        };
        let mut request = request.content_type(media_type(bytes)).query_pairs(self.labels.iter().map(|(k, v)| (*k, v)));
        if let Some(tag) = &self.if_match {
            request = request.header("If-Match", tag);
        }
        if bytes.len() >= LARGE_BYTES { request.header("Expect", "100-continue") } else { request }
    }
}

impl Stored {
    /// One line for people.
    pub(super) fn sentence(&self) -> String {
        let (before, after) = (output::size(self.before), output::size(self.image.bytes));
        let note = if self.new { "" } else { "  (there already)" };
        let saved = output::saved(self.before, self.image.bytes);
        format!("{}  {}  {before} -> {after}  {saved}{note}", self.image.id, output::plain(&self.url))
    }
}

/// A server that has read enough of a body closes the connection, and its reason is lost with it.
fn cut_short(bytes: u64) -> Failure {
    let message = format!("the server did not take all of its {}", output::size(bytes));
    Failure::new(Exit::Failed, message)
        .with_advice("It is likely larger than the server's limit: make it smaller, or raise that.")
}

/// The media type by the signature; what the server makes of the bytes is its own affair.
fn media_type(bytes: &[u8]) -> &'static str {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => "image/png",
        [0xff, 0xd8, ..] => "image/jpeg",
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => "image/webp",
        [b'G', b'I', b'F', b'8', ..] => "image/gif",
        _ => "application/octet-stream",
    }
}
