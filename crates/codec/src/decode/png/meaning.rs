//! What a PNG says its numbers mean, as an ICC profile: the one form that the colour step reads.
//!
//! The order is that of the third edition, section 4.3: `cICP` before `iCCP` before `sRGB` before `gAMA` and `cHRM`. A
//! chunk that says nothing that can be used is passed over.

use std::borrow::Cow;

use moxcms::{
    Chromaticity, CicpColorPrimaries, CicpProfile, ColorPrimaries, ColorProfile, MatrixCoefficients, ToneReprCurve,
    TransferCharacteristics, curve_from_gamma,
};
use png::{CodingIndependentCodePoints, Info};

/// The light of diffuse white in a picture of high dynamic range, cd/m2 (ITU-R BT.2408): what is brighter is cut.
const REFERENCE_WHITE: f64 = 203.0;
/// The light of the largest PQ number, and of the largest HLG number on the screen that it is defined for (ITU-R BT.2100).
const PQ_PEAK: f64 = 10_000.0;
const HLG_PEAK: f64 = 1_000.0;
/// `gAMA` of what is meant for sRGB, and how far off it is still meant so: libpng's own threshold.
const SRGB_GAMMA: f32 = 1.0 / 2.2;
const GAMMA_TOLERANCE: f32 = 0.05;
const CHROMATICITY_TOLERANCE: f32 = 0.003;
/// `cHRM` of sRGB: white, red, green, blue.
const SRGB_CHROMATICITIES: [(f32, f32); 4] = [(0.3127, 0.329), (0.64, 0.33), (0.3, 0.6), (0.15, 0.06)];

/// The file without the chunks of code points and light levels that are not as they must be: the decoder would refuse the
/// whole image for them, and browsers show it.
pub(super) fn without_bad_chunks(png: &[u8]) -> Cow<'_, [u8]> {
    const SIGNATURE_BYTES: usize = 8;
    let mut kept = Cow::Borrowed(png);
    let mut at = SIGNATURE_BYTES;
    while let Some((head, rest)) = kept.get(at..).and_then(|chunk| chunk.split_first_chunk::<8>()) {
        let [length @ .., _, _, _, _] = *head;
        let Ok(length) = usize::try_from(u32::from_be_bytes(length)) else { break };
        let end = at.saturating_add(length).saturating_add(12);
        let Some(contents) = rest.get(..length).filter(|_| end <= kept.len()) else { break };
        let is_good = match &head[4..] {
            b"IDAT" => break,
            b"cICP" => matches!(contents, [_, _, 0, 0 | 1]),
            b"mDCV" => length == 24,
            b"cLLI" => length == 8,
            _ => true,
        };
        if is_good {
            at = end;
        } else {
            kept.to_mut().drain(at..end);
        }
    }
    kept
}

/// The profile of the pixels, unchecked; `None` where they are sRGB or nothing is said.
pub(super) fn profile(info: &Info<'_>, is_grey: bool) -> Option<Vec<u8>> {
    let code_points = info.coding_independent_code_points.and_then(|it| Some((it, from_code_points(it)?)));
    if let Some((code_points, profile)) = code_points {
        let is_srgb = (code_points.color_primaries, code_points.transfer_function) == (1, 13);
        return if is_srgb { None } else { encode(profile, is_grey) };
    }
    if let Some(icc) = &info.icc_profile {
        return Some(icc.to_vec());
    }
    if info.srgb.is_some() {
        return None;
    }
    encode(from_gamma(info)?, is_grey)
}

/// Whether the samples leave room below black and above white (ITU-T H.273, section 8.3).
pub(super) fn is_narrow(info: &Info<'_>) -> bool {
    info.coding_independent_code_points
        .is_some_and(|it| !it.is_video_full_range_image && from_code_points(it).is_some())
}

