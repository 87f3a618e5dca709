//! Signatures of variants: HMAC-SHA256 (RFC 2104, FIPS 180-4) over the id and every option, in base64url without padding.
//!
//! Whoever holds the key writes URLs that the lists of widths and qualities would not allow (T-SIG-1). What is signed is
//! `{id}?{query}` with the query in its one spelling, the end of its life included; so nothing of a URL can be changed, and
//! a URL of one image says nothing of another.

use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::Query;
use crate::{Error, ImageId};

const TAG_BYTES: usize = 32;
/// The shortest key that is taken, in bytes: as long as what it makes (RFC 2104 section 3).
const MIN_KEY_BYTES: usize = 32;

/// What a URL shows to be allowed what it asks for.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Signature {
    tag: [u8; TAG_BYTES],
    /// Seconds since 1970 at which it ends.
    expires: Option<u64>,
}

impl Signature {
    /// Reads the values of `s` and `exp`.
    ///
    /// # Errors
    /// [`Error::Invalid`] where `s` is not 43 characters of base64url.
    pub fn new(text: &str, expires: Option<u64>) -> Result<Self, Error> {
        let tag = BASE64URL_NOPAD.decode(text.as_bytes()).ok().and_then(|tag| tag.try_into().ok());
        let tag = tag.ok_or_else(|| Error::invalid("s", "it must be 43 characters of base64url"))?;
        Ok(Self { tag, expires })
    }

    /// When it ends, in seconds since 1970.
    #[must_use]
    pub fn expires(&self) -> Option<u64> {
        self.expires
    }

    pub(super) fn text(&self) -> String {
        BASE64URL_NOPAD.encode(&self.tag)
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signature").field("expires", &self.expires).finish_non_exhaustive()
    }
}

/// A secret that signs variants.
#[derive(Clone)]
pub struct SigningKey(Hmac<Sha256>);

impl SigningKey {
    /// A key of at least 32 bytes.
    ///
    /// # Errors
    /// [`Error::Invalid`] where it is shorter, or one byte over and over, as samples are.
    pub fn new(secret: &[u8]) -> Result<Self, Error> {
        let how = "make one with `openssl rand -hex 32`";
        if secret.len() < MIN_KEY_BYTES {
            return Err(Error::invalid("signing key", format!("it must have at least {MIN_KEY_BYTES} bytes; {how}")));
        }
        if secret.iter().all(|byte| *byte == secret[0]) {
            return Err(Error::invalid("signing key", format!("it is one byte over and over; {how}")));
        }
        let mac = Hmac::new_from_slice(secret).map_err(|error| Error::invalid("signing key", error.to_string()))?;
        Ok(Self(mac))
    }

    /// Signs a query for an image: the query with `exp` and `s`.
    #[must_use]
    pub fn sign(&self, id: &ImageId, query: &Query, expires: Option<u64>) -> Query {
        let mut signed = query.clone();
        signed.signature = Some(Signature { tag: [0; TAG_BYTES], expires });
        let tag = self.mac(id, &signed).finalize().into_bytes().into();
        signed.signature = Some(Signature { tag, expires });
        signed
    }

    /// Whether the query's signature is this key's, compared in constant time. The end of its life is not looked at.
    #[must_use]
    pub fn has_signed(&self, id: &ImageId, query: &Query) -> bool {
        query.signature.as_ref().is_some_and(|signature| self.mac(id, query).verify_slice(&signature.tag).is_ok())
    }

    fn mac(&self, id: &ImageId, query: &Query) -> Hmac<Sha256> {
        self.0.clone().chain_update(id.as_str()).chain_update(b"?").chain_update(query.signed_part())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(..)")
    }
}
