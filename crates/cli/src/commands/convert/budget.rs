//! Memory for several conversions side by side: each says how much it may take at its peak, and waits until that is free.

use parking_lot::{Condvar, Mutex};

/// What all conversions may take together; one that needs more runs alone.
const WHOLE_BYTES: u64 = 2 << 30;

/// Bytes that are free. Whoever takes some gives the same number back, so that it never exceeds the whole.
pub(super) struct Budget {
    free: Mutex<u64>,
    freed: Condvar,
}

impl Default for Budget {
    fn default() -> Self {
        Self { free: Mutex::new(WHOLE_BYTES), freed: Condvar::new() }
    }
}

impl Budget {
    /// Waits for room, which is free again when the guard is dropped.
    pub(super) fn take(&self, bytes: u64) -> Room<'_> {
        let bytes = bytes.min(WHOLE_BYTES);
        let mut free = self.free.lock();
        self.freed.wait_while(&mut free, |free| *free < bytes);
        *free -= bytes;
        Room { budget: self, bytes }
    }
}

/// Taken bytes.
pub(super) struct Room<'a> {
    budget: &'a Budget,
    bytes: u64,
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        *self.budget.free.lock() += self.bytes;
        self.budget.freed.notify_all();
    }
}
