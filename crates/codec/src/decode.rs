//! Bytes to pixels: one decoder a format, all written in Rust, all handing over the same [`Decoded`].
//!
//! A step of every verb of the crate. The probe has held the header against the limits; here each decoder is
//! also told what it may allocate, and its own idea of the size must be the probe's. Profiles and orientation are
//! handed on unread by the formats and applied by the later steps.

pub(crate) mod exif;
pub(crate) mod gif;
mod jpeg;
mod png;
mod webp;

use orbit_model::Format;

use crate::pixels::Pixels;
use crate::steps::orient::Orientation;
use crate::{Error, Limits, Probe};

/// A first frame, as it was stored.
#[derive(Debug)]
pub(crate) struct Decoded {
    pub(crate) pixels: Pixels,
    /// The embedded ICC profile, unchecked.
    pub(crate) icc: Option<Vec<u8>>,
    pub(crate) orientation: Orientation,
}

/// Decodes the first frame of probed bytes.
pub(crate) fn decode(bytes: &[u8], probe: Probe, limits: &Limits) -> Result<Decoded, Error> {
    match probe.format {
        Format::Png => png::decode(bytes, probe),
        Format::Jpeg => jpeg::decode(bytes, probe, limits),
        Format::Webp => webp::decode(bytes, probe),
        Format::Gif => gif::decode(bytes, probe, limits),
        Format::Avif => Err(Error::Unsupported("AVIF is written and never read; send a PNG".to_owned())),
    }
}

/// Decodes for a rendition, of which `factor` says how many pixels of the upright image, along one side, become one: where the
/// format allows, no more are decoded than that needs.
pub(crate) fn decode_for(
    bytes: &[u8],
    probe: Probe,
    limits: &Limits,
    factor: impl Fn((u32, u32)) -> f64,
) -> Result<Decoded, Error> {
    match probe.format {
        Format::Jpeg => jpeg::decode_for(bytes, probe, limits, factor),
        _ => decode(bytes, probe, limits),
    }
}

/// Refuses where a decoder reads another size than the probe did, because only the probe's was held against the limits.
fn check_same_size(probe: Probe, width: u32, height: u32) -> Result<(), Error> {
    if (width, height) == (probe.width, probe.height) {
        return Ok(());
    }
    Err(Error::damaged(probe.format, "its headers disagree on its size"))
}
