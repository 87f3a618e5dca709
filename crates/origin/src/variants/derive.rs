//! Deriving a variant: the source through the codec, and the manifest with one more.

use std::sync::Arc;

use bytes::Bytes;
use orbit_codec::{Effort, Mark, Rendered, Stop, Terms};
use orbit_model::{BlobName, Derived, Digest, ImageId, Labels, Manifest, Rendition, Variant};

use super::flights::{Destination, Landed};
use super::once::Turn;
use crate::{Error, Origin};

impl Origin {
    /// Derives a variant for somebody who waits, together with all others who want the same.
    pub(super) async fn derive(&self, manifest: &Manifest, variant: Variant) -> Result<(Rendition, Bytes), Error> {
        let to: Destination = (manifest.id.clone(), manifest.revision, variant);
        let time = self.config().transform_timeout;
        let (seat, begun) = self.0.flights.board(&to, || Stop::after(time));
        if let Some(flight) = begun {
            let origin = self.clone();
            self.0.changes.spawn(async move {
                let pilot = origin.0.flights.pilot(to.clone(), flight);
                let _lease = match origin.turn_to_derive(&to, pilot.stop()).await {
                    Turn::Theirs(rendition, bytes) => return pilot.land(Ok((rendition, bytes))),
                    turn @ Turn::Ours(_) => turn,
                };
                match origin.fly(&to, pilot.stop()).await {
                    Ok((source, rendition, bytes)) => {
                        pilot.land(Ok((rendition.clone(), bytes.clone())));
                        // Nobody waits for the disk: until it is done, the flight has what it brought.
                        let derived = Derived { variant: to.2.clone(), rendition };
                        origin.keep_variant(&to.0, source, derived, bytes).await;
                    }
                    Err(error) => pilot.land(Err(Arc::new(error))),
                }
            });
        }
        let landed: Landed = seat.wait().await;
        landed.map_err(|error| error.again())
    }

    async fn fly(&self, (id, _, variant): &Destination, stop: &Stop) -> Result<(Digest, Rendition, Bytes), Error> {
        let place = self.0.pool.try_enter()?;
        let (manifest, pixels) = self.pixels_of(id).await?;
        let terms = self.terms(&manifest, Effort::First, stop.clone());
        let memory = orbit_codec::memory::estimate(&orbit_codec::probe(&pixels, &terms.limits)?, Some(variant));
        let wanted = variant.clone();
        let work = move || orbit_codec::transform(&pixels, &wanted, &terms);
        let rendered = self.0.pool.run(&place, memory, self.config().transform_timeout, work).await??;
        let (rendition, bytes) = rendition("variant", rendered)?;
        Ok((manifest.source.digest, rendition, bytes))
    }

    /// Derives a variant that nobody waits for, and keeps it.
    pub(crate) async fn derive_behind(&self, id: &ImageId, variant: &Variant, stop: &Stop) -> Result<(), Error> {
        let Some(_lease) = self.turn_behind(&format!("{id}:{variant}")).await else { return Ok(()) };
        let (manifest, pixels) = self.pixels_of(id).await?;
        if manifest.derived(variant).is_some() {
            return Ok(());
        }
        let terms = self.terms(&manifest, Effort::Best, stop.clone());
        let memory = orbit_codec::memory::estimate(&orbit_codec::probe(&pixels, &terms.limits)?, Some(variant));
        let wanted = variant.clone();
        let work = move || orbit_codec::transform(&pixels, &wanted, &terms);
        let (rendition, bytes) = rendition("variant", self.0.pool.run_behind(memory, work).await??)?;
        let derived = Derived { variant: variant.clone(), rendition };
        self.keep_variant(id, manifest.source.digest, derived, bytes).await;
        Ok(())
    }

    /// What an image is derived from: its source, or where that is gone, what is served of it.
    async fn pixels_of(&self, id: &ImageId) -> Result<(Manifest, Bytes), Error> {
        match self.store().source(id).await {
            Err(orbit_store::Error::Corrupt { .. }) => Ok(self.store().read(id).await?),
            answer => Ok(answer?),
        }
    }

    /// Adds a variant to the image that has the source it was derived from; what goes wrong is logged, for the variant can
    /// be derived again.
    async fn keep_variant(&self, id: &ImageId, source: Digest, derived: Derived, bytes: Bytes) {
        let variant = derived.variant.clone();
        let (blobs, max) = (vec![(derived.rendition.file.clone(), bytes)], self.config().max_variants);
        let change = move |manifest: Manifest| match manifest.source.digest == source {
            true => Ok(append(manifest, derived.clone(), max)),
            false => Err(orbit_store::Error::NotFound),
        };
        match self.store().amend(id, blobs, change).await {
            Ok(_) => {
                tracing::info!(target: "orbit::origin", "IMG: ✓ Saved variant to filesystem cache: {id}?{variant}")
            }
            // Removed or replaced meanwhile: what was derived is of nothing.
            Err(orbit_store::Error::NotFound) => {}
            Err(error) => tracing::warn!(target: "orbit::origin", %error, "a variant was not kept: {id}?{variant}"),
        }
    }

    /// What holds for every rendition of an image.
    pub(crate) fn terms(&self, manifest: &Manifest, effort: Effort, stop: Stop) -> Terms {
        self.terms_of(&manifest.labels, effort, stop)
    }

    /// The same of one that is not stored yet.
    pub(crate) fn terms_of(&self, labels: &Labels, effort: Effort, stop: Stop) -> Terms {
        let mark = labels.generated.then_some(Mark::TrainedAlgorithmicMedia);
        Terms { limits: self.config().limits, effort, mark, signer: self.config().signer.clone(), stop }
    }
}

/// The manifest with one variant more, and without its oldest where there would be more than `max`.
pub(crate) fn append(mut manifest: Manifest, derived: Derived, max: usize) -> Manifest {
    manifest.variants.retain(|known| known.variant != derived.variant);
    manifest.variants.push(derived);
    let over = manifest.variants.len().saturating_sub(max);
    manifest.variants.drain(..over);
    manifest
}

/// What the codec has written, as a manifest names it.
pub(crate) fn rendition(role: &'static str, rendered: Rendered) -> Result<(Rendition, Bytes), Error> {
    let Rendered { format, width, height, quality, bytes } = rendered;
    let format = format.ok_or_else(|| Error::internal("the codec wrote no image"))?;
    let bytes = Bytes::from(bytes);
    let digest = Digest::of(&bytes);
    let file = BlobName::for_content(role, &digest, format);
    let length = bytes.len() as u64;
    Ok((Rendition { file, format, quality, width, height, bytes: length, digest }, bytes))
}
