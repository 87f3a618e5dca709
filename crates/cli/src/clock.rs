//! The wall clock: the one place in Orbit that reads it.

use jiff::Timestamp;
use orbit_model::Clock;

/// The time of day of this machine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everything else is handed")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}
