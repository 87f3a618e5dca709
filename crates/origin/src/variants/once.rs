//! Deriving a variant once, however many nodes are asked for it.
//!
//! Whoever has the lease of a variant derives it; the others look at the manifest until it names the variant, and serve that. What
//! cannot be agreed upon, as in an outage, is derived here: twice is dear, and never wrong.

use std::time::Duration;

use bytes::Bytes;
use orbit_codec::Stop;
use orbit_model::{ImageId, Rendition, Variant};
use orbit_store::redis::Lease;
use tokio::time::{Instant, sleep};

use super::flights::Destination;
use crate::Origin;

/// How long to wait between two looks at the manifest, at first and at the most.
const FIRST_LOOK: Duration = Duration::from_millis(20);
const LAST_LOOK: Duration = Duration::from_millis(200);
/// How much longer than its derivation a lease lasts: the variant is to be stored too.
const STORING: Duration = Duration::from_secs(5);

/// Who derives a variant.
#[derive(Debug)]
pub(super) enum Turn {
    /// This node does, and holds the lease meanwhile, where there are others.
    Ours(#[expect(dead_code, reason = "it is held, and given back when it is dropped")] Option<Lease>),
    /// Another node has.
    Theirs(Rendition, Bytes),
}

impl Origin {
    /// Waits until it is clear who derives a variant.
    pub(super) async fn turn_to_derive(&self, (id, revision, variant): &Destination, stop: &Stop) -> Turn {
        let Some(nodes) = self.nodes() else { return Turn::Ours(None) };
        let time = self.config().transform_timeout;
        let (deadline, mut pause) = (Instant::now() + time, FIRST_LOOK);
        loop {
            let name = format!("derive:{id}:{revision}:{variant}");
            let Ok(lease) = nodes.leases.try_take(&name, time + STORING).await else { return Turn::Ours(None) };
            // Looked at with the lease in hand too: it may have been derived since the request looked.
            if let Some((rendition, bytes)) = self.derived(id, *revision, variant).await {
                return Turn::Theirs(rendition, bytes);
            }
            if lease.is_some() || Instant::now() >= deadline || stop.check().is_err() {
                return Turn::Ours(lease);
            }
            sleep(pause).await;
            pause = (2 * pause).min(LAST_LOOK);
        }
    }

    /// Takes a piece of background work for this node; `None` where another is at it.
    pub(crate) async fn turn_behind(&self, what: &str) -> Option<Option<Lease>> {
        let Some(nodes) = self.nodes() else { return Some(None) };
        match nodes.leases.try_take(&format!("behind:{what}"), self.config().background_timeout).await {
            Ok(None) => None,
            Ok(lease) => Some(lease),
            Err(_) => Some(None),
        }
    }

    /// A variant that the manifest names by now.
    async fn derived(&self, id: &ImageId, revision: u32, variant: &Variant) -> Option<(Rendition, Bytes)> {
        let manifest = self.store().manifest(id).await.ok().filter(|manifest| manifest.revision == revision)?;
        let rendition = manifest.derived(variant)?.clone();
        let bytes = self.store().blob(id, &rendition.file, rendition.bytes).await.ok()?;
        Some((rendition, bytes))
    }
}
