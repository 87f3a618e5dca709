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
    if let Some(icc) = icc {
        png.set_icc_profile(Some(icc.to_vec().into()));
    }
    Ok(png.encoder().bytes().into())
}
