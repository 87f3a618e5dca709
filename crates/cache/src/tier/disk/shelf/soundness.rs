//! Whether what is said of the shelf's fields holds, for tests.

use super::Shelf;

impl Shelf {
    /// Whether writing goes well.
    pub(in crate::tier::disk) fn is_in_order(&self) -> bool {
        self.paused_until.is_none() && !self.chores.is_stuck
    }

    /// Checks what is said of the fields.
    pub(in crate::tier::disk) fn assert_sound(&self) {
        assert_eq!(self.bytes, self.slots.iter().map(|(_, slot)| slot.bytes).sum::<u64>());
        assert_eq!(self.queue_bytes, self.waiting.values().map(|waiting| waiting.file_len()).sum::<u64>());
        assert_eq!(self.slots.iter().count(), self.slots.len());
        self.slots.assert_sound();
        assert!(self.bytes <= self.max_bytes);
        for (ticket, waiting) in &self.waiting {
            assert!(self.confirm(waiting.name, *ticket).is_some() && self.queue.contains(ticket));
        }
        for name in &self.doomed {
            let slot = self.slots.find(*name).and_then(|at| self.slots.get(at));
            assert!(slot.is_none_or(|slot| self.waiting.contains_key(&slot.ticket)), "a good file is doomed");
        }
    }
}
