//! Two requests, one fetch: `cargo run -p orbit-cache --example verb`.

use std::io::Write as _;
use std::sync::Arc;

use http::{HeaderMap, Method, Response};
use orbit_cache::tier::{Bounds, Memory};
use orbit_cache::{Ask, Body, Cache, Limits, Policy, Purge, Question};
use orbit_model::CacheKey;
use orbit_model::clock::Manual;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A clock that stands still; a server hands in one that reads the system's.
    let clock = Arc::new(Manual::new("2026-11-23T20:30:14Z".parse()?));
    let memory = Box::new(Memory::new(Bounds { max_bytes: 64 << 20, max_entries: None }));
    let cache = Cache::new(Policy::rfc(), Limits::default(), memory, None, clock);

    // How the upstream is asked: for the whole, with the validators of what is stored, or as the client asked.
    let fetch = |question: Question| async move {
        let _fields_for_the_upstream = question.fields(&HeaderMap::new());
        let response = Response::builder().header("cache-control", "max-age=60").header("cache-tag", "animals");
        Ok(response.body(Body::Whole("a fox".into())).unwrap_or_default())
    };

    let (key, headers) = (CacheKey::new("example.com/fox"), HeaderMap::new());
    let ask = Ask { key: &key, method: &Method::GET, headers: &headers };
    let mut out = std::io::stdout();
    for _ in 0..2 {
        let found = cache.get(ask, fetch).await?;
        writeln!(out, "{:?} from {:?}", found.outcome, found.tier)?;
    }
    for purged in cache.purge(Purge::Tag("animals"), false) {
        writeln!(out, "purged {} from {}", purged.dropped.entries, purged.tier)?;
    }
    let found = cache.get(ask, fetch).await?;
    writeln!(out, "{:?} again", found.outcome)?;
    Ok(())
}
