//! `/healthz`, `/readyz` and `/stats`: is it alive, can it serve, what is it doing.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CACHE_CONTROL;
use orbit_model::{CodecStats, Stats, StoreStats};

use crate::{Error, Origin};

/// The process answers.
pub(crate) async fn alive() -> &'static str {
    "ok\n"
}

/// The store answers too. What it cannot do for a while is no reason to send nobody here: images are served all the same.
pub(crate) async fn ready(State(origin): State<Origin>) -> Result<String, Error> {
    origin.store().totals().await?;
    Ok(origin.store().degraded().map_or_else(|| "ready\n".to_owned(), |why| format!("degraded: {why}\n")))
}

pub(crate) async fn stats(State(origin): State<Origin>) -> Result<Response, Error> {
    let totals = origin.store().totals().await?;
    let edge = origin.0.parts.copies.stats();
    let stats = Stats {
        role: if edge.is_some() { "serve" } else { "origin" }.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        uptime_seconds: origin.0.started.elapsed().as_secs(),
        store: Some(StoreStats {
            images: totals.images,
            image_bytes: totals.image_bytes,
            source_bytes: totals.source_bytes,
        }),
        edge,
        codec: Some(CodecStats { behind: origin.0.background.len() as u64, ..origin.0.pool.stats() }),
        jobs: Some(origin.0.jobs.stats()),
    };
    Ok(([(CACHE_CONTROL, "no-store")], Json(stats)).into_response())
}
