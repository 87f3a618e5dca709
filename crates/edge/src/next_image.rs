//! `/_next/image`: the way in which next/image asks for a picture, in profile image.
//!
//! 1. A picture under `/api/images/` or `/images/` is ours: the answer is the variant that `w` and `q` ask for, in the format
//!    that `Accept` allows, from the cache and under the key that `/api/images/{id}?..` has.
//! 2. All else, also what makes no sense, may be the app's own, and is passed on like any other path.
//! 3. Where there is no app, and the upstream knows no such path, the edge answers in place of it, in Next's own words.
//!
//! Only where the edge has the default map: without it there is no `/images/` to ask for.

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{Method, Request, StatusCode};
use orbit_model::variant::next_image::{self, Question};

use crate::handler::path_and_query;
use crate::path::{self, Map};
use crate::target::Target;
use crate::{Edge, Profile};

pub(crate) use orbit_model::variant::next_image::PATH;

impl Edge {
    /// The variant that is asked for; `None` where this is no such request, or one for a picture that is not ours.
    pub(crate) fn next_image<B>(&self, request: &Request<B>) -> Option<Target> {
        match self.asked_by_next(request)? {
            Ok(Question::Held(id, query)) => Some(Target::variant(path::key_of(&id), &query)),
            Ok(Question::Elsewhere) | Err(_) => None,
        }
    }

    /// What is asked; `None` where this is no such request, `Some(Err(..))` in Next's words where it makes no sense.
    fn asked_by_next<B>(&self, request: &Request<B>) -> Option<Result<Question, &'static str>> {
        let reads = matches!(*request.method(), Method::GET | Method::HEAD) && request.uri().path() == PATH;
        let is_ours = reads && self.config.profile == Profile::Image && self.config.maps.contains(&Map::default());
        is_ours.then(|| next_image::parse(request.uri().query().unwrap_or_default()))
    }

    /// Why the edge would refuse a picture that is not ours, if nobody else answers for it; `None` where somebody does.
    pub(crate) fn refusal_of_next<B>(&self, request: &Request<B>) -> Option<&'static str> {
        if self.app.is_some() {
            return None;
        }
        Some(self.asked_by_next(request)?.err().unwrap_or(next_image::NOT_ALLOWED))
    }

    /// Passes a request for a picture that is not ours on to the upstream, and refuses it where that knows nothing of it.
    pub(crate) async fn pass_on_or_refuse(&self, request: Request<Body>, refusal: &'static str) -> Response {
        let path = path_and_query(request.uri()).to_owned();
        let passed = self.exchange(self.upstream.as_ref(), request, &path).await;
        let passed = passed.map(|response| match response.status() {
            StatusCode::NOT_FOUND => refuse(refusal),
            _ => response,
        });
        self.told(passed.map(|response| self.bypassed(response)), &path)
    }
}

fn refuse(text: &'static str) -> Response {
    let fields = [
        (CONTENT_TYPE, "text/plain; charset=utf-8"),
        (CACHE_CONTROL, "no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CONTENT_SECURITY_POLICY, "default-src 'none'"),
    ];
    (StatusCode::BAD_REQUEST, fields, text).into_response()
}
