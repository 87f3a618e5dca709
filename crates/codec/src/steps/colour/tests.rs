//! The colour step on single pixels; whole files are compared with LittleCMS in the crate's tests.

use super::*;

fn encoded(profile: &ColorProfile) -> Vec<u8> {
    profile.encode().unwrap()
}

fn pixel(layout: Layout, samples: &[u8]) -> Pixels {
    Pixels { width: 1, height: 1, layout, samples: samples.to_vec() }
}

#[test]
fn a_broken_profile_leaves_the_pixels_alone() {
    let pixels = pixel(Layout::Rgb, &[10, 20, 30]);
    for icc in [&b""[..], b"not a profile", &[0; 4096]] {
        for wanted in [Gamut::Srgb, Gamut::Wide] {
            assert_eq!(convert(pixels.clone(), Some(icc), wanted), (pixels.clone(), Gamut::Srgb));
        }
    }
}

#[test]
fn an_srgb_profile_changes_nothing_and_a_wide_one_does() {
    let to_srgb = |profile: &ColorProfile, layout| transform(profile, &ColorProfile::new_srgb(), layout).unwrap();
    assert!(!changes_colours(&to_srgb(&ColorProfile::new_srgb(), Layout::Rgb), Layout::Rgb));
    assert!(changes_colours(&to_srgb(&ColorProfile::new_display_p3(), Layout::Rgba), Layout::Rgba));
}

#[test]
fn a_profile_of_another_colour_space_is_ignored() {
    let icc = encoded(&ColorProfile::new_display_p3());
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

#[test]
fn a_wide_gamut_is_kept_where_it_is_wanted_and_there() {
    let table = [
        (ColorProfile::new_srgb(), Gamut::Srgb),
        (ColorProfile::new_display_p3(), Gamut::Wide),
        (ColorProfile::new_adobe_rgb(), Gamut::Wide),
        (ColorProfile::new_pro_photo_rgb(), Gamut::Wide),
        (ColorProfile::new_bt2020(), Gamut::Wide),
    ];
    for (index, (profile, gamut)) in table.into_iter().enumerate() {
        let icc = encoded(&profile);
        for layout in [Layout::Rgb, Layout::Rgba] {
            let green = pixel(layout, &[0, 255, 0, 255][..layout.channels()]);
            assert_eq!(convert(green.clone(), Some(&icc), Gamut::Wide).1, gamut, "{index} {layout:?}");
            assert_eq!(convert(green, Some(&icc), Gamut::Srgb).1, Gamut::Srgb, "{index} {layout:?}");
        }
    }
    assert_eq!(convert(pixel(Layout::Rgb, &[0, 255, 0]), None, Gamut::Wide).1, Gamut::Srgb);
    assert_eq!(convert(pixel(Layout::Grey, &[9]), None, Gamut::Wide), (pixel(Layout::Rgb, &[9; 3]), Gamut::Srgb));
}

#[test]
fn the_profile_that_is_written_is_display_p3_and_small() {
    assert!(display_p3().len() < 512, "{} bytes", display_p3().len());
    for colour in [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255; 3], [0; 3], [200, 120, 40], [3, 17, 90]] {
        let pixels = pixel(Layout::Rgb, &colour);
        let (kept, gamut) = convert(pixels.clone(), Some(display_p3()), Gamut::Wide);
        assert_eq!((&kept.samples, gamut), (&pixels.samples, Gamut::Wide));
        let theirs = to_srgb(pixels.clone(), Some(&encoded(&ColorProfile::new_display_p3())));
        let ours = to_srgb(pixels, Some(display_p3()));
        assert!(ours.samples.iter().zip(&theirs.samples).all(|(our, their)| our.abs_diff(*their) <= 1), "{colour:?}");
    }
}
