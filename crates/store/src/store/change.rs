//! The one way in which an image changes: what is stored, and what is to be stored in its place.
//!
//! 1. a look at what is stored, and by it the decision what is to be;
//! 2. the intent;
//! 3. the blobs;
//! 4. the manifest, if what is stored is still what was seen: the one step by which the change is there. Where another process
//!    was quicker, another look and another decision;
//! 5. away with the blobs that nothing names any more;
//! 6. the row, with which the intent is dropped.
//!
//! After a failure the image is settled at once, and if that fails too, at the next start. Called under the image's lock.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::join_all;
use orbit_model::{BlobName, ImageId, Manifest};

use super::{Parts, Seen};
use crate::{Error, File, PutMode};

/// How often another process may be quicker before a change is given up.
const TRIES: usize = 32;
/// How old blobs may be when a manifest comes to name them. Those that nothing names are swept after a much longer time, so that
/// a process that was stopped in between never names what is gone.
const MAX_AGE: Duration = Duration::from_secs(900);

/// Where the blobs of a change come from.
#[derive(Debug)]
pub(super) enum Blobs {
    /// They are brought.
    Brought(Vec<(BlobName, Bytes)>),
    /// This image has them all.
    Of(ImageId),
}

/// What a change did.
#[derive(Debug)]
pub(super) struct Changed {
    /// What was stored before.
    pub(super) before: Option<Manifest>,
    /// What is stored now; `None` where all was left as it was.
    pub(super) after: Option<Manifest>,
}

/// Says what is to be stored in the place of what is; `None` leaves it. Asked again for each look.
pub(super) type Decide<'a> = &'a mut (dyn FnMut(Option<&Manifest>) -> Result<Option<Manifest>, Error> + Send);

/// The blobs of one change: as the caller names them, and as they are stored.
struct Names(Vec<(BlobName, BlobName)>);

impl Names {
    /// Lets a manifest name the blobs as they are stored.
    fn given_to(&self, mut manifest: Manifest) -> Manifest {
        let rename = |name: &mut BlobName| {
            if let Some((_, stored)) = self.0.iter().find(|(named, _)| named == name) {
                *name = stored.clone();
            }
        };
        rename(&mut manifest.source.file);
        rename(&mut manifest.image.file);
        manifest.recipe.iter_mut().for_each(|recipe| rename(&mut recipe.file));
        manifest.variants.iter_mut().for_each(|derived| rename(&mut derived.rendition.file));
        manifest
    }

    fn stored(&self) -> Vec<&BlobName> {
        self.0.iter().map(|(_, stored)| stored).collect()
    }
}

impl Parts {
    pub(super) async fn change(&self, id: &ImageId, blobs: &Blobs, decide: Decide<'_>) -> Result<Changed, Error> {
        let seen = self.look(id).await?;
        let Some(after) = self.decided(id, seen.as_ref(), blobs, &mut *decide)? else {
            return Ok(Changed { before: seen.map(|seen| seen.manifest), after: None });
        };
        if let Blobs::Of(other) = blobs {
            self.check_shared(&after, other).await?;
        }
        let names = self.names(&after, blobs)?;
        let outcome = match self.begin(id, blobs, &names).await {
            Ok(()) => self.swap(id, (seen, after), (blobs, &names), &mut *decide).await,
            Err(error) => Err(error),
        };
        if let Err(error) = &outcome {
            self.give_up(id, &names, error).await;
        }
        outcome
    }

    /// Asks what is to be stored, and checks that all that it names is there or brought.
    fn decided(
        &self,
        id: &ImageId,
        seen: Option<&Seen>,
        blobs: &Blobs,
        decide: Decide<'_>,
    ) -> Result<Option<Manifest>, Error> {
        let before = seen.map(|seen| &seen.manifest);
        let after = decide(before)?.filter(|after| Some(after) != before);
        match &after {
            Some(after) if after.id != *id => return Err(Error::Invalid(format!("{id} cannot become {}", after.id))),
            Some(after) => {
                if let Blobs::Brought(blobs) = blobs {
                    check_blobs(after, before, blobs)?;
                }
            }
            None => {}
        }
        Ok(after)
    }

    /// Names the blobs of this change: apart from those of all others, where a lock of ours does not keep them away.
    fn names(&self, after: &Manifest, blobs: &Blobs) -> Result<Names, Error> {
        let named: Vec<&BlobName> = match blobs {
            Blobs::Brought(blobs) => blobs.iter().map(|(name, _)| name).collect(),
            Blobs::Of(_) => after.files().collect(),
        };
        if !self.blobs.has_other_writers() {
            return Ok(Names(named.into_iter().map(|name| (name.clone(), name.clone())).collect()));
        }
        let number = getrandom::u64().map_err(Error::internal)?;
        Ok(Names(named.into_iter().map(|name| (name.clone(), name.numbered(number))).collect()))
    }

    /// Intent and blobs.
    async fn begin(&self, id: &ImageId, blobs: &Blobs, names: &Names) -> Result<(), Error> {
        self.index.intend(id).await?;
        // All are awaited even if one fails: none may still be at work when the image is settled. Names carry digests,
        // so a file left by a crash is replaced by its own bytes.
        let written = match blobs {
            Blobs::Brought(blobs) => {
                let puts = blobs.iter().zip(names.stored()).map(|((_, bytes), name)| self.put_blob(id, name, bytes));
                join_all(puts).await
            }
            Blobs::Of(other) => {
                let links = names.0.iter().map(|(from, to)| self.blobs.link((other, from), (id, to)));
                join_all(links).await
            }
        };
        written.into_iter().collect()
    }

