//! A desk a CDN: what it is to be told, when, and what came of it.
//!
//! Letters that come while others are on their way go together, in as few requests as the CDN takes. One that fails in passing comes again,
//! later each time; what a CDN asks us to wait holds for all of its letters. One that is refused among others is sent alone, so that
//! it alone fails.

use std::time::Duration;

use orbit_model::{Letter, LetterState, PurgeRequest, Removed};
use orbit_store::Letters;
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::carrier::Carrier;
use super::driver::{Driver, Failure};

/// Letters that go together at the most.
const MAX_TOGETHER: usize = 500;
/// The first pause, which doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// After so many tries, about a day, a letter has failed.
const MAX_ATTEMPTS: u32 = 300;

/// How far a letter has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Progress {
    /// It is on its way; once in vain, with why and when it comes again.
    Waiting(Option<(String, Instant)>),
    /// The CDN has confirmed it, and what went where it says so.
    Confirmed(Option<u64>),
    /// It will not be confirmed.
    Failed(String),
}

/// Tells of a letter that is waited for.
pub(super) type News = watch::Receiver<Progress>;

/// What one CDN is to be told.
#[derive(Debug)]
pub(super) struct Desk {
    driver: Box<dyn Driver>,
    carrier: Carrier,
    outbox: Letters,
    again_after: Duration,
    /// The letters that are to be sent; those under way are not among them. Never held over an await.
    waiting: Mutex<Vec<Waiting>>,
    /// Tells the one who sends that there is something new.
    arrived: Notify,
}

#[derive(Debug)]
struct Waiting {
    letter: Letter,
    due: Instant,
    /// It was refused among others.
    alone: bool,
    progress: watch::Sender<Progress>,
}

impl Desk {
    pub(super) fn new(driver: Box<dyn Driver>, carrier: Carrier, outbox: Letters, again_after: Duration) -> Self {
        Self { driver, carrier, outbox, again_after, waiting: Mutex::default(), arrived: Notify::new() }
    }

    pub(super) fn driver(&self) -> &dyn Driver {
        self.driver.as_ref()
    }

    pub(super) fn is_for(&self, letter: &Letter) -> bool {
        letter.to == self.driver.url()
    }

    /// Takes a letter in, to be sent at once, or when the CDN takes letters again.
    pub(super) fn put(&self, letter: Letter) -> News {
        let mut waiting = self.waiting.lock();
        // All wait for the one that the CDN had us wait for.
        let refusal = waiting.iter().find_map(|other| match &*other.progress.borrow() {
            Progress::Waiting(Some((why, due))) if *due > Instant::now() => Some((why.clone(), *due)),
            _ => None,
        });
        let due = refusal.as_ref().map_or_else(Instant::now, |(_, due)| *due);
        let (progress, news) = watch::channel(Progress::Waiting(refusal));
        waiting.push(Waiting { letter, due, alone: false, progress });
        drop(waiting);
        self.arrived.notify_one();
        news
    }

    /// Sends a letter now, whether or not it waits here already.
    pub(super) fn hurry(&self, letter: Letter) -> News {
        let mut waiting = self.waiting.lock();
        let known = waiting.iter_mut().find(|known| known.letter.id == letter.id).map(|known| {
            known.due = Instant::now();
            known.progress.send_replace(Progress::Waiting(None));
            known.progress.subscribe()
        });
        let news = known.unwrap_or_else(|| {
            let (progress, news) = watch::channel(Progress::Waiting(None));
            waiting.push(Waiting { letter, due: Instant::now(), alone: false, progress });
            news
        });
        drop(waiting);
        self.arrived.notify_one();
        news
    }

    /// Forgets a letter, unless it is under way.
    pub(super) fn drop_letter(&self, id: u64) {
        self.waiting.lock().retain(|waiting| waiting.letter.id != id);
    }

