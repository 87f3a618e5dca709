//! The index of tags: which slots of a shelf bear a tag, so that a purge by tag looks at those alone.
//!
//! A slot that is vacated stays listed until its tag's list is mostly leftovers; a listing names the slot's tenant, so a
//! leftover is known as one. Each shelf has an index and tells it of every entry that comes and goes.

use std::collections::HashMap;

use super::shelf::Tenant;

/// What a tag costs besides its name: its place in a list, and in the index where it is the first of its name.
pub(super) const TAG_BYTES: usize = 80;
/// Leftovers that are never worth a sweep.
const SLACK: usize = 8;

#[derive(Debug, Default)]
pub(super) struct Tags(HashMap<Box<str>, Bearers>);

#[derive(Debug, Default)]
struct Bearers {
    listed: Vec<Tenant>,
    live: usize,
}

impl Tags {
    pub(super) fn add<'a>(&mut self, tags: impl Iterator<Item = &'a str>, tenant: Tenant) {
        for tag in tags {
            let bearers = match self.0.get_mut(tag) {
                Some(bearers) => bearers,
                None => self.0.entry(tag.into()).or_default(),
            };
            bearers.listed.push(tenant);
            bearers.live += 1;
        }
    }

    /// Forgets a tenant that is gone; `lives` says who still is there.
    pub(super) fn remove<'a>(&mut self, tags: impl Iterator<Item = &'a str>, lives: impl Fn(Tenant) -> bool) {
        for tag in tags {
            let Some(bearers) = self.0.get_mut(tag) else { continue };
            bearers.live = bearers.live.saturating_sub(1);
            if bearers.live == 0 {
                self.0.remove(tag);
            } else if bearers.listed.len() > 2 * bearers.live + SLACK {
                bearers.listed.retain(|tenant| lives(*tenant));
            }
        }
    }

    /// Who bears a tag; some of them may be gone, and some may be listed twice.
    pub(super) fn bearers(&self, tag: &str) -> Vec<Tenant> {
        self.0.get(tag).map(|bearers| bearers.listed.clone()).unwrap_or_default()
    }

    /// Names and listings, leftovers counted too.
    #[cfg(test)]
    pub(super) fn size(&self) -> (usize, usize) {
        (self.0.len(), self.0.values().map(|bearers| bearers.listed.len()).sum())
    }
}
