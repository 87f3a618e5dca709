//! How a server's answer says where it ends (RFC 9112 section 6.3).
//!
//! `Transfer-Encoding` belongs to the connection and goes no further, so what it did to the content must be undone here:
//! hyper undoes `chunked`, and an answer with any other coding is refused, or coded bytes would be kept and served as the
//! content. Called for every answer of a server; it must not know what becomes of it.

use http::HeaderMap;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};

use super::failure::Failure;

/// Makes sure that the body is the content, and that no length contradicts it: beside chunks a length counts for nothing,
/// and whoever believes it finds another end.
pub(super) fn settle(headers: &mut HeaderMap) -> Result<(), Failure> {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let Some(first) = codings.next() else { return Ok(()) };
    if codings.next().is_some() || !first.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked") {
        return Err(Failure::Nonsense(format!("its transfer coding cannot be undone: {first:?}")));
    }
    headers.remove(CONTENT_LENGTH);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(lines: &[(&'static str, &'static str)]) -> Option<Vec<String>> {
        let line = |(name, value): &(&'static str, &'static str)| {
            (http::HeaderName::from_static(name), http::HeaderValue::from_static(value))
        };
        let mut headers: HeaderMap = HeaderMap::new();
        for (name, value) in lines.iter().map(line) {
            headers.append(name, value);
        }
        settle(&mut headers).ok()?;
        Some(headers.keys().map(ToString::to_string).collect())
    }

    #[test]
    fn chunks_outrank_a_length() {
        assert_eq!(settled(&[("content-length", "3")]).unwrap(), ["content-length"]);
        for chunked in ["chunked", " Chunked\t"] {
            let lines = [("content-length", "3"), ("transfer-encoding", chunked)];
            assert_eq!(settled(&lines).unwrap(), ["transfer-encoding"]);
        }
    }

    #[test]
    fn a_coding_that_cannot_be_undone_is_refused() {
        for coding in ["gzip", "gzip, chunked", "chunked, chunked", "identity", "xchunked", ""] {
            assert!(settled(&[("transfer-encoding", coding)]).is_none(), "{coding:?}");
        }
        assert!(settled(&[("transfer-encoding", "gzip"), ("transfer-encoding", "chunked")]).is_none());
    }
}
