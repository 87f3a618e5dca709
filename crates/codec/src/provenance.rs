//! Where an image comes from, as its bytes say it: the one kind of metadata that Orbit adds.
//!
//! The statement is IPTC's `DigitalSourceType` in an XMP packet of our own; [`crate::label`] puts it into files. Nothing
//! of a source's metadata is ever copied, so that the packet is the same in every file.

use orbit_model::Format;
use orbit_model::variant::Gamut;

use crate::Error;
use crate::label::Label;

/// What an image's bytes say of their origin: a term of IPTC's vocabulary of digital source types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// `trainedAlgorithmicMedia`: a model made it.
    TrainedAlgorithmicMedia,
}

impl Mark {
    /// An XMP packet (ISO 16684-1) that says so: read only, and so without padding.
    pub(crate) fn xmp(self) -> &'static str {
        match self {
            Self::TrainedAlgorithmicMedia => concat!(
                "<?xpacket begin=\"\u{feff}\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>",
                r#"<x:xmpmeta xmlns:x="adobe:ns:meta/">"#,
                r#"<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">"#,
                r#"<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/""#,
                r#" Iptc4xmpExt:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"/>"#,
                r#"</rdf:RDF></x:xmpmeta><?xpacket end="r"?>"#,
            ),
        }
    }
}

/// Adds the mark to a file of sRGB pixels that one of our encoders has written.
pub(crate) fn mark(bytes: Vec<u8>, format: Format, mark: Mark) -> Result<Vec<u8>, Error> {
    Label { mark: Some(mark), gamut: Gamut::Srgb }.write(bytes, format)
}
