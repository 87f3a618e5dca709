//! The fields of hits, ready to be sent again.
//!
//! What a hit says of itself, its age and what is left of its freshness, is the same for a whole second. Each thread keeps the
//! fields of the responses that it was asked for more than once in that second, so that a hit copies them and formats
//! nothing. They are the thread's own down to their reference counts: cores that serve one picture share no cache line for it.
//! Called for hits in memory; knows nothing of how fields are made.

use std::cell::RefCell;
use std::sync::{Arc, Weak};
use std::time::Duration;

use http::HeaderMap;
use orbit_cache::{Head, compact};

/// How many answers a thread keeps; one takes another's place.
const PLACES: usize = 512;

/// What is answered with the fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// The whole response.
    Whole,
    /// That it has not changed.
    NotModified,
}

/// The place of one answer's fields.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ready<'a> {
    head: &'a Arc<Head>,
    form: Form,
    age_seconds: u64,
}

/// What a place holds.
#[derive(Debug)]
struct Slot {
    /// Only compared: while the slot has it, no other head can lie at the same address.
    head: Weak<Head>,
    form: Form,
    age_seconds: u64,
    /// There once the answer was wanted for the second time.
    fields: Option<HeaderMap>,
}

thread_local! {
    /// Borrowed for one look or one change.
    static SLOTS: RefCell<[Option<Slot>; PLACES]> = const { RefCell::new([const { None }; PLACES]) };
}

impl<'a> Ready<'a> {
    /// The place of a hit's fields at an age.
    pub(super) fn new(head: &'a Arc<Head>, form: Form, age: Duration) -> Self {
        Self { head, form, age_seconds: age.as_secs() }
    }

    /// The fields, where they are ready.
    pub(super) fn fields(&self) -> Option<HeaderMap> {
        SLOTS.with_borrow(|slots| self.slot(slots)?.fields.clone())
    }

    /// Keeps the fields, if this is not the first time in their second that they are made: most of what is asked for once is
    /// not asked for again so soon.
    pub(super) fn keep(&self, fields: &HeaderMap) {
        SLOTS.with_borrow_mut(|slots| {
            let fields = self.slot(slots).map(|_| compact(fields));
            let &Self { head, form, age_seconds } = self;
            let slot = Slot { head: Arc::downgrade(head), form, age_seconds, fields };
            if let Some(place) = slots.get_mut(self.number()) {
                *place = Some(slot);
            }
        });
    }

    fn slot<'s>(&self, slots: &'s [Option<Slot>; PLACES]) -> Option<&'s Slot> {
        let slot = slots.get(self.number())?.as_ref()?;
        let same = slot.head.as_ptr() == Arc::as_ptr(self.head) && slot.form == self.form;
        (same && slot.age_seconds == self.age_seconds).then_some(slot)
    }

    fn number(&self) -> usize {
        // A head is larger than 128 bytes, so the lowest bits tell nothing.
        let address = Arc::as_ptr(self.head).addr() >> 7;
        (address ^ usize::from(self.form == Form::NotModified)) % PLACES
    }
}

#[cfg(test)]
mod tests {
    use http::header::AGE;
    use http::{HeaderValue, StatusCode};
    use jiff::Timestamp;
    use orbit_cache::Policy;

    use super::*;

    fn head() -> Arc<Head> {
        let nothing = HeaderMap::new();
        Arc::new(Head::new(StatusCode::OK, HeaderMap::new(), &nothing, &Policy::rfc(), Timestamp::UNIX_EPOCH))
    }

    /// Asks as an answer does, and says whether the fields had to be made.
    fn ask(head: &Arc<Head>, form: Form, age_seconds: u64) -> (HeaderMap, bool) {
        let ready = Ready::new(head, form, Duration::from_secs(age_seconds));
        if let Some(fields) = ready.fields() {
            return (fields, false);
        }
        let fields = HeaderMap::from_iter([(AGE, HeaderValue::from(age_seconds))]);
        ready.keep(&fields);
        (fields, true)
    }

    #[test]
    fn fields_are_made_twice_and_then_ready_until_the_second_is_over() {
        let head = head();
        let made: Vec<bool> = (0..4).map(|_| ask(&head, Form::Whole, 3).1).collect();
        assert_eq!(made, [true, true, false, false]);
        assert_eq!(ask(&head, Form::Whole, 3).0[AGE], "3");
        assert_eq!(ask(&head, Form::Whole, 4).0[AGE], "4");
    }

    #[test]
    fn each_form_and_each_head_has_its_own() {
        let (one, other) = (head(), head());
        for _ in 0..2 {
            ask(&one, Form::Whole, 0);
        }
        assert!(ask(&one, Form::NotModified, 0).1);
        assert!(ask(&other, Form::Whole, 0).1);
    }

    #[test]
    fn what_is_ready_keeps_no_head() {
        let head = head();
        for _ in 0..3 {
            ask(&head, Form::Whole, 0);
        }
        assert_eq!(Arc::strong_count(&head), 1);
    }
}
