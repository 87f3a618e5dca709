//! Headers against the probe, and the walks that a decoder asks for before it starts.

use super::*;

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/../../tests/fixtures/trouble/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn size(bytes: &[u8]) -> Result<(Format, u32, u32), Error> {
    probe(bytes, &Limits::default()).map(|probe| (probe.format, probe.width, probe.height))
}

#[test]
fn every_format_tells_its_size_from_the_head_of_its_file() {
    let table = [
        ("palette.png", 33, (Format::Png, 48, 36)),
        ("orientation_6.jpg", 700, (Format::Jpeg, 36, 48)),
        ("lossy.webp", 30, (Format::Webp, 48, 36)),
        ("lossless_alpha.webp", 25, (Format::Webp, 48, 36)),
        ("animated.webp", 30, (Format::Webp, 48, 36)),
        ("offset.gif", 10, (Format::Gif, 64, 48)),
    ];
    for (name, head, expected) in table {
        let bytes = fixture(name);
        assert_eq!(size(&bytes).unwrap(), expected, "{name}");
        assert_eq!(size(&bytes[..head]).unwrap(), expected, "the first {head} bytes of {name}");
        assert!(matches!(size(&bytes[..8]), Err(Error::Invalid(_) | Error::Unsupported(_))), "{name}");
    }
}

#[test]
fn what_was_sent_instead_is_named() {
    let table: [(&[u8], &str); 9] = [
        (b"\n<!-- x --><SVG xmlns='http://www.w3.org/2000/svg'/>", "an SVG"),
        (b"<html></html>", "an HTML page"),
        (b"\0\0\0\x1cftypavif", "an AVIF"),
        (b"\0\0\0\x18ftypheic", "a HEIF"),
        (b"II*\0", "a TIFF"),
        (b"PK\x03\x04", "a ZIP"),
        (b"{\"data\":\"\"}", "JSON"),
        (b"data:image/png;base64,AAAA", "a data: URI"),
        (b"hello", "no known image"),
    ];
    for (bytes, name) in table {
        let Err(Error::Unsupported(reason)) = size(bytes) else { panic!("{name} was not refused") };
        assert!(reason.contains(name) && reason.contains("PNG, JPEG, WebP or GIF"), "{reason}");
    }
}

#[test]
fn a_jpeg_of_12_bits_or_arithmetic_coding_is_unsupported() {
    let mut bytes = fixture("baseline.jpg");
    let frame = bytes.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    bytes[frame + 1] = 0xc9;
    assert!(matches!(size(&bytes), Err(Error::Unsupported(_))));
    bytes[frame + 1] = 0xc1;
    bytes[frame + 4] = 12;
    assert!(matches!(size(&bytes), Err(Error::Unsupported(_))));
}

#[test]
fn a_jpeg_of_a_thousand_scans_is_refused_before_it_is_decoded() {
    let bytes = fixture("progressive.jpg");
    assert!(jpeg::check_scans(&bytes).is_ok());
    let last = bytes.windows(2).rposition(|pair| pair == [0xff, 0xda]).unwrap();
    let end = bytes.len() - 2;
    let mut many = bytes[..end].to_vec();
    (0..1000).for_each(|_| many.extend_from_slice(&bytes[last..end]));
    many.extend_from_slice(&bytes[end..]);
    assert!(matches!(jpeg::check_scans(&many), Err(Error::TooLarge(_))));
}

#[test]
fn a_webp_frame_that_is_larger_than_the_canvas_is_refused_before_it_is_decoded() {
    for name in ["canaries.webp", "animated.webp", "lossy_alpha.webp"] {
        let bytes = fixture(name);
        assert!(riff::check_frames(&bytes, (48, 36)).is_ok(), "{name}");
        assert!(riff::check_frames(&bytes, (47, 36)).is_err(), "{name}");
        assert!(riff::check_frames(&bytes, (48, 35)).is_err(), "{name}");
    }
}

#[test]
fn a_webp_chunk_that_claims_four_gigabytes_is_refused_before_it_is_read() {
    let mut bytes = fixture("canaries.webp");
    let profile = bytes.windows(4).position(|kind| kind == b"ICCP").unwrap();
    bytes[profile + 4..profile + 8].fill(0xff);
    assert!(matches!(riff::check_frames(&bytes, (48, 36)), Err(Error::Invalid(_))));
}
