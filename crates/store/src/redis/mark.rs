//! What all nodes know an event by, so that none tells it twice.
//!
//! The end of an image and that of a job can be told once, whoever tells them: their marks are made of what they tell. A node that
//! was taken for dead and comes back can tell no end a second time. Any other event has a mark of its own.

use std::collections::{HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use orbit_model::Event;

/// How many events are known again: more than the stream of all nodes holds.
const MAX_KNOWN: usize = 1 << 18;

/// The mark of an event that can happen once, whoever tells it.
pub(super) fn of_end(event: &Event) -> Option<String> {
    match event {
        Event::ConceptProgress(data) => Some(format!("{}/{}", data.job, data.index)),
        Event::ConceptFailed(data) => Some(format!("{}/{}", data.job, data.index)),
        Event::ConceptsGenerated(data) => Some(format!("{}/end", data.job)),
        _ => None,
    }
}

/// The marks of the last events.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Hashes of marks: two of them alike among so few would take luck.
    marks: HashSet<u64>,
    order: VecDeque<u64>,
}

impl Known {
    /// Notes a mark; whether it is new.
    pub(super) fn insert(&mut self, mark: &str) -> bool {
        let hash = hash(mark);
        if !self.marks.insert(hash) {
            return false;
        }
        self.order.push_back(hash);
        if self.order.len() > MAX_KNOWN
            && let Some(oldest) = self.order.pop_front()
        {
            self.marks.remove(&oldest);
        }
        true
    }

    pub(super) fn contains(&self, mark: &str) -> bool {
        self.marks.contains(&hash(mark))
    }

    /// Takes a mark back, whose event could not be kept.
    pub(super) fn remove(&mut self, mark: &str) {
        let hash = hash(mark);
        self.marks.remove(&hash);
        self.order.retain(|known| *known != hash);
    }
}

fn hash(mark: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    mark.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_new_once_until_it_is_taken_back() {
        let mut known = Known::default();
        assert!(known.insert("job/0") && !known.insert("job/0"));
        assert!(known.contains("job/0") && !known.contains("job/1"));
        known.remove("job/0");
        assert!(known.insert("job/0"));
        assert_eq!(known.order.len(), 1);
    }

    #[test]
    fn only_the_last_are_known() {
        let mut known = Known::default();
        for number in 0..=MAX_KNOWN {
            known.insert(&number.to_string());
        }
        assert!(!known.contains("0") && known.contains("1"));
        assert_eq!(known.marks.len(), MAX_KNOWN);
    }
}
