//! Sequential JPEGs whose components come in scans of their own, by the crate `jpeg-decoder`.
//!
//! They are rare and right (T.81, section 4.8), and zune-jpeg 0.5 shows noise instead of them where colour is stored at half the
//! size. The other crate is slower at everything else.

use jpeg_decoder::{Decoder, PixelFormat};
use orbit_model::Format;

use crate::pixels::{Layout, Pixels};
use crate::{Error, Probe};

/// Whether the first scan of a sequential image has fewer components than the image.
pub(super) fn is_separate(bytes: &[u8]) -> bool {
    find(bytes).unwrap_or(false)
}

fn find(bytes: &[u8]) -> Option<bool> {
    let mut rest = bytes.strip_prefix(&[0xff, 0xd8])?;
    let mut components = None;
    loop {
        let at = rest.windows(2).position(|pair| pair[0] == 0xff && !matches!(pair[1], 0 | 0xff))?;
        let [_, marker, high, low, ..] = *rest.get(at..)? else { return None };
        let segment = rest.get(at + 4..at + 2 + usize::from(u16::from_be_bytes([high, low])))?;
        match marker {
            0xc0 | 0xc1 => components = segment.get(5).copied(),
            0xda => return Some(components == Some(3) && segment.first().is_some_and(|count| *count < 3)),
            _ => {}
        }
        rest = &rest[at + 4 + segment.len()..];
    }
}

/// Decodes three components, to RGB.
pub(super) fn decode(bytes: &[u8], probe: Probe) -> Result<Pixels, Error> {
    let damaged = |error: &dyn std::fmt::Display| Error::damaged(Format::Jpeg, error);
    let (width, height, layout) = (probe.width, probe.height, Layout::Rgb);
    let length = width as usize * height as usize * layout.channels();
    let mut decoder = Decoder::new(bytes);
    decoder.set_max_decoding_buffer_size(length);
    let samples = decoder.decode().map_err(|error| damaged(&error))?;
    let format = decoder.info().map(|info| info.pixel_format);
    if format != Some(PixelFormat::RGB24) || samples.len() != length {
        return Err(damaged(&"its headers disagree on its colours"));
    }
    Ok(Pixels { width, height, layout, samples })
}
