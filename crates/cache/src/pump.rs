//! A pump: moves a body from the upstream into its fill, for those who read it and for the tiers.
//!
//! 1. A piece comes, or it takes too long, or nobody reads any longer.
//! 2. A body that grows too large to be kept becomes a passage, and waits for its readers from then on.
//! 3. Where nobody is left and too much is missing to go on for the tiers' sake, it is given up.
//!
//! Called by the leader of a fetch; knows nothing of keys or policy.

use std::sync::atomic::Ordering;
use std::time::Duration;

use http_body_util::BodyExt as _;

use crate::fill::Fill;
use crate::flight::{Progress, Ticket};
use crate::stack::Shared;
use crate::{Body, Error};

/// A body and where it goes.
pub(crate) struct Pump<'a> {
    pub(crate) shared: &'a Shared,
    pub(crate) ticket: &'a Ticket,
    pub(crate) fill: &'a Fill,
    pub(crate) body: Body,
    /// Nobody was there from the start: it is done for the tiers.
    pub(crate) behind: bool,
}

/// How a pump ended.
pub(crate) enum Pumped {
    /// All of it is in the fill.
    Whole,
    /// All of it has passed through the fill.
    Passed,
}

impl Pump<'_> {
    /// Moves the body to its end.
    pub(crate) async fn run(mut self) -> Result<Pumped, Error> {
        let limits = &self.shared.limits;
        let too_late = tokio::time::sleep(limits.max_duration);
        tokio::pin!(too_late);
        let mut passes = false;
        loop {
            let piece = tokio::select! {
                biased;
                () = self.fill.deserted(), if !self.behind => match self.is_given_up(passes) {
                    true => return Err(given_up()),
                    false => continue,
                },
                // What is not kept may take as long as its readers like.
                () = &mut too_late, if !passes => return Err(Error::Timeout),
                piece = next_piece(&mut self.body, limits.max_silence) => piece?,
            };
            let Some(piece) = piece else { return Ok(if passes { Pumped::Passed } else { Pumped::Whole }) };
            let arrived = self.fill.push(piece);
            if !passes && self.is_too_large(arrived) {
                passes = true;
                self.ticket.close();
                self.ticket.flight.tell(Progress::Released);
                self.fill.pass();
            }
            if passes {
                self.fill.room(limits.max_silence).await;
            }
            if (passes || !self.behind) && self.is_given_up(passes) {
                return Err(given_up());
            }
        }
    }

    fn is_too_large(&self, arrived: u64) -> bool {
        let limits = &self.shared.limits;
        let held_by_all = self.shared.filling_bytes.load(Ordering::Relaxed);
        arrived > limits.max_body_bytes || held_by_all > limits.max_filling_bytes
    }

    /// Whether nobody is left and too much is missing to go on for the tiers' sake.
    fn is_given_up(&self, passes: bool) -> bool {
        let nobody = self.fill.readers() == 0 && self.ticket.flight.waiting() == 0;
        let much = self.fill.missing().is_some_and(|missing| missing > self.shared.limits.finish_bytes);
        nobody && (much || passes)
    }
}

/// Ends a fill that nobody else has ended, as where its body panics, so that no reader waits for ever.
pub(crate) struct BrokenOff<'a>(pub(crate) &'a Fill);

impl Drop for BrokenOff<'_> {
    fn drop(&mut self) {
        self.0.end(Err(Error::Unavailable("the fetch was broken off".to_owned())));
    }
}

fn given_up() -> Error {
    Error::Unavailable("nobody waits for the rest of the response".to_owned())
}

async fn next_piece(body: &mut Body, max_silence: Duration) -> Result<Option<bytes::Bytes>, Error> {
    loop {
        let frame = tokio::time::timeout(max_silence, body.frame()).await.map_err(|_elapsed| Error::Timeout)?;
        match frame.transpose()? {
            None => return Ok(None),
            // Trailers are not kept (RFC 9110 section 6.5.1 lets a recipient discard them).
            Some(frame) => {
                if let Ok(piece) = frame.into_data() {
                    return Ok(Some(piece));
                }
            }
        }
    }
}
