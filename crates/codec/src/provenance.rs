//! Where an image comes from, as its bytes say it: the one kind of metadata that Orbit adds.
//!
//! - [`Mark`]: IPTC's `DigitalSourceType` in an XMP packet of our own; [`crate::label`] puts it into files. Nothing of a
//!   source's metadata is copied into it, so that the packet is the same in every file.
//! - [`Descent`]: what a rendition was made of and what was done to it, which a [`Signer`] vouches for in a C2PA manifest. It
//!   is signed last, because the signature covers every other byte of the file.
//!
//! A build without the feature `c2pa` has the same [`Signer`], of which there can be none.

#[cfg(feature = "c2pa")]
mod signer;
#[cfg(not(feature = "c2pa"))]
#[path = "provenance/unsigned.rs"]
mod signer;

use orbit_model::Format;

pub use self::signer::Signer;
use crate::steps::resize::geometry::Geometry;
use crate::{Error, Terms};

/// What an image's bytes say of their origin: a term of IPTC's vocabulary of digital source types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// `trainedAlgorithmicMedia`: a model made it.
    TrainedAlgorithmicMedia,
}

impl Mark {
    /// Its address in IPTC's vocabulary.
    fn term(self) -> &'static str {
        match self {
            Self::TrainedAlgorithmicMedia => "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia",
        }
    }

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

/// What a rendition was made of, and what was done to it.
pub(crate) struct Descent<'a> {
    /// The file that it was made of.
    pub(crate) source: &'a [u8],
    /// What that is.
    pub(crate) format: Format,
    /// How its pixels were laid out; `None` where they stayed where they were.
    pub(crate) geometry: Option<Geometry>,
}

impl Descent<'_> {
    /// Signs a rendition of it, where the terms have somebody who signs.
    pub(crate) fn sign(&self, rendition: Vec<u8>, format: Format, terms: &Terms) -> Result<Vec<u8>, Error> {
        let Some(signer) = &terms.signer else { return Ok(rendition) };
        terms.stop.check()?;
        signer.sign(&rendition, format, (self.source, self.format), &self.actions(terms.mark))
    }

    /// What [`Descent::sign`] adds to a file of this format at the most.
    pub(crate) fn max_bytes(&self, format: Format, terms: &Terms) -> Result<u64, Error> {
        let Some(signer) = &terms.signer else { return Ok(0) };
        signer.max_bytes(format, (self.source, self.format), &self.actions(terms.mark))
    }

    /// What was done, in order, as C2PA's actions assertion has it: JSON. Every rendition is encoded anew.
    fn actions(&self, mark: Option<Mark>) -> String {
        let source_type = mark.map(|mark| format!(r#","digitalSourceType":"{}""#, mark.term())).unwrap_or_default();
        let opened = format!(r#"{{"action":"c2pa.opened","parameters":{{"ingredientIds":["source"]}}{source_type}}}"#);
        let changes = self.geometry.map(Geometry::changes).unwrap_or_default();
        let changes = changes.into_iter().chain(["c2pa.transcoded"]);
        changes.fold(opened, |actions, name| format!(r#"{actions},{{"action":"{name}"}}"#))
    }
}
