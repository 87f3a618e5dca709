//! Following the log of purges of an Orbit origin: what lets a purge say that nobody serves it any more.
//!
//! 1. Before the first request is answered the upstream is asked for its log ([`Edge::prepare`]). One that has none, as any HTTP
//!    backend, is let alone: nothing changes for it but one question a minute.
//! 2. Then the edge asks again and again for what came after its place ([`question`]); the answer says what must go, and lends a
//!    lease, counted from when the question was sent.
//! 3. It drops what must go, on the disk too, before it takes the lease and asks on, which is the confirmation.
//! 4. A lease that runs out ends the edge's leave to serve copies: each is asked about before it is served, and where the
//!    upstream cannot be asked, there is an error instead. That is the promise.
//!
//! The place is written down beside the disk tier ([`place`]), so that an edge that restarts catches up before it serves from
//! there. The lease is kept by the cache, which looks at the wall's clock; here a clock that never jumps looks after it too.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::time::Duration;

use jiff::Timestamp;
use orbit_model::{Bulletin, FollowStats, Position};
use parking_lot::Mutex;
use tokio::time::Instant;

use self::place::{Kept, Place};
use self::question::Heard;
use crate::Edge;

mod place;
mod question;

/// How long the first request may have to wait for the log's first word.
const FIRST_WORD: Duration = Duration::from_secs(1);
/// When an upstream without a log is asked again.
const NEXT_LOOK: Duration = Duration::from_secs(60);
/// The pauses after questions that failed: twice as long each time.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// How an edge follows its upstream's log.
#[derive(Clone, PartialEq, Eq)]
pub struct Following {
    /// What it is called in receipts.
    pub name: String,
    /// The token that the upstream asks for.
    pub token: Option<String>,
    /// Whether it serves no copies at all before it has followed the log; without it an upstream that has none is let alone.
    pub is_strict: bool,
}

impl std::fmt::Debug for Following {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Following")
            .field("name", &self.name)
            .field("is_strict", &self.is_strict)
            .finish_non_exhaustive()
    }
}

/// How it stands with the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nobody has answered yet, and no log was followed before.
    Unknown,
    /// The upstream has none.
    Without,
    /// The upstream does not let this edge follow.
    Refused,
    /// There is one, and copies are served on a lease.
    Following,
}

/// An edge that follows.
#[derive(Debug)]
pub(crate) struct Follower {
    following: Following,
    /// Drawn at the start.
    session: String,
    kept: Kept,
    /// Held for moments, never over an await.
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    stage: Stage,
    place: Place,
    /// How long the last lease was.
    lease: Duration,
    /// When the lease ends, by a clock that never jumps; `None` where none runs.
    ends: Option<Instant>,
    /// It was said that the log cannot be followed any more.
    has_complained: bool,
}

impl Follower {
    pub(crate) fn new(config: &crate::Config) -> Option<Self> {
        let following = config.follow.clone()?;
        let kept = Kept::beside(config.disk.as_ref().map(|disk| disk.dir.as_path()));
        let recalled = kept.recall();
        let has_followed = recalled.is_some() || following.is_strict;
        let stage = if has_followed { Stage::Following } else { Stage::Unknown };
        let place = recalled.unwrap_or_default();
        let session = format!("{:016x}", RandomState::new().hash_one("session"));
        let state = State { stage, place, lease: Duration::ZERO, ends: None, has_complained: false };
        Some(Self { following, session, kept, state: Mutex::new(state) })
    }

    fn stage(&self) -> Stage {
        self.state.lock().stage
    }

    fn position(&self) -> Option<Position> {
        self.state.lock().place.position
    }

    fn place(&self) -> Place {
        self.state.lock().place.clone()
    }

    /// Moves on to another stage; whether it is another.
    fn enter(&self, stage: Stage) -> bool {
        let mut state = self.state.lock();
        std::mem::replace(&mut state.stage, stage) != stage
    }
}

