//! What the planes hold of colours that are known.

use super::*;

/// Brightness and colours of pixels that repeat `pattern` along each row.
fn planes(pattern: &[[u8; 3]], width: u32, height: u32) -> Planes<u8> {
    let row = pattern.iter().copied().cycle().take(width as usize);
    let samples: Vec<[u8; 3]> = (0..height).flat_map(|_| row.clone()).collect();
    Planes::new::<3>(samples.as_flattened(), width)
}

/// The light of a pixel, by squares, as it is shown.
fn shown_light(y: u8, cb: f32, cr: f32) -> f32 {
    let grey = (f32::from(y) - 16.0) / u8::LUMA;
    let [red, green, blue] = [grey + 1.402 * cr, grey - 0.344_136 * cb - 0.714_136 * cr, grey + 1.772 * cb]
        .map(|sample: f32| sample.clamp(0.0, 255.0));
    0.2126 * red * red + 0.7152 * green * green + 0.0722 * blue * blue
}

#[test]
fn greys_have_no_colour_and_are_not_corrected() {
    for grey in 0..=255 {
        let planes = planes(&[[grey; 3]], 4, 4);
        assert!(planes.u.iter().chain(&planes.v).all(|&sample| sample == 128), "{grey}");
        let y = (16.0 + f32::from(grey) * 219.0 / 255.0).round() as u8;
        assert!(planes.y.iter().all(|&sample| sample == y), "{grey}");
    }
}

#[test]
fn plain_colours_are_as_the_standard_has_them() {
    // ITU-R BT.601: 100% bars.
    let bars = [
        ([255, 0, 0], [81, 90, 240]),
        ([0, 255, 0], [145, 54, 34]),
        ([0, 0, 255], [41, 240, 110]),
        ([255, 255, 0], [210, 16, 146]),
    ];
    for (colour, [y, u, v]) in bars {
        let planes = planes(&[colour], 6, 6);
        let close = |samples: &[u8], wanted: u8| samples.iter().all(|sample| sample.abs_diff(wanted) <= 1);
        assert!(close(&planes.y, y) && close(&planes.u, u) && close(&planes.v, v), "{colour:?}: {planes:?}");
    }
}

#[test]
fn beside_an_edge_the_light_is_nearer_to_what_it_was() {
    let (red, blue) = ([220, 30, 30], [40, 40, 160]);
    let width = 12;
    let planes = planes(&[red, red, red, blue, blue, blue], width, 4);
    let mut colours = Colours { weighed: vec![0.0; 6], even: vec![0.0; 6], odd: vec![0.0; 6] };
    let mut of = |plane: &[u8]| {
        colours.fill(&plane[..6], &plane[..6]);
        let even = colours.even.iter().zip(&colours.odd);
        even.flat_map(|(&even, &odd)| [even, odd]).collect::<Vec<f32>>()
    };
    let (cb, cr) = (of(&planes.u), of(&planes.v));
    let (mut corrected, mut plain) = (0.0, 0.0);
    for x in 0..width as usize {
        let colour = if x % 6 < 3 { red } else { blue }.map(f32::from);
        let light = 0.2126 * colour[0] * colour[0] + 0.7152 * colour[1] * colour[1] + 0.0722 * colour[2] * colour[2];
        let uncorrected = u8::rounded(16.0 + u8::LUMA * luma(colour[0], colour[1], colour[2]));
        corrected += (shown_light(planes.y[x], cb[x], cr[x]) - light).abs();
        plain += (shown_light(uncorrected, cb[x], cr[x]) - light).abs();
    }
    assert!(corrected < plain / 2.0, "{corrected} and {plain}");
}

#[test]
fn a_fourth_sample_is_passed_over() {
    let rgb: Vec<u8> = (0..7 * 5 * 3).map(|index| (index * 37 % 251) as u8).collect();
    let rgba: Vec<[u8; 4]> = rgb.as_chunks().0.iter().map(|&[red, green, blue]| [red, green, blue, 255]).collect();
    let (three, four) = (Planes::<u8>::new::<3>(&rgb, 7), Planes::<u8>::new::<4>(rgba.as_flattened(), 7));
    assert_eq!((three.y, three.u, three.v), (four.y, four.u, four.v));
}

#[test]
fn odd_sides_have_a_colour_for_their_last_pixel() {
    for (width, height) in [(1, 1), (1, 3), (3, 1), (2, 2), (5, 7), (8, 3)] {
        let planes = planes(&[[200, 40, 90]], width, height);
        let colours = (width.div_ceil(2) * height.div_ceil(2)) as usize;
        assert_eq!((planes.u.len(), planes.v.len()), (colours, colours), "{width} x {height}");
        assert_eq!(planes.y.len(), (width * height) as usize);
        assert!(planes.y.iter().all(|sample| sample.abs_diff(planes.y[0]) <= 1), "{width} x {height}: {planes:?}");
    }
}

#[test]
fn ten_bits_are_used_from_end_to_end_and_never_left() {
    for (colour, [y, u, v]) in [
        ([0, 0, 0], [0, 512, 512]),
        ([255, 255, 255], [1023, 512, 512]),
        ([255, 0, 0], [306, 339, 1023]),
        ([0, 0, 255], [117, 1023, 429]),
    ] {
        let planes = Planes::<u16>::new::<3>(&colour.repeat(9), 3);
        let close = |samples: &[u16], wanted: u16| samples.iter().all(|sample| sample.abs_diff(wanted) <= 1);
        assert!(close(&planes.y, y) && close(&planes.u, u) && close(&planes.v, v), "{colour:?}: {planes:?}");
        assert!(planes.u.iter().chain(&planes.v).all(|&sample| sample <= 1023));
    }
}
