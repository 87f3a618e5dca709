//! Which variants may be asked for: widths and qualities of a list, presets, and anything that is signed.
//!
//! A variant costs work and a file, so strangers may only ask for a bounded number of them (T-DOS-5).

use std::collections::BTreeMap;

use jiff::Timestamp;
use orbit_model::variant::{Quality, Signature, SigningKey};
use orbit_model::{ImageId, Variant, VariantQuery};

use crate::Error;

/// What may be asked for.
#[derive(Debug, Clone)]
pub struct Rules {
    /// The sides that may be asked for, in pixels.
    pub widths: Vec<u32>,
    /// The qualities that may be asked for, beside `auto`.
    pub qualities: Vec<u8>,
    /// Options by name; what they say needs to be on no list.
    pub presets: BTreeMap<String, Variant>,
    /// The keys of signatures: of several, each one is good, so that one can take the place of another.
    pub keys: Vec<SigningKey>,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            widths: vec![32, 48, 64, 96, 128, 256, 384, 640, 750, 828, 1080, 1200, 1920, 2048, 3840],
            qualities: vec![30, 40, 50, 60, 65, 70, 75, 80, 85, 90, 95, 100],
            presets: BTreeMap::new(),
            keys: Vec::new(),
        }
    }
}

impl Rules {
    /// The variant that a query means, if it may be asked for.
    ///
    /// # Errors
    /// [`Error::Invalid`] with what is allowed instead.
    pub(crate) fn allow(&self, id: &ImageId, query: &VariantQuery, now: Timestamp) -> Result<Variant, Error> {
        let signed = match &query.signature {
            None => false,
            Some(signature) => self.verify(id, query, signature, now)?,
        };
        if !signed {
            self.check_lists(&query.variant)?;
        }
        match &query.preset {
            None => Ok(query.variant.clone()),
            Some(name) => {
                let preset = self.presets.get(name).ok_or_else(|| self.unknown_preset(name))?;
                Ok(preset.clone().under(&query.variant))
            }
        }
    }

    fn verify(&self, id: &ImageId, query: &VariantQuery, signature: &Signature, now: Timestamp) -> Result<bool, Error> {
        if self.keys.is_empty() {
            return Err(invalid("this server signs no URLs; leave out s and exp"));
        }
        // Every key is tried, so that the time tells nothing of which one fits.
        let fitting = self.keys.iter().filter(|key| key.has_signed(id, query)).count();
        if fitting == 0 {
            return Err(invalid("the signature does not fit this image and these options; sign the URL again"));
        }
        if end(signature).is_some_and(|end| end <= now) {
            return Err(invalid("the signature has expired; sign the URL again"));
        }
        Ok(true)
    }

    fn check_lists(&self, variant: &Variant) -> Result<(), Error> {
        for (name, side) in [("w", variant.width), ("h", variant.height)] {
            if let Some(side) = side
                && !self.widths.contains(&side)
            {
                return Err(listed(&format!("{name}={side}"), &self.widths));
            }
        }
        match variant.quality {
            Some(Quality::Fixed(quality)) if !self.qualities.contains(&quality) => {
                return Err(listed(&format!("q={quality}"), &self.qualities));
            }
            _ => {}
        }
        match variant.max_bytes {
            Some(_) => Err(invalid("max_bytes needs a signature, or a preset that names it")),
            None => Ok(()),
        }
    }

    fn unknown_preset(&self, name: &str) -> Error {
        let known: Vec<&str> = self.presets.keys().map(String::as_str).collect();
        let known = if known.is_empty() { "it has none".to_owned() } else { format!("it has {}", known.join(", ")) };
        Error::Invalid(format!("this server has no preset `{name}`; {known}"))
    }
}

/// When a signature ends.
pub(super) fn end(signature: &Signature) -> Option<Timestamp> {
    let seconds = signature.expires()?;
    // What is further away than time goes never ends.
    i64::try_from(seconds).ok().and_then(|seconds| Timestamp::from_second(seconds).ok())
}

