//! The demo's page: a few files in the binary, no build step and no network.

use axum::Router;
use axum::extract::Path;
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};

/// Only what comes from here runs, and nothing of it leaves.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

macro_rules! assets {
    ($($name:literal: $media_type:literal),* $(,)?) => {
        &[$(($name, $media_type, include_bytes!(concat!("../assets/demo/", $name)))),*]
    };
}

const INDEX: &[u8] = include_bytes!("../assets/demo/index.html");
const ASSETS: &[(&str, &str, &[u8])] = assets! {
    "api.js": "text/javascript",
    "demo.css": "text/css",
    "demo.js": "text/javascript",
    "favicon.svg": "image/svg+xml",
    "sheet.js": "text/javascript",
    "slip.js": "text/javascript",
    "tiers.js": "text/javascript",
    "viewer.js": "text/javascript",
    "words.js": "text/javascript",
};

/// `/` and the files that it loads.
pub(crate) fn router() -> Router {
    Router::new()
        .route("/", get(async || file("text/html", INDEX)))
        .route("/_demo/{name}", get(asset))
        .layer(map_response(guard))
}

/// What no answer goes without, errors too.
async fn guard(mut response: Response) -> Response {
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

async fn asset(Path(name): Path<String>) -> Response {
    match ASSETS.iter().find(|(known, ..)| *known == name) {
        Some((_, media_type, bytes)) => file(media_type, bytes),
        None => orbit_origin::Error::NotFound("path").into_response(),
    }
}

fn file(media_type: &'static str, bytes: &'static [u8]) -> Response {
    let headers = [(CONTENT_TYPE, format!("{media_type}; charset=utf-8")), (CACHE_CONTROL, "no-cache".to_owned())];
    (headers, bytes).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_that_the_page_names_is_in_the_binary() {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let sources = ASSETS.iter().map(|(_, _, bytes)| text(bytes)).chain([text(INDEX)]);
        for source in sources {
            for (at, _) in source.match_indices("\"/_demo/") {
                let name: String = source[at + 8..].chars().take_while(|c| c.is_alphanumeric() || *c == '.').collect();
                assert!(ASSETS.iter().any(|(known, ..)| *known == name), "{name}");
            }
        }
    }
}
