//! Who signs renditions: a certificate and its private key, and the C2PA manifest that they vouch for.
//!
//! 1. The source becomes the manifest's ingredient, by its SHA-256; where it has a manifest itself, that is kept whole.
//! 2. What was done to it becomes the manifest's actions.
//! 3. The claim over both and over the rendition's bytes is signed, and the manifest put into the file.
//!
//! Nothing is ever fetched: there is no timestamp authority, no OCSP and no remote manifest, and the crate is built without
//! what speaks HTTP. A source's bytes can make a manifest that cannot be kept, but never an error.

use std::fmt;
use std::io::Cursor;
use std::sync::Arc;

use c2pa::{Builder, Context, Ingredient, Reader, SigningAlg, ValidationState};
use data_encoding::HEXLOWER;
use orbit_model::Format;
use sha2::{Digest as _, Sha256};

use crate::pixels::{Layout, Pixels};
use crate::{Error, Quality, Terms, encode, error};

/// No network, and no manifest of a source that grows beyond what is kept.
const SETTINGS: &str = r#"{
    "verify": {"ocsp_fetch": false, "remote_manifest_fetch": false},
    "core": {"allowed_network_hosts": [], "max_decompressed_manifest_size_in_mb": 4},
    "builder": {"thumbnail": {"enabled": false}, "created_assertion_labels": ["c2pa.actions.v2", "c2pa.ingredient.v3"]}
}"#;
/// The largest manifest of a source that is kept: every rendition carries it.
const MAX_KEPT_BYTES: usize = 1 << 20;
/// What is done in a trial.
const OPENED: &str = r#"{"action":"c2pa.opened","parameters":{"ingredientIds":["source"]}}"#;
/// What a signature and its headers take beside the certificates, in bytes.
const SIGNATURE_BYTES: usize = 1024;
/// By how much the same manifest differs from file to file: places and lengths in as few bytes as they need.
const SLACK_BYTES: u64 = 128;
/// A key is of one of these kinds and is taken for no other. Not RSA: the crate behind it tells of the key in how long it takes
/// (RUSTSEC-2023-0071).
const ALGORITHMS: [SigningAlg; 4] = [SigningAlg::Es256, SigningAlg::Es384, SigningAlg::Es512, SigningAlg::Ed25519];

/// Who signs renditions; clones share it.
#[derive(Clone)]
pub struct Signer(Arc<Inner>);

struct Inner {
    pair: Pair,
    context: Arc<Context>,
}

/// Never the key.
impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer")
    }
}

impl Signer {
    /// A signer with these certificates, its own first and then those that lead to an authority, and its private key in
    /// PKCS #8; both PEM. What they sign has been tried.
    ///
    /// # Errors
    /// [`Error::Unsigned`] where they cannot be used, with the reason.
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> Result<Self, Error> {
        let pair = Pair::from_pem(certificates, key)?;
        let context = Context::new().with_settings(SETTINGS).map_err(|error| refuse(&error))?;
        let signer = Self(Arc::new(Inner { pair, context: Arc::new(context) }));
        signer.try_out().map_err(|reason| {
            Error::Unsigned(format!(
                "{reason}; C2PA wants the certificate that belongs to the key, not expired, not its own authority, for \
                 digital signatures and with an extended use such as emailProtection"
            ))
        })?;
        Ok(signer)
    }

    /// Signs something and reads it: the crate signs with a key that does not belong to the certificate too.
    fn try_out(&self) -> Result<(), String> {
        let blank = blank(Format::Webp).map_err(|error| error.to_string())?;
        let signed = self.sign_over(&blank, Format::Webp, ((&blank, Format::Webp), false), OPENED);
        let signed = signed.map_err(|error| error.to_string())?;
        let reader = Reader::from_shared_context(&self.0.context);
        let reader = reader.with_stream(Format::Webp.media_type(), Cursor::new(signed));
        match reader.map_err(|error| error.to_string())?.validation_state() {
            ValidationState::Invalid => Err("what they sign is not valid".to_owned()),
            _ => Ok(()),
        }
    }

    /// The rendition with a manifest in it: made of the source by these actions, which are JSON.
    pub(super) fn sign(
        &self,
        rendition: &[u8],
        format: Format,
        source: (&[u8], Format),
        actions: &str,
    ) -> Result<Vec<u8>, Error> {
        if keeps_manifest(source)
            && let Ok(signed) = self.sign_over(rendition, format, (source, true), actions)
        {
            return Ok(signed);
        }
        self.sign_over(rendition, format, (source, false), actions).map_err(|error| {
            let name = error::name(format);
            Error::Internal(format!(
                "the {name} could not be signed ({error}); see whether the C2PA certificate has expired, and start again with \
                 one that has not"
            ))
        })
    }

