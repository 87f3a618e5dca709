//! AVIF, by rav1e: ten bits a sample, planes whose light is corrected (BT.601, full range), alpha as an image of its own.
//!
//! Called by `encode`. rav1e writes a stream of one picture, and avif-serialize puts a container around one or two of them;
//! what the container says of the colours is what the stream says. rav1e's own presets try blocks of up to 64 pixels, which is
//! worth a third of the bytes. docs/decisions/pixels.md has the measurements.

use avif_serialize::Aviffy;
use avif_serialize::constants::MatrixCoefficients as Matrix;
use rav1e::prelude::*;

use super::Quality;
use super::planes::Planes;
use crate::pixels::{Layout, Pixels};
use crate::transform::Effort;
use crate::{Error, Stop};

/// Bits of a sample.
const DEPTH: u8 = 10;
/// Ten bits of eight: 255 becomes 1023.
const TENFOLD: f32 = 1023.0 / 255.0;

/// Qualities, and the quantizers (0 keeps all, 255 least) at which a photograph looks as it does as a WebP of that quality.
const SCALE: [(f32, f32); 11] = [
    (1.0, 185.0),
    (20.0, 170.0),
    (40.0, 158.0),
    (60.0, 145.0),
    (70.0, 135.0),
    (80.0, 119.0),
    (86.0, 100.0),
    (90.0, 80.0),
    (95.0, 48.0),
    (98.0, 32.0),
    (100.0, 4.0),
];

/// Encodes sRGB pixels.
pub(crate) fn encode(pixels: &Pixels, quality: Quality, effort: Effort, stop: &Stop) -> Result<Vec<u8>, Error> {
    let planes = match pixels.layout {
        Layout::Rgb => Planes::<u16>::new::<3>(&pixels.samples, pixels.width),
        Layout::Rgba => Planes::new::<4>(&seen(&pixels.samples), pixels.width),
        layout => return Err(Error::Internal(format!("AVIF has no {layout:?}"))),
    };
    let config = configured(pixels, quality, effort);
    let width = pixels.width as usize;
    let across = width.div_ceil(2);
    let colour = stream(config.clone(), &[(&planes.y, width), (&planes.u, across), (&planes.v, across)], stop)?;
    drop(planes);
    let alpha = match pixels.is_transparent() {
        true => {
            let samples = pixels.samples.as_chunks::<4>().0.iter();
            let alpha: Vec<u16> = samples.map(|pixel| (f32::from(pixel[3]) * TENFOLD).round() as u16).collect();
            let config = EncoderConfig { chroma_sampling: ChromaSampling::Cs400, color_description: None, ..config };
            Some(stream(config, &[(&alpha, width)], stop)?)
        }
        false => None,
    };
    let mut container = Aviffy::new();
    container.matrix_coefficients(Matrix::Bt601).set_chroma_subsampling((true, true)).full_color_range(true);
    Ok(container.to_vec(&colour, alpha.as_deref(), pixels.width, pixels.height, DEPTH))
}

/// RGBA in which pixels that nobody can see have the colour of the one before them, which costs next to nothing.
fn seen(rgba: &[u8]) -> Vec<u8> {
    let mut last = [0; 3];
    let shown = |&[red, green, blue, alpha]: &[u8; 4]| {
        if alpha > 0 {
            last = [red, green, blue];
        }
        [last[0], last[1], last[2], alpha]
    };
    rgba.as_chunks().0.iter().map(shown).collect::<Vec<[u8; 4]>>().into_flattened()
}

fn configured(pixels: &Pixels, quality: Quality, effort: Effort) -> EncoderConfig {
    let quantizer = on_its_scale(quality);
    let speed = match effort {
        Effort::First => 10,
        Effort::Best => 8,
    };
    EncoderConfig {
        width: pixels.width as usize,
        height: pixels.height as usize,
        bit_depth: DEPTH.into(),
        chroma_sampling: ChromaSampling::Cs420,
        pixel_range: PixelRange::Full,
        color_description: Some(ColorDescription {
            color_primaries: ColorPrimaries::BT709,
            transfer_characteristics: TransferCharacteristics::SRGB,
            matrix_coefficients: MatrixCoefficients::BT601,
        }),
        still_picture: true,
        quantizer: quantizer.into(),
        min_quantizer: quantizer,
        tune: Tune::Psychovisual,
        tiles: 1,
        speed_settings: SpeedSettings::from_preset(speed),
        ..EncoderConfig::default()
    }
}

