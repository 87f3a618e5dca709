//! JPEG: application segments right behind JFIF's (ITU-T T.871): APP1 for XMP (ISO 16684-3), APP2 for a profile
//! (ICC.1:2022, annex B.4).

use img_parts::jpeg::{Jpeg, JpegSegment, markers};
use orbit_model::Format;

use super::unlike;
use crate::Error;

const XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
/// The first of one part.
const ICC: &[u8] = b"ICC_PROFILE\0\x01\x01";
/// What a segment holds beside its own length.
const MAX_SEGMENT_BYTES: usize = 65_533;

const END: [u8; 2] = [0xff, 0xd9];

pub(super) fn label(bytes: Vec<u8>, xmp: Option<&str>, icc: Option<&[u8]>) -> Result<Vec<u8>, Error> {
    if !bytes.ends_with(&END) {
        return Err(unlike(Format::Jpeg, "it is cut off"));
    }
    let mut jpeg = Jpeg::from_bytes(bytes.into()).map_err(|error| unlike(Format::Jpeg, error))?;
    let xmp = xmp.map(|xmp| (markers::APP1, [XMP, xmp.as_bytes()].concat()));
    let icc = icc.map(|icc| (markers::APP2, [ICC, icc].concat()));
    let mut added = Vec::new();
    for (marker, contents) in xmp.into_iter().chain(icc) {
        if contents.len() > MAX_SEGMENT_BYTES {
            return Err(unlike(Format::Jpeg, "a segment holds less"));
        }
        added.push(JpegSegment::new_with_contents(marker, contents.into()));
    }
    let segments = jpeg.segments_mut();
    if !segments.iter().any(|segment| segment.marker() == markers::SOS) {
        return Err(unlike(Format::Jpeg, "it has no scan"));
    }
    let at = segments.iter().take_while(|segment| segment.marker() == markers::APP0).count();
    segments.splice(at..at, added);
    Ok(jpeg.encoder().bytes().into())
}
