//! What a program gets: each image by a URL that lasts, or as base64, and under `orbit` what else is known of it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::HeaderMap;
use http::header::HOST;
use orbit_model::{JobFailure, Metadata, Slot};
use serde_json::{Map, Value, json};

use super::error::Refusal;
use super::request::Shown;
use crate::jobs::Batch;
use crate::{Error, Origin};

/// What stands before the paths in an answer: the public base, or where there is none, the server as the client called it.
pub(super) fn base(origin: &Origin, headers: &HeaderMap) -> String {
    let public = &origin.config().public_base_url;
    if !public.is_empty() {
        return public.clone();
    }
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match text(HOST.as_str()) {
        Some(host) if text("x-forwarded-proto") == Some("https") => format!("https://{host}"),
        Some(host) => format!("http://{host}"),
        None => String::new(),
    }
}

/// One image that has ended, as fields of an answer.
pub(super) async fn image(
    origin: &Origin,
    batch: &Batch,
    index: usize,
    (shown, base): (Shown, &str),
) -> Result<Map<String, Value>, Refusal> {
    let Slot { failure, .. } = batch.slot(index);
    if let Some(failure) = failure {
        return Err(failure.into());
    }
    let gone = || JobFailure { code: "not_found".to_owned(), message: "the image was removed".to_owned() };
    let Metadata { id, placeholder, width, height, .. } = batch.image(index).ok_or_else(gone)?;
    let url = id.url(base);
    let mut fields = Map::new();
    if shown != Shown::Url {
        // The bytes that the backend has drawn, not ours: whoever takes bytes means those.
        let (_, source) = origin.store().source(&id).await.map_err(Error::from)?;
        fields.insert("b64_json".to_owned(), Value::String(BASE64.encode(&source)));
    }
    if shown != Shown::Base64 {
        fields.insert("url".to_owned(), json!(url));
    }
    if let Some(prompt) = batch.revised(index) {
        fields.insert("revised_prompt".to_owned(), json!(prompt));
    }
    let ours = json!({ "id": id, "url": url, "placeholder": placeholder, "width": width, "height": height });
    fields.insert("orbit".to_owned(), ours);
    Ok(fields)
}

/// All images of a batch, when they have ended; those that did not come are left out unless none did.
pub(super) async fn all(origin: &Origin, batch: &Batch, shown: (Shown, &str)) -> Result<Value, Refusal> {
    let (mut images, mut refusal) = (Vec::new(), None);
    for index in 0..batch.ids.len() {
        batch.ended(index).await;
        match image(origin, batch, index, shown).await {
            Ok(fields) => images.push(Value::Object(fields)),
            Err(reason) => refusal = Some(reason),
        }
    }
    match refusal {
        Some(refusal) if images.is_empty() => Err(refusal),
        _ => {
            let mut answer = common(batch);
            answer.insert("created".to_owned(), json!(origin.now().as_second()));
            answer.insert("data".to_owned(), Value::Array(images));
            let ours = json!({
                "job": batch.id,
                "thread_id": batch.thread_id,
                "events": origin.with_ticket(format!("/generations/{}/events", batch.id), &batch.thread_id),
            });
            answer.insert("orbit".to_owned(), ours);
            Ok(Value::Object(answer))
        }
    }
}

/// The fields that every answer has; where a request did not say, `auto`.
pub(super) fn common(batch: &Batch) -> Map<String, Value> {
    let mut fields = Map::new();
    for (name, usual) in [("background", "auto"), ("output_format", "png"), ("quality", "auto"), ("size", "auto")] {
        let given = match name {
            "size" => batch.size.clone().map(Value::String),
            _ => batch.brief.extra.get(name).filter(|value| value.is_string()).cloned(),
        };
        fields.insert(name.to_owned(), given.unwrap_or_else(|| json!(usual)));
    }
    let none = json!({ "image_tokens": 0, "text_tokens": 0 });
    let usage = json!({ "input_tokens": 0, "input_tokens_details": none, "output_tokens": 0, "total_tokens": 0 });
    fields.insert("usage".to_owned(), usage);
    fields
}
