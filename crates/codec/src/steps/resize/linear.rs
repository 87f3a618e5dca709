//! Light instead of samples: fine patterns keep their brightness only if what is averaged is light.
//!
//! sRGB's samples are roughly the square root of the light, so that their mean over a pattern of black and white is too dark.
//! In most pictures nobody could see it, and it takes three times as long; [`shows`] looks at a few rows of the picture.

use std::sync::LazyLock;

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::{U16x3, U16x4};
use fast_image_resize::{PixelTrait, Resizer};

use super::geometry::{Geometry, Size};
use super::{options, refuse};
use crate::Error;
use crate::pixels::{Layout, Pixels};

/// Levels, as the root of the mean square over the picture, by which the two means may differ.
pub(crate) const VISIBLE_LEVELS: f64 = 4.0;
/// Below this many pixels to one there is next to no mean.
const MIN_FACTOR: f64 = 1.5;
/// Rows of blocks that are looked at, and the largest block.
const SAMPLED_ROWS: usize = 32;
const MAX_BLOCK: usize = 16;
/// Pixels a side that are averaged at once: their sum must fit into 32 bits.
const MAX_BOX: u32 = 128;

/// Light of a sample, of 65,535 (IEC 61966-2-1).
static LIGHT: LazyLock<[u16; 256]> = LazyLock::new(|| {
    std::array::from_fn(|sample| {
        let sample = sample as f64 / 255.0;
        let light = if sample <= 0.040_45 { sample / 12.92 } else { ((sample + 0.055) / 1.055).powf(2.4) };
        (light * 65_535.0).round() as u16
    })
});

/// The sample of each light.
static SAMPLE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let sample = |light: u16| {
        let light = f64::from(light) / 65_535.0;
        let sample = if light <= 0.003_130_8 { light * 12.92 } else { 1.055 * light.powf(1.0 / 2.4) - 0.055 };
        (sample * 255.0).round() as u8
    };
    (0..=u16::MAX).map(sample).collect()
});

/// Whether the mean of the samples, over blocks as large as `factor`, differs visibly from that of the light.
pub(super) fn shows(pixels: &Pixels, factor: f64) -> bool {
    let (width, height) = (pixels.width as usize, pixels.height as usize);
    let block = (factor.round() as usize).min(MAX_BLOCK);
    if factor < MIN_FACTOR || width < block || height < block {
        return false;
    }
    let channels = pixels.layout.channels();
    let blocks_down = height / block;
    let step = blocks_down.div_ceil(SAMPLED_ROWS);
    let (mut square, mut count) = (0.0, 0_u32);
    for row in (0..blocks_down).step_by(step) {
        let rows = &pixels.samples[row * block * width * channels..][..block * width * channels];
        for column in 0..width / block {
            let difference = difference(rows, width * channels, column * block * channels, (block, channels));
            square += difference * difference;
            count += 1;
        }
    }
    square > VISIBLE_LEVELS * VISIBLE_LEVELS * f64::from(count)
}

/// Levels between the two means of one block, in the channel where they differ the most.
fn difference(rows: &[u8], stride: usize, left: usize, (block, channels): (usize, usize)) -> f64 {
    let (mut samples, mut lights) = ([0_u32; 3], [0_u32; 3]);
    for row in rows.chunks_exact(stride) {
        for pixel in row[left..][..block * channels].chunks_exact(channels) {
            for channel in 0..3 {
                samples[channel] += u32::from(pixel[channel]);
                lights[channel] += u32::from(LIGHT[usize::from(pixel[channel])]);
            }
        }
    }
    let pixels = (block * block) as u32;
    let level = |channel: usize| {
        let seen = SAMPLE[(lights[channel] / pixels) as usize];
        f64::from(seen) - f64::from(samples[channel]) / f64::from(pixels)
    };
    level(0).max(level(1)).max(level(2))
}

/// Scales as [`super::scale`] does, but the light; weighed by alpha where there is transparency.
pub(super) fn scale(pixels: Pixels, geometry: &Geometry, transparent: bool) -> Result<Pixels, Error> {
    let (width, height) = geometry.scaled;
    // As libvips does: whole pixels are averaged first, as long as Lanczos is left with twice what is wanted.
    let side = ((geometry.factor() / 2.0) as u32).clamp(1, MAX_BOX);
    if transparent {
        let (size, lights) = shrink(&pixels, side, weighed_light, U16x4::new);
        drop(pixels);
        let lights = lanczos(size, &lights, geometry)?;
        let samples: Vec<[u8; 4]> = lights.iter().map(|pixel| sample_of_weighed(pixel.0)).collect();
        return Ok(Pixels { width, height, layout: Layout::Rgba, samples: samples.into_flattened() });
    }
    let pixels = pixels.without_alpha();
    let (size, lights) = shrink(&pixels, side, |pixel| pixel.map(light), U16x3::new);
    drop(pixels);
    let lights = lanczos(size, &lights, geometry)?;
    let samples: Vec<[u8; 3]> = lights.iter().map(|pixel| pixel.0.map(sample)).collect();
    Ok(Pixels { width, height, layout: Layout::Rgb, samples: samples.into_flattened() })
}

