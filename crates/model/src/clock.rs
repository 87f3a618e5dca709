//! The clock as a constructor argument: services ask it for `now`, pure functions are handed `now`.
//!
//! Only the binary implements it with the wall clock; everything else in the workspace is refused that by a lint.
//! [`Manual`] is what tests inject, so that an hour passes without waiting for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::SystemTime;

use jiff::Timestamp;

/// Says what time it is.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// The present instant; may jump, as wall clocks do.
    fn now(&self) -> Timestamp;
}

/// The same instant as the standard library writes it; instants that it can't hold become 1970.
#[must_use]
pub fn system_time(at: Timestamp) -> SystemTime {
    SystemTime::try_from(at).unwrap_or(SystemTime::UNIX_EPOCH)
}

/// An instant as HTTP writes it, as in `Mon, 23 Nov 2026 20:30:14 GMT` (RFC 9110 section 5.6.7).
#[must_use]
pub fn http_date(at: Timestamp) -> String {
    httpdate::fmt_http_date(system_time(at))
}

/// Serde for instants that may not be known, each as [`millis`] writes it.
pub mod optional_millis {
    use jiff::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes an instant, or null.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
        match at {
            Some(at) => super::millis::serialize(at, serializer),
            None => serializer.serialize_none(),
        }
    }

    /// Reads an instant, or null.
    ///
    /// # Errors
    /// Those of the deserializer.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
        Option::deserialize(deserializer)
    }
}

/// Serde for instants as JSON shows them: RFC 3339 in UTC with three decimals, as in `2026-11-23T20:30:14.500Z`.
pub mod millis {
    use jiff::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes an instant.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{at:.3}"))
    }

    /// Reads an instant of any precision.
    ///
    /// # Errors
    /// Those of the deserializer, and text that is no instant.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        Timestamp::deserialize(deserializer)
    }
}

/// A clock that stands still until it is told to move; clones share their time.
#[derive(Debug, Clone)]
pub struct Manual(Arc<AtomicI64>);

impl Manual {
    /// A clock that shows `now`, to the millisecond.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self(Arc::new(AtomicI64::new(now.as_millisecond())))
    }

    /// Moves the clock on by `by`.
    pub fn advance(&self, by: std::time::Duration) {
        let millis = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.0.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Clock for Manual {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.0.load(Ordering::SeqCst)).unwrap_or(Timestamp::MAX)
    }
}
