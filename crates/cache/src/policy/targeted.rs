//! `CDN-Cache-Control`: directives for caches that act for the origin, as this one does (RFC 9213).
//!
//! The field is a Structured Field dictionary. Where it parses and is not empty, it stands in the place of `Cache-Control`
//! and `Expires`; where it does not, it counts as absent (section 2.1). It goes on to the client as it came.

use std::time::Duration;

use http::HeaderMap;
use sfv::{BareItem, Dictionary, ListEntry, Parser};

use super::cache_control::{Directives, MAX_SECONDS};

const CDN_CACHE_CONTROL: &str = "cdn-cache-control";

/// The directives that hold for this cache: those of `CDN-Cache-Control`, else those of `Cache-Control`.
#[must_use]
pub fn directives(headers: &HeaderMap) -> Directives {
    if headers.contains_key(CDN_CACHE_CONTROL)
        && let Some(directives) = parse(headers)
    {
        return directives;
    }
    Directives::of(headers)
}

fn parse(headers: &HeaderMap) -> Option<Directives> {
    let lines: Vec<&[u8]> = headers.get_all(CDN_CACHE_CONTROL).iter().map(http::HeaderValue::as_bytes).collect();
    let members: Dictionary = Parser::new(&lines.join(&b", "[..])).parse().ok()?;
    if members.is_empty() {
        return None;
    }
    let mut found = Directives { targeted: true, ..Directives::default() };
    for (name, member) in &members {
        let name = name.as_str();
        match value(member) {
            // A lifetime of another type is as bad as one that does not parse.
            Some(BareItem::Integer(seconds)) if Directives::is_lifetime(name) => {
                let seconds = u64::try_from(i64::from(*seconds)).unwrap_or_default().min(MAX_SECONDS);
                found.apply(name, || Duration::from_secs(seconds));
            }
            _ if Directives::is_lifetime(name) => return None,
            Some(BareItem::Boolean(false)) => {}
            _ => found.apply(name, Duration::default),
        }
    }
    Some(found)
}

fn value(member: &ListEntry) -> Option<&BareItem> {
    match member {
        ListEntry::Item(item) => Some(&item.bare_item),
        ListEntry::InnerList(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn read(cdn: &[&str]) -> Directives {
        let mut headers = HeaderMap::new();
        headers.insert("cache-control", HeaderValue::from_static("max-age=1"));
        for line in cdn {
            headers.append(CDN_CACHE_CONTROL, line.parse().unwrap());
        }
        directives(&headers)
    }

    #[test]
    fn a_targeted_field_stands_in_the_place_of_cache_control_only_where_it_parses() {
        let table: &[(&[&str], Option<u64>)] = &[
            (&["max-age=3600"], Some(3600)),
            (&["foobar, max-age=3600"], Some(3600)),
            (&["foobar", "max-age=3600"], Some(3600)),
            (&["max-age=3600;not=us"], Some(3600)),
            (&["max-age=99999999999"], Some(MAX_SECONDS)),
            (&["max-age=-5"], Some(0)),
            (&["foobar"], None),
            (&["private=?0"], None),
            // As if they were not there:
            (&[""], Some(1)),
            (&["max-age=3600, &&&"], Some(1)),
            (&["max-age=\"3600\""], Some(1)),
            (&["max-age"], Some(1)),
            (&["max-age=1.5"], Some(1)),
            (&["max-age =3600"], Some(1)),
            (&["MaX-aGe=3600"], Some(1)),
            (&["max-age=9999999999999999999"], Some(1)),
            (&["max-age=3600, x=\u{e9}"], Some(1)),
        ];
        for (lines, expected) in table {
            assert_eq!(read(lines).max_age.map(|age| age.as_secs()), *expected, "{lines:?}");
        }
    }

    #[test]
    fn flags_count_in_whatever_form_they_come() {
        assert!(read(&["no-store"]).no_store && read(&["no-cache"]).no_cache && read(&["no-cache"]).targeted);
        assert!(read(&["private=\"set-cookie\""]).private);
        assert!(!read(&["private=?0"]).private);
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd(text in "[ -~]{0,60}") {
            read(&[&text]);
        }
    }
}
