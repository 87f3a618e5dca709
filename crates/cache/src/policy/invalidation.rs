//! What a write takes away from a cache (RFC 9111 section 4.4).
//!
//! A non-error answer to a method that is not known as safe makes the target's stored responses void, and those of
//! `Location` and `Content-Location` if they are of the same origin: nobody may void another host's entries. The scheme of a
//! request is not known behind a proxy that ends TLS, so `http` and `https` count as one.

use http::header::{CONTENT_LOCATION, LOCATION};
use http::{HeaderMap, Method, StatusCode, Uri};

/// The paths and queries whose stored responses are void after an answer to `method` on `path_and_query` of `authority`.
#[must_use]
pub fn targets(
    method: &Method,
    authority: &str,
    path_and_query: &str,
    status: StatusCode,
    headers: &HeaderMap,
) -> Vec<String> {
    let done = status.is_success() || status.is_redirection();
    if method.is_safe() || !done {
        return Vec::new();
    }
    let mut targets = vec![path_and_query.to_owned()];
    for name in [LOCATION, CONTENT_LOCATION] {
        let location = headers.get(name).and_then(|value| value.to_str().ok());
        if let Some(target) = location.and_then(|location| resolve(authority, path_and_query, location))
            && !targets.contains(&target)
        {
            targets.push(target);
        }
    }
    targets
}

/// The path and query of a reference as seen from a request, without its fragment; `None` where it is of another origin or
/// none at all (RFC 3986 section 5.2.2).
#[must_use]
pub fn resolve(authority: &str, path_and_query: &str, reference: &str) -> Option<String> {
    let reference = reference.split('#').next().unwrap_or_default();
    let (path, query) = split_query(path_and_query);
    if let Some(rest) = after_scheme(reference)? {
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (host, target) = rest.split_at(end);
        return (is_same(host, authority)).then(|| absolute(target))?;
    }
    let (own_path, own_query) = split_query(reference);
    let target = match (own_path, own_query) {
        ("", None) => join(path, query),
        ("", own_query) => join(path, own_query),
        (own_path, own_query) if own_path.starts_with('/') => join(&without_dots(own_path), own_query),
        (own_path, own_query) => {
            let folder = path.rfind('/').map_or("/", |at| &path[..=at]);
            join(&without_dots(&format!("{folder}{own_path}")), own_query)
        }
    };
    absolute(&target)
}

/// What follows `//`, with or without a scheme before it; `Some(None)` for a relative reference, `None` for a scheme that is not
/// HTTP's.
fn after_scheme(reference: &str) -> Option<Option<&str>> {
    if let Some(rest) = reference.strip_prefix("//") {
        return Some(Some(rest));
    }
    let before = reference.split(['/', '?']).next().unwrap_or_default();
    let Some((scheme, _)) = before.split_once(':') else { return Some(None) };
    let is_http = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    let rest = reference.get(scheme.len() + 1..)?.strip_prefix("//")?;
    is_http.then_some(Some(rest))
}

/// Whether two authorities are the same: names know no case, and the default port may be left out.
fn is_same(one: &str, other: &str) -> bool {
    let without_port = |authority: &str| {
        let authority = authority.to_ascii_lowercase();
        let stripped = authority.strip_suffix(":80").or_else(|| authority.strip_suffix(":443"));
        stripped.or_else(|| authority.strip_suffix(':')).unwrap_or(&authority).to_owned()
    };
    without_port(one) == without_port(other)
}

/// A path and query that can be asked for: begins with a slash, and has no byte that a request could not have.
fn absolute(target: &str) -> Option<String> {
    let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
    let uri: Uri = target.parse().ok()?;
    Some(uri.path_and_query()?.as_str().to_owned())
}

fn split_query(text: &str) -> (&str, Option<&str>) {
    text.split_once('?').map_or((text, None), |(path, query)| (path, Some(query)))
}

fn join(path: &str, query: Option<&str>) -> String {
    query.map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"))
}

/// A path without its `.` and `..` (RFC 3986 section 5.2.4).
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    for (at, segment) in segments.iter().enumerate() {
        let is_last = at + 1 == segments.len();
        match *segment {
            ".." | "." => {
                if *segment == ".." {
                    kept.pop();
                }
                if is_last {
                    kept.push("");
                }
            }
            segment => kept.push(segment),
        }
    }
    format!("/{}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOST: &str = "example.org";

    fn after(method: &str, status: u16, pairs: &[(&'static str, &str)]) -> Vec<String> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        let status = StatusCode::from_u16(status).unwrap();
        targets(&method.parse().unwrap(), HOST, "/a/b?c", status, &headers)
    }

    #[test]
    fn a_write_that_succeeds_voids_its_target() {
        for method in ["POST", "PUT", "DELETE", "PATCH", "M-SEARCH", "FOO"] {
            assert_eq!(after(method, 200, &[]), ["/a/b?c"], "{method}");
            assert_eq!(after(method, 303, &[]), ["/a/b?c"], "{method}");
            for status in [103, 400, 404, 500, 503] {
                assert!(after(method, status, &[]).is_empty(), "{method} {status}");
            }
        }
        for method in ["GET", "HEAD", "OPTIONS", "TRACE"] {
            assert!(after(method, 200, &[("location", "/x")]).is_empty(), "{method}");
        }
    }

    #[test]
    fn a_write_voids_what_it_names_of_the_same_origin() {
        let both = [("location", "/x"), ("content-location", "y")];
        assert_eq!(after("POST", 201, &both), ["/a/b?c", "/x", "/a/y"]);
        assert_eq!(after("POST", 201, &[("location", "/a/b?c")]), ["/a/b?c"]);
        assert_eq!(after("POST", 201, &[("location", "http://evil.example/x")]), ["/a/b?c"]);
    }

    #[test]
    fn a_reference_is_resolved_as_rfc_3986_says() {
        let table = [
            ("/x", Some("/x")),
            ("/x?y#z", Some("/x?y")),
            ("x", Some("/a/x")),
            ("../x", Some("/x")),
            ("../../x", Some("/x")),
            ("./x/./y/..", Some("/a/x/")),
            ("", Some("/a/b?c")),
            ("#z", Some("/a/b?c")),
            ("?d", Some("/a/b?d")),
            ("http://example.org/x?y", Some("/x?y")),
            ("HTTPS://EXAMPLE.org:443/x", Some("/x")),
            ("http://example.org", Some("/")),
            ("http://example.org?y", Some("/?y")),
            ("//example.org/x", Some("/x")),
            ("//example.com/x", None),
            ("http://example.org:8080/x", None),
            ("http://user@example.org/x", None),
            ("ftp://example.org/x", None),
            ("mailto:a@example.org", None),
            ("x/y:z", Some("/a/x/y:z")),
            ("/a b", None),
        ];
        for (reference, expected) in table {
            assert_eq!(resolve(HOST, "/a/b?c", reference).as_deref(), expected, "{reference}");
        }
        assert_eq!(resolve("example.org:8080", "/", "http://example.org:8080/x").as_deref(), Some("/x"));
    }

    proptest! {
        #[test]
        fn no_reference_is_too_odd(reference in "\\PC{0,40}") {
            let resolved = resolve(HOST, "/a/b?c", &reference);
            prop_assert!(resolved.is_none_or(|target| target.starts_with('/')));
        }

        #[test]
        fn an_absolute_path_is_itself(path in "(/[a-z]{1,5}){1,4}(\\?[a-z=&]{1,8})?") {
            let resolved = resolve(HOST, "/", &path);
            prop_assert_eq!(resolved.as_deref(), Some(path.as_str()));
        }
    }
}