fn invalid(text: &str) -> Error {
    Error::Invalid(text.to_owned())
}

fn listed<T: ToString>(asked: &str, allowed: &[T]) -> Error {
    let allowed: Vec<String> = allowed.iter().map(T::to_string).collect();
    Error::Invalid(format!("{asked} is not allowed without a signature; allowed are {}", allowed.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &[u8] = b"0123456789abcdef0123456789abcdef";
    const OTHER: &[u8] = b"fedcba9876543210fedcba9876543210";

    fn rules(keys: &[&[u8]]) -> Rules {
        let presets = BTreeMap::from([("thumb".to_owned(), "w=100&h=100&max_bytes=9000".parse().unwrap())]);
        let keys = keys.iter().map(|key| SigningKey::new(key).unwrap()).collect();
        Rules { presets, keys, ..Rules::default() }
    }

    fn id() -> ImageId {
        "fox".parse().unwrap()
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn allow(rules: &Rules, query: &str) -> Result<String, String> {
        let query = VariantQuery::parse(query).unwrap();
        rules.allow(&id(), &query, at(1_000)).map(|variant| variant.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_on_no_list_is_refused_with_the_list() {
        let rules = rules(&[]);
        assert_eq!(allow(&rules, "w=640&q=75").as_deref(), Ok("w=640&q=75"));
        assert_eq!(allow(&rules, "q=auto").as_deref(), Ok("q=auto"));
        for (asked, words) in [
            ("w=641", "32 48 64"),
            ("w=640&h=641", "h=641"),
            ("q=77", "30 40 50"),
            ("max_bytes=9000", "signature"),
            ("preset=huge", "it has thumb"),
        ] {
            let refusal = allow(&rules, asked).unwrap_err();
            assert!(refusal.contains(words), "{asked}: {refusal}");
        }
    }

    #[test]
    fn a_preset_may_say_what_is_on_no_list_and_a_url_beside_it_may_not() {
        let rules = rules(&[]);
        assert_eq!(allow(&rules, "preset=thumb").as_deref(), Ok("w=100&h=100&max_bytes=9000"));
        assert_eq!(allow(&rules, "preset=thumb&fm=png&w=96").as_deref(), Ok("w=96&h=100&fm=png&max_bytes=9000"));
        assert!(allow(&rules, "preset=thumb&w=101").is_err());
    }

    #[test]
    fn a_signed_url_may_ask_for_anything_until_it_ends() {
        let (rules, key) = (rules(&[OTHER, KEY]), SigningKey::new(KEY).unwrap());
        let sign = |query: &str, expires| key.sign(&id(), &VariantQuery::parse(query).unwrap(), expires).to_string();
        assert_eq!(allow(&rules, &sign("w=641&q=77", None)).as_deref(), Ok("w=641&q=77"));
        assert_eq!(allow(&rules, &sign("w=641", Some(1_001))).as_deref(), Ok("w=641"));
        assert_eq!(allow(&rules, &sign("w=641", Some(u64::MAX))).as_deref(), Ok("w=641"));
        let expired = allow(&rules, &sign("w=641", Some(1_000))).unwrap_err();
        assert!(expired.contains("expired"), "{expired}");
    }

    #[test]
    fn a_signature_that_does_not_fit_is_refused_even_where_none_is_needed() {
        let (rules, key) = (rules(&[KEY]), SigningKey::new(OTHER).unwrap());
        let query = VariantQuery::parse("w=640").unwrap();
        let refusal = allow(&rules, &key.sign(&id(), &query, None).to_string()).unwrap_err();
        assert!(refusal.contains("does not fit"), "{refusal}");
        assert!(allow(&self::rules(&[]), &key.sign(&id(), &query, None).to_string()).unwrap_err().contains("no URLs"));
    }
}
