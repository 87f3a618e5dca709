//! Work that nobody waits for: better renditions of what is served already, and variants ahead of time.
//!
//! One piece at a time, on a thread of the lowest priority, and only while the pool has a thread to spare; what is in its
//! way when somebody does wait is stopped and begun again later. What is lost with the process is found again at the next
//! start, for an image that was not refined says so, and a variant that is not there is wanted again.

use std::collections::{HashSet, VecDeque};

use orbit_codec::{Effort, Stop};
use orbit_model::{Digest, ImageId, Manifest, Variant};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::Notify;

use crate::variants::rendition;
use crate::{Error, Origin};

/// Pieces of work that may wait; what comes beyond is let go.
const MAX_WAITING: usize = 10_000;
/// How many images are looked at in one step after the start.
const BATCH: usize = 200;

/// A piece of work.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Chore {
    /// The image itself once more, as small as it gets.
    Refine(ImageId),
    /// A resolved variant.
    Derive(ImageId, Variant),
    /// That somebody has asked for the image.
    NoteUse(ImageId),
}

/// What waits to be done.
#[derive(Debug, Default)]
pub(crate) struct Background {
    /// In the order of arrival, each once. Held for moments, never across an await.
    waiting: Mutex<Waiting>,
    /// Told when something was added.
    added: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    order: VecDeque<Chore>,
    known: HashSet<Chore>,
}

impl Background {
    /// Adds a piece of work, unless it waits already.
    pub(crate) fn add(&self, chore: Chore) {
        let mut waiting = self.waiting.lock();
        if waiting.order.len() >= MAX_WAITING {
            tracing::warn!(target: "orbit::origin", ?chore, "too much background work; this is left");
            return;
        }
        if waiting.known.insert(chore.clone()) {
            waiting.order.push_back(chore);
            self.added.notify_one();
        }
    }

    /// How many pieces wait.
    pub(crate) fn len(&self) -> usize {
        self.waiting.lock().known.len()
    }

    /// The piece that has waited longest; it counts as waiting until [`Background::done`].
    async fn next(&self) -> Chore {
        loop {
            if let Some(chore) = self.waiting.lock().order.pop_front() {
                return chore;
            }
            self.added.notified().await;
        }
    }

    fn done(&self, chore: &Chore) {
        self.waiting.lock().known.remove(chore);
    }

    /// Puts back what was stopped.
    fn again(&self, chore: Chore) {
        self.waiting.lock().order.push_front(chore);
    }
}

impl Origin {
    /// Does the background work, until the origin stops, and tells CDNs what they must know, for as long as it is polled: a purge that
    /// ends last waits for their word. To be run once, on a runtime that lives as long as the origin.
    pub async fn tend(&self) {
        self.0.jobs.begin_work(&Handle::current());
        let told = async {
            if let Some(cdns) = &self.0.parts.cdns {
                cdns.tend().await;
            }
        };
        tokio::join!(self.work_off(), self.find_unrefined(), self.catch_up(), self.collect(), self.share(), told);
    }

    async fn work_off(&self) {
        let stopping = &self.0.stopping;
        while let Some(chore) = stopping.run_until_cancelled(self.0.background.next()).await {
            if stopping.run_until_cancelled(self.0.pool.spare()).await.is_none() {
                return;
            }
            match self.work_unless_crowded(&chore).await {
                None => self.0.background.again(chore),
                Some(ended) => {
                    self.0.background.done(&chore);
                    if let Err(error) = ended {
                        tracing::warn!(target: "orbit::origin", ?chore, %error, "background work failed");
                    }
                }
            }
        }
    }

    /// Does a piece of work; `None` where it had to be stopped.
    async fn work_unless_crowded(&self, chore: &Chore) -> Option<Result<(), Error>> {
        let stop = Stop::after(self.config().background_timeout);
        let work = self.detached({
            let (origin, chore, stop) = (self.clone(), chore.clone(), stop.clone());
            async move { origin.work(&chore, &stop).await }
        });
        tokio::pin!(work);
        tokio::select! {
            ended = &mut work => return Some(ended),
            () = self.0.pool.crowded() => {}
            () = self.0.stopping.cancelled() => {}
        }
        stop.cancel();
        // What was all but done may have ended well.
        work.await.ok().map(Ok)
    }

