//! What a cache knows of status codes (RFC 9110 section 15.1, RFC 9111 section 3).

use http::StatusCode;

/// Whether a response of this status may be given a lifetime that it does not state (RFC 9110 section 15.1).
///
/// The 206 of that list is left out: parts are not kept.
#[must_use]
pub fn is_heuristically_cacheable(status: StatusCode) -> bool {
    matches!(status.as_u16(), 200 | 203 | 204 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501)
}

/// Whether its rules of caching are known here, as `must-understand` asks (RFC 9111 section 5.2.2.3).
#[must_use]
pub fn is_understood(status: StatusCode) -> bool {
    matches!(status.as_u16(),
        200..=204 | 300..=303 | 307 | 308 | 400..=417 | 421 | 422 | 426 | 428 | 429 | 431 | 451 | 500..=505 | 511)
}

/// Whether an upstream that answers so has failed, in the sense of `stale-if-error` (RFC 5861 section 4).
#[must_use]
pub fn is_server_fault(status: StatusCode) -> bool {
    matches!(status.as_u16(), 500 | 502..=504)
}

/// Whether it says that there is nothing here.
#[must_use]
pub fn is_negative(status: StatusCode) -> bool {
    matches!(status, StatusCode::NOT_FOUND | StatusCode::GONE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_those_of_the_rfcs() {
        let all = |of: fn(StatusCode) -> bool| -> Vec<u16> {
            (100..=999).filter(|code| of(StatusCode::from_u16(*code).unwrap())).collect()
        };
        let cacheable = [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501];
        assert_eq!(all(is_heuristically_cacheable), cacheable);
        assert!(cacheable.iter().all(|code| is_understood(StatusCode::from_u16(*code).unwrap())));
        assert!(![103, 206, 299, 304, 499, 599].iter().any(|code| is_understood(StatusCode::from_u16(*code).unwrap())));
        assert_eq!(all(is_server_fault), [500, 502, 503, 504]);
        assert_eq!(all(is_negative), [404, 410]);
    }
}