/// The full range of a sample of 8 bits in narrow range, where black is 16 and white is 235.
pub(super) fn widen(sample: u8) -> u8 {
    let above = u32::from(sample.saturating_sub(16)).min(219);
    ((above * 255 + 109) / 219) as u8
}

/// A profile of code points (ITU-T H.273); `None` where they are reserved or unspecified.
fn from_code_points(code_points: CodingIndependentCodePoints) -> Option<ColorProfile> {
    let transfer = TransferCharacteristics::try_from(code_points.transfer_function).ok()?;
    let mut profile = ColorProfile::new_from_cicp(CicpProfile {
        color_primaries: CicpColorPrimaries::try_from(code_points.color_primaries).ok()?,
        transfer_characteristics: transfer,
        matrix_coefficients: MatrixCoefficients::Identity,
        full_range: true,
    });
    let curve = match transfer {
        TransferCharacteristics::Smpte2084 => table(|level| pq(level) * PQ_PEAK / REFERENCE_WHITE),
        TransferCharacteristics::Hlg => table(|level| hlg(level) * HLG_PEAK / REFERENCE_WHITE),
        _ => profile.red_trc.clone()?,
    };
    set_curve(&mut profile, &curve);
    Some(profile)
}

/// A profile of `gAMA` and `cHRM`; `None` where both are missing, mean sRGB, or no colours at all.
fn from_gamma(info: &Info<'_>) -> Option<ColorProfile> {
    let mut profile = ColorProfile::new_srgb();
    let gamma = info.gama_chunk.map_or(SRGB_GAMMA, |gamma| gamma.into_value());
    let curved = (gamma / SRGB_GAMMA - 1.0).abs() > GAMMA_TOLERANCE;
    if curved {
        (0.1..=2.0).contains(&gamma).then(|| set_curve(&mut profile, &curve_from_gamma(1.0 / gamma)))?;
    }
    let Some(chromaticities) = info.chrm_chunk else { return curved.then_some(profile) };
    let points = [chromaticities.white, chromaticities.red, chromaticities.green, chromaticities.blue];
    let points = points.map(|(x, y)| (x.into_value(), y.into_value()));
    let is_close = |(a, b): (&(f32, f32), &(f32, f32))| {
        (a.0 - b.0).abs() <= CHROMATICITY_TOLERANCE && (a.1 - b.1).abs() <= CHROMATICITY_TOLERANCE
    };
    if points.iter().zip(&SRGB_CHROMATICITIES).all(is_close) {
        return curved.then_some(profile);
    }
    let [white, red, green, blue] = are_colours(points)?.map(|(x, y)| Chromaticity::new(x, y));
    profile.update_rgb_colorimetry(white.to_xyyb(), ColorPrimaries { red, green, blue });
    Some(profile)
}

/// The points, where they lie on the diagram and white lies well within the triangle of the others.
fn are_colours(points: [(f32, f32); 4]) -> Option<[(f32, f32); 4]> {
    const MIN_AREA: f32 = 0.005;
    let [white, red, green, blue] = points;
    let area = |a: (f32, f32), b: (f32, f32), c: (f32, f32)| (b.0 - a.0) * (c.1 - a.1) - (c.0 - a.0) * (b.1 - a.1);
    let around = [area(red, green, white), area(green, blue, white), area(blue, red, white)];
    let on_diagram = points.iter().all(|(x, y)| *x >= 0.0 && *y > 0.0 && x + y <= 1.0) && white.1 > 0.1;
    (on_diagram && around.iter().all(|area| *area > MIN_AREA)).then_some(points)
}

fn set_curve(profile: &mut ColorProfile, curve: &ToneReprCurve) {
    profile.red_trc = Some(curve.clone());
    profile.green_trc = Some(curve.clone());
    profile.blue_trc = Some(curve.clone());
    // The library would prefer code points to the curve.
    profile.cicp = None;
}

