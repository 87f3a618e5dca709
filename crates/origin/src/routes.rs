//! The origin's routes, all in one place, and how a name is taken from a path.

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRequestParts, Path};
use axum::middleware::from_fn_with_state;
use axum::routing::{delete, get, post};
use http::request::Parts;
use orbit_model::variant::next_image;

use crate::cdn::routes as cdn;
use crate::{Error, Origin, edges, events, guard, health, image, jobs, metadata, openai, purge, recipe, upload};

impl Origin {
    /// The routes of the service.
    pub fn router(&self) -> Router {
        let image = get(image::get).options(image::preflight).put(upload::put).delete(purge::delete);
        Router::new()
            .route("/images", get(metadata::list).post(upload::post))
            .route("/images/{id}", image)
            .route("/images/{id}/meta", get(metadata::get))
            .route("/images/{id}/recipe", get(recipe::get))
            .route(next_image::PATH, get(crate::next_image::get))
            .route("/purge", post(purge::post))
            .route("/cdn/failed", get(cdn::get).post(cdn::post))
            .route("/cdn/failed/{id}", delete(cdn::delete))
            .route("/edges", get(edges::list))
            .route("/edges/{name}", delete(edges::leave))
            .route("/edges/{name}/purges", get(edges::purges))
            .route("/edges/{name}/filled", post(edges::filled))
            .route("/generations", post(jobs::routes::post))
            .route("/generations/{job}", get(jobs::routes::get).delete(jobs::routes::cancel))
            .route("/generations/{job}/events", get(events::of_job))
            .route("/threads/{thread}/events", get(events::of_thread))
            .route("/threads/{thread}/ticket", get(events::ticket))
            .route("/v1/images/generations", post(openai::routes::generations))
            .route("/v1/images/edits", post(openai::routes::edits))
            .route("/v1/models", get(openai::routes::models))
            .route("/healthz", get(health::alive))
            .route("/readyz", get(health::ready))
            .route("/stats", get(health::stats))
            .fallback(|| async { Error::NotFound("path") })
            // Whoever reads a body brings a limit for it, which counts while it arrives.
            .layer(DefaultBodyLimit::disable())
            .layer(from_fn_with_state(self.clone(), guard::stand))
            .with_state(self.clone())
    }
}

/// The one name in a path; what is no text is the name of nothing.
pub(crate) struct Segment(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Segment {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        match Path::<String>::from_request_parts(parts, state).await {
            Ok(Path(name)) => Ok(Self(name)),
            Err(_) => Err(Error::NotFound("path")),
        }
    }
}
