//! The second pass over an image that is served already: the smallest WebP of the same quality, made while nothing else
//! is to be done.

use orbit_model::Format;

use crate::transform::{Effort, Rendered, Terms};
use crate::{Error, Quality, decode, encode, ingest, probe, provenance};

/// Encodes the image once more, as small as it gets; `None` where that is no smaller than `served_bytes`.
///
/// # Errors
/// As of [`crate::encode()`], and [`Error::Stopped`].
pub fn refine(bytes: &[u8], quality: Quality, served_bytes: u64, terms: &Terms) -> Result<Option<Rendered>, Error> {
    let probe = probe(bytes, &terms.limits)?;
    let pixels = ingest::upright(decode::decode(bytes, probe, &terms.limits)?);
    terms.stop.check()?;
    let best = Terms { effort: Effort::Best, ..terms.clone() };
    let webp = encode::write(&pixels, Format::Webp, quality, &best)?;
    let webp = match terms.mark {
        Some(mark) => provenance::mark(webp, Format::Webp, mark)?,
        None => webp,
    };
    if webp.len() as u64 >= served_bytes {
        return Ok(None);
    }
    let (width, height) = (pixels.width, pixels.height);
    Ok(Some(Rendered { format: Some(Format::Webp), width, height, quality: quality.get(), bytes: webp }))
}