/// A curve from levels to light, cut at white.
fn table(light: impl Fn(f64) -> f64) -> ToneReprCurve {
    const LAST: u16 = 1023;
    let entry = |index: u16| (light(f64::from(index) / f64::from(LAST)).clamp(0.0, 1.0) * 65_535.0).round() as u16;
    ToneReprCurve::Lut((0..=LAST).map(entry).collect())
}

/// Light of a PQ level (ITU-R BT.2100, table 4), 1 at the peak.
fn pq(level: f64) -> f64 {
    let power = level.powf(1.0 / 78.843_75);
    ((power - 0.835_937_5).max(0.0) / (18.851_562_5 - 18.687_5 * power)).powf(1.0 / 0.159_301_757_812_5)
}

/// Light of an HLG level (ITU-R BT.2100, table 5), 1 at the peak; the gamma of its screen goes to each channel by itself.
fn hlg(level: f64) -> f64 {
    let scene = if level <= 0.5 {
        level * level / 3.0
    } else {
        (((level - 0.559_910_73) / 0.178_832_77).exp() + 0.284_668_92) / 12.0
    };
    scene.powf(1.2)
}

/// The bytes of a profile; for greys, of a grey one with the same curve.
fn encode(profile: ColorProfile, is_grey: bool) -> Option<Vec<u8>> {
    if !is_grey {
        return profile.encode().ok();
    }
    let mut grey = ColorProfile::new_gray_with_gamma(1.0);
    grey.gray_trc = profile.green_trc;
    grey.encode().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reference_white_is_where_the_standards_put_it() {
        assert!((pq(0.580_69) * PQ_PEAK - REFERENCE_WHITE).abs() < 0.5);
        assert!((hlg(0.75) * HLG_PEAK - REFERENCE_WHITE).abs() < 0.5);
        assert!((pq(1.0) - 1.0).abs() < 1e-9 && (hlg(1.0) - 1.0).abs() < 1e-6);
    }

    #[test]
    fn narrow_range_is_stretched_and_cut() {
        assert_eq!([0, 16, 17, 126, 235, 255].map(widen), [0, 0, 1, 128, 255, 255]);
    }

    #[test]
    fn chunks_that_the_decoder_would_choke_on_are_left_out() {
        let chunk = |kind: &[u8; 4], data: &[u8]| {
            [&u32::try_from(data.len()).unwrap().to_be_bytes()[..], kind, data, b"crc!"].concat()
        };
        let (head, tail) = ([&[0; 8][..], &chunk(b"IHDR", &[1; 13])].concat(), chunk(b"IDAT", &[2; 9]));
        let good = [head.clone(), chunk(b"cICP", &[12, 13, 0, 1]), tail.clone()].concat();
        assert!(matches!(without_bad_chunks(&good), Cow::Borrowed(_)));
        let plain = [head.clone(), tail.clone()].concat();
        for bad in [&[12, 13, 1, 1][..], &[12, 13, 0, 2], &[12, 13, 0, 1, 0], &[12], &[]] {
            let file =
                [head.clone(), chunk(b"cICP", bad), chunk(b"cLLI", bad), chunk(b"mDCV", bad), tail.clone()].concat();
            assert_eq!(without_bad_chunks(&file), plain, "{bad:?}");
        }
        for end in 0..good.len() {
            assert_eq!(without_bad_chunks(&good[..end]), &good[..end]);
        }
    }

    #[test]
    fn primaries_that_are_no_colours_are_passed_over() {
        assert!(are_colours(SRGB_CHROMATICITIES).is_some());
        let [white, red, green, blue] = SRGB_CHROMATICITIES;
        for points in [
            [(0.0, 0.0); 4],
            [white, red, red, blue],
            [white, green, red, blue],
            [(0.7, 0.25), red, green, blue],
            [white, (0.9, 0.9), green, blue],
            [white, red, green, (f32::NAN, 0.1)],
        ] {
            assert_eq!(are_colours(points), None);
        }
    }
}
