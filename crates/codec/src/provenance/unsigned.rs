//! Who signs renditions, in a build without the feature `c2pa`: nobody.
//!
//! It takes the place of `signer.rs` and answers whoever wants to sign with how to build what can.

use orbit_model::Format;

use crate::Error;

/// Who signs renditions: in this build there is nobody.
#[derive(Debug, Clone)]
pub enum Signer {}

impl Signer {
    /// A signer with this certificate and this private key.
    ///
    /// # Errors
    /// [`Error::Unsigned`], always: this build cannot sign.
    pub fn from_pem(_certificates: &[u8], _key: &[u8]) -> Result<Self, Error> {
        let how = "this orbit was built without C2PA; build it with `cargo build --release --features c2pa`";
        Err(Error::Unsigned(how.to_owned()))
    }

    pub(super) fn sign(&self, _: &[u8], _: Format, _: (&[u8], Format), _: &str) -> Result<Vec<u8>, Error> {
        match *self {}
    }

    pub(super) fn max_bytes(&self, _: Format, _: (&[u8], Format), _: &str) -> Result<u64, Error> {
        match *self {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_wants_to_sign_is_told_how_to_build_what_can() {
        let refusal = Signer::from_pem(b"", b"").unwrap_err().to_string();
        assert!(refusal.contains("--features c2pa"), "{refusal}");
    }
}