    async fn work(&self, chore: &Chore, stop: &Stop) -> Result<(), Error> {
        let (id, done) = match chore {
            Chore::Refine(id) => (id, self.refine(id, stop).await),
            Chore::Derive(id, variant) => (id, self.derive_behind(id, variant, stop).await.map(|()| true)),
            Chore::NoteUse(id) => (id, self.write_use(id).await.map(|()| false)),
        };
        match done {
            Ok(true) => {
                // Copies of what stood in for it are shown once more, while the better one is fetched.
                self.outdate_copies_of(id).await;
                if matches!(chore, Chore::Refine(_)) && self.store().manifest(id).await?.labels.generated {
                    self.0.parts.copies.fill(&[id.url("")]).await;
                }
                Ok(())
            }
            Ok(false) | Err(Error::NotFound(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Encodes an image as small as it gets and lets it take its place; tells whether anything changed for readers.
    async fn refine(&self, id: &ImageId, stop: &Stop) -> Result<bool, Error> {
        let Some(_lease) = self.turn_behind(&format!("{id}:refined")).await else { return Ok(false) };
        let manifest = self.store().manifest(id).await?;
        if manifest.refined || manifest.source.evicted {
            return Ok(false);
        }
        let (manifest, source) = self.store().source(id).await?;
        let (quality, served) = (self.config().quality, manifest.image.bytes);
        let terms = self.terms(&manifest, Effort::Best, stop.clone());
        let memory = orbit_codec::memory::estimate_refined(&orbit_codec::probe(&source, &terms.limits)?);
        let work = move || orbit_codec::refine(&source, quality, served, &terms);
        let refined = match self.0.pool.run_behind(memory, work).await {
            Ok(refined) => refined?,
            // There is not the memory for it, and will not be.
            Err(Error::TooLarge(_)) => None,
            Err(error) => return Err(error),
        };
        let seen = manifest.image.digest;
        let Some(refined) = refined else {
            self.store().amend(id, Vec::new(), move |now| Ok(refined_as(now, seen, |_| ()))).await?;
            return Ok(false);
        };
        let (image, bytes) = rendition("image", refined)?;
        let blobs = vec![(image.file.clone(), bytes)];
        let saved = served.saturating_sub(image.bytes);
        let amended =
            self.store().amend(id, blobs, move |now| Ok(refined_as(now, seen, |now| now.image = image.clone()))).await;
        match amended {
            Ok(_) => tracing::info!(target: "orbit::origin", saved, "IMG: ✓ Refined {id}"),
            // Replaced meanwhile: the new image has its own turn.
            Err(orbit_store::Error::Invalid(_)) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        Ok(true)
    }

    /// Finds the images that were stored and not refined before the process ended.
    async fn find_unrefined(&self) {
        if !self.config().refine {
            return;
        }
        let mut query = orbit_store::Query { limit: BATCH, ..orbit_store::Query::default() };
        loop {
            let Some(Ok(page)) = self.0.stopping.run_until_cancelled(self.store().list(&query)).await else { return };
            let unrefined = page.manifests.into_iter().filter(|manifest| !manifest.refined && !manifest.source.evicted);
            unrefined.for_each(|manifest| self.0.background.add(Chore::Refine(manifest.id)));
            match page.next_cursor {
                Some(cursor) if self.0.background.len() < MAX_WAITING / 2 => query.cursor = Some(cursor),
                _ => return,
            }
        }
    }

    /// What is to be done for an image that has just been stored.
    pub(crate) fn improve(&self, manifest: &Manifest) {
        let quality = self.config().quality.get();
        for width in self.config().prebuild.iter().filter(|width| **width < manifest.image.width) {
            let variant = Variant { width: Some(*width), ..Variant::default() };
            let variant = variant.resolve(quality, orbit_model::Format::Webp);
            self.0.background.add(Chore::Derive(manifest.id.clone(), variant));
        }
        if self.config().refine {
            self.0.background.add(Chore::Refine(manifest.id.clone()));
        }
    }
}

/// The manifest, changed and marked as refined if it still shows what was seen.
fn refined_as(mut manifest: Manifest, seen: Digest, change: impl FnOnce(&mut Manifest)) -> Manifest {
    if manifest.image.digest == seen {
        change(&mut manifest);
        manifest.refined = true;
    }
    manifest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_piece_of_work_waits_once_until_it_is_done() {
        let background = Background::default();
        let chore = Chore::Refine("fox".parse().unwrap());
        background.add(chore.clone());
        background.add(chore.clone());
        assert_eq!(background.next().await, chore);
        background.add(chore.clone());
        assert_eq!(background.len(), 1, "what is at work is not added again");
        background.again(chore.clone());
        assert_eq!(background.next().await, chore);
        background.done(&chore);
        assert_eq!(background.len(), 0);
        background.add(chore);
        assert_eq!(background.len(), 1);
    }
}
