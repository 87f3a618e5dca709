//! What the openai backend is sent.
//!
//! The caller's own fields go first and ours over them, so that nothing handed on changes the model, the size or the count.

use bytes::{BufMut as _, Bytes, BytesMut};
use orbit_model::Digest;
use serde_json::{Map, Value, json};

use super::Request;

/// A request before it is sent.
#[derive(Debug)]
pub(super) struct Asked {
    /// Behind the base URL.
    pub(super) path: &'static str,
    pub(super) media_type: String,
    pub(super) body: Bytes,
}

/// Makes the request for one picture.
pub(super) fn compose(request: &Request) -> Asked {
    let fields = fields(request);
    if request.inputs.is_empty() {
        let body = Value::Object(fields).to_string().into();
        return Asked { path: "/images/generations", media_type: "application/json".to_owned(), body };
    }
    let boundary = boundary(request);
    let media_type = format!("multipart/form-data; boundary={boundary}");
    Asked { path: "/images/edits", media_type, body: form(request, &fields, &boundary) }
}

fn fields(request: &Request) -> Map<String, Value> {
    let mut fields = request.extra.clone();
    let mut set = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    set("model", json!(request.concept.model));
    set("prompt", json!(request.concept.prompt));
    set("n", json!(1));
    // What the caller left open is the model's to choose.
    if request.concept.size.is_some() {
        set("size", json!(format!("{}x{}", request.width, request.height)));
    }
    if let Some(seed) = request.concept.seed {
        set("seed", json!(seed));
    }
    if request.previews > 0 {
        set("stream", json!(true));
        set("partial_images", json!(request.previews));
    }
    fields
}

/// A line that stands in none of the parts: nobody can write a file that has its own digest in it.
fn boundary(request: &Request) -> String {
    let mut all = BytesMut::new();
    for input in &request.inputs {
        all.put_slice(Digest::of(&input.bytes).to_string().as_bytes());
    }
    all.put_slice(request.concept.prompt.as_bytes());
    let digest = blake3::hash(&all).to_hex();
    format!("orbit-{}", &digest[..48])
}

/// A form (RFC 7578) of the fields and the files.
fn form(request: &Request, fields: &Map<String, Value>, boundary: &str) -> Bytes {
    let mut body = BytesMut::new();
    for (name, value) in fields {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let head = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"\r\n\r\n", quoted(name));
        body.put_slice(head.as_bytes());
        body.put_slice(text.as_bytes());
        body.put_slice(b"\r\n");
    }
    for input in &request.inputs {
        let media_type: String = input.media_type.chars().filter(|c| !c.is_control()).collect();
        let head = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"; filename=\"{}\"\r\nContent-Type: {media_type}\r\n\r\n",
            quoted(&input.field),
            quoted(&input.file_name),
        );
        body.put_slice(head.as_bytes());
        body.put_slice(&input.bytes);
        body.put_slice(b"\r\n");
    }
    body.put_slice(format!("--{boundary}--\r\n").as_bytes());
    body.freeze()
}

/// A name as browsers write it between quotes.
fn quoted(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}
