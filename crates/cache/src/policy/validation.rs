//! Validation: asking the upstream whether what is stored still holds, and what its answer changes (RFC 9111
//! sections 4.3.1, 4.3.3 and 4.3.4, and 3.2).
//!
//! Entity tags are compared as bytes, also those that are not well formed: an origin that sends such a tag knows it again.
//! What a 304 made of a stored response may no longer be kept; `storable::may_store` says so of the new fields.

use http::header::{
    AGE, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, DATE, ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED,
};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::hop_by_hop;
use crate::Head;

/// The fields that ask the upstream whether one of the stored responses still holds (section 4.3.1). The first is the one
/// that the request selects; the others are of the same URL and the upstream may choose any of them.
#[must_use]
pub fn conditions(stored: &[&Head]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let tags: Vec<&[u8]> = stored.iter().filter_map(|head| head.etag()).map(HeaderValue::as_bytes).collect();
    // A tag that is not well formed would spoil a list, and is understood at best as it came.
    let listed = if tags.len() > 1 { tags.into_iter().filter(|tag| is_well_formed(tag)).collect() } else { tags };
    let mut distinct: Vec<&[u8]> = Vec::with_capacity(listed.len());
    for tag in listed {
        if !distinct.contains(&tag) {
            distinct.push(tag);
        }
    }
    if !distinct.is_empty()
        && let Ok(value) = HeaderValue::from_bytes(&distinct.join(&b", "[..]))
    {
        headers.insert(IF_NONE_MATCH, value);
    }
    if let Some(modified) = stored.first().and_then(|head| head.last_modified()) {
        headers.insert(IF_MODIFIED_SINCE, modified.clone());
    }
    headers
}

/// Which of the stored responses a 304 says to hold still (section 4.3.4); `None` is none of them: ask again without conditions.
///
/// A strong tag selects what has the same; else a weak tag or a date the youngest that corresponds to it. Without any validator,
/// the only one there is: its validator was the only one asked for.
#[must_use]
pub fn selected_by(not_modified: &HeaderMap, stored: &[&Head]) -> Option<usize> {
    let youngest = |matches: &dyn Fn(&Head) -> bool| {
        let found = stored.iter().enumerate().filter(|(_, head)| matches(head));
        found.max_by_key(|(_, head)| head.fetched_at).map(|(at, _)| at)
    };
    if let Some(tag) = not_modified.get(ETAG) {
        return youngest(&|head| match head.etag() {
            Some(own) if is_weak(tag) => opaque(own) == opaque(tag),
            own => own == Some(tag),
        });
    }
    if let Some(modified) = not_modified.get(LAST_MODIFIED) {
        return youngest(&|head| head.last_modified() == Some(modified));
    }
    (stored.len() == 1).then_some(0)
}

/// The stored fields, updated by those of a 304 (sections 3.2 and 4.3.4): each field that it has replaces all lines of that name,
/// but for those that describe the stored bytes and those of its connection.
///
/// `Age` and `Date` are of the latest answer only: without them the response counts as made when the 304 arrived.
#[must_use]
pub fn freshen(stored: &HeaderMap, not_modified: &HeaderMap) -> HeaderMap {
    let mut update = not_modified.clone();
    hop_by_hop::remove(&mut update);
    let mut headers = stored.clone();
    headers.remove(AGE);
    headers.remove(DATE);
    for name in update.keys().filter(|name| !is_kept(name, stored)) {
        headers.remove(name);
        for value in update.get_all(name) {
            headers.append(name, value.clone());
        }
    }
    headers
}

/// Whether a field keeps its stored value: those that the bytes depend on, and a tag that is there already, since a match
/// may be weak and the stored tag may be strong.
fn is_kept(name: &HeaderName, stored: &HeaderMap) -> bool {
    let describes_bytes = [CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE].contains(name)
        || ["content-md5", "content-digest", "digest"].contains(&name.as_str());
    describes_bytes || (name == ETAG && stored.contains_key(ETAG))
}

fn is_weak(tag: &HeaderValue) -> bool {
    tag.as_bytes().starts_with(b"W/")
}

fn opaque(tag: &HeaderValue) -> &[u8] {
    let tag = tag.as_bytes();
    tag.strip_prefix(b"W/").unwrap_or(tag)
}

/// Whether a tag is one as RFC 9110 section 8.8.3 has it: quoted, without a quote inside.
fn is_well_formed(tag: &[u8]) -> bool {
    let tag = tag.strip_prefix(b"W/").unwrap_or(tag);
    tag.strip_prefix(b"\"").and_then(|tag| tag.strip_suffix(b"\"")).is_some_and(|tag| !tag.contains(&b'"'))
}

#[cfg(test)]
mod tests;