    /// What a receipt says of a letter after some time at the most.
    pub(super) async fn report(&self, mut news: News, wait: Duration) -> Removed {
        let end = Instant::now() + wait;
        let settled = news.wait_for(|progress| match progress {
            // It comes again when nobody waits any longer.
            Progress::Waiting(Some((_, due))) => *due > end,
            Progress::Waiting(None) => false,
            Progress::Confirmed(_) | Progress::Failed(_) => true,
        });
        // In time or not: what it is now counts. One that was forgotten stays as it was.
        let _ = tokio::time::timeout_at(end, settled).await.map(drop);
        let progress = news.borrow().clone();
        let (entries, failed) = match progress {
            Progress::Confirmed(gone) => (gone.unwrap_or(1), None),
            Progress::Failed(why) => (0, Some(format!("{why}; `POST /cdn/failed` tells it once more"))),
            Progress::Waiting(Some((why, _))) => (0, Some(format!("{why}; it is told again until it confirms"))),
            Progress::Waiting(None) => (0, Some("it has not answered yet; it is told until it confirms".to_owned())),
        };
        Removed { tier: format!("cdn:{}", self.driver.kind()), entries, bytes: None, failed }
    }

    /// Sends letters for as long as it is polled.
    pub(super) async fn tend(&self) {
        loop {
            let arrived = self.arrived.notified();
            let batch = self.take_due();
            if batch.is_empty() {
                let next = self.waiting.lock().iter().map(|waiting| waiting.due).min();
                match next {
                    Some(due) => tokio::select! {
                        () = arrived => {}
                        () = tokio::time::sleep_until(due) => {}
                    },
                    None => arrived.await,
                }
                continue;
            }
            self.send(batch).await;
        }
    }

    /// Those that are due and go together: all of one kind, soft or not, told before or not.
    fn take_due(&self) -> Vec<Waiting> {
        let now = Instant::now();
        let mut waiting = self.waiting.lock();
        let Some(first) = waiting.iter().find(|waiting| waiting.due <= now) else { return Vec::new() };
        let (id, alone, kind) = (first.letter.id, first.alone, first.kind());
        let mut taken = 0;
        waiting
            .extract_if(.., |one| {
                let goes = if alone { one.letter.id == id } else { !one.alone && one.kind() == kind };
                let goes = goes && one.due <= now && taken < MAX_TOGETHER;
                taken += usize::from(goes);
                goes
            })
            .collect()
    }

    async fn send(&self, batch: Vec<Waiting>) {
        let Some(first) = batch.first() else { return };
        let is_repeat = first.letter.state == LetterState::Confirmed;
        let purge = together(&batch);
        let sent = self.carrier.carry(self.driver.as_ref(), &purge, is_repeat).await;
        match sent {
            Ok(gone) => self.confirm(batch, gone, is_repeat).await,
            Err(Failure::Passing { why, after }) => self.put_off(batch, &why, after).await,
            Err(Failure::Lasting(_)) if batch.len() > 1 => {
                let mut waiting = self.waiting.lock();
                waiting.extend(batch.into_iter().map(|one| Waiting { alone: true, ..one }));
            }
            Err(Failure::Lasting(why)) => self.fail(batch, &why).await,
        }
    }

    async fn confirm(&self, batch: Vec<Waiting>, gone: Option<u64>, is_repeat: bool) {
        let count = batch.len();
        let repeats = !is_repeat && !self.again_after.is_zero();
        let (mut done, mut again, mut told) = (Vec::new(), Vec::new(), Vec::new());
        for mut one in batch {
            // Of several that went together nobody knows what went for which.
            let named = one.letter.purge.ids.len() + one.letter.purge.threads.len() + one.letter.purge.tags.len();
            let gone = gone.filter(|_| count == 1).unwrap_or(named.max(1) as u64);
            told.push((one.progress.clone(), gone));
            if repeats && !one.letter.purge.soft {
                one.letter.state = LetterState::Confirmed;
                one.letter.attempts = 0;
                one.letter.error = None;
                one.due = Instant::now() + self.again_after;
                one.alone = false;
                again.push(one);
            } else {
                done.push(one.letter.id);
            }
        }
        tracing::debug!(target: "orbit::origin", cdn = self.driver.url(), purges = count, "a CDN has confirmed");
        let letters = again.iter().map(|one| one.letter.clone()).collect();
        self.note(self.outbox.set(letters).await);
        self.note(self.outbox.remove(done).await);
        self.waiting.lock().extend(again);
        // Last, so that whoever hears of it finds nothing left to confirm.
        for (progress, gone) in told {
            progress.send_replace(Progress::Confirmed(Some(gone)));
        }
    }

