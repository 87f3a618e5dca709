//! The second pass over an image that is served already: the smallest WebP that looks no worse, made while nothing else is to
//! be done. Flat art and text become lossless, or nearly so, where that is smaller.

use orbit_model::Format;

use crate::score::Reference;
use crate::transform::{Effort, Rendered, Terms};
use crate::{Error, Quality, decode, encode, ingest, probe, provenance, quality};

/// Encodes the image once more, as small as it gets; `None` where that is no smaller than `served_bytes`.
///
/// # Errors
/// As of [`crate::encode()`], and [`Error::Stopped`].
pub fn refine(bytes: &[u8], quality: Quality, served_bytes: u64, terms: &Terms) -> Result<Option<Rendered>, Error> {
    let probe = probe(bytes, &terms.limits)?;
    let pixels = ingest::upright(decode::decode(bytes, probe, &terms.limits)?);
    terms.stop.check()?;
    let best = Terms { effort: Effort::Best, ..terms.clone() };
    let mut written = (encode::write(&pixels, Format::Webp, quality, &best)?, quality);
    if let Some(reference) = Reference::new(&pixels)?
        && let Some(flat) = quality::flat(&pixels, written.0.len(), &reference, terms)?
    {
        written = (flat, Quality::BEST);
    }
    let (webp, quality) = written;
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
