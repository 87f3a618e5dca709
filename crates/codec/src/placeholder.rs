//! What to show before an image has come: a ThumbHash, a tiny PNG, and one colour.
//!
//! A step of [`crate::encode()`]. All three come from one thumbnail of at most 32 pixels a side, because a
//! ThumbHash keeps no detail that a larger one would add and costs ten times as much from 100.

use data_encoding::BASE64;
use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use orbit_model::Placeholder;

use crate::Error;
use crate::encode::png::encode_small;
use crate::pixels::{Layout, Pixels};

const THUMBNAIL_SIDE: u32 = 32;
const DATA_URL_PREFIX: &str = "data:image/png;base64,";
/// Short enough to go into every list and event.
const MAX_DATA_URL_BYTES: usize = 500;
/// Sides that are tried until the PNG fits; even noise fits at the last.
const DATA_URL_SIDES: [u32; 6] = [20, 16, 12, 10, 8, 6];

/// Makes the placeholder of sRGB pixels.
pub(crate) fn placeholder(pixels: &Pixels) -> Result<Placeholder, Error> {
    let thumbnail = shrink(pixels, THUMBNAIL_SIDE)?;
    let rgba = to_rgba(&thumbnail);
    let hash = hash(&thumbnail, &rgba);
    Ok(Placeholder { thumbhash: BASE64.encode(&hash), data_url: data_url(&thumbnail)?, color: mean_colour(&rgba) })
}

/// Makes the ThumbHash of sRGB pixels alone.
pub(crate) fn thumbhash(pixels: &Pixels) -> Result<Vec<u8>, Error> {
    let thumbnail = shrink(pixels, THUMBNAIL_SIDE)?;
    Ok(hash(&thumbnail, &to_rgba(&thumbnail)))
}

fn hash(thumbnail: &Pixels, rgba: &[[u8; 4]]) -> Vec<u8> {
    thumbhash::rgba_to_thumb_hash(thumbnail.width as usize, thumbnail.height as usize, rgba.as_flattened())
}

/// Scales down to at most `side` pixels a side by the mean of what each new pixel covers; never up.
fn shrink(pixels: &Pixels, side: u32) -> Result<Pixels, Error> {
    let longest = pixels.width.max(pixels.height);
    if longest <= side {
        return Ok(pixels.clone());
    }
    let scaled = |length: u32| (f64::from(length) * f64::from(side) / f64::from(longest)).round().max(1.0) as u32;
    let (width, height) = (scaled(pixels.width), scaled(pixels.height));
    let kind = if pixels.layout == Layout::Rgba { PixelType::U8x4 } else { PixelType::U8x3 };
    let from = ImageRef::new(pixels.width, pixels.height, &pixels.samples, kind)
        .map_err(|error| Error::Internal(format!("placeholder: {error}")))?;
    let mut to = Image::new(width, height, kind);
    // Weighing by alpha costs a copy of the image, for nothing where all is opaque.
    let alpha = pixels.is_transparent();
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Box)).use_alpha(alpha);
    Resizer::new()
        .resize(&from, &mut to, &options)
        .map_err(|error| Error::Internal(format!("placeholder: {error}")))?;
    Ok(Pixels { width, height, layout: pixels.layout, samples: to.into_vec() })
}

fn to_rgba(pixels: &Pixels) -> Vec<[u8; 4]> {
    if pixels.layout == Layout::Rgba {
        return pixels.samples.as_chunks().0.to_vec();
    }
    pixels.samples.as_chunks().0.iter().map(|&[red, green, blue]| [red, green, blue, 255]).collect()
}

/// The largest thumbnail of [`DATA_URL_SIDES`] whose PNG is short enough.
fn data_url(thumbnail: &Pixels) -> Result<String, Error> {
    let opaque = !thumbnail.is_transparent();
    for side in DATA_URL_SIDES {
        let small = shrink(thumbnail, side)?;
        let small = if opaque { small.without_alpha() } else { small };
        let url = format!("{DATA_URL_PREFIX}{}", BASE64.encode(&encode_small(&small)?));
        if url.len() <= MAX_DATA_URL_BYTES {
            return Ok(url);
        }
    }
    Err(Error::Internal(String::from("placeholder: no PNG is small enough")))
}

/// The mean of what is visible: each pixel counts by its alpha. Wholly transparent images are black.
fn mean_colour(rgba: &[[u8; 4]]) -> String {
    let weight: u64 = rgba.iter().map(|pixel| u64::from(pixel[3])).sum();
    let mean = |channel: usize| {
        let sum: u64 = rgba.iter().map(|pixel| u64::from(pixel[channel]) * u64::from(pixel[3])).sum();
        (sum + weight / 2).checked_div(weight).unwrap_or(0)
    };
    format!("#{:02x}{:02x}{:02x}", mean(0), mean(1), mean(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_noise_still_fits_into_500_bytes() {
        for layout in [Layout::Rgb, Layout::Rgba] {
            for (width, height) in [(1, 1), (1, 500), (32, 32), (16, 9), (640, 480), (5, 6)] {
                let placeholder = placeholder(&Pixels::noise(width, height, layout)).unwrap();
                assert!(placeholder.data_url.len() <= MAX_DATA_URL_BYTES, "{width} x {height} {layout:?}");
                let hash = BASE64.decode(placeholder.thumbhash.as_bytes()).unwrap();
                assert!(thumbhash::thumb_hash_to_rgba(&hash).is_ok());
            }
        }
    }

    #[test]
    fn the_colour_is_the_mean_of_what_is_visible() {
        assert_eq!(mean_colour(&[[255, 0, 0, 255], [0, 0, 255, 255]]), "#800080");
        assert_eq!(mean_colour(&[[255, 0, 0, 255], [0, 255, 0, 0]]), "#ff0000");
        assert_eq!(mean_colour(&[[9, 9, 9, 0]]), "#000000");
    }

    #[test]
    fn colours_of_transparent_pixels_do_not_bleed_into_the_thumbnail() {
        let mut pixels = Pixels::zeroed(64, 64, Layout::Rgba).unwrap();
        for (index, pixel) in pixels.samples.as_chunks_mut().0.iter_mut().enumerate() {
            *pixel = if index % 2 == 0 { [255, 0, 0, 255] } else { [0, 255, 0, 0] };
        }
        assert_eq!(placeholder(&pixels).unwrap().color, "#ff0000");
    }
}
