//! From source bytes to a stored image: the one way in, for uploads and generated images alike.
//!
//! 1. Probe: limits are checked from the header, before any pixel is allocated.
//! 2. Name it, unless the caller has; the same bytes already under that name end it here.
//! 3. Lift, in the pool, what a generator wrote into it ([`crate::recipe`]); it gives the labels that nobody else gave.
//! 4. Encode, in the pool; where another image was made of the same bytes, its own are shared instead.
//! 5. Commit: blobs, then the manifest. A replaced image is purged from every tier.

use bytes::Bytes;
use orbit_codec::{Effort, Encoded, Stop};
use orbit_model::{BlobName, Digest, Format, ImageId, Labels, Manifest, Rendition, Source};
use orbit_store::{Committed, Expect};

use crate::pool::Place;
use crate::recipe::Lifted;
use crate::{Error, Origin};

/// An image that wants in.
#[derive(Debug)]
pub(crate) struct Arrival {
    /// Its name, where it has one already.
    pub(crate) id: Option<ImageId>,
    /// Its bytes as they came.
    pub(crate) source: Bytes,
    /// What was said of it.
    pub(crate) labels: Labels,
}

/// Where the bytes of an image come from.
enum Blobs {
    /// They were made of what has come.
    New(Vec<(BlobName, Bytes)>),
    /// They are those of another image.
    Of(ImageId),
}

/// An image that is in.
#[derive(Debug)]
pub(crate) struct Stored {
    /// All that is known of it.
    pub(crate) manifest: Manifest,
    /// It was not there before, or it replaced what was.
    pub(crate) is_new: bool,
}

impl Origin {
    /// Encodes and stores an image, or finds it stored.
    pub(crate) async fn ingest(&self, arrival: Arrival, expect: Expect, place: &Place) -> Result<Stored, Error> {
        let Arrival { id, source, labels } = arrival;
        orbit_codec::probe(&source, &self.config().limits)?;
        let digest = Digest::of(&source);
        let id = id.unwrap_or_else(|| ImageId::for_content(labels.style.as_deref(), labels.title.as_deref(), &digest));
        let mut revision = 1;
        match self.store().manifest(&id).await {
            Ok(manifest) if manifest.source.digest == digest => return Ok(Stored { manifest, is_new: false }),
            Ok(_) if matches!(expect, Expect::New) => return Err(taken(&id)),
            Ok(manifest) => revision = manifest.revision + 1,
            Err(orbit_store::Error::NotFound) => {}
            Err(error) => return Err(error.into()),
        }
        let (recipe, labels) = self.lift(source.clone(), labels, place).await?;
        if let Some(twin) = self.twin(&digest, &labels, &recipe).await? {
            let from = twin.id.clone();
            let (created_at, variants) = (self.now(), Vec::new());
            let manifest = Manifest {
                id: id.clone(),
                labels: labels.clone(),
                created_at,
                revision,
                variants,
                used_at: None,
                ..twin
            };
            let origin = self.clone();
            let adopted = self.detached(async move { origin.commit(manifest, Blobs::Of(from), expect).await }).await;
            // Where it has gone meanwhile, it is encoded like any other.
            if !matches!(adopted, Err(Error::NotFound(_))) {
                return adopted;
            }
        }
        let encoded = self.encode(source.clone(), &labels, place).await?;
        let (manifest, mut blobs) = self.describe(id, labels, (source, digest), encoded);
        let manifest = Manifest { revision, recipe: recipe.as_ref().map(|it| it.named.clone()), ..manifest };
        blobs.extend(recipe.map(|it| (it.named.file, it.json)));
        let origin = self.clone();
        self.detached(async move { origin.commit(manifest, Blobs::New(blobs), expect).await }).await
    }

    /// An image that was made of the same bytes, is served as this one would be and has the same recipe, which one that was
    /// stored by an older release lacks: what is stored of it need not be stored again.
    async fn twin(&self, digest: &Digest, labels: &Labels, recipe: &Option<Lifted>) -> Result<Option<Manifest>, Error> {
        // Whether another is signed as this one would be is not known of it.
        if self.config().signer.is_some() {
            return Ok(None);
        }
        let Some(id) = self.store().find_source(digest).await? else { return Ok(None) };
        match self.store().manifest(&id).await {
            Ok(twin) => {
                let alike = !twin.source.evicted
                    && (twin.refined || twin.image.quality == self.config().quality.get())
                    && twin.recipe.as_ref() == recipe.as_ref().map(|it| &it.named);
                Ok(Some(twin).filter(|twin| alike && twin.labels.generated == labels.generated))
            }
            Err(orbit_store::Error::NotFound | orbit_store::Error::Corrupt { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Commits an image and drops the copies of the one that it replaces.
    async fn commit(&self, manifest: Manifest, bytes: Blobs, expect: Expect) -> Result<Stored, Error> {
        let committed = match bytes {
            Blobs::New(blobs) => self.store().commit(manifest.clone(), blobs, expect).await?,
            Blobs::Of(twin) => self.store().adopt(manifest.clone(), &twin, expect).await?,
        };
        match committed {
            Committed::Existed(manifest) => return Ok(Stored { manifest: *manifest, is_new: false }),
            Committed::Created => {}
            Committed::Replaced(_) => {
                self.drop_copies_of(&manifest.id).await?;
            }
        }
        tracing::info!(target: "orbit::origin", "IMG: ✓ Saved image to filesystem cache: {}", manifest.id);
        self.improve(&manifest);
        Ok(Stored { manifest, is_new: true })
    }

    async fn encode(&self, source: Bytes, labels: &Labels, place: &Place) -> Result<Encoded, Error> {
        let (quality, time) = (self.config().quality, self.config().transform_timeout);
        let terms = self.terms_of(labels, Effort::First, Stop::after(time));
        let memory = orbit_codec::memory::estimate(&orbit_codec::probe(&source, &terms.limits)?, None);
        let work = move || orbit_codec::encode(&source, quality, &terms);
        Ok(self.0.pool.run(place, memory, time, work).await??)
    }

    fn describe(
        &self,
        id: ImageId,
        labels: Labels,
        (source, digest): (Bytes, Digest),
        encoded: Encoded,
    ) -> (Manifest, Vec<(BlobName, Bytes)>) {
        let image = Bytes::from(encoded.webp);
        let image_digest = Digest::of(&image);
        let format = encoded.source_format;
        let manifest = Manifest {
            version: Manifest::VERSION,
            revision: 1,
            id,
            labels,
            created_at: self.now(),
            source: Source {
                file: BlobName::for_content("source", &digest, format),
                format,
                bytes: source.len() as u64,
                digest,
                evicted: false,
            },
            recipe: None,
            image: Rendition {
                file: BlobName::for_content("image", &image_digest, Format::Webp),
                format: Format::Webp,
                quality: self.config().quality.get(),
                width: encoded.width,
                height: encoded.height,
                bytes: image.len() as u64,
                digest: image_digest,
            },
            placeholder: encoded.placeholder,
            refined: false,
            variants: Vec::new(),
            used_at: None,
        };
        let blobs = vec![(manifest.source.file.clone(), source), (manifest.image.file.clone(), image)];
        (manifest, blobs)
    }
}

fn taken(id: &ImageId) -> Error {
    Error::Conflict(format!(
        "the id `{id}` is taken by other bytes; choose another, or send If-Match with its ETag to replace it"
    ))
}
