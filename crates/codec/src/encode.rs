//! Pixels to bytes, and how good they should look.
//!
//! Last of the steps of [`crate::encode()`]. Only pixels are written: no encoder here is ever handed metadata.

pub(crate) mod png;
pub(crate) mod webp;

/// How close a lossy encoder stays to the pixels: 1 (smallest) to 100 (closest).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quality(u8);

impl Quality {
    /// The quality of a number; `None` outside 1 to 100.
    #[must_use]
    pub fn new(value: u8) -> Option<Self> {
        (1..=100).contains(&value).then_some(Self(value))
    }

    /// The number, 1 to 100.
    #[must_use]
    pub fn get(self) -> u8 {
        self.0
    }
}

impl Default for Quality {
    fn default() -> Self {
        Self(85)
    }
}
