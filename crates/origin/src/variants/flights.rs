//! One derivation of a variant at a time, and who waits for it.
//!
//! The first who wants a variant starts its flight, the others board it. A flight is a task of its own and lives until its
//! variant is committed, so that nobody derives it again in between; when all who waited have left before the codec was
//! done, it is stopped.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use orbit_codec::Stop;
use orbit_model::{ImageId, Rendition, Variant};
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::Error;

/// What a flight brings: the rendition and its bytes, or why there are none.
pub(crate) type Landed = Result<(Rendition, Bytes), Arc<Error>>;

/// What it is a flight of: an image, at a state of its source, and a resolved variant.
pub(crate) type Destination = (ImageId, u32, Variant);

/// All flights of a process.
#[derive(Debug, Default)]
pub(crate) struct Flights(
    /// A flight is in here from its start until its task has ended. Held for moments, never across an await.
    Mutex<HashMap<Destination, Arc<Flight>>>,
);

/// One derivation on its way.
#[derive(Debug)]
pub(crate) struct Flight {
    landed: watch::Sender<Option<Landed>>,
    stop: Stop,
}

/// A place in a flight; the flight is stopped when the last is dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    landed: watch::Receiver<Option<Landed>>,
    flight: Arc<Flight>,
}

/// The side of who flies.
#[derive(Debug)]
pub(crate) struct Pilot<'a> {
    flights: &'a Flights,
    to: Destination,
    flight: Arc<Flight>,
}

impl Flights {
    /// A seat in the flight to `to`; and the flight itself where it is new, for who boards first has to have it flown.
    pub(crate) fn board(&self, to: &Destination, stop: impl FnOnce() -> Stop) -> (Seat, Option<Arc<Flight>>) {
        let mut flights = self.0.lock();
        if let Some(flight) = flights.get(to)
            && (flight.landed.borrow().is_some() || flight.stop.check().is_ok())
        {
            return (Seat::of(flight), None);
        }
        let flight = Arc::new(Flight { landed: watch::Sender::new(None), stop: stop() });
        flights.insert(to.clone(), Arc::clone(&flight));
        (Seat::of(&flight), Some(flight))
    }

    /// Takes over the flight that [`Flights::board`] has just started.
    pub(crate) fn pilot(&self, to: Destination, flight: Arc<Flight>) -> Pilot<'_> {
        Pilot { flights: self, to, flight }
    }
}

impl Pilot<'_> {
    /// What ends the flight early.
    pub(crate) fn stop(&self) -> &Stop {
        &self.flight.stop
    }

    /// Tells all who wait.
    pub(crate) fn land(&self, landed: Landed) {
        self.flight.landed.send_replace(Some(landed));
    }
}

impl Drop for Pilot<'_> {
    fn drop(&mut self) {
        let mut flights = self.flights.0.lock();
        if flights.get(&self.to).is_some_and(|flight| Arc::ptr_eq(flight, &self.flight)) {
            flights.remove(&self.to);
        }
        drop(flights);
        // A pilot that is gone without having landed has panicked or was cancelled: nobody may wait for ever.
        self.flight.landed.send_if_modified(|landed| {
            let crashed = landed.is_none();
            if crashed {
                *landed = Some(Err(Arc::new(Error::internal("the derivation was cut short"))));
            }
            crashed
        });
    }
}

impl Seat {
    fn of(flight: &Arc<Flight>) -> Self {
        Self { landed: flight.landed.subscribe(), flight: Arc::clone(flight) }
    }

    /// Waits for what the flight brings.
    pub(crate) async fn wait(mut self) -> Landed {
        match self.landed.wait_for(Option::is_some).await {
            Ok(landed) => landed.clone().unwrap_or_else(|| Err(Arc::new(Error::internal("nothing landed")))),
            Err(gone) => Err(Arc::new(Error::internal(gone))),
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        // This seat's own receiver is still counted.
        if self.flight.landed.receiver_count() <= 1 && self.flight.landed.borrow().is_none() {
            self.flight.stop.cancel();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use orbit_model::{BlobName, Digest, Format};

    use super::*;

    fn to(query: &str) -> Destination {
        ("fox".parse().unwrap(), 1, query.parse().unwrap())
    }

    fn brought() -> (Rendition, Bytes) {
        let digest = Digest::of(b"fox");
        let file = BlobName::for_content("variant", &digest, Format::Webp);
        let rendition = Rendition { file, format: Format::Webp, quality: 85, width: 2, height: 1, bytes: 3, digest };
        (rendition, Bytes::from_static(b"fox"))
    }

    #[tokio::test]
    async fn all_who_want_the_same_wait_for_one_flight() {
        let flights = Flights::default();
        let (first, begun) = flights.board(&to("w=64"), Stop::never);
        let (second, none) = flights.board(&to("w=64"), Stop::never);
        let (_other, another) = flights.board(&to("w=96"), Stop::never);
        assert!(none.is_none() && another.is_some());
        let pilot = flights.pilot(to("w=64"), begun.unwrap());
        pilot.land(Ok(brought()));
        let (third, none) = flights.board(&to("w=64"), Stop::never);
        assert!(none.is_none(), "who comes before it is committed has it too");
        drop(pilot);
        for seat in [first, second, third] {
            assert_eq!(seat.wait().await.unwrap(), brought());
        }
        assert!(flights.board(&to("w=64"), Stop::never).1.is_some(), "it has ended");
    }

    #[tokio::test]
    async fn a_flight_is_stopped_when_the_last_who_waits_has_left() {
        let flights = Flights::default();
        let (first, begun) = flights.board(&to("w=64"), Stop::never);
        let (second, _) = flights.board(&to("w=64"), Stop::never);
        let pilot = flights.pilot(to("w=64"), begun.unwrap());
        drop(first);
        assert!(pilot.stop().check().is_ok());
        drop(second);
        assert!(pilot.stop().check().is_err());
        let (_new, begun) = flights.board(&to("w=64"), || Stop::after(Duration::from_secs(60)));
        assert!(begun.is_some(), "nobody boards a flight that is being stopped");
        drop(pilot);
        assert!(flights.board(&to("w=64"), Stop::never).1.is_none(), "the old flight's end leaves the new one alone");
    }

    #[tokio::test]
    async fn nobody_waits_for_a_flight_whose_pilot_is_gone() {
        let flights = Flights::default();
        let (seat, begun) = flights.board(&to("w=64"), Stop::never);
        drop(flights.pilot(to("w=64"), begun.unwrap()));
        assert!(seat.wait().await.is_err());
    }
}