    /// The manifest, and what follows it.
    async fn swap(
        &self,
        id: &ImageId,
        (mut seen, mut after): (Option<Seen>, Manifest),
        (blobs, names): (&Blobs, &Names),
        decide: Decide<'_>,
    ) -> Result<Changed, Error> {
        let begun = Instant::now();
        for _ in 0..TRIES {
            if self.blobs.has_other_writers() && begun.elapsed() > MAX_AGE {
                break;
            }
            let stored = names.given_to(after);
            let mode = seen.as_ref().map_or(PutMode::Create, |seen| PutMode::Swap(&seen.version));
            match self.blobs.put(id, File::Manifest, stored.to_json().into(), mode).await {
                Ok(()) => return self.finish(seen, stored).await,
                Err(Error::Conflict(_)) => {}
                Err(error) => return Err(error),
            }
            let now = self.look(id).await?;
            if now.as_ref().is_some_and(|now| now.manifest.to_json() == stored.to_json()) {
                // It was ours: the answer was lost and the request sent again.
                return self.finish(seen, stored).await;
            }
            seen = now;
            after = match self.decided(id, seen.as_ref(), blobs, &mut *decide)? {
                Some(after) => after,
                None => {
                    self.blobs.discard(id, &names.stored()).await?;
                    self.settle(id).await?;
                    return Ok(Changed { before: seen.map(|seen| seen.manifest), after: None });
                }
            };
        }
        Err(Error::Busy(format!("{id} is being changed by many; try again")))
    }

    /// Away with what nothing names any more, and the row.
    async fn finish(&self, seen: Option<Seen>, stored: Manifest) -> Result<Changed, Error> {
        let before = seen.map(|seen| seen.manifest);
        if let Some(before) = &before {
            let gone: Vec<&BlobName> = before.files().filter(|&old| stored.files().all(|new| new != old)).collect();
            self.blobs.discard(&stored.id, &gone).await?;
        }
        self.write_row(&stored.id, Some(stored.clone())).await?;
        Ok(Changed { before, after: Some(stored) })
    }

    /// Leaves nothing of a change that has failed.
    async fn give_up(&self, id: &ImageId, names: &Names, error: &Error) {
        // A refusal is certain. After anything else the manifest may still come to be written by a request under way, and
        // then its blobs must be there.
        let is_refused = matches!(error, Error::Conflict(_) | Error::NotFound | Error::Invalid(_) | Error::Busy(_));
        if is_refused && self.blobs.has_other_writers() {
            let _ = self.blobs.discard(id, &names.stored()).await;
        }
        self.settle_after(id, error).await;
    }

    /// Settles an image whose change has failed; what stays unsettled is settled at the next start.
    pub(super) async fn settle_after(&self, id: &ImageId, error: &Error) {
        // Whoever waits need not wait for a second answer that does not come.
        if !matches!(error, Error::Unavailable(_)) {
            // The first error is the one to report.
            let _ = self.settle(id).await;
        }
    }

    /// Makes the row say what is stored, and tells whether there was one.
    ///
    /// Where others write too, another look follows, until what was written into the row is what is stored: whoever writes a
    /// row last has seen afterwards that it is right.
    pub(super) async fn write_row(&self, id: &ImageId, mut stored: Option<Manifest>) -> Result<bool, Error> {
        let existed = self.index.settle(id, stored.as_ref()).await?;
        while self.blobs.has_other_writers() {
            let now = match self.manifest(id).await {
                Ok(manifest) => Some(manifest),
                Err(Error::NotFound | Error::Corrupt { .. }) => None,
                // The change is made. The look at it can wait for the next one.
                Err(_) => break,
            };
            if now.as_ref().map(Manifest::to_json) == stored.as_ref().map(Manifest::to_json) {
                break;
            }
            self.index.settle(id, now.as_ref()).await?;
            stored = now;
        }
        Ok(existed)
    }

    async fn put_blob(&self, id: &ImageId, name: &BlobName, bytes: &Bytes) -> Result<(), Error> {
        self.blobs.put(id, File::Blob(name), bytes.clone(), PutMode::Replace).await
    }
}

/// Checks that every file that the manifest names is brought or there, and that nothing else is brought.
fn check_blobs(manifest: &Manifest, before: Option<&Manifest>, blobs: &[(BlobName, Bytes)]) -> Result<(), Error> {
    let missing = manifest.files().find(|&file| {
        blobs.iter().all(|(name, _)| name != file)
            && !before.is_some_and(|before| before.files().any(|there| there == file))
    });
    let unnamed = blobs.iter().map(|(name, _)| name).find(|&name| manifest.files().all(|file| file != name));
    match (missing, unnamed) {
        (None, None) => Ok(()),
        (Some(file), _) => Err(Error::Invalid(format!("the manifest names {file}, which was not brought"))),
        (_, Some(name)) => Err(Error::Invalid(format!("{name} was brought and the manifest does not name it"))),
    }
}
