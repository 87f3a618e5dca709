//! The CDNs of an origin: from flags, and what the last run has left to tell them.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use orbit_origin::{Cdns, Fetcher};
use orbit_store::Letters;

use crate::clock::SystemClock;
use crate::flags;

/// Opens the outbox and the CDNs; `None` where there are none. Behind the lock that the store holds on the folder.
pub(super) async fn open(data_dir: &Path, making: &flags::Making, fetcher: &Fetcher) -> Result<Option<Cdns>> {
    if making.cdn.cdns.iter().all(String::is_empty) {
        return Ok(None);
    }
    let explain = || format!("the outbox in {}", data_dir.display());
    let outbox = Letters::open(&data_dir.join("outbox.sqlite")).await.with_context(explain)?;
    let config = making.cdn.config(&making.public_base_url)?;
    let cdns = Cdns::open(config, outbox, fetcher, Arc::new(SystemClock)).await;
    cdns.context("--cdn (ORBIT_CDN)").map(Some)
}
