//! Colours: sRGB triples, and the ramps between them. Ramps are mixed in Oklab (Ottosson, 2020), where halfway between
//! two colours looks halfway, so no gradient goes through mud. sRGB's curve is taken as a square, which is close enough
//! for choosing colours and needs no `pow`.

use std::ops::{Add, Mul, Sub};

/// A colour in sRGB; each channel is in `0.0..=1.0`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rgb(pub(super) [f32; 3]);

impl Rgb {
    /// The colour written `0xRRGGBB`.
    pub(super) const fn hex(code: u32) -> Self {
        let [_, red, green, blue] = code.to_be_bytes();
        Self([red as f32 / 255.0, green as f32 / 255.0, blue as f32 / 255.0])
    }

    /// The colour that looks `share` of the way from this one to `other`.
    pub(super) fn mix(self, other: Self, share: f32) -> Self {
        let (from, to) = (Oklab::of(self), Oklab::of(other));
        Oklab(blend(from.0, to.0, share)).rgb()
    }

    /// Relative luminance, 0.0 (black) to 1.0 (white).
    pub(super) fn luminance(self) -> f32 {
        let [red, green, blue] = self.0.map(|channel| channel * channel);
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }

    /// The WCAG contrast ratio, 1.0 to 21.0.
    pub(super) fn contrast(self, other: Self) -> f32 {
        let (one, two) = (self.luminance() + 0.05, other.luminance() + 0.05);
        one.max(two) / one.min(two)
    }
}

impl Add for Rgb {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        let ([a, b, c], [x, y, z]) = (self.0, other.0);
        Self([a + x, b + y, c + z])
    }
}

impl Sub for Rgb {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        let ([a, b, c], [x, y, z]) = (self.0, other.0);
        Self([a - x, b - y, c - z])
    }
}

impl Mul<f32> for Rgb {
    type Output = Self;
    fn mul(self, factor: f32) -> Self {
        Self(self.0.map(|channel| channel * factor))
    }
}

/// A gradient through evenly spaced stops, tabulated once so that a pixel costs one interpolation.
pub(super) struct Ramp {
    steps: Vec<Rgb>,
}

impl Ramp {
    const STEPS: usize = 48;

    /// The gradient through `stops`, of which there are at least two.
    pub(super) fn through<const N: usize>(stops: [Rgb; N]) -> Self {
        let spans = N.saturating_sub(1).max(1);
        let step = |index: usize| {
            let place = index as f32 / Self::STEPS as f32 * spans as f32;
            let span = (place as usize).min(spans - 1);
            stops[span.min(N - 1)].mix(stops[(span + 1).min(N - 1)], place - span as f32)
        };
        Self { steps: (0..=Self::STEPS).map(step).collect() }
    }

    /// The colour at `place`, where 0.0 is the first stop and 1.0 the last.
    pub(super) fn at(&self, place: f32) -> Rgb {
        let place = place.clamp(0.0, 1.0) * Self::STEPS as f32;
        let step = (place as usize).min(Self::STEPS - 1);
        let (from, to) = (self.steps[step], self.steps[step + 1]);
        from + (to - from) * (place - step as f32)
    }
}

/// Lightness, green to red, blue to yellow.
struct Oklab([f32; 3]);

impl Oklab {
    fn of(colour: Rgb) -> Self {
        let [r, g, b] = colour.0.map(|channel| channel * channel);
        let l = cube_root(0.412_221_5 * r + 0.536_332_5 * g + 0.051_446 * b);
        let m = cube_root(0.211_903_5 * r + 0.680_699_5 * g + 0.107_397 * b);
        let s = cube_root(0.088_302_5 * r + 0.281_718_8 * g + 0.629_978_7 * b);
        Self([
            0.210_454_3 * l + 0.793_617_8 * m - 0.004_072 * s,
            1.977_998_5 * l - 2.428_592_2 * m + 0.450_593_7 * s,
            0.025_904 * l + 0.782_771_8 * m - 0.808_675_8 * s,
        ])
    }

    fn rgb(&self) -> Rgb {
        let [lightness, a, b] = self.0;
        let l = cube(lightness + 0.396_337_8 * a + 0.215_803_8 * b);
        let m = cube(lightness - 0.105_561_3 * a - 0.063_854_2 * b);
        let s = cube(lightness - 0.089_484_2 * a - 1.291_485_5 * b);
        let linear = [
            4.076_741_7 * l - 3.307_711_6 * m + 0.230_969_9 * s,
            -1.268_438 * l + 2.609_757_4 * m - 0.341_319_4 * s,
            -0.004_196_1 * l - 0.703_418_6 * m + 1.707_614_7 * s,
        ];
        Rgb(linear.map(|channel| channel.clamp(0.0, 1.0).sqrt()))
    }
}

fn blend(from: [f32; 3], to: [f32; 3], share: f32) -> [f32; 3] {
    std::array::from_fn(|channel| from[channel] + (to[channel] - from[channel]) * share)
}

fn cube(value: f32) -> f32 {
    value * value * value
}

/// Newton's method from above: sixteen steps settle every value a colour can take.
fn cube_root(value: f32) -> f32 {
    (0..16).fold(1.0, |root: f32, _| root - (root - value / (root * root).max(1e-9)) / 3.0)
}