    async fn put_off(&self, batch: Vec<Waiting>, why: &str, after: Option<Duration>) {
        let attempts = batch.iter().map(|one| one.letter.attempts).max().unwrap_or_default() + 1;
        let pause = pause(attempts).max(after.unwrap_or_default());
        let due = Instant::now() + pause;
        tracing::warn!(target: "orbit::origin", cdn = self.driver.url(), why, ?pause, "a CDN has not confirmed");
        let (worn_out, mut rest): (Vec<_>, Vec<_>) =
            batch.into_iter().partition(|one| one.letter.attempts + 1 >= MAX_ATTEMPTS);
        for one in &mut rest {
            one.letter.attempts += 1;
            one.letter.error = Some(why.to_owned());
            one.due = due;
        }
        let letters = rest.iter().map(|one| one.letter.clone()).collect();
        {
            let mut waiting = self.waiting.lock();
            waiting.extend(rest);
            // What came meanwhile would be refused as well.
            for one in waiting.iter_mut().filter(|one| one.due < due) {
                one.due = due;
            }
            for one in waiting.iter().filter(|one| one.due == due) {
                one.progress.send_replace(Progress::Waiting(Some((why.to_owned(), due))));
            }
        }
        self.note(self.outbox.set(letters).await);
        if !worn_out.is_empty() {
            self.fail(worn_out, why).await;
        }
    }

    async fn fail(&self, batch: Vec<Waiting>, why: &str) {
        let letters: Vec<Letter> = batch
            .iter()
            .map(|one| {
                let error = Some(why.to_owned());
                Letter { attempts: one.letter.attempts + 1, error, state: LetterState::Failed, ..one.letter.clone() }
            })
            .collect();
        tracing::error!(
            target: "orbit::origin", cdn = self.driver.url(), why, purges = letters.len(),
            "a CDN refuses a purge: GET /cdn/failed lists it"
        );
        self.note(self.outbox.set(letters).await);
        for one in batch {
            one.progress.send_replace(Progress::Failed(why.to_owned()));
        }
    }

    /// An outbox that cannot be written to is for the operator: what is in memory goes on.
    fn note(&self, written: Result<(), orbit_store::Error>) {
        if let Err(error) = written {
            tracing::error!(target: "orbit::origin", cdn = self.driver.url(), %error, "the outbox cannot be written to");
        }
    }
}

impl Waiting {
    fn kind(&self) -> (bool, bool) {
        (self.letter.purge.soft, self.letter.state == LetterState::Confirmed)
    }
}

/// One purge of all that is named.
fn together(batch: &[Waiting]) -> PurgeRequest {
    let mut purge = PurgeRequest::default();
    for Waiting { letter, .. } in batch {
        purge.ids.extend(letter.purge.ids.iter().cloned());
        purge.threads.extend(letter.purge.threads.iter().cloned());
        purge.tags.extend(letter.purge.tags.iter().cloned());
        purge.all |= letter.purge.all;
        purge.soft |= letter.purge.soft;
    }
    purge.ids.sort_unstable();
    purge.ids.dedup();
    purge
}

/// How long to wait after so many tries in vain; between half of that and all of it, so that nodes do not come together.
fn pause(attempts: u32) -> Duration {
    let doubled = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(attempts.saturating_sub(1).min(16)));
    let longest = doubled.min(LONGEST_PAUSE);
    longest / 2 + (longest / 2).mul_f64(f64::from(std::process::id() % 97) / 96.0)
}