impl Edge {
    /// Has copies that were kept on a lease wait for the next one; called before anything is served.
    pub(crate) fn begin_following(&self) {
        let Some(follower) = &self.follower else { return };
        let state = follower.state.lock();
        if state.stage == Stage::Following {
            self.cache.end_lease();
        }
        if let Some(since) = state.place.since {
            self.cache.distrust(since);
        }
    }

    /// Asks the upstream for its log, so that the first request finds it settled how copies are served. Takes no longer than a
    /// second.
    pub async fn prepare(&self) {
        if self.follower.is_some() {
            let _ = tokio::time::timeout(FIRST_WORD, self.step(Duration::ZERO)).await;
        }
    }

    /// Follows the upstream's log until the edge is stopped.
    pub async fn follow(&self) {
        let Some(follower) = &self.follower else { return };
        let mut pause = Duration::ZERO;
        loop {
            // Where there is no log, the first word of that was had before the first request.
            let rest = match follower.stage() {
                Stage::Without | Stage::Refused => NEXT_LOOK,
                Stage::Unknown | Stage::Following => pause,
            };
            let step = async {
                tokio::time::sleep(rest).await;
                self.step(question::WAIT).await
            };
            let heard = tokio::select! {
                heard = self.guarded(step) => heard,
                () = self.stopping.cancelled() => return,
            };
            pause = if heard { Duration::ZERO } else { (pause * 2).clamp(PAUSES.0, PAUSES.1) };
        }
    }

    /// Tells the upstream that this edge serves nothing any more, so that no purge waits for it.
    pub async fn leave(&self) {
        let Some(follower) = &self.follower else { return };
        if follower.stage() == Stage::Following {
            self.cache.end_lease();
            let _ = tokio::time::timeout(FIRST_WORD, self.say_goodbye(follower)).await;
        }
    }

    /// Whether what is fetched comes from an origin that this edge follows.
    pub(crate) fn follows(&self) -> bool {
        self.follower.as_ref().is_some_and(|follower| follower.stage() == Stage::Following)
    }

    /// How it stands with the log, for `/stats`.
    pub(crate) fn follow_stats(&self) -> Option<FollowStats> {
        let follower = self.follower.as_ref()?;
        let state = follower.state.lock();
        let lease = state.ends.map(|ends| ends.saturating_duration_since(Instant::now())).unwrap_or_default();
        let word = match state.stage {
            Stage::Unknown => "unknown",
            Stage::Without => "off",
            Stage::Refused => "refused",
            Stage::Following if lease.is_zero() => "cut_off",
            Stage::Following => "following",
        };
        Some(FollowStats {
            name: follower.following.name.clone(),
            state: word.to_owned(),
            position: state.place.position,
            lease_ms: u64::try_from(lease.as_millis()).unwrap_or(u64::MAX),
        })
    }

    /// Does a step; meanwhile the lease may end.
    async fn guarded(&self, step: impl Future<Output = bool>) -> bool {
        tokio::pin!(step);
        loop {
            tokio::select! {
                heard = &mut step => return heard,
                () = self.until_lease_ends() => self.lose_touch(),
            }
        }
    }

    /// Never where no lease runs.
    async fn until_lease_ends(&self) {
        match self.follower.as_ref().and_then(|follower| follower.state.lock().ends) {
            Some(ends) => tokio::time::sleep_until(ends).await,
            None => std::future::pending().await,
        }
    }

    fn lose_touch(&self) {
        let Some(follower) = &self.follower else { return };
        {
            let mut state = follower.state.lock();
            // It may have been lent anew in this moment.
            if state.ends.is_none_or(|ends| ends > Instant::now()) {
                return;
            }
            state.ends = None;
        }
        self.cache.end_lease();
        tracing::warn!(target: "orbit::edge", "cut off from the log of purges: the upstream is asked before any copy is served");
    }