    /// What [`Signer::sign`] adds to a file at the most, found by signing a small one.
    pub(super) fn max_bytes(&self, format: Format, source: (&[u8], Format), actions: &str) -> Result<u64, Error> {
        let blank = blank(format)?;
        let signed = self.sign(&blank, format, source, actions)?;
        Ok(signed.len().saturating_sub(blank.len()) as u64 + SLACK_BYTES)
    }

    fn sign_over(
        &self,
        rendition: &[u8],
        format: Format,
        ((source, source_format), keeps): ((&[u8], Format), bool),
        actions: &str,
    ) -> c2pa::Result<Vec<u8>> {
        let definition =
            format!(r#"{{"claim_generator_info":[{{"name":"Orbit","version":"{}"}}],"#, env!("CARGO_PKG_VERSION"))
                + &format!(r#""assertions":[{{"label":"c2pa.actions.v2","data":{{"actions":[{actions}]}}}}]}}"#);
        let mut builder = Builder::from_shared_context(&self.0.context).with_definition(definition)?;
        let ingredient = format!(
            r#"{{"label":"source","relationship":"parentOf","format":"{}","instance_id":"nih:sha-256;{}"}}"#,
            source_format.media_type(),
            HEXLOWER.encode(&Sha256::digest(source))
        );
        if keeps {
            builder.add_ingredient_from_stream(ingredient, source_format.media_type(), &mut Cursor::new(source))?;
        } else {
            builder.add_ingredient(Ingredient::from_json(&ingredient)?);
        }
        let mut signed = Cursor::new(Vec::with_capacity(rendition.len() + (16 << 10)));
        builder.sign(&self.0.pair, format.media_type(), &mut Cursor::new(rendition), &mut signed)?;
        Ok(signed.into_inner())
    }
}

/// Whether a source has a manifest that goes along: a remote one is not asked for.
fn keeps_manifest((source, format): (&[u8], Format)) -> bool {
    c2pa::jumbf_io::load_jumbf_from_memory(format.media_type(), source)
        .is_ok_and(|manifest| manifest.len() <= MAX_KEPT_BYTES)
}

/// The smallest picture of a format.
fn blank(format: Format) -> Result<Vec<u8>, Error> {
    let pixels = Pixels { width: 1, height: 1, layout: Layout::Rgb, samples: vec![255; 3] };
    encode::write(&pixels, format, Quality::default(), &Terms::default())
}

/// Certificates and the private key that belongs to the first.
struct Pair {
    signer: c2pa::BoxedSigner,
    reserved_bytes: usize,
}

impl Pair {
    fn from_pem(certificates: &[u8], key: &[u8]) -> Result<Self, Error> {
        let certificates = only_certificates(certificates);
        if certificates.is_empty() {
            let reason = "the certificate is not in PEM, the text form that begins with -----BEGIN CERTIFICATE-----";
            return Err(Error::Unsigned(reason.to_owned()));
        }
        let signer = ALGORITHMS
            .into_iter()
            .find_map(|algorithm| c2pa::create_signer::from_keys(certificates.as_bytes(), key, algorithm, None).ok());
        let signer = signer.ok_or_else(|| {
            Error::Unsigned(
                "the private key is none of ES256, ES384, ES512 or Ed25519 in PEM that begins with -----BEGIN \
                 PRIVATE KEY-----; `openssl pkcs8 -topk8 -nocrypt` makes that of other forms"
                    .to_owned(),
            )
        })?;
        let chain = signer.certs().map_err(|error| refuse(&error))?;
        let reserved_bytes = chain.iter().map(Vec::len).sum::<usize>() + SIGNATURE_BYTES;
        Ok(Self { signer, reserved_bytes })
    }
}

/// The crate's signers set aside 10,000 bytes for a timestamp, and every file would carry them empty.
impl c2pa::Signer for Pair {
    fn sign(&self, bytes: &[u8]) -> c2pa::Result<Vec<u8>> {
        self.signer.sign(bytes)
    }

    fn alg(&self) -> SigningAlg {
        self.signer.alg()
    }

    fn certs(&self) -> c2pa::Result<Vec<Vec<u8>>> {
        self.signer.certs()
    }

    fn reserve_size(&self) -> usize {
        self.reserved_bytes
    }
}

/// The certificates of a PEM file and nothing else: all of them are shown to everybody, so that a private key beside them must
/// not be taken for one.
fn only_certificates(pem: &[u8]) -> String {
    let (begin, end) = ("-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----");
    let text = String::from_utf8_lossy(pem);
    let blocks = text.split(begin).skip(1).filter_map(|rest| rest.split_once(end));
    blocks.map(|(body, _)| format!("{begin}{body}{end}\n")).collect()
}

fn refuse(error: &dyn fmt::Display) -> Error {
    Error::Unsigned(error.to_string())
}

#[cfg(test)]
mod tests;