/// One picture as a stream of AV1; each plane comes with its width.
fn stream(config: EncoderConfig, planes: &[(&Vec<u16>, usize)], stop: &Stop) -> Result<Vec<u8>, Error> {
    let mut encoder: Context<u16> =
        Config::new().with_encoder_config(config).with_threads(1).new_context().map_err(fault)?;
    let mut frame = encoder.new_frame();
    for (plane, (samples, width)) in frame.planes.iter_mut().zip(planes) {
        let mut region = plane.mut_slice(Default::default());
        for (to, row) in region.rows_iter_mut().zip(samples.chunks_exact(*width)) {
            to[..*width].copy_from_slice(row);
        }
    }
    stop.check()?;
    encoder.send_frame(frame).map_err(fault)?;
    encoder.flush();
    let mut bytes = Vec::new();
    loop {
        match encoder.receive_packet() {
            Ok(packet) => bytes.extend(packet.data),
            Err(EncoderStatus::Encoded) => {}
            Err(EncoderStatus::LimitReached) => return Ok(bytes),
            Err(error) => return Err(fault(error)),
        }
        stop.check()?;
    }
}

fn fault(error: impl std::fmt::Display) -> Error {
    Error::Internal(format!("AVIF: {error}"))
}

/// The quantizer that looks like WebP at a quality: on the line between the two points of [`SCALE`] around it.
fn on_its_scale(quality: Quality) -> u8 {
    let quality = f32::from(quality.get());
    let line = |pair: &[(f32, f32)]| {
        let ((from, low), (to, high)) = (pair[0], pair[1]);
        (from..=to).contains(&quality).then(|| low + (quality - from) / (to - from) * (high - low))
    };
    SCALE.windows(2).find_map(line).unwrap_or(SCALE[0].1).round() as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(width: u32, height: u32, layout: Layout, quality: u8, effort: Effort) -> Vec<u8> {
        let pixels = Pixels::noise(width, height, layout);
        encode(&pixels, Quality::new(quality).unwrap(), effort, &Stop::never()).unwrap()
    }

    #[test]
    fn a_better_quality_is_a_better_one_here_too_and_the_best_is_next_to_all() {
        let all: Vec<u8> = (1..=100).filter_map(Quality::new).map(on_its_scale).collect();
        assert!(all.windows(2).all(|pair| pair[0] >= pair[1]) && all[0] > all[99]);
        assert_eq!((all[0], all[99]), (185, 4));
        let sizes: Vec<usize> =
            [10, 50, 85, 100].map(|quality| encoded(64, 48, Layout::Rgb, quality, Effort::First).len()).to_vec();
        assert!(sizes.windows(2).all(|pair| pair[0] < pair[1]), "{sizes:?}");
    }

    #[test]
    fn every_size_is_written_with_and_without_alpha() {
        for (width, height) in [(1, 1), (2, 1), (1, 3), (17, 9), (64, 64)] {
            let opaque = encoded(width, height, Layout::Rgb, 60, Effort::First);
            let transparent = encoded(width, height, Layout::Rgba, 60, Effort::First);
            for file in [&opaque, &transparent] {
                assert_eq!(&file[4..12], b"ftypavif", "{width} x {height}");
            }
            let has = |file: &[u8], box_type: &[u8]| file.windows(4).any(|bytes| bytes == box_type);
            assert!(has(&transparent, b"auxC") && !has(&opaque, b"auxC"), "{width} x {height}");
        }
    }

    #[test]
    fn an_alpha_that_hides_nothing_is_left_out_and_colours_that_nobody_sees_cost_nothing() {
        let opaque = Pixels { samples: [90, 120, 200, 255].repeat(32 * 32), ..Pixels::noise(32, 32, Layout::Rgba) };
        let quality = Quality::default();
        let file = encode(&opaque, quality, Effort::First, &Stop::never()).unwrap();
        let rgb = encode(&opaque.without_alpha(), quality, Effort::First, &Stop::never()).unwrap();
        assert_eq!(file, rgb);
        assert_eq!(seen(&[9, 9, 9, 255, 1, 2, 3, 0, 7, 7, 7, 1]), [9, 9, 9, 255, 9, 9, 9, 0, 7, 7, 7, 1]);
    }
}
