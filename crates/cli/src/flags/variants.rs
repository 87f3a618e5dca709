//! Flags of what is derived of images: which variants may be asked for, what is made behind, and who signs it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytesize::ByteSize;
use clap::{Args, ValueEnum};
use orbit_codec::Signer;
use orbit_model::Variant;
use orbit_model::variant::SigningKey;

/// What an origin derives of images.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Variants")]
#[group(skip)]
pub(crate) struct Variants {
    /// The widths and heights that anybody may ask for, in pixels
    #[arg(
        long,
        env = "ORBIT_WIDTHS",
        default_value = "32,48,64,96,128,256,384,640,750,828,1080,1200,1920,2048,3840",
        value_delimiter = ',',
        value_parser = clap::value_parser!(u32).range(1..=16_383),
        value_name = "N,.."
    )]
    pub(crate) widths: Vec<u32>,
    /// The qualities that anybody may ask for, beside auto
    #[arg(
        long,
        env = "ORBIT_QUALITIES",
        default_value = "30,40,50,60,65,70,75,80,85,90,95,100",
        value_delimiter = ',',
        value_parser = clap::value_parser!(u8).range(1..=100),
        value_name = "Q,.."
    )]
    pub(crate) qualities: Vec<u8>,
    /// Options under a name, as in thumb:w=256&h=256&fm=auto; more than one by repeating it
    #[arg(long = "preset", env = "ORBIT_PRESETS", value_delimiter = ',', value_parser = preset, value_name = "NAME:OPTIONS")]
    pub(crate) presets: Vec<(String, Variant)>,
    /// The secrets of signed URLs, 32 bytes or more each; of two, either is good while one takes the other's place
    #[arg(
        long = "signing-key",
        env = "ORBIT_SIGNING_KEYS",
        value_delimiter = ',',
        hide_env_values = true,
        value_name = "SECRET"
    )]
    pub(crate) signing_keys: Vec<String>,
    /// Widths of variants that are derived as soon as an image is stored
    #[arg(long, env = "ORBIT_PREBUILD", value_delimiter = ',', value_name = "N,..")]
    pub(crate) prebuild: Vec<u32>,
    /// When images that are served already are encoded once more, as small as they get
    #[arg(long, env = "ORBIT_REFINE", default_value = "idle", value_name = "WHEN")]
    pub(crate) refine: Refine,
    /// How many variants an image keeps; beyond that the oldest goes
    #[arg(long, env = "ORBIT_MAX_VARIANTS", default_value_t = 64, value_name = "N")]
    pub(crate) max_variants: usize,
    /// The memory that all images in work may take together
    #[arg(long, env = "ORBIT_CODEC_MEMORY", default_value = "3GiB", value_name = "SIZE")]
    pub(crate) codec_memory: ByteSize,
    /// How long an image may be worked on while somebody waits
    #[arg(long, env = "ORBIT_TRANSFORM_TIMEOUT", default_value = "10s", value_parser = humantime::parse_duration, value_name = "TIME")]
    pub(crate) transform_timeout: Duration,
    #[command(flatten)]
    pub(crate) signing: Signing,
}

/// Who vouches for what is derived.
#[derive(Debug, Clone, Args)]
#[group(skip)]
pub(crate) struct Signing {
    /// The certificate that every rendition is signed with by C2PA, PEM, with those that lead to an authority; in builds
    /// with the feature c2pa
    #[arg(long, env = "ORBIT_C2PA_CERT", value_name = "FILE")]
    pub(crate) c2pa_cert: Option<PathBuf>,
    /// The private key of that certificate, PEM
    #[arg(long, env = "ORBIT_C2PA_KEY", value_name = "FILE")]
    pub(crate) c2pa_key: Option<PathBuf>,
}

impl Signing {
    /// Who signs, where somebody does; what they sign has been tried.
    pub(crate) fn signer(&self) -> Result<Option<Signer>> {
        let (certificate, key) = match (&self.c2pa_cert, &self.c2pa_key) {
            (Some(certificate), Some(key)) => (certificate, key),
            (None, None) => return Ok(None),
            (Some(_), None) => bail!("--c2pa-cert needs its private key: give --c2pa-key (ORBIT_C2PA_KEY) too"),
            (None, Some(_)) => bail!("--c2pa-key needs its certificate: give --c2pa-cert (ORBIT_C2PA_CERT) too"),
        };
        let read =
            |path: &Path, what: &str| std::fs::read(path).with_context(|| format!("the {what} {}", path.display()));
        let signer = Signer::from_pem(&read(certificate, "C2PA certificate")?, &read(key, "C2PA key")?);
        let files = || format!("the C2PA certificate {} with the key {}", certificate.display(), key.display());
        signer.map(Some).with_context(files)
    }
}

/// When images are refined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Refine {
    /// Never: the first encoding stays.
    Off,
    /// While nothing else is to be done.
    Idle,
}

impl Variants {
    /// Which variants may be asked for.
    pub(crate) fn rules(&self) -> Result<orbit_origin::Rules> {
        let key = |secret: &String| SigningKey::new(secret.as_bytes()).context("a signing key (ORBIT_SIGNING_KEYS)");
        Ok(orbit_origin::Rules {
            widths: self.widths.clone(),
            qualities: self.qualities.clone(),
            presets: BTreeMap::from_iter(self.presets.iter().cloned()),
            keys: self.signing_keys.iter().map(key).collect::<Result<_>>()?,
        })
    }
}

fn preset(text: &str) -> Result<(String, Variant), String> {
    let (name, options) = text.split_once(':').ok_or("write NAME:OPTIONS, as in thumb:w=256&h=256&fm=auto")?;
    let query = orbit_model::VariantQuery::parse(&format!("preset={name}")).map_err(|error| error.to_string())?;
    let variant = options.parse().map_err(|error: orbit_model::Error| error.to_string())?;
    Ok((query.preset.unwrap_or_default(), variant))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_and_its_key_are_given_together() {
        let signing = |cert: Option<&str>, key: Option<&str>| {
            let (c2pa_cert, c2pa_key) = (cert.map(PathBuf::from), key.map(PathBuf::from));
            Signing { c2pa_cert, c2pa_key }
                .signer()
                .map(|signer| signer.is_some())
                .map_err(|error| format!("{error:#}"))
        };
        assert_eq!(signing(None, None), Ok(false));
        assert!(signing(Some("no-such-file"), None).unwrap_err().contains("--c2pa-key"));
        assert!(signing(None, Some("no-such-file")).unwrap_err().contains("--c2pa-cert"));
        assert!(signing(Some("no-such-file"), Some("no-such-file")).unwrap_err().contains("no-such-file"));
        let refused = signing(Some("Cargo.toml"), Some("Cargo.toml")).unwrap_err();
        // What is wrong with it depends on the build.
        assert!(refused.contains("cannot be signed") && refused.contains("Cargo.toml"), "{refused}");
    }

    #[test]
    fn a_preset_is_a_name_and_options() {
        let (name, variant) = preset("thumb:w=256&h=256&fm=auto").unwrap();
        assert_eq!((name.as_str(), variant.to_string().as_str()), ("thumb", "w=256&h=256&fm=auto"));
        for (bad, word) in [("thumb", "NAME:OPTIONS"), ("a/b:w=1", "preset"), ("thumb:w=x", "w")] {
            assert!(preset(bad).unwrap_err().contains(word), "{bad}");
        }
    }
}
