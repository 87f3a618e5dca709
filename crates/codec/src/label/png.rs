//! PNG: chunks right behind the header (PNG, third edition): `iCCP` for a profile, because fewer readers know `cICP`, and
//! `iTXt` for XMP (ISO 16684-3).

use img_parts::ImageICC as _;
use img_parts::png::{Png, PngChunk};
use orbit_model::Format;

use super::unlike;
use crate::Error;

/// The keyword and its end; not compressed, no language, no translated keyword.
const XMP: &[u8] = b"XML:com.adobe.xmp\0\0\0\0\0";

pub(super) fn label(bytes: Vec<u8>, xmp: Option<&str>, icc: Option<&[u8]>) -> Result<Vec<u8>, Error> {
    let mut png = Png::from_bytes(bytes.into()).map_err(|error| unlike(Format::Png, error))?;
    let kind = |chunk: Option<&PngChunk>| chunk.map(PngChunk::kind);
    if (kind(png.chunks().first()), kind(png.chunks().last())) != (Some(*b"IHDR"), Some(*b"IEND")) {
        return Err(unlike(Format::Png, "it has no beginning or no end"));
    }
    if let Some(xmp) = xmp {
        let contents = [XMP, xmp.as_bytes()].concat();
        png.chunks_mut().insert(1, PngChunk::new(*b"iTXt", contents.into()));
    }
    // A profile of three colours has no place in a file of greys, which are the same in it and in sRGB.
    if let Some(icc) = icc.filter(|_| has_colours(&png)) {
        png.set_icc_profile(Some(icc.to_vec().into()));
    }
    Ok(png.encoder().bytes().into())
}

/// Whether the header's colour type is one with colours: bit 1 (PNG, third edition, section 11.2.1).
fn has_colours(png: &Png) -> bool {
    png.chunks().first().and_then(|header| header.contents().get(9)).is_some_and(|colour_type| colour_type & 2 != 0)
}
