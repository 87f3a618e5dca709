//! The openai backend's picture: JSON with `b64_json` or `url`, or a stream of events with previews before it.

use bytes::Bytes;
use futures_util::StreamExt as _;
use http::Response;
use http::header::CONTENT_TYPE;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use serde::Deserialize;
use serde_json::Value;
use sse_stream::SseStream;
use tokio::sync::mpsc;

use super::{Error, Preview, decode, refusal};

/// What may stand around the base64 of a picture, in bytes.
const SLACK: u64 = 256 << 10;
/// How many pictures a stream may have in it: the finished one and its previews, with one to spare.
const MAX_STREAMED: u64 = 5;

/// A picture as it was answered.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) source: Source,
    pub(super) revised_prompt: Option<String>,
}

#[derive(Debug)]
pub(super) enum Source {
    Bytes(Bytes),
    Url(String),
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Drawn {
    b64_json: Option<String>,
    url: Option<String>,
    revised_prompt: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Whole {
    data: Vec<Drawn>,
}

#[derive(Debug, Deserialize)]
struct Told {
    #[serde(rename = "type", default)]
    kind: Option<String>,
    #[serde(default)]
    partial_image_index: u8,
    #[serde(flatten)]
    drawn: Drawn,
}

/// Reads an answer; every picture in it may have `max` bytes.
pub(super) async fn read(
    answer: Response<Incoming>,
    max: u64,
    previews: mpsc::Sender<Preview>,
) -> Result<Shown, Error> {
    let media_type = answer.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let streams = media_type.trim_start().to_ascii_lowercase().starts_with("text/event-stream");
    let picture = max / 3 * 4 + SLACK;
    let limit = if streams { picture * MAX_STREAMED } else { picture };
    if answer.body().size_hint().lower() > limit {
        return Err(too_large(max));
    }
    let body = Limited::new(answer.into_body(), usize::try_from(limit).unwrap_or(usize::MAX));
    if streams { stream(body, max, previews).await } else { whole(body, max).await }
}

async fn whole(body: Limited<Incoming>, max: u64) -> Result<Shown, Error> {
    let body = match body.collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => return Err(too_large(max)),
        Err(_) => return Err(broke_off()),
    };
    let unread = |_| Error::Failed("the backend's answer is no list of images".to_owned());
    let whole: Whole = serde_json::from_slice(&body).map_err(unread)?;
    whole.data.into_iter().next().unwrap_or_default().shown()
}

async fn stream(body: Limited<Incoming>, max: u64, previews: mpsc::Sender<Preview>) -> Result<Shown, Error> {
    let mut events = SseStream::new(body.map_err(Boxed));
    while let Some(event) = events.next().await {
        let event = event.map_err(|error| if over_limit(&error) { too_large(max) } else { broke_off() })?;
        let Some(data) = event.data.filter(|data| data.starts_with('{')) else { continue };
        let unread = |_| Error::Failed("an event of the backend's stream cannot be read".to_owned());
        let told: Told = serde_json::from_str(&data).map_err(unread)?;
        let kind = told.kind.or(event.event).unwrap_or_default();
        match kind.rsplit('.').next().unwrap_or_default() {
            "partial_image" => {
                // A preview that is none, or that nobody takes, takes nothing from the picture.
                if let Some(Ok(bytes)) = told.drawn.b64_json.as_deref().map(decode) {
                    let _ = previews.try_send(Preview { index: told.partial_image_index, bytes });
                }
            }
            "completed" => return told.drawn.shown(),
            "error" | "failed" => {
                let json: Value = serde_json::from_str(&data).unwrap_or_default();
                let said = refusal::message(&json, None);
                return Err(Error::Failed(said.unwrap_or_else(|| "the backend gave up".to_owned())));
            }
            _ => {}
        }
    }
    Err(broke_off())
}

impl Drawn {
    fn shown(self) -> Result<Shown, Error> {
        let source = match (self.b64_json, self.url) {
            (Some(text), _) => Source::Bytes(decode(&text)?),
            (None, Some(url)) if url.starts_with("data:") => Source::Bytes(decode(&url)?),
            (None, Some(url)) => Source::Url(url),
            (None, None) => return Err(Error::Failed("the backend's answer has no image in it".to_owned())),
        };
        Ok(Shown { source, revised_prompt: self.revised_prompt })
    }
}

/// An error of a body as the stream's parser wants it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Boxed(Box<dyn std::error::Error + Send + Sync>);

fn over_limit(error: &sse_stream::Error) -> bool {
    let sse_stream::Error::Body(error) = error else { return false };
    error.downcast_ref::<Boxed>().is_some_and(|error| error.0.is::<LengthLimitError>())
}

fn broke_off() -> Error {
    Error::Failed("the backend's answer broke off before its picture".to_owned())
}

pub(super) fn too_large(max: u64) -> Error {
    Error::Failed(format!("the backend's picture is larger than the limit of {max} bytes"))
}
