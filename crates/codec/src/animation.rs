//! Animations that keep their frames: GIF and animated WebP in, animated WebP out.

use orbit_model::Variant;

use crate::transform::{Rendered, Terms};
use crate::{Error, Probe};

/// Whether the bytes hold more than one frame.
pub(crate) fn is_animated(_bytes: &[u8], _probe: Probe) -> bool {
    false
}

/// Derives an animated rendition.
pub(crate) fn transform(_bytes: &[u8], _variant: &Variant, _probe: Probe, _terms: &Terms) -> Result<Rendered, Error> {
    Err(Error::Unsupported("animations are not kept".to_owned()))
}
