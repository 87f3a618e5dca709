//! The answer as it comes: previews, then each image, as Server-Sent Events in OpenAI's shape.
//!
//! The header goes out at once and comments keep the connection alive, so that no proxy takes a slow model for a dead server.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::response::sse::{Event as Message, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures_util::stream::unfold;
use http::HeaderName;
use http::header::CACHE_CONTROL;
use serde_json::{Map, Value, json};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{self};

use super::answer;
use super::request::Shown;
use super::routes::Waiter;
use crate::Origin;
use crate::jobs::{Batch, Moment};

const HEARTBEAT: Duration = Duration::from_secs(15);

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
    let sse = Sse::new(messages).keep_alive(KeepAlive::new().interval(HEARTBEAT).text("heartbeat"));
    let headers = [(CACHE_CONTROL, "no-cache, no-transform"), (HeaderName::from_static("x-accel-buffering"), "no")];
    (headers, sse).into_response()
}

impl Stream {
    /// The next message; `None` when every image has ended.
    async fn next(&mut self) -> Option<Message> {
        loop {
            // Previews that have come stand before the image that they lead to.
            match self.moments.try_recv() {
                Ok(Moment::Preview { index, place, bytes }) if self.open.contains(&index) => {
                    return Some(self.preview(place, &bytes));
                }
                Ok(_) => continue,
                Err(_) => {}
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
                Ok(Moment::Preview { index, place, bytes }) if self.open.contains(&index) => {
                    return Some(self.preview(place, &bytes));
                }
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
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
