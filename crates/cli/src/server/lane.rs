//! One of the server's threads: a single-threaded runtime with the connections that it was handed.
//!
//! A connection stays on its thread, so a request never moves between cores. Twice a second the thread looks at each
//! connection's [`Pulse`] and gives the orders that follow. When no more connections come, those that are open
//! finish what they began.

use std::net::TcpStream;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Interval, MissedTickBehavior};
use tokio_util::task::TaskTracker;

use super::connection::Serving;
use super::listener::Place;
use super::pulse::{LOOK, Looks, Order, Patience, Pulse};

/// Serves connections as they come in at the `door`, until it is closed and all have ended or `grace` is over.
pub(super) async fn run(
    mut door: UnboundedReceiver<(TcpStream, Place)>,
    serving: Arc<Serving>,
    patience: Patience,
    grace: Duration,
) {
    let mut open = Open { tasks: TaskTracker::new(), looks: Arc::default(), pulses: Vec::new(), patience };
    let mut look = tokio::time::interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            came = door.recv() => match came {
                Some((stream, place)) => open.begin(&serving, stream, place),
                None => break,
            },
            _ = look.tick() => open.look(),
        }
    }
    open.order_all(Order::Finish);
    if tokio::time::timeout(grace, open.ended(&mut look)).await.is_err() {
        tracing::warn!("some requests did not finish in time and are broken off");
    }
}

/// The connections of one thread.
struct Open {
    tasks: TaskTracker,
    looks: Arc<Looks>,
    /// Those of connections that have ended go at the next look.
    pulses: Vec<Weak<Pulse>>,
    patience: Patience,
}

impl Open {
    fn begin(&mut self, serving: &Arc<Serving>, stream: TcpStream, place: Place) {
        let stream = match tokio::net::TcpStream::from_std(stream) {
            Ok(stream) => stream,
            Err(error) => return tracing::warn!(%error, "a connection could not be served"),
        };
        let pulse = Arc::new(Pulse::new(Arc::clone(&self.looks)));
        self.pulses.push(Arc::downgrade(&pulse));
        let serving = Arc::clone(serving);
        self.tasks.spawn(async move { serving.serve(stream, place, pulse).await });
    }

    fn look(&mut self) {
        self.looks.advance();
        let patience = self.patience;
        self.pulses.retain(|pulse| match pulse.upgrade() {
            Some(pulse) => {
                pulse.order(pulse.verdict(patience));
                true
            }
            None => false,
        });
    }

    fn order_all(&self, order: Order) {
        for pulse in self.pulses.iter().filter_map(Weak::upgrade) {
            pulse.order(order);
        }
    }

    /// Waits until all have ended; who is too slow is cut off meanwhile too.
    async fn ended(&mut self, look: &mut Interval) {
        self.tasks.close();
        let tasks = self.tasks.clone();
        loop {
            tokio::select! {
                () = tasks.wait() => return,
                _ = look.tick() => self.look(),
            }
        }
    }
}
