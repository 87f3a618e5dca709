//! Taking responses away, by command.

use orbit_model::CacheKey;

use crate::Head;

/// What to purge.
#[derive(Debug, Clone, Copy)]
pub enum Purge<'a> {
    /// The responses of one key.
    Key(&'a CacheKey),
    /// All that carry a tag.
    Tag(&'a str),
    /// Everything.
    All,
}

impl Purge<'_> {
    /// Whether it names a response.
    #[must_use]
    pub fn names(&self, key: &CacheKey, head: &Head) -> bool {
        match self {
            Self::Key(named) => *named == key,
            Self::Tag(tag) => head.tags().any(|word| word == *tag),
            Self::All => true,
        }
    }
}
