//! `GET, HEAD /_next/image?url=&w=&q=`: next/image's own question, answered for images that are held.
//!
//! Its rules and its words for what it refuses, so that an app can send its pictures here and change nothing else.

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, Method, StatusCode, Uri};
use orbit_model::variant::next_image::{self, Question};

use crate::error::Verbatim;
use crate::{Error, Origin};

pub(crate) async fn get(
    State(origin): State<Origin>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Error> {
    match next_image::parse(uri.query().unwrap_or_default()) {
        Err(refusal) => Ok(refuse(refusal)),
        Ok(Question::Elsewhere) => Ok(refuse(next_image::NOT_ALLOWED)),
        Ok(Question::Held(id, query)) => match origin.show(&id, &query, &method, &headers).await {
            Err(Error::NotFound(_)) => Ok(refuse("The requested resource isn't a valid image.")),
            answered => answered,
        },
    }
}

fn refuse(text: &'static str) -> Response {
    let fields = [(CONTENT_TYPE, "text/plain; charset=utf-8"), (CACHE_CONTROL, "no-store")];
    (StatusCode::BAD_REQUEST, fields, Extension(Verbatim), text).into_response()
}
