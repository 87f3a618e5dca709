//! Waiting for an image that is being made: `?wait=SECONDS`, up to 30.
//!
//! It is no part of the key. Where the upstream answers 202, the edge waits with it, by questions that ask for no body, and then
//! looks again; so that however many wait, the image is fetched once.

use std::time::Duration;

use axum::body::Body;
use http::{Method, Request, StatusCode};

use crate::Edge;
use crate::target::Target;

/// The longest that a request waits.
const MAX_WAIT: Duration = Duration::from_secs(30);
/// The longest that one question waits: less than an upstream may be silent before it counts as gone.
const MAX_QUESTION: Duration = Duration::from_secs(8);

/// How long a query wants to wait; what is no number is the upstream's to refuse.
pub(crate) fn asked(query: Option<&str>) -> Duration {
    let parts = query.unwrap_or_default().split('&');
    let seconds = parts.filter_map(|part| part.strip_prefix("wait=")).find_map(|seconds| seconds.parse().ok());
    Duration::from_secs(seconds.unwrap_or(0)).min(MAX_WAIT)
}

impl Edge {
    /// Waits until the upstream says something else than "not yet", at most for `left`.
    pub(crate) async fn wait_upstream(&self, target: &Target, left: Duration) {
        let wait = left.min(MAX_QUESTION).min(self.config.limits.max_silence / 2).as_secs().max(1);
        let path = target.path();
        let joint = if path.contains('?') { '&' } else { '?' };
        let mut request = Request::new(Body::empty());
        *request.method_mut() = Method::HEAD;
        let answered = self.exchange(self.upstream.as_ref(), request, &format!("{path}{joint}wait={wait}")).await;
        if answered.is_err() {
            // Not at once again: the next look says what is wrong.
            tokio::time::sleep(Duration::from_secs(1).min(left)).await;
        }
    }
}

/// Whether an answer says that the image is being made.
pub(crate) fn is_pending(status: StatusCode) -> bool {
    status == StatusCode::ACCEPTED
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_read_wherever_it_stands_and_bounded() {
        assert_eq!(asked(None), Duration::ZERO);
        assert_eq!(asked(Some("w=64&wait=7")), Duration::from_secs(7));
        assert_eq!(asked(Some("wait=900")), MAX_WAIT);
        assert_eq!(asked(Some("wait=soon&await=3")), Duration::ZERO);
    }
}
