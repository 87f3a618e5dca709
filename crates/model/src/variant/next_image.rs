//! `/_next/image?url=&w=&q=`: the question that next/image asks, with its rules and its words.
//!
//! `url` is the path of an image that is held; the answer is that image's variant of width `w` and quality `q` in the
//! best format that `Accept` allows. Which widths are allowed is the origin's affair.

use super::{Quality, Query, Target, Variant};
use crate::ImageId;

/// The path of the question.
pub const PATH: &str = "/_next/image";

/// What next/image says to a picture that it may not fetch.
pub const NOT_ALLOWED: &str = "\"url\" parameter is not allowed";

/// What a question comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// A variant of an image that may be held.
    Held(ImageId, Query),
    /// The picture is none of ours: the app has to answer.
    Elsewhere,
}

/// Reads the query of a question.
///
/// # Errors
/// The text of next/image's own 400.
pub fn parse(query: &str) -> Result<Question, &'static str> {
    let (mut url, mut width, mut quality) = (Vec::new(), Vec::new(), Vec::new());
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "url" => url.push(value.into_owned()),
            "w" => width.push(value.into_owned()),
            "q" => quality.push(value.into_owned()),
            _ => {}
        }
    }
    let url = one(&url, "\"url\" parameter is required", "\"url\" parameter cannot be an array")?;
    if url.len() > MAX_URL {
        return Err("\"url\" parameter is too long");
    }
    if url.starts_with("//") {
        return Err("\"url\" parameter cannot be a protocol-relative URL (//)");
    }
    let width = one(&width, "\"w\" parameter (width) is required", "\"w\" parameter (width) cannot be an array")?;
    let quality =
        one(&quality, "\"q\" parameter (quality) is required", "\"q\" parameter (quality) cannot be an array")?;
    let Some(id) = held(url) else { return Ok(Question::Elsewhere) };
    let width = whole(width, super::MAX_SIDE).ok_or("\"w\" parameter (width) must be an integer greater than 0")?;
    let quality = whole(quality, 100).ok_or("\"q\" parameter (quality) must be an integer between 1 and 100")?;
    let quality = u8::try_from(quality).ok().map(Quality::Fixed);
    let variant = Variant { width: Some(width), quality, target: Some(Target::Auto), ..Variant::default() };
    Ok(Question::Held(id, Query { variant, ..Query::default() }))
}

const MAX_URL: usize = 3072;

/// The image that a path names, at the edge or at the origin.
fn held(url: &str) -> Option<ImageId> {
    let path = url.split(['?', '#']).next()?;
    let segment = path.strip_prefix("/api/images/").or_else(|| path.strip_prefix("/images/"))?;
    ImageId::from_segment(segment).ok()
}

fn one<'a>(values: &'a [String], missing: &'static str, many: &'static str) -> Result<&'a str, &'static str> {
    match values {
        [] => Err(missing),
        [value] if value.is_empty() => Err(missing),
        [value] => Ok(value),
        _ => Err(many),
    }
}

fn whole(text: &str, max: u32) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|value| digits && (1..=max).contains(value))
}
