//! The leave to answer from what is stored: without an end, or lent for a while by whoever says what must go.
//!
//! Where it has run out, nothing stored is served before the upstream was asked about it, however fresh it is, and nothing
//! instead of an answer of the upstream. The same holds of what was stored before a moment since when purges may have been
//! missed. A request that is answered at once reads two numbers more than it otherwise would, and the clock not once more.

use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;

use crate::{Cache, Head};

/// Until when what is stored may be served, and since when it is trusted; in milliseconds since 1970.
#[derive(Debug)]
pub(crate) struct Lease {
    until: AtomicI64,
    since: AtomicI64,
}

impl Default for Lease {
    fn default() -> Self {
        Self { until: AtomicI64::new(i64::MAX), since: AtomicI64::new(i64::MIN) }
    }
}

impl Lease {
    /// Whether it runs at `now`.
    pub(crate) fn runs(&self, now: Timestamp) -> bool {
        now.as_millisecond() < self.until.load(Ordering::SeqCst)
    }

    /// Whether a response may be served at `now` as far as its freshness allows.
    pub(crate) fn covers(&self, head: &Head, now: Timestamp) -> bool {
        self.runs(now) && head.fetched_at.as_millisecond() > self.since.load(Ordering::SeqCst)
    }
}

impl Cache {
    /// Lets stored responses be served until then.
    pub fn lend(&self, until: Timestamp) {
        self.shared.lease.until.store(until.as_millisecond(), Ordering::SeqCst);
    }

    /// Lets stored responses be served without an end, which is how it begins.
    pub fn lend_for_good(&self) {
        self.shared.lease.until.store(i64::MAX, Ordering::SeqCst);
    }

    /// Lets no stored response be served from now on before the upstream was asked about it.
    pub fn end_lease(&self) {
        self.shared.lease.until.store(i64::MIN, Ordering::SeqCst);
    }

    /// Trusts nothing that was stored until then, nor what is being fetched: purges of it may have been missed. Each response is
    /// asked about before it is served once more.
    pub fn distrust(&self, until: Timestamp) {
        self.shared.lease.since.fetch_max(until.as_millisecond(), Ordering::SeqCst);
        self.shared.flights.overtake(|_| true);
    }
}
