//! Tags: the names by which caches further out find all answers of an image, a thread or a style.
//!
//! An image's own tag is its id; the others say what they are before a colon, which no id has. The origin writes them into
//! `Cache-Tag` and `Surrogate-Key`, a purge names them, and both must spell them alike. A tag has no space, no comma and nothing that is
//! not plain ASCII, and is short: every CDN takes it.

use std::borrow::Cow;

use crate::{Digest, ImageId, Labels, ThreadId};

/// What stands before a style.
const STYLE: &str = "style:";
/// The longest style that is a tag as it is, in bytes.
const MAX_STYLE: usize = 64;

/// The tags of an image's answers, its own first.
#[must_use]
pub fn of_image(id: &ImageId, labels: &Labels) -> Vec<String> {
    let mut tags = vec![id.to_string()];
    tags.extend(owner(id).map(|owner| owner.to_string()));
    tags.extend(labels.thread_id.as_ref().map(of_thread));
    tags.extend(labels.style.as_deref().map(of_style));
    tags
}

/// The tag of a thread's images.
#[must_use]
pub fn of_thread(thread: &ThreadId) -> String {
    format!("thread:{thread}")
}

/// The tag of a style's images; a style that is no tag as it is has its digest in it.
#[must_use]
pub fn of_style(style: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.:@~".contains(&byte);
    if style.len() <= MAX_STYLE && !style.is_empty() && style.bytes().all(is_plain) {
        return format!("{STYLE}{style}");
    }
    format!("{STYLE}~{}", Digest::of(style.as_bytes()).short())
}

/// A tag as a purge names it, in the spelling that answers have.
#[must_use]
pub fn spelled(tag: &str) -> Cow<'_, str> {
    match tag.strip_prefix(STYLE) {
        Some(style) => Cow::Owned(of_style(style)),
        None => Cow::Borrowed(tag),
    }
}

/// The image that a preview's name belongs to.
fn owner(name: &ImageId) -> Option<ImageId> {
    let (owner, number) = name.as_str().rsplit_once("-preview-")?;
    number.parse::<u8>().ok()?;
    owner.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> ImageId {
        text.parse().unwrap()
    }

    #[test]
    fn an_image_has_its_own_tag_and_those_of_its_labels() {
        let labels = Labels { thread_id: "t:1".parse().ok(), style: Some("hero".to_owned()), ..Labels::default() };
        assert_eq!(of_image(&id("fox"), &labels), ["fox", "thread:t:1", "style:hero"]);
        assert_eq!(of_image(&id("fox"), &Labels::default()), ["fox"]);
    }

    #[test]
    fn a_preview_has_the_tag_of_its_image_too() {
        assert_eq!(of_image(&id("fox-preview-1"), &Labels::default()), ["fox-preview-1", "fox"]);
        assert_eq!(of_image(&id("fox-preview-all"), &Labels::default()), ["fox-preview-all"]);
    }

    #[test]
    fn a_style_that_would_break_a_header_is_named_by_its_digest() {
        for style in ["pop art", "a,b", "caf\u{e9}", "a\nb", "", &"x".repeat(65)] {
            let tag = of_style(style);
            assert_eq!(tag.len(), "style:~".len() + 12, "{tag}");
            assert!(tag.bytes().all(|byte| byte.is_ascii_graphic() && byte != b','), "{tag}");
            assert_eq!(spelled(&tag), tag, "naming it so again changes nothing");
            assert_eq!(spelled(&format!("style:{style}")), tag);
        }
        assert_ne!(of_style("pop art"), of_style("pop-art"));
        assert_eq!(spelled("thread:t"), "thread:t");
    }
}
