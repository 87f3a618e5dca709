//! More colours than sRGB's: whether a profile has them, and the profile that says that they are Display P3's.
//!
//! Called by the colour step where a variant asks for a wide gamut, and by whoever labels a file.

use super::Transform;
use crate::pixels::Layout;

/// How far outside of sRGB, as a share of white's light, a colour must lie to count. What 8 bits round away stays far
/// below it, and no eye misses what does.
const MARGIN: f32 = 0.02;
/// Linear light of Display P3 as linear light of sRGB; both have the white of D65.
const P3_TO_SRGB: [[f32; 3]; 3] =
    [[1.224_94, -0.224_94, 0.0], [-0.042_057, 1.042_057, 0.0], [-0.019_638, -0.078_636, 1.098_274]];

/// Display P3 as an ICC profile of version 4, which tests/fixtures/make_trouble.py writes.
pub(crate) fn display_p3() -> &'static [u8] {
    include_bytes!("display_p3.icc")
}

/// Whether a transform to Display P3 leads outside of sRGB anywhere: its corners are the ends of each ink or light.
pub(super) fn exceeds_srgb(to_p3: &Transform, layout: Layout) -> bool {
    let (channels, converted_channels) = match layout {
        Layout::Grey | Layout::GreyAlpha => return false,
        Layout::Cmyk => (4, 3),
        Layout::Rgb => (3, 3),
        Layout::Rgba => (4, 4),
    };
    let corner = |bits: u8| (0..channels).map(move |channel| if bits >> channel & 1 == 1 { 255 } else { 0 });
    let corners: Vec<u8> = (0..1 << channels).flat_map(corner).collect();
    let mut converted = vec![0; corners.len() / channels * converted_channels];
    to_p3.transform(&corners, &mut converted).is_ok()
        && converted.chunks_exact(converted_channels).any(|colour| is_outside([colour[0], colour[1], colour[2]]))
}

/// Whether a colour of Display P3 is none of sRGB.
fn is_outside(colour: [u8; 3]) -> bool {
    let light = colour.map(linear);
    P3_TO_SRGB.iter().any(|row| {
        let share: f32 = row.iter().zip(light).map(|(factor, light)| factor * light).sum();
        !(-MARGIN..=1.0 + MARGIN).contains(&share)
    })
}

/// The light of a level (IEC 61966-2-1).
fn linear(level: u8) -> f32 {
    let level = f32::from(level) / 255.0;
    if level <= 0.040_45 { level / 12.92 } else { ((level + 0.055) / 1.055).powf(2.4) }
}
