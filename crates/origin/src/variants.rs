//! Variants: what a query asks for, found in the manifest or derived, once however many ask.
//!
//! 1. `rules`: a preset is laid under the query, and lists or a signature say whether it may be asked for.
//! 2. [`Plan`]: what is answered now, and what is made behind and answered from then on.
//! 3. Found in the manifest, or `flights`: one derivation of a variant at a time, which all who want it wait for; it ends when
//!    nobody does.
//!    Among several nodes one of them does it (`once`).
//! 4. `derive`: source, codec, and the manifest with one more variant.

mod derive;
mod flights;
mod once;
mod plan;
mod rules;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use bytes::Bytes;
use http::HeaderMap;
use jiff::Timestamp;
use orbit_model::variant::{self, Target};
use orbit_model::{ImageId, Manifest, Rendition, VariantQuery};

pub(crate) use derive::rendition;
pub(crate) use flights::Flights;
use plan::Plan;
pub use rules::Rules;

use crate::background::Chore;
use crate::{Error, Origin};

/// What is answered to a query.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) manifest: Manifest,
    pub(crate) shown: Shown,
    /// Whether something better will stand here soon.
    pub(crate) provisional: bool,
    /// When the leave to ask for it ends.
    pub(crate) expires: Option<Timestamp>,
}

/// What is shown of an image.
#[derive(Debug, Clone)]
pub(crate) enum Shown {
    /// A file that the manifest names.
    Stored(Rendition),
    /// One that was derived just now.
    Fresh(Rendition, Bytes),
    /// The bytes of the placeholder's ThumbHash.
    ThumbHash(Bytes),
}

impl Origin {
    /// Finds or derives what a query asks for.
    pub(crate) async fn find(&self, id: &ImageId, query: &VariantQuery, headers: &HeaderMap) -> Result<Found, Error> {
        let manifest = self.store().manifest(id).await?;
        let variant = self.config().rules.allow(id, query, self.now())?;
        let expires = query.signature.as_ref().and_then(rules::end);
        let found = |manifest, shown, provisional| Found { manifest, shown, provisional, expires };
        if variant.target == Some(Target::ThumbHash) {
            let hash = placeholder(&manifest)?;
            return Ok(found(manifest, Shown::ThumbHash(hash), false));
        }
        let avif = variant.target == Some(Target::Auto) && variant::accepts_avif(headers);
        let plan = Plan::of(&variant, avif, self.config().quality.get());
        let (wanted, provisional) = plan.choose(&manifest);
        if provisional && let Some(behind) = plan.behind {
            self.0.background.add(Chore::Derive(id.clone(), behind));
        }
        if wanted.is_image(self.config().quality.get()) {
            let image = Shown::Stored(manifest.image.clone());
            return Ok(found(manifest, image, provisional));
        }
        if let Some(rendition) = manifest.derived(&wanted) {
            let shown = Shown::Stored(rendition.clone());
            return Ok(found(manifest, shown, provisional));
        }
        let (rendition, bytes) = self.derive(&manifest, wanted).await?;
        Ok(found(manifest, Shown::Fresh(rendition, bytes), provisional))
    }
}

fn placeholder(manifest: &Manifest) -> Result<Bytes, Error> {
    let hash = BASE64_STANDARD.decode(&manifest.placeholder.thumbhash);
    hash.map(Bytes::from).map_err(Error::internal)
}
