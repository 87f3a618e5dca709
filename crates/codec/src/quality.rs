//! Searches over an encoder's quality: the least that looks the same, and the best that fits into so many bytes.
//!
//! There is a bound on how often they encode, because each trial costs as much as the answer. Called by
//! [`crate::transform()`] with the encoder as a function of quality; [`crate::refine()`] uses the parts.

pub(crate) mod search;

use orbit_model::Format;

use self::search::Search;
use crate::encode::webp;
use crate::pixels::Pixels;
use crate::score::Reference;
use crate::{Error, Limits, Quality, Terms, decode, encode, probe};

/// The SSIMULACRA2 that a quality by eye reaches.
const TARGET: f64 = 80.0;
/// The qualities between which it is looked for: below, pictures fall apart; above, bytes buy nothing.
const RANGE: (f64, f64) = (50.0, 98.0);
/// How often a search encodes at the most.
const MAX_TRIALS: u32 = 7;
/// How much larger a quick lossless trial may be than the lossy file for a thorough one to have a chance.
const WORTH_A_TRIAL: f64 = 1.4;
/// libwebp's near-lossless, from the strongest.
const NEAR_LOSSLESS: [u8; 2] = [40, 60];

/// The best quality, `most` at the most, whose file has no more than `max_bytes`.
pub(crate) fn within(
    max_bytes: u64,
    most: Quality,
    write: impl Fn(Quality) -> Result<Vec<u8>, Error>,
) -> Result<(Vec<u8>, Quality), Error> {
    let fits = |bytes: &Vec<u8>| bytes.len() as u64 <= max_bytes;
    let mut best = Some((write(most)?, most)).filter(|(bytes, _)| fits(bytes));
    let (mut low, mut high) = (1, most.get());
    for _ in 1..MAX_TRIALS {
        if best.as_ref().is_some_and(|(_, quality)| quality.get() + 1 >= high) || low >= high {
            break;
        }
        let quality = Quality::new(u8::midpoint(low, high)).unwrap_or_default();
        let bytes = write(quality)?;
        if fits(&bytes) {
            low = quality.get() + 1;
            best = Some((bytes, quality));
        } else {
            high = quality.get();
        }
    }
    if best.is_none() {
        let least = Quality::new(1).unwrap_or_default();
        best = Some((write(least)?, least)).filter(|(bytes, _)| fits(bytes));
    }
    best.ok_or_else(|| {
        Error::TooLarge(format!(
            "it does not fit into {max_bytes} bytes at any quality; allow more or ask for fewer pixels"
        ))
    })
}

/// The smallest file that looks like `pixels` to the eye; `max_bytes` comes before that.
pub(crate) fn by_eye(
    pixels: &Pixels,
    format: Format,
    max_bytes: Option<u64>,
    terms: &Terms,
) -> Result<(Vec<u8>, Quality), Error> {
    let write = |quality| encode::write(pixels, format, quality, terms);
    let Some(reference) = Reference::new(pixels)? else {
        return within(max_bytes.unwrap_or(u64::MAX), Quality::default(), write);
    };
    // There is no decoder of AVIF to judge by: its scale of quality is WebP's, so WebP stands for it.
    let judged = if format == Format::Avif { Format::Webp } else { format };
    let (lossy, quality) = search(pixels, judged, &reference, terms)?;
    let (bytes, quality) = match format {
        Format::Avif => (write(quality)?, quality),
        Format::Webp => match flat(pixels, (lossy.len(), TARGET), &reference, terms)? {
            Some(smaller) => (smaller, Quality::BEST),
            None => (lossy, quality),
        },
        _ => (lossy, quality),
    };
    match max_bytes {
        Some(max_bytes) if bytes.len() as u64 > max_bytes => within(max_bytes, quality, write),
        _ => Ok((bytes, quality)),
    }
}

/// The lossy file of the least quality that reaches [`TARGET`], or of the best in [`RANGE`] where none does.
fn search(pixels: &Pixels, format: Format, reference: &Reference, terms: &Terms) -> Result<(Vec<u8>, Quality), Error> {
    // The usual answer first: most pictures are near it.
    let search = Search { target: TARGET, start: 88.0, step: 1.0, range: RANGE, slope: 1.0, trials: MAX_TRIALS };
    let quality = |level: f64| Quality::new(level as u8).unwrap_or_default();
    let (bytes, (level, _)) = search.run(|level| {
        terms.stop.check()?;
        let bytes = encode::write(pixels, format, quality(level), terms)?;
        let score = reference.score(&read(&bytes)?)?;
        Ok((bytes, score))
    })?;
    Ok((bytes, quality(level)))
}

/// Flat art and text: a file without loss, or nearly so, that is smaller than `lossy_bytes` and scores no less than `least`;
/// found by trial.
pub(crate) fn flat(
    pixels: &Pixels,
    (lossy_bytes, least): (usize, f64),
    reference: &Reference,
    terms: &Terms,
) -> Result<Option<Vec<u8>>, Error> {
    terms.stop.check()?;
    let quick = webp::encode_lossless(pixels, None, webp::Trial::Quick, &terms.stop)?;
    if quick.len() as f64 > lossy_bytes as f64 * WORTH_A_TRIAL {
        return Ok(None);
    }
    let mut smallest = Some(webp::encode_lossless(pixels, None, webp::Trial::Thorough, &terms.stop)?);
    for strength in NEAR_LOSSLESS {
        terms.stop.check()?;
        let near = webp::encode_lossless(pixels, Some(strength), webp::Trial::Thorough, &terms.stop)?;
        let is_smaller = smallest.as_ref().is_none_or(|smallest| near.len() < smallest.len());
        if is_smaller && reference.score(&read(&near)?)? >= least {
            smallest = Some(near);
        }
    }
    Ok(smallest.filter(|smallest| smallest.len() < lossy_bytes))
}

/// The pixels of a file that one of our encoders has just written.
pub(crate) fn read(bytes: &[u8]) -> Result<Pixels, Error> {
    let limits = Limits { max_bytes: u64::MAX, ..Limits::default() };
    Ok(decode::decode(bytes, probe(bytes, &limits)?, &limits)?.pixels)
}

#[cfg(test)]
mod tests;
