//! The origin's routes, all in one place.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

use crate::{Error, Origin, events, guard, health, image, jobs, metadata, purge, upload};

/// The longest JSON of a purge or a generation, in bytes.
const MAX_REQUEST: usize = 8 << 20;

impl Origin {
    /// The routes of the service.
    pub fn router(&self) -> Router {
        let images = get(metadata::list).post(upload::post);
        let image = get(image::get).options(image::preflight).put(upload::put).delete(purge::delete);
        // Uploads bring their own limit, which counts while the body arrives.
        let (images, image) = (images.layer(DefaultBodyLimit::disable()), image.layer(DefaultBodyLimit::disable()));
        Router::new()
            .route("/images", images)
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
            .layer(DefaultBodyLimit::max(MAX_REQUEST))
            .layer(from_fn_with_state(self.clone(), guard::stand))
            .with_state(self.clone())
    }
}
