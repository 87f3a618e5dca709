//! What a program asks for: the fields of OpenAI's Images API, as JSON or as a form, and our own under `orbit`.
//!
//! Of the fields only those are read that mean something here; the rest is handed on to the backend. Forms write what is inside
//! `orbit` as `orbit[thread_id]`, and numbers as text.

use axum::body::Body;
use axum::extract::{FromRequest as _, Multipart, Request};
use http_body_util::Limited;
use orbit_model::{Concept, Digest, JobRequest, ThreadId};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::error::Refusal;
use crate::generate::Input;
use crate::jobs::Brief;
use crate::{Config, Error};

/// The most images of one request, as OpenAI has it.
const MAX_IMAGES: u64 = 10;
/// The most pictures that an edit starts from.
const MAX_INPUTS: usize = 16;
/// What the other fields of a form may take, in bytes.
const SLACK: u64 = 1 << 20;
/// Fields that a form writes as text and that are none.
const NOT_TEXT: [&str; 5] = ["n", "partial_images", "seed", "stream", "orbit[reuse]"];

/// How an answer shows its images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// By URL.
    Url,
    /// As base64.
    Base64,
    /// Both: some programs read the one and some the other, and say nothing.
    Both,
}

/// What a program asks for.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) request: JobRequest,
    pub(super) brief: Brief,
    pub(super) shown: Shown,
    pub(super) stream: bool,
}

/// Our own fields.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Ours {
    thread_id: Option<ThreadId>,
    style: Option<String>,
    title: Option<String>,
    reuse: bool,
    seed: Option<u64>,
}

impl Order {
    /// Reads the fields of a request, of which `inputs` were files.
    pub(super) fn read(mut fields: Map<String, Value>, inputs: Vec<Input>) -> Result<Self, Refusal> {
        let prompt = text(&mut fields, "prompt")?;
        let prompt = prompt.ok_or_else(|| Refusal::invalid("prompt", "`prompt` must say what to draw"))?;
        let model = text(&mut fields, "model")?;
        let size = text(&mut fields, "size")?.filter(|size| size != "auto");
        let count = number(&mut fields, "n", 1..=MAX_IMAGES)?.unwrap_or(1);
        let previews = number(&mut fields, "partial_images", 0..=3)?;
        let stream = flag(&mut fields, "stream")?;
        let shown = match text(&mut fields, "response_format")?.as_deref() {
            None => Shown::Both,
            Some("url") => Shown::Url,
            Some("b64_json") => Shown::Base64,
            Some(_) => {
                return Err(Refusal::invalid("response_format", "`response_format` must be `url` or `b64_json`"));
            }
        };
        let seed = number(&mut fields, "seed", 0..=u64::MAX)?;
        let ours = match fields.remove("orbit") {
            None | Some(Value::Null) => Ours::default(),
            Some(ours) => serde_json::from_value(ours)
                .map_err(|error| Refusal::invalid("orbit", format!("`orbit` makes no sense: {error}")))?,
        };
        let Ours { thread_id, style, title, reuse, seed: our_seed } = ours;
        let concept = Concept { prompt, style, title, model, size, seed: our_seed.or(seed) };
        // Copies of one seed would be copies of one picture.
        let seed = |copy: u64| concept.seed.map(|seed| seed.wrapping_add(copy));
        let concepts: Vec<_> = (0..count).map(|copy| Concept { seed: seed(copy), ..concept.clone() }).collect();
        // Without a thread, equal requests have the same one: so they join, and are found again.
        let own = || ThreadId::from_digest(&Digest::of(&serde_json::to_vec(&concepts).unwrap_or_default()));
        let thread_id = thread_id.unwrap_or_else(own);
        let partial_images = previews.filter(|_| stream).and_then(|previews| u8::try_from(previews).ok());
        let request = JobRequest { thread_id, concepts, concurrency: None, partial_images, reuse };
        Ok(Self { request, brief: Brief { inputs, extra: fields, waited_for: true }, shown, stream })
    }

    /// Reads a form: files are what an edit starts from.
    pub(super) async fn read_form(request: Request, config: &Config) -> Result<Self, Refusal> {
        let most = config.limits.max_bytes * MAX_INPUTS as u64 / 4 + SLACK;
        let limit = usize::try_from(most).unwrap_or(usize::MAX);
        let request = request.map(|body| Body::new(Limited::new(body, limit)));
        let reading = tokio::time::timeout(config.body_timeout, read_parts(request, config.limits.max_bytes));
        let (fields, inputs) = reading.await.map_err(|_elapsed| Error::Timeout)??;
        if inputs.is_empty() {
            return Err(Refusal::invalid("image", "an edit starts from a picture: send it as the file `image`"));
        }
        Self::read(fields, inputs)
    }
}

async fn read_parts(request: Request, max_bytes: u64) -> Result<(Map<String, Value>, Vec<Input>), Refusal> {
    let refuse = |text: String| Error::Invalid(format!("the form: {text}"));
    let mut form = Multipart::from_request(request, &()).await.map_err(|error| refuse(error.body_text()))?;
    let (mut fields, mut inputs) = (Map::new(), Vec::new());
    while let Some(part) = form.next_field().await.map_err(|error| refuse(error.body_text()))? {
        let name = part.name().unwrap_or_default().to_owned();
        let Some(file_name) = part.file_name().map(str::to_owned) else {
            let value = part.text().await.map_err(|error| refuse(error.body_text()))?;
            set(&mut fields, &name, value);
            continue;
        };
        let media_type = part.content_type().unwrap_or("application/octet-stream").to_owned();
        let bytes = part.bytes().await.map_err(|error| refuse(error.body_text()))?;
        if bytes.len() as u64 > max_bytes {
            return Err(Error::TooLarge(format!("`{name}` is larger than the limit of {max_bytes} bytes")).into());
        }
        if inputs.len() == MAX_INPUTS {
            return Err(Error::TooLarge(format!("an edit starts from {MAX_INPUTS} files at the most")).into());
        }
        inputs.push(Input { field: name, file_name, media_type, bytes });
    }
    Ok((fields, inputs))
}