fn light(sample: u8) -> u32 {
    LIGHT[usize::from(sample)].into()
}

fn sample(light: u16) -> u8 {
    SAMPLE[usize::from(light)]
}

fn weighed_light(&[red, green, blue, alpha]: &[u8; 4]) -> [u32; 4] {
    let [red, green, blue] = [red, green, blue].map(|sample| light(sample) * u32::from(alpha) / 255);
    [red, green, blue, u32::from(alpha) * 257]
}

fn sample_of_weighed([red, green, blue, alpha]: [u16; 4]) -> [u8; 4] {
    let weight = u32::from(alpha);
    let [red, green, blue] = [red, green, blue].map(|weighed| {
        let light = (u32::from(weighed) * 65_535 / weight.max(1)).min(65_535);
        if weight == 0 { 0 } else { sample(light as u16) }
    });
    [red, green, blue, ((weight + 128) / 257) as u8]
}

fn lanczos<P: PixelTrait>(size: Size, lights: &[P], geometry: &Geometry) -> Result<Vec<P>, Error> {
    let from = TypedImageRef::new(size.0, size.1, lights).map_err(|error| refuse(&error))?;
    let (width, height) = geometry.scaled;
    let mut to = vec![P::default(); width as usize * height as usize];
    let mut view = TypedImage::from_pixels_slice(width, height, &mut to).map_err(|error| refuse(&error))?;
    let options = options(&geometry.of(size), false);
    Resizer::new().resize_typed(&from, &mut view, &options).map_err(|error| refuse(&error))?;
    Ok(to)
}

/// The mean light of boxes of so many pixels a side; what is left over at the right and at the bottom has smaller boxes.
fn shrink<const N: usize, P>(
    pixels: &Pixels,
    side: u32,
    light: impl Fn(&[u8; N]) -> [u32; N],
    make: impl Fn([u16; N]) -> P,
) -> (Size, Vec<P>) {
    let (width, height) = (pixels.width.div_ceil(side), pixels.height.div_ceil(side));
    let row_pixels = pixels.width as usize;
    let mut lights = Vec::with_capacity(width as usize * height as usize);
    let mut sums = vec![[0_u32; N]; width as usize];
    for rows in pixels.samples.as_chunks::<N>().0.chunks(row_pixels * side as usize) {
        sums.fill([0; N]);
        for row in rows.chunks_exact(row_pixels) {
            for (pixels, sums) in row.chunks(side as usize).zip(&mut sums) {
                for lights in pixels.iter().map(&light) {
                    sums.iter_mut().zip(lights).for_each(|(sum, light)| *sum += light);
                }
            }
        }
        let height = (rows.len() / row_pixels) as u32;
        let mean = |sums: &[u32; N], width: u32| {
            let count = width * height;
            sums.map(|sum| ((sum + count / 2) / count) as u16)
        };
        let last = pixels.width - (width - 1) * side;
        let (end, whole) = sums.split_last().map_or((&[0; N], &sums[..0]), |(end, whole)| (end, whole));
        lights.extend(whole.iter().map(|sums| make(mean(sums, side))));
        lights.push(make(mean(end, last)));
    }
    ((width, height), lights)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_survives_its_light() {
        for value in 0..=255 {
            assert_eq!(sample(LIGHT[usize::from(value)]), value);
            assert_eq!(
                sample_of_weighed(weighed_light(&[value, 0, 255, 255]).map(|it| it as u16)),
                [value, 0, 255, 255]
            );
        }
    }

    #[test]
    fn boxes_that_do_not_come_out_even_have_a_mean_of_their_own() {
        let samples = [[0; 3], [0; 3], [255; 3], [0; 3], [0; 3], [255; 3]].concat();
        let pixels = Pixels { width: 3, height: 2, layout: Layout::Rgb, samples };
        let (size, lights) = shrink(&pixels, 2, |pixel: &[u8; 3]| pixel.map(light), U16x3::new);
        assert_eq!((size, lights[0].0, lights[1].0), ((2, 1), [0; 3], [65_535; 3]));
    }

    #[test]
    fn a_smooth_picture_shows_nothing_and_a_pattern_does() {
        let picture = |sample: fn(usize) -> u8| {
            let samples = (0..64 * 64).flat_map(|at| [sample(at); 3]).collect();
            Pixels { width: 64, height: 64, layout: Layout::Rgb, samples }
        };
        let (smooth, stripes) = (picture(|at| (at % 64 * 4) as u8), picture(|at| (at % 2 * 255) as u8));
        assert!(!shows(&smooth, 4.0));
        assert!(shows(&stripes, 4.0));
        assert!(!shows(&stripes, 1.2), "next to nothing is averaged");
    }
}
