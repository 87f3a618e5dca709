//! Fields that concern one connection only, which no intermediary passes on (RFC 9110 section 7.6.1).

use http::header::{CONNECTION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderName};

/// Removes the fields that concern one connection only, and those that `Connection` names (RFC 9110 section 7.6.1).
pub fn remove(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in [CONNECTION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE] {
        headers.remove(name);
    }
    for name in ["keep-alive", "proxy-connection", "proxy-authenticate", "proxy-authorization"] {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_one_connection_are_removed_and_those_that_it_names() {
        let mut headers = HeaderMap::new();
        for (name, value) in
            [("connection", "close, x-secret"), ("x-secret", "1"), ("keep-alive", "5"), ("x-open", "1")]
        {
            headers.insert(name, value.parse().unwrap());
        }
        remove(&mut headers);
        assert_eq!(headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["x-open"]);
    }
}
