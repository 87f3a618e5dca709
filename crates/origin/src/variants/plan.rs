//! What is answered now and what is made behind it.
//!
//! Two things take too long for somebody to wait: AVIF for a client that did not insist on it, and a quality that is found
//! by the eye's measure. Until they are there, a plain WebP (or the default quality) stands in.

use orbit_model::variant::{Quality, Target};
use orbit_model::{Format, Manifest, Variant};

/// Two resolved variants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    /// What can be derived while somebody waits.
    pub(crate) now: Variant,
    /// What is answered as soon as it is there.
    pub(crate) behind: Option<Variant>,
}

impl Plan {
    /// The plan for what was asked; `avif` where `Accept` allows it and the URL leaves the format open.
    pub(crate) fn of(asked: &Variant, avif: bool, default_quality: u8) -> Self {
        let format = if avif { Format::Avif } else { Format::Webp };
        let best = asked.resolve(default_quality, format);
        let insists = asked.target == Some(Target::Format(Format::Avif));
        let mut now = best.clone();
        if best.format() == Some(Format::Avif) && !insists {
            now.target = Some(Target::Format(Format::Webp));
        }
        if best.quality == Some(Quality::Auto) {
            now.quality = Some(Quality::Fixed(default_quality));
        }
        let behind = (now != best).then_some(best);
        Self { now, behind }
    }

    /// What to answer of an image, and whether that is only for now. Of two that are there the smaller is the better.
    pub(crate) fn choose(&self, manifest: &Manifest) -> (Variant, bool) {
        let Some(behind) = &self.behind else { return (self.now.clone(), false) };
        match (manifest.derived(behind), manifest.derived(&self.now)) {
            (None, _) => (self.now.clone(), true),
            (Some(best), Some(now)) if now.bytes < best.bytes && now.quality >= best.quality => {
                (self.now.clone(), false)
            }
            (Some(_), _) => (behind.clone(), false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(asked: &str, avif: bool) -> (String, Option<String>) {
        let plan = Plan::of(&asked.parse().unwrap(), avif, 85);
        (plan.now.to_string(), plan.behind.map(|behind| behind.to_string()))
    }

    #[test]
    fn avif_is_never_waited_for_unless_the_url_insists() {
        let behind = |text: &str| Some(text.to_owned());
        assert_eq!(plan("w=640&fm=auto", true), ("w=640&q=85&fm=webp".to_owned(), behind("w=640&q=85&fm=avif")));
        assert_eq!(plan("w=640&fm=auto", false), ("w=640&q=85&fm=webp".to_owned(), None));
        assert_eq!(plan("w=640&fm=avif", false), ("w=640&q=85&fm=avif".to_owned(), None));
        assert_eq!(plan("w=640&fm=jpeg", true), ("w=640&q=85&fm=jpeg".to_owned(), None));
    }

    #[test]
    fn a_quality_by_eye_is_found_behind() {
        let behind = |text: &str| Some(text.to_owned());
        assert_eq!(plan("w=640&q=auto", false), ("w=640&q=85&fm=webp".to_owned(), behind("w=640&q=auto&fm=webp")));
        assert_eq!(plan("q=auto&fm=avif", false), ("q=85&fm=avif".to_owned(), behind("q=auto&fm=avif")));
        assert_eq!(plan("q=auto&fm=auto", true), ("q=85&fm=webp".to_owned(), behind("q=auto&fm=avif")));
    }
}