/// Sets a field of a form to what the same field of JSON would be.
fn set(fields: &mut Map<String, Value>, name: &str, text: String) {
    let typed = || serde_json::from_str::<Value>(&text).ok().filter(|value| value.is_number() || value.is_boolean());
    let value = if NOT_TEXT.contains(&name) { typed() } else { None };
    let value = value.unwrap_or(Value::String(text));
    match name.strip_prefix("orbit[").and_then(|name| name.strip_suffix(']')) {
        Some(inner) => {
            let ours = fields.entry("orbit").or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(ours) = ours {
                ours.insert(inner.to_owned(), value);
            }
        }
        None => drop(fields.insert(name.to_owned(), value)),
    }
}

fn text(fields: &mut Map<String, Value>, name: &'static str) -> Result<Option<String>, Refusal> {
    match fields.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(Refusal::invalid(name, format!("`{name}` must be text, not {other}"))),
    }
}

fn number(
    fields: &mut Map<String, Value>,
    name: &'static str,
    range: std::ops::RangeInclusive<u64>,
) -> Result<Option<u64>, Refusal> {
    match fields.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value.as_u64().filter(|number| range.contains(number)).map(Some).ok_or_else(|| {
            let (least, most) = (range.start(), range.end());
            Refusal::invalid(name, format!("`{name}` must be a whole number from {least} to {most}, not {value}"))
        }),
    }
}

fn flag(fields: &mut Map<String, Value>, name: &'static str) -> Result<bool, Refusal> {
    match fields.remove(name) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(value)) => Ok(value),
        Some(other) => Err(Refusal::invalid(name, format!("`{name}` must be true or false, not {other}"))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn order(fields: Value) -> Result<Order, Refusal> {
        let Value::Object(fields) = fields else { panic!("no object") };
        Order::read(fields, Vec::new())
    }

    #[test]
    fn what_is_not_ours_goes_to_the_backend_as_it_is() {
        let order = order(json!({
            "prompt": "a fox", "model": "gpt-image-1", "n": 2, "size": "auto", "quality": "high", "user": "u",
            "background": null, "stream": true, "partial_images": 2, "response_format": null,
            "orbit": { "thread_id": "t", "style": "hero" },
        }));
        let Order { request, brief, shown, stream } = order.unwrap();
        assert_eq!(Value::Object(brief.extra), json!({ "quality": "high", "user": "u", "background": null }));
        assert_eq!((request.thread_id.as_str(), request.concepts.len(), request.partial_images), ("t", 2, Some(2)));
        let concept = &request.concepts[1];
        assert_eq!((concept.style.as_deref(), concept.size.as_deref(), concept.seed), (Some("hero"), None, None));
        assert_eq!((shown, stream, brief.waited_for), (Shown::Both, true, true));
    }

    #[test]
    fn a_field_that_makes_no_sense_is_named() {
        let table = [
            (json!({}), "prompt"),
            (json!({ "prompt": 7 }), "prompt"),
            (json!({ "prompt": "a", "n": 0 }), "n"),
            (json!({ "prompt": "a", "n": "two" }), "n"),
            (json!({ "prompt": "a", "partial_images": 4 }), "partial_images"),
            (json!({ "prompt": "a", "stream": "yes" }), "stream"),
            (json!({ "prompt": "a", "response_format": "gif" }), "response_format"),
            (json!({ "prompt": "a", "orbit": { "tread_id": "t" } }), "orbit"),
        ];
        for (fields, param) in table {
            let refusal = order(fields.clone()).unwrap_err();
            assert_eq!(refusal.body()["param"], param, "{fields}");
        }
    }

    #[test]
    fn equal_requests_without_a_thread_have_the_same_one() {
        let thread = |prompt: &str| order(json!({ "prompt": prompt })).unwrap().request.thread_id;
        assert_eq!(thread("a fox"), thread("a fox"));
        assert_ne!(thread("a fox"), thread("a hen"));
    }

    #[test]
    fn copies_of_a_seed_count_up_from_it() {
        let order = order(json!({ "prompt": "a", "n": 3, "seed": 7 })).unwrap();
        let seeds: Vec<_> = order.request.concepts.iter().filter_map(|concept| concept.seed).collect();
        assert_eq!(seeds, [7, 8, 9]);
    }

    #[test]
    fn a_form_says_the_same_as_json() {
        let mut fields = Map::new();
        for (name, value) in [
            ("prompt", "42"),
            ("n", "2"),
            ("stream", "true"),
            ("orbit[thread_id]", "7"),
            ("orbit[reuse]", "true"),
            ("size", "64x64"),
        ] {
            set(&mut fields, name, value.to_owned());
        }
        let expected = json!({
            "prompt": "42", "n": 2, "stream": true, "orbit": { "thread_id": "7", "reuse": true }, "size": "64x64",
        });
        assert_eq!(Value::Object(fields), expected);
    }
}
