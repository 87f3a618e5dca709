//! BLAKE3 digests of bytes, and the two short forms that are made of them.
//!
//! A digest is the identity of bytes: the strong `ETag` of a stored image, the content part of its id, and the
//! check that a blob on disk is still whole. Written as `blake3:<64 hex digits>`.

use std::fmt;
use std::str::FromStr;

use data_encoding::{BASE32_DNSSEC, HEXLOWER};
use serde::{Deserialize, Serialize};

use crate::Error;

const PREFIX: &str = "blake3:";
/// Characters of the short form: 60 bits in base 32.
const SHORT_LEN: usize = 12;

/// The BLAKE3 hash of some bytes, 32 bytes long.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 32]);

impl Digest {
    /// Hashes `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// Hashes `bytes` with this digest as the key: only who knows it can say the result (BLAKE3, section 2.2).
    pub(crate) fn key(&self, bytes: &[u8]) -> Self {
        Self(*blake3::keyed_hash(&self.0, bytes).as_bytes())
    }

    /// The whole digest as 64 lower-case hex digits.
    #[must_use]
    pub fn hex(&self) -> String {
        HEXLOWER.encode(&self.0)
    }

    /// The first 12 characters in base 32 (`0-9a-v`), 60 bits: the content part of an id or a file name.
    #[must_use]
    pub fn short(&self) -> String {
        let mut text = BASE32_DNSSEC.encode(&self.0);
        text.truncate(SHORT_LEN);
        text
    }

    /// Compares in a time that tells nothing of the digests.
    #[must_use]
    pub fn same_as(&self, other: &Self) -> bool {
        blake3::Hash::from_bytes(self.0) == blake3::Hash::from_bytes(other.0)
    }

    /// The strong entity tag of these bytes, quotes included (RFC 9110 section 8.8.3).
    #[must_use]
    pub fn etag(&self) -> String {
        format!("\"{}\"", HEXLOWER.encode(&self.0[..16]))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        text.strip_prefix(PREFIX)
            .and_then(|hex| HEXLOWER.decode(hex.as_bytes()).ok())
            .and_then(|bytes| bytes.try_into().ok())
            .map(Self)
            .ok_or_else(|| Error::invalid("digest", "it must be blake3: and 64 lower-case hex digits"))
    }
}

impl TryFrom<String> for Digest {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_digest_is_the_published_blake3_of_nothing() {
        let hex = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";
        assert_eq!(Digest::of(b"").to_string(), format!("blake3:{hex}"));
        assert_eq!(Digest::of(b"").etag(), format!("\"{}\"", &hex[..32]));
    }

    proptest! {
        #[test]
        fn a_digest_survives_being_written_and_read(bytes: Vec<u8>) {
            let digest = Digest::of(&bytes);
            prop_assert_eq!(digest.to_string().parse::<Digest>().unwrap(), digest);
            prop_assert_eq!(digest.short().len(), SHORT_LEN);
        }
    }
}
