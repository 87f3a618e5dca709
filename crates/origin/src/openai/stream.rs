//! The answer as it comes: previews, then each image, as Server-Sent Events in OpenAI's shape.
//!
//! The header goes out at once and comments keep the connection alive, so that no proxy takes a slow model for a dead server.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;

use axum::response::Response;
use axum::response::sse::Event as Message;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures_util::stream::unfold;
use serde_json::{Map, Value, json};
use tokio::sync::broadcast::{self, error::RecvError};

use super::answer;
use super::request::Shown;
use super::routes::Waiter;
use crate::jobs::{Batch, Moment};
use crate::{Origin, events};

/// What a stream tells of, and how its events are called.
pub(super) struct Telling {
    pub(super) origin: Origin,
    pub(super) waiter: Waiter,
    pub(super) shown: Shown,
    pub(super) base: String,
    /// `image_generation` or `image_edit`.
    pub(super) kind: &'static str,
}

struct Stream {
    telling: Telling,
    batch: Arc<Batch>,
    moments: broadcast::Receiver<Moment>,
    /// Places of images whose end is still to be told.
    open: BTreeSet<usize>,
}

/// Answers with a stream.
pub(super) fn answer(telling: Telling) -> Response {
    let batch = Arc::clone(&telling.waiter.batch);
    // Before the slots are looked at: what ends in between is news.
    let moments = batch.moments.subscribe();
    let open = (0..batch.ids.len()).collect();
    let messages = unfold(Stream { telling, batch, moments, open }, |mut stream| async move {
        let message = stream.next().await?;
        Some((Ok::<_, Infallible>(message), stream))
    });
    events::respond(messages)
}

impl Stream {
    /// The next message; `None` when every image has ended.
    async fn next(&mut self) -> Option<Message> {
        loop {
            // Previews that have come stand before the image that they lead to.
            if let Ok(moment) = self.moments.try_recv() {
                match self.hear(moment) {
                    Some(message) => return Some(message),
                    None => continue,
                }
            }
            let ended = self.open.iter().copied().find(|index| self.batch.slot(*index).state.is_final());
            if let Some(index) = ended {
                self.open.remove(&index);
                return Some(self.completed(index).await);
            }
            if self.open.is_empty() {
                return None;
            }
            match self.moments.recv().await {
                Ok(moment) => {
                    if let Some(message) = self.hear(moment) {
                        return Some(message);
                    }
                }
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    }

    /// What is told of a moment at once: a preview of an image that is still to come.
    fn hear(&self, moment: Moment) -> Option<Message> {
        match moment {
            Moment::Preview { index, place, bytes } if self.open.contains(&index) => Some(self.preview(place, &bytes)),
            _ => None,
        }
    }

    fn preview(&self, place: u8, bytes: &[u8]) -> Message {
        let mut fields = self.fields();
        fields.remove("usage");
        fields.insert("b64_json".to_owned(), json!(BASE64.encode(bytes)));
        fields.insert("partial_image_index".to_owned(), json!(place));
        self.message("partial_image", fields)
    }

    async fn completed(&self, index: usize) -> Message {
        let Telling { origin, shown, base, .. } = &self.telling;
        match answer::image(origin, &self.batch, index, (*shown, base)).await {
            Ok(image) => {
                let mut fields = self.fields();
                fields.extend(image);
                self.message("completed", fields)
            }
            Err(refusal) => message("error", &json!({ "error": refusal.body() })),
        }
    }

    fn fields(&self) -> Map<String, Value> {
        let mut fields = answer::common(&self.batch);
        fields.insert("created_at".to_owned(), json!(self.telling.origin.now().as_second()));
        fields
    }

    fn message(&self, what: &str, mut fields: Map<String, Value>) -> Message {
        let name = format!("{}.{what}", self.telling.kind);
        fields.insert("type".to_owned(), json!(name));
        message(&name, &Value::Object(fields))
    }
}

fn message(name: &str, data: &Value) -> Message {
    Message::default().event(name).data(data.to_string())
}
