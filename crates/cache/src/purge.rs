//! Taking responses away, by command.
//!
//! Flights that might bring them back are overtaken under the same lock under which the tier is cleared, so a purge is one
//! moment: what is asked before it may get the old response, what is asked after it never does.

use orbit_model::CacheKey;

use crate::tier::{Dropped, Tier};
use crate::{Cache, Entry};

/// What to purge.
#[derive(Debug, Clone, Copy)]
pub enum Purge<'a> {
    /// The response of one key.
    Key(&'a CacheKey),
    /// All that carry a tag.
    Tag(&'a str),
    /// Everything.
    All,
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
    /// Takes responses away, or if `soft` makes them stale. When it returns, no later request is answered from them as
    /// fresh: not from the tier, and not by a fetch that was under way.
    #[must_use]
    pub fn purge(&self, what: Purge<'_>, soft: bool) -> Purged {
        let (tier, flights) = (self.shared.tier.as_ref(), &self.shared.flights);
        // Which tags a response in flight will carry is not known yet: a purge by tag overtakes every flight.
        let in_flight = |key: &CacheKey| match what {
            Purge::Key(named) => key == named,
            Purge::Tag(_) | Purge::All => true,
        };
        let dropped = flights.overtake(in_flight, || match (what, soft) {
            (Purge::Key(key), false) => tier.remove(key),
            (_, false) => tier.remove_where(&|_, entry| names(what, entry)),
            (_, true) => mark_stale(tier, what),
        });
        Purged { tier: tier.name(), dropped }
    }
}

fn names(what: Purge<'_>, entry: &Entry) -> bool {
    match what {
        Purge::Tag(tag) => entry.has_tag(tag),
        Purge::Key(_) | Purge::All => true,
    }
}

/// Marks entries as stale and counts those that were not.
fn mark_stale(tier: &dyn Tier, what: Purge<'_>) -> Dropped {
    let mut marked = Dropped::default();
    let mut mark = |entry: &Entry| {
        if names(what, entry) && entry.soft_purge() {
            marked.entries += 1;
            marked.bytes += entry.cost();
        }
    };
    match what {
        Purge::Key(key) => tier.peek(key).iter().for_each(|entry| mark(entry)),
        Purge::Tag(_) | Purge::All => tier.visit(&mut |_, entry| mark(entry)),
    }
    marked
}
