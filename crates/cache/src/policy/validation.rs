//! Validation: asking the upstream whether what is stored still holds, and what its answer changes (RFC 9111
//! sections 4.3.1 to 4.3.4).

use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE};
use http::{HeaderMap, HeaderName};

/// The stored fields, updated by those of a 304 (section 3.2): all but those that describe the stored bytes.
#[must_use]
pub fn freshen(stored: &HeaderMap, not_modified: &HeaderMap) -> HeaderMap {
    let mut headers = stored.clone();
    for name in not_modified.keys().filter(|name| !describes_body(name)) {
        headers.remove(name);
        for value in not_modified.get_all(name) {
            headers.append(name, value.clone());
        }
    }
    headers
}

/// Fields that describe the stored bytes, which a 304 must not change.
fn describes_body(name: &HeaderName) -> bool {
    [CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE].contains(name)
}
