//! A gate: something waits in front of it until the test opens it.
//!
//! Scripted origins wait before a header or before a piece of a body. With gates a test says what happens before what;
//! nothing has to be timed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Closed until it is opened, then open for good; clones are the same gate.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gate(Arc<AtomicBool>);

impl Gate {
    pub(crate) fn closed() -> Self {
        Self::default()
    }

    /// Lets through all who wait, and all who come later.
    pub(crate) fn open(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_open(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}