    /// One question and all that follows from its answer; whether it was a bulletin.
    async fn step(&self, wait: Duration) -> bool {
        let Some(follower) = &self.follower else { return false };
        let (asked, asked_at) = (Instant::now(), self.clock.now());
        match self.ask_for_purges(follower, wait).await {
            Heard::Bulletin(bulletin) => {
                self.take(follower, bulletin, (asked, asked_at)).await;
                true
            }
            Heard::Without(reason) => {
                self.find_none(follower, &reason, Stage::Without);
                false
            }
            Heard::Refused(reason) => {
                self.find_none(follower, &reason, Stage::Refused);
                false
            }
            Heard::Nothing(reason) => {
                tracing::debug!(target: "orbit::edge", %reason, "the log of purges was not reached");
                false
            }
        }
    }

    /// The upstream has no log, or none for this edge. Where one was followed before, copies go on waiting for it.
    fn find_none(&self, follower: &Follower, reason: &str, stage: Stage) {
        let name = &follower.following.name;
        if follower.stage() == Stage::Following {
            if std::mem::replace(&mut follower.state.lock().has_complained, true) {
                return;
            }
            tracing::warn!(
                target: "orbit::edge",
                %name,
                "the upstream's log of purges cannot be followed any more ({reason}), so each copy is asked about before it is \
                 served; if that is meant, start with --purge-log off"
            );
            return;
        }
        if !follower.enter(stage) {
            return;
        }
        match stage {
            Stage::Refused => tracing::error!(
                target: "orbit::edge",
                %name,
                "the upstream does not let this edge follow its log of purges ({reason}), so its purges do not reach what is kept \
                 here; give the upstream's token with --token"
            ),
            _ => tracing::info!(
                target: "orbit::edge",
                "the upstream has no log of purges ({reason}): copies are kept as its answers say, and purged by this edge's /purge"
            ),
        }
    }

    /// Does what a bulletin says, and takes the lease that it lends.
    async fn take(&self, follower: &Follower, bulletin: Bulletin, (asked, asked_at): (Instant, Timestamp)) {
        let Bulletin { position, lease_ms, reset, purges, fills } = bulletin;
        let follows_anew = follower.enter(Stage::Following);
        if follows_anew {
            self.cache.end_lease();
        }
        follower.state.lock().has_complained = false;
        if reset {
            self.forget_all_leave(follower);
        }
        let had_purges = !purges.is_empty();
        if !purges.is_empty() {
            let edge = self.clone();
            let drop_all = move || purges.iter().for_each(|purge| drop(edge.purge(purge)));
            if tokio::task::spawn_blocking(drop_all).await.is_err() {
                // What was to go may be there still: nothing is served until it is asked for again.
                return self.cache.end_lease();
            }
        }
        if reset || follows_anew {
            // Before anything is served on a lease: a restart must know that it was.
            follower.state.lock().place.position = Some(position);
            follower.kept.note(follower.place()).await;
        }
        // A tenth less than was lent: clocks do not run alike.
        let lease = Duration::from_millis(lease_ms) * 9 / 10;
        let was_cut_off = {
            let mut state = follower.state.lock();
            state.place.position = Some(position);
            // Nothing is lent as long as there is more to tell; what was lent before runs to its end.
            (lease_ms > 0).then(|| {
                state.lease = Duration::from_millis(lease_ms);
                state.ends.replace(asked + lease).is_none()
            })
        };
        if was_cut_off.is_some() {
            self.cache.lend(asked_at.checked_add(lease).unwrap_or(asked_at));
        }
        if was_cut_off == Some(true) {
            tracing::info!(target: "orbit::edge", %position, "following the upstream's log of purges");
        }
        if had_purges {
            follower.kept.note(follower.place()).await;
        }
        if !fills.is_empty() {
            let edge = self.clone();
            tokio::spawn(async move { edge.take_in_all(&fills, position).await });
        }
    }

    /// What is kept may have been purged without our hearing of it.
    fn forget_all_leave(&self, follower: &Follower) {
        let now = self.clock.now();
        self.cache.distrust(now);
        follower.state.lock().place.since = Some(now);
    }

    async fn take_in_all(&self, paths: &[String], position: Position) {
        futures_util::future::join_all(paths.iter().map(|path| self.fill(std::slice::from_ref(path)))).await;
        if let Some(follower) = &self.follower {
            self.say_filled(follower, position).await;
        }
    }
}

#[cfg(test)]
mod tests;
