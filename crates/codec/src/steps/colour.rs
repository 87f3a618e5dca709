//! Converts pixels to sRGB, because the profile that says what they are is not written on.
//!
//! A step of every verb of the crate. A profile that is broken, or is of another colour space than the pixels,
//! is ignored, as browsers do. Afterwards there is RGB, or RGBA where there was alpha, and nothing else.

use std::sync::Arc;

use moxcms::{ColorProfile, DataColorSpace, Transform8BitExecutor, TransformOptions};

use crate::pixels::{Layout, Pixels};

type Transform = Arc<Transform8BitExecutor>;

/// Pixels that are converted at a time: their copy stays in the first-level cache.
const BATCH: usize = 2048;

/// Gives the image in sRGB, as RGB or RGBA.
pub(crate) fn to_srgb(pixels: Pixels, icc: Option<&[u8]>) -> Pixels {
    let transform = icc.and_then(|icc| transform(icc, pixels.layout));
    match pixels.layout {
        Layout::Grey | Layout::GreyAlpha => grey_to_srgb(&pixels, transform.as_ref()),
        Layout::Cmyk => inks_to_srgb(&pixels, transform.as_ref()),
        Layout::Rgb | Layout::Rgba => match transform {
            Some(transform) if changes_colours(&transform, pixels.layout) => rgb_to_srgb(pixels, &transform),
            _ => pixels,
        },
    }
}

/// The way from a profile to sRGB; `None` where the profile is of no use for such pixels.
fn transform(icc: &[u8], layout: Layout) -> Option<Transform> {
    let profile = ColorProfile::new_from_slice(icc).ok()?;
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
    profile.create_transform_8bit(from, &ColorProfile::new_srgb(), to, TransformOptions::default()).ok()
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

fn rgb_to_srgb(mut pixels: Pixels, transform: &Transform) -> Pixels {
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
fn grey_to_srgb(pixels: &Pixels, transform: Option<&Transform>) -> Pixels {
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

fn inks_to_srgb(pixels: &Pixels, transform: Option<&Transform>) -> Pixels {
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
mod tests {
    use super::*;

    #[test]
    fn a_broken_profile_leaves_the_pixels_alone() {
        let pixels = Pixels { width: 1, height: 1, layout: Layout::Rgb, samples: vec![10, 20, 30] };
        for icc in [&b""[..], b"not a profile", &[0; 4096]] {
            assert_eq!(to_srgb(pixels.clone(), Some(icc)), pixels);
        }
    }

    #[test]
    fn an_srgb_profile_changes_nothing_and_a_wide_one_does() {
        let srgb = transform(&ColorProfile::new_srgb().encode().unwrap(), Layout::Rgb).unwrap();
        assert!(!changes_colours(&srgb, Layout::Rgb));
        let wide = transform(&ColorProfile::new_display_p3().encode().unwrap(), Layout::Rgba).unwrap();
        assert!(changes_colours(&wide, Layout::Rgba));
    }

    #[test]
    fn a_profile_of_another_colour_space_is_ignored() {
        let icc = ColorProfile::new_display_p3().encode().unwrap();
        let pixels = Pixels { width: 2, height: 1, layout: Layout::GreyAlpha, samples: vec![7, 255, 200, 0] };
        assert_eq!(to_srgb(pixels, Some(&icc)).samples, [7, 7, 7, 255, 200, 200, 200, 0]);
    }

    #[test]
    fn inks_without_a_profile_take_away_light() {
        assert_eq!(without_profile([0, 0, 0, 0]), [255, 255, 255]);
        assert_eq!(without_profile([255, 0, 0, 0]), [0, 255, 255]);
        assert_eq!(without_profile([0, 0, 0, 255]), [0, 0, 0]);
        assert_eq!(without_profile([0, 128, 255, 51]), [204, 102, 0]);
    }
}
