//! Filling: what will be asked for soon is fetched before anybody asks.
//!
//! In `orbit serve` the origin calls it when an image is stored and before it is told of, so that the first view is a hit. A
//! fill joins the requests that are there, and they join it; it counts as none. What cannot be fetched is not kept, and nobody
//! is told.

use http::Request;
use http_body_util::BodyExt as _;
use orbit_cache::Lookup;

use crate::handler::Place;
use crate::{Body, Edge};

impl Edge {
    /// Takes in what is under these paths, as browsers ask for them. What is there and fresh stays; that there was none is
    /// forgotten; what is stale is shown until the new one has come.
    pub async fn fill(&self, paths: &[String]) {
        for path in paths {
            let Ok(uri) = path.parse() else { continue };
            // GET, as a new request is.
            let mut request = Request::new(axum::body::Body::empty());
            *request.uri_mut() = uri;
            self.take_in(request).await;
        }
    }

    async fn take_in(&self, mut request: Request<axum::body::Body>) {
        let Place::Cached(target) = self.place(&request, true) else { return };
        target.settle_accept(request.headers_mut());
        let request = request.map(drop);
        let mut lookup = self.cache.look(self.ask(&request, &target));
        if let Lookup::Fresh(found) = &lookup {
            if found.head.status.is_success() {
                return;
            }
            self.drop_keys(vec![target.key.clone()]).await;
            lookup = self.cache.look(self.ask(&request, &target));
        }
        let Lookup::Other(looked) = lookup else { return };
        if let Ok(found) = self.fetch(&request, &target, looked).await {
            // To its end: what is not read may not be kept.
            let _ = axum::body::Body::from(Body::from(found.body)).collect().await;
        }
    }
}
