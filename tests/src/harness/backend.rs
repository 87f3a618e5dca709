//! What a scripted origin answers as a server of the OpenAI Images interface.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::Reply;

/// Where pictures are asked for, behind the base URL `/v1`.
pub(crate) const GENERATIONS: &str = "/v1/images/generations";

/// A list with one picture in base64.
pub(crate) fn picture(bytes: &[u8]) -> Reply {
    list(&json!({ "b64_json": STANDARD.encode(bytes) }))
}

/// A list with one picture that is somewhere else.
pub(crate) fn picture_at(url: &str) -> Reply {
    list(&json!({ "url": url }))
}

/// A list of this one entry.
pub(crate) fn list(entry: &Value) -> Reply {
    Reply::ok(json!({ "created": 1, "data": [entry] }).to_string()).header("content-type", "application/json")
}

/// An error as the interface has it.
pub(crate) fn failure(status: u16, message: &str) -> Reply {
    let body = json!({ "error": { "message": message, "type": "some_error", "code": null } });
    Reply::status(status).header("content-type", "application/json").body(body.to_string())
}

/// A stream with these previews; without a picture it breaks off behind them.
pub(crate) fn stream(previews: &[&[u8]], picture: Option<&[u8]>) -> Reply {
    let mut reply = Reply::status(200).header("content-type", "text/event-stream").chunked();
    let mut event = |kind: &str, index: usize, bytes: &[u8]| {
        let name = format!("image_generation.{kind}");
        let data = json!({ "type": name, "b64_json": STANDARD.encode(bytes), "partial_image_index": index });
        reply = reply.clone().body(format!("event: {name}\ndata: {data}\n\n"));
    };
    for (index, preview) in previews.iter().enumerate() {
        event("partial_image", index, preview);
    }
    match picture {
        Some(picture) => event("completed", 0, picture),
        None => return reply.cut(),
    }
    reply
}
