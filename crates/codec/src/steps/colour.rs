//! Gives the numbers of pixels one meaning: sRGB, or Display P3 where a variant keeps more colours than that.
//!
//! A step of every verb of the crate. A profile that is broken, or is of another colour space than the pixels,
//! is ignored, as browsers do. Afterwards there is RGB, or RGBA where there was alpha, and nothing else.

mod wide;

use std::sync::Arc;

use moxcms::{ColorProfile, DataColorSpace, Transform8BitExecutor, TransformOptions};
use orbit_model::variant::Gamut;

use crate::pixels::{Layout, Pixels};

pub(crate) use self::wide::display_p3;

type Transform = Arc<Transform8BitExecutor>;

/// Pixels that are converted at a time: their copy stays in the first-level cache.
const BATCH: usize = 2048;

/// Gives the image in sRGB, as RGB or RGBA.
pub(crate) fn to_srgb(pixels: Pixels, icc: Option<&[u8]>) -> Pixels {
    convert(pixels, icc, Gamut::Srgb).0
}

/// Gives the image as RGB or RGBA, and says in which colours: Display P3 where that is wanted and the profile has
/// colours that sRGB lacks, else sRGB.
pub(crate) fn convert(pixels: Pixels, icc: Option<&[u8]>, wanted: Gamut) -> (Pixels, Gamut) {
    let profile = icc.and_then(|icc| ColorProfile::new_from_slice(icc).ok());
    let to = |target: &ColorProfile| transform(profile.as_ref()?, target, pixels.layout);
    let wide = match wanted {
        Gamut::Wide => to(&ColorProfile::new_display_p3()).filter(|it| wide::exceeds_srgb(it, pixels.layout)),
        Gamut::Srgb => None,
    };
    let gamut = if wide.is_some() { Gamut::Wide } else { Gamut::Srgb };
    let transform = wide.or_else(|| to(&ColorProfile::new_srgb()));
    let pixels = match pixels.layout {
        Layout::Grey | Layout::GreyAlpha => grey_to_rgb(&pixels, transform.as_ref()),
        Layout::Cmyk => inks_to_rgb(&pixels, transform.as_ref()),
        Layout::Rgb | Layout::Rgba => match transform {
            Some(transform) if changes_colours(&transform, pixels.layout) => rgb_to_rgb(pixels, &transform),
            _ => pixels,
        },
    };
    (pixels, gamut)
}

/// The way from a profile to a target; `None` where the profile is of no use for such pixels.
fn transform(profile: &ColorProfile, target: &ColorProfile, layout: Layout) -> Option<Transform> {
    let (space, from, to) = match layout {
        Layout::Grey | Layout::GreyAlpha => (DataColorSpace::Gray, moxcms::Layout::Gray, moxcms::Layout::Rgb),
        Layout::Rgb => (DataColorSpace::Rgb, moxcms::Layout::Rgb, moxcms::Layout::Rgb),
        Layout::Rgba => (DataColorSpace::Rgb, moxcms::Layout::Rgba, moxcms::Layout::Rgba),
        // To the library, four inks lie as RGBA does.
        Layout::Cmyk => (DataColorSpace::Cmyk, moxcms::Layout::Rgba, moxcms::Layout::Rgb),
    };
    if profile.color_space != space {
        return None;
    }
    profile.create_transform_8bit(from, target, to, TransformOptions::default()).ok()
}

/// Whether a transform moves any colour of a grid by more than one level. Most profiles are some edition of sRGB, and
/// then the whole image need not be touched.
fn changes_colours(transform: &Transform, layout: Layout) -> bool {
    const LEVELS: [u8; 9] = [0, 16, 48, 80, 112, 144, 176, 216, 255];
    let mut grid = Vec::new();
    for (red, green) in LEVELS.iter().flat_map(|red| LEVELS.map(|green| (*red, green))) {
        for blue in LEVELS {
            grid.extend_from_slice(&[red, green, blue, 255][..layout.channels()]);
        }
    }
    let mut converted = vec![0; grid.len()];
    transform.transform(&grid, &mut converted).is_ok()
        && grid.iter().zip(&converted).any(|(before, after)| before.abs_diff(*after) > 1)
}

fn rgb_to_rgb(mut pixels: Pixels, transform: &Transform) -> Pixels {
    let mut copy = Vec::with_capacity(BATCH * pixels.layout.channels());
    for batch in pixels.samples.chunks_mut(BATCH * pixels.layout.channels()) {
        copy.clear();
        copy.extend_from_slice(batch);
        // It fails only on lengths that don't match, and then leaves the pixels as they were.
        if transform.transform(&copy, batch).is_err() {
            break;
        }
    }
    pixels
}

/// There are only 256 greys, so that a table of them is the whole conversion.
fn grey_to_rgb(pixels: &Pixels, transform: Option<&Transform>) -> Pixels {
    let mut table: Vec<[u8; 3]> = (0..=255).map(|grey| [grey; 3]).collect();
    if let Some(transform) = transform {
        let greys: Vec<u8> = (0..=255).collect();
        let mut converted = vec![[0; 3]; greys.len()];
        if transform.transform(&greys, converted.as_flattened_mut()).is_ok() {
            table = converted;
        }
    }
    let (width, height) = (pixels.width, pixels.height);
    if pixels.layout == Layout::Grey {
        let colours: Vec<[u8; 3]> = pixels.samples.iter().map(|grey| table[usize::from(*grey)]).collect();
        return Pixels { width, height, layout: Layout::Rgb, samples: colours.into_flattened() };
    }
    let (greys, _) = pixels.samples.as_chunks();
    let colour = |&[grey, alpha]: &[u8; 2]| {
        let [red, green, blue] = table[usize::from(grey)];
        [red, green, blue, alpha]
    };
    let colours: Vec<[u8; 4]> = greys.iter().map(colour).collect();
    Pixels { width, height, layout: Layout::Rgba, samples: colours.into_flattened() }
}

fn inks_to_rgb(pixels: &Pixels, transform: Option<&Transform>) -> Pixels {
    let (inks, _) = pixels.samples.as_chunks::<4>();
    let mut colours = vec![[0; 3]; inks.len()];
    for (inks, colours) in inks.chunks(BATCH).zip(colours.chunks_mut(BATCH)) {
        let done = transform.map(|it| it.transform(inks.as_flattened(), colours.as_flattened_mut()));
        if !matches!(done, Some(Ok(()))) {
            colours.iter_mut().zip(inks).for_each(|(colour, inks)| *colour = without_profile(*inks));
        }
    }
    let (width, height) = (pixels.width, pixels.height);
    Pixels { width, height, layout: Layout::Rgb, samples: colours.into_flattened() }
}

/// Inks that come without a profile: each takes away its share of the light that black lets through.
fn without_profile([cyan, magenta, yellow, black]: [u8; 4]) -> [u8; 3] {
    [cyan, magenta, yellow].map(|ink| {
        let light = u32::from(255 - ink) * u32::from(255 - black);
        ((light + 127) / 255) as u8
    })
}

#[cfg(test)]
mod tests;
