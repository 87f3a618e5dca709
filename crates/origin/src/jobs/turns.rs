//! Turns: who may draw next, fair between threads.
//!
//! There are so many turns at once. Threads that wait get one each in rotation, and within a thread the first come is the first
//! served: a batch of a hundred holds up its own thread and no other.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use orbit_model::ThreadId;
use parking_lot::Mutex;
use tokio::sync::oneshot;

/// The turns of one process; clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Turns(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    free: usize,
    /// Never an empty queue: a thread without waiters is in neither.
    waiting: HashMap<ThreadId, VecDeque<oneshot::Sender<Turn>>>,
    /// The threads that wait; the first is next.
    rotation: VecDeque<ThreadId>,
}

/// The right to draw; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    /// `None` once it was handed to the next one.
    turns: Option<Turns>,
}

impl Turns {
    pub(crate) fn new(count: usize) -> Self {
        let state = State { free: count, waiting: HashMap::new(), rotation: VecDeque::new() };
        Self(Arc::new(Mutex::new(state)))
    }

    /// Waits for a turn; leaving the queue is dropping the future.
    pub(crate) async fn take(&self, thread: &ThreadId) -> Turn {
        let taken = {
            let mut state = self.0.lock();
            if state.free > 0 {
                state.free -= 1;
                return self.turn();
            }
            state.wait(thread)
        };
        match taken.await {
            Ok(turn) => turn,
            // The sender lies in the state, which lives as long as this clone of it.
            Err(_) => std::future::pending().await,
        }
    }

    fn turn(&self) -> Turn {
        Turn { turns: Some(self.clone()) }
    }

    /// Hands a turn to the next who still waits.
    fn give_back(&self) {
        loop {
            let Some(next) = self.0.lock().next() else { return };
            match next.send(self.turn()) {
                Ok(()) => return,
                // Whoever left takes no turn, and must not give this one back a second time.
                Err(mut refused) => refused.turns = None,
            }
        }
    }
}

impl State {
    fn wait(&mut self, thread: &ThreadId) -> oneshot::Receiver<Turn> {
        let (sender, receiver) = oneshot::channel();
        let queue = self.waiting.entry(thread.clone()).or_default();
        if queue.is_empty() {
            self.rotation.push_back(thread.clone());
        }
        queue.push_back(sender);
        receiver
    }

    /// The one whose turn it is; where nobody waits, the turn is free.
    fn next(&mut self) -> Option<oneshot::Sender<Turn>> {
        let Some(thread) = self.rotation.pop_front() else {
            self.free += 1;
            return None;
        };
        let queue = self.waiting.get_mut(&thread);
        let next = queue.and_then(VecDeque::pop_front);
        if self.waiting.get(&thread).is_some_and(|queue| !queue.is_empty()) {
            self.rotation.push_back(thread);
        } else {
            self.waiting.remove(&thread);
        }
        next
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(turns) = self.turns.take() {
            turns.give_back();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn thread(name: &str) -> ThreadId {
        name.parse().unwrap()
    }

    #[tokio::test]
    async fn threads_take_turns_however_many_one_of_them_waits_for() {
        let turns = Turns::new(1);
        let held = turns.take(&thread("busy")).await;
        let order: Arc<Mutex<Vec<&str>>> = Arc::default();
        let mut waiting = Vec::new();
        for name in ["busy", "busy", "busy", "a", "b", "a"] {
            let (turns, order) = (turns.clone(), Arc::clone(&order));
            waiting.push(tokio::spawn(async move {
                let _turn = turns.take(&thread(name)).await;
                order.lock().push(name);
            }));
            tokio::task::yield_now().await;
        }
        drop(held);
        for one in waiting {
            one.await.unwrap();
        }
        assert_eq!(*order.lock(), ["busy", "a", "b", "busy", "a", "busy"]);
    }

    #[tokio::test]
    async fn a_turn_goes_past_those_who_have_left_and_none_is_lost_or_made() {
        let turns = Turns::new(2);
        let held = [turns.take(&thread("t")).await, turns.take(&thread("t")).await];
        let (t, u) = (thread("t"), thread("u"));
        let (mut left, mut stays) = (Box::pin(turns.take(&t)), Box::pin(turns.take(&u)));
        assert!((&mut left).now_or_never().is_none() && (&mut stays).now_or_never().is_none());
        drop(left);
        drop(held);
        let third = stays.now_or_never().unwrap();
        let fourth = turns.take(&thread("t")).now_or_never().unwrap();
        assert!(turns.take(&thread("t")).now_or_never().is_none());
        drop((third, fourth));
        assert_eq!(turns.0.lock().free, 2);
        assert!(turns.0.lock().waiting.is_empty() && turns.0.lock().rotation.is_empty());
    }
}
