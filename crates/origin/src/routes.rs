//! The origin's routes, all in one place.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

use crate::{Error, Origin, events, guard, health, image, jobs, metadata, purge, upload};

impl Origin {
    /// The routes of the service.
    pub fn router(&self) -> Router {
        let image = get(image::get).options(image::preflight).put(upload::put).delete(purge::delete);
        Router::new()
            .route("/images", get(metadata::list).post(upload::post))
            .route("/images/{id}", image)
            .route("/images/{id}/meta", get(metadata::get))
            .route("/purge", post(purge::post))
            .route("/generations", post(jobs::routes::post))
            .route("/generations/{job}", get(jobs::routes::get).delete(jobs::routes::cancel))
            .route("/threads/{thread}/events", get(events::stream))
            .route("/healthz", get(health::alive))
            .route("/readyz", get(health::ready))
            .route("/stats", get(health::stats))
            .fallback(|| async { Error::NotFound("path") })
            .method_not_allowed_fallback(|| async { Error::Invalid("this path does not know this method".to_owned()) })
            // Uploads bring their own limit, which counts while the body arrives.
            .layer(DefaultBodyLimit::disable())
            .layer(from_fn_with_state(self.clone(), guard::stand))
            .with_state(self.clone())
    }
}
