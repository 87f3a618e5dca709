//! The second pass over an image that is served already: the smallest WebP that looks no worse, made while nothing else is to
//! be done.
//!
//! 1. What the first pass has made is made again and scored, and so is what libwebp makes by default: neither is to look
//!    better than the second pass.
//! 2. libwebp's best effort, at the least of its qualities that scores as much.
//! 3. Flat art and text become lossless, or nearly so, where that is smaller.

use orbit_model::Format;

use crate::encode::webp;
use crate::pixels::Pixels;
use crate::provenance::Descent;
use crate::quality::search::Search;
use crate::quality::{flat, read};
use crate::score::Reference;
use crate::transform::{Effort, Rendered, Terms};
use crate::{Error, Quality, decode, ingest, probe};

/// Encodings at the best effort; most pictures need three.
const MAX_TRIALS: u32 = 5;

/// Encodes the image once more, as small as it gets; `None` where that is no smaller than `served_bytes`.
///
/// # Errors
/// As of [`crate::encode()`], and [`Error::Stopped`].
pub fn refine(bytes: &[u8], quality: Quality, served_bytes: u64, terms: &Terms) -> Result<Option<Rendered>, Error> {
    let probe = probe(bytes, &terms.limits)?;
    let pixels = ingest::upright(decode::decode(bytes, probe, &terms.limits)?);
    terms.stop.check()?;
    let Some((webp, quality)) = smallest(&pixels, quality, terms)? else { return Ok(None) };
    let (width, height) = (pixels.width, pixels.height);
    drop(pixels);
    let descent = Descent { source: bytes, format: probe.format, geometry: None };
    let webp = ingest::told(webp, &descent, terms)?;
    if webp.len() as u64 >= served_bytes {
        return Ok(None);
    }
    Ok(Some(Rendered { format: Some(Format::Webp), width, height, quality: quality.get(), bytes: webp }))
}

/// The smallest file that scores no less than the first pass and libwebp's default, and its quality: 100 where nothing, or next to it, is lost.
fn smallest(pixels: &Pixels, quality: Quality, terms: &Terms) -> Result<Option<(Vec<u8>, Quality)>, Error> {
    let (level, stop) = (webp::best_level(quality), &terms.stop);
    let Some(reference) = Reference::new(pixels)? else {
        return Ok(Some((webp::encode_best(pixels, level, stop)?, quality)));
    };
    let scored = |bytes: Vec<u8>| -> Result<(Vec<u8>, f64), Error> {
        let score = reference.score(&read(&bytes)?)?;
        Ok((bytes, score))
    };
    let (_, first) = scored(webp::encode(pixels, quality, Effort::First, stop)?)?;
    let (_, usual) = scored(webp::encode_usual(pixels, quality, stop)?)?;
    let least = first.max(usual);
    let start = f64::from(level);
    let range = ((start - 5.0).max(0.0), (start + 3.0).min(100.0));
    let search = Search { target: least, start, step: 0.25, range, slope: 1.0, trials: MAX_TRIALS };
    let (lossy, (_, score)) = search.run(|level| scored(webp::encode_best(pixels, level as f32, stop)?))?;
    Ok(match flat(pixels, (lossy.len(), least), &reference, terms)? {
        Some(flat) => Some((flat, Quality::BEST)),
        None => (score >= least).then_some((lossy, quality)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode_png;

    fn photograph() -> Vec<u8> {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/photos/chelsea.png");
        std::fs::read(path).unwrap()
    }

    #[test]
    fn the_second_pass_is_smaller_than_the_first_and_looks_no_worse_than_the_usual() {
        let (source, quality, terms) = (photograph(), Quality::default(), Terms::default());
        let pixels = read(&source).unwrap();
        let first = webp::encode(&pixels, quality, Effort::First, &terms.stop).unwrap();
        let usual = webp::encode_usual(&pixels, quality, &terms.stop).unwrap();
        let second = refine(&source, quality, first.len() as u64, &terms).unwrap().unwrap().bytes;
        let reference = Reference::new(&pixels).unwrap().unwrap();
        let score = |webp: &[u8]| reference.score(&read(webp).unwrap()).unwrap();
        assert!(second.len() * 100 < usual.len() * 98, "{} and {} bytes", second.len(), usual.len());
        assert!(score(&second) >= score(&first).max(score(&usual)));
    }

    #[test]
    fn what_is_no_smaller_than_what_is_served_is_dropped() {
        let terms = Terms::default();
        let flat = encode_png(40, 30, &[90, 120, 200, 255].repeat(40 * 30)).unwrap();
        assert!(refine(&flat, Quality::default(), u64::MAX, &terms).unwrap().is_some());
        assert!(refine(&flat, Quality::default(), 20, &terms).unwrap().is_none());
    }
}
