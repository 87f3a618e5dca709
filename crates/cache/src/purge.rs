//! Taking responses away, by command.
//!
//! Flights that might bring them back are marked first, then the tiers are cleared: what is asked before a purge may get
//! the old response, what is asked after it never does.

use std::sync::Arc;

use orbit_model::CacheKey;

use crate::stack::Shared;
use crate::tier::Dropped;
use crate::{Cache, Head, Tier};

/// What to purge.
#[derive(Debug, Clone, Copy)]
pub enum Purge<'a> {
    /// The responses of one key.
    Key(&'a CacheKey),
    /// The responses of a path: of a key without a query, and of all keys that are this one with a query behind it.
    Path(&'a CacheKey),
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
            Self::Tag(tag) => head.tags().any(|word| word == *tag),
            _ => self.may_name(key),
        }
    }

    /// Whether it may name a response whose head is not known yet: which tags that will carry, nobody can say.
    fn may_name(&self, key: &CacheKey) -> bool {
        match self {
            Self::Key(named) => *named == key,
            Self::Path(named) => *named == key || before_query(key) == Some(named.as_str()),
            Self::Tag(_) | Self::All => true,
        }
    }
}

/// What of a key stands before its query; `None` where it has none.
pub(crate) fn before_query(key: &CacheKey) -> Option<&str> {
    key.as_str().split_once('?').map(|(path, _)| path)
}

/// What a purge removed from which tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Purged {
    /// The tier.
    pub tier: &'static str,
    /// How much went; after a soft purge, how much was marked as stale.
    pub dropped: Dropped,
}

impl Cache {
    /// Takes responses away from every tier, or if `soft` makes them stale. When it returns, no later request is answered
    /// from them as fresh: not from a tier, and not by a fetch that was under way. It may wait for a disk.
    #[must_use]
    pub fn purge(&self, what: Purge<'_>, soft: bool) -> Vec<Purged> {
        self.shared.purge(what, soft)
    }
}

impl Shared {
    /// The far tier goes first, and flights are marked again before the near one: a flight that begins in between may find the
    /// old response in the far tier, and must not put it into the near one.
    fn purge(&self, what: Purge<'_>, soft: bool) -> Vec<Purged> {
        let clear = |tier: &dyn Tier| {
            self.overtake(what);
            Purged { tier: tier.name(), dropped: tier.purge(what, soft) }
        };
        let far = self.far.as_deref().map(clear);
        std::iter::once(clear(&*self.near)).chain(far).collect()
    }

    /// Marks the flights that may bring back what is purged; a purge by tag overtakes every flight.
    fn overtake(&self, what: Purge<'_>) {
        self.flights.overtake(|key| what.may_name(key));
    }

    /// Drops what is stored under a key, because its upstream said that it is no more; the far tier first, so that nothing is
    /// copied back from it, and on a thread that may wait.
    pub(crate) async fn drop_key(self: &Arc<Self>, key: &CacheKey) {
        if self.far.is_some() {
            let (shared, key) = (Arc::clone(self), key.clone());
            let drop_far = move || {
                if let Some(far) = &shared.far {
                    far.purge(Purge::Key(&key), false);
                }
            };
            // It ends in any case; a panic would leave a copy, which expires.
            let _ = tokio::task::spawn_blocking(drop_far).await;
        }
        self.near.purge(Purge::Key(key), false);
    }
}
