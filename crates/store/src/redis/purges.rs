//! `SharedPurges`: the log of purges that several origins share, so that each edge may follow whichever it reaches.
//!
//! All is in Redis: the notices as a stream, the register of edges as a hash, and what the log is called. Each step is a script,
//! and leases are measured by the server's clock. Any loss shows: a log that was flushed, evicted or restarted has another name, so
//! that edges ask about all that they hold, and for as long as a lease takes nobody is said to have none.
//!
//! While Redis is away no leases are lent. A purge is kept in a file of this node ([`Outbox`]) and told as soon as it can be; until
//! then this node lends none, whatever the others do.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::sync::{Arc, LazyLock, Weak};
use std::time::Duration;

use async_trait::async_trait;
use orbit_model::{EventId, Notice, Position};
use redis::{Script, Value, cmd};
use tokio::sync::watch;

use super::{Connection, Listener};
use crate::Error;
use crate::purges::{
    Appended, Attendance, Attending, FILL_LIFE, Follower, Outbox, PurgeLog, REMEMBERED, RETAINED, Reading,
};

const LOG: &str = "{orbit}:purges";
const HEAD: &str = "{orbit}:purges:head";
const EDGES: &str = "{orbit}:purges:edges";
/// Tells those who wait that an edge has come further.
const MOVES: &str = "{orbit}:purges:moves";
/// How long a read waits for the next entry.
const WAIT: Duration = Duration::from_millis(1_000);

/// Before each step: what the log is called. One that has lost a part, by a flush, an eviction or a restart, begins anew.
const PRELUDE: &str = include_str!("purges/prelude.lua");

static APPEND: LazyLock<Script> = LazyLock::new(|| script(include_str!("purges/append.lua")));
static READ: LazyLock<Script> = LazyLock::new(|| script(include_str!("purges/read.lua")));
static ATTEND: LazyLock<Script> = LazyLock::new(|| script(include_str!("purges/attend.lua")));
static LIST: LazyLock<Script> = LazyLock::new(|| script(include_str!("purges/list.lua")));
static LEAVE: LazyLock<Script> = LazyLock::new(|| script(include_str!("purges/leave.lua")));

fn script(step: &str) -> Script {
    Script::new(&format!("{PRELUDE}\n{step}"))
}

/// The log in Redis; clones share it.
#[derive(Debug, Clone)]
pub struct SharedPurges(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    connection: Connection,
    outbox: Outbox,
    /// The longest lease that any origin lends.
    lease: Duration,
    news: watch::Sender<u64>,
}

impl SharedPurges {
    /// The log behind a connection; purges that cannot be told are kept in `outbox`, and told in a task of its own.
    #[must_use]
    pub fn new(connection: Connection, outbox: Outbox, lease: Duration) -> Self {
        let listener = connection.listener();
        let parts = Arc::new(Parts { connection, outbox, lease, news: watch::Sender::default() });
        // On the thread that has the sockets: whoever opens the log may do so before the runtime that lasts.
        parts.connection.shared().runtime.spawn(tail(Arc::downgrade(&parts), listener));
        Self(parts)
    }
}

impl Parts {
    fn tell(&self) {
        self.news.send_modify(|count| *count += 1);
    }

    async fn run<T: redis::FromRedisValue>(&self, script: &Script, words: &[String]) -> Result<T, Error> {
        let mut step = script.key(LOG);
        step.key(HEAD).key(EDGES).key(MOVES);
        // The name that a new log gets.
        step.arg(format!("{:016x}", RandomState::new().hash_one("epoch")));
        for word in words {
            step.arg(word);
        }
        self.connection.run(&step).await
    }

    async fn append(&self, notice: &Notice) -> Result<Position, Error> {
        let json = serde_json::to_string(notice).map_err(Error::internal)?;
        let (epoch, id): (String, String) = self.run(&APPEND, &[json, RETAINED.to_string()]).await?;
        position(&epoch, &id)
    }

    /// Tells what could not be told before. Twice does no harm.
    async fn empty_outbox(&self) -> Result<(), Error> {
        while let Some((number, purge)) = self.outbox.first().await? {
            self.append(&Notice::Purge(purge)).await?;
            self.outbox.remove(number).await?;
        }
        Ok(())
    }

    async fn list(&self) -> Result<(u64, u64, Vec<(String, String)>), Error> {
        self.run(&LIST, &[]).await
    }
}

#[async_trait]
impl PurgeLog for SharedPurges {
    async fn append(&self, notice: Notice) -> Result<Appended, Error> {
        match self.0.append(&notice).await {
            Ok(position) => return Ok(Appended::At(position)),
            Err(Error::Unavailable(_)) => {}
            Err(error) => return Err(error),
        }
        match notice {
            Notice::Fill(_) => Ok(Appended::Kept),
            Notice::Purge(purge) => {
                // It may have been told all the same; twice does no harm.
                self.0.outbox.add(&purge).await?;
                Ok(Appended::Kept)
            }
        }
    }

    async fn read_after(&self, after: Option<Position>, limit: usize) -> Result<Reading, Error> {
        let epoch = after.map(|after| format!("{:016x}", after.epoch)).unwrap_or_default();
        let place = after.map(|after| after.place).unwrap_or_default();
        // One more than is asked for tells whether that is all; more than the log retains there cannot be.
        let count = limit.min(RETAINED).saturating_add(1);
        let words = [epoch, place.to_string(), count.to_string()];
        let (epoch, last, reset, now, entries): (String, String, bool, u64, Value) = self.0.run(&READ, &words).await?;
        if reset {
            return Ok(Reading { position: position(&epoch, &last)?, reset, notices: Vec::new(), is_whole: true });
        }
        let entries = read_entries(&entries)?;
        let is_whole = entries.len() < count;
        let mut reading =
            Reading { position: position(&epoch, &place.to_string())?, reset, notices: Vec::new(), is_whole };
        for (id, notice) in entries.into_iter().take(count - 1) {
            reading.position.place = id;
            let is_old = id.millis + millis(FILL_LIFE) < now;
            match notice {
                Some(Notice::Fill(_)) if is_old => {}
                notice => reading.notices.extend(notice),
            }
        }
        Ok(reading)
    }

    async fn attend(&self, follower: &Follower, attendance: Attendance) -> Result<(), Error> {
        if attendance.lease.is_some() && !self.0.outbox.is_empty() {
            self.0.empty_outbox().await?;
        }
        let place = |position: Option<Position>| position.map(|position| position.to_string()).unwrap_or_default();
        let lease = attendance.lease.map(|lease| millis(lease).to_string()).unwrap_or_default();
        let words = [field(follower), place(attendance.done), place(attendance.filled), lease];
        self.0.run(&ATTEND, &words).await
    }

    async fn leave(&self, follower: &Follower) -> Result<(), Error> {
        self.0.run(&LEAVE, &[field(follower)]).await
    }

    async fn edges(&self) -> Result<Vec<Attending>, Error> {
        let (now, _, fields) = self.0.list().await?;
        let mut edges: Vec<(Attending, u64)> =
            fields.iter().filter_map(|(name, value)| entry(name, value, now)).collect();
        edges.sort_by(|(left, _), (right, _)| left.follower.cmp(&right.follower));
        let is_gone = |(edge, until): &(Attending, u64)| {
            let is_replaced =
                edges.iter().any(|(other, later)| other.follower.name == edge.follower.name && later > until);
            edge.lease.is_zero() && (is_replaced || now.saturating_sub(*until) > millis(REMEMBERED))
        };
        let (gone, left): (Vec<_>, Vec<_>) = edges.iter().cloned().partition(is_gone);
        for (edge, _) in gone {
            self.leave(&edge.follower).await?;
        }
        Ok(left.into_iter().map(|(edge, _)| edge).collect())
    }

    async fn unknown_leases(&self) -> Result<Duration, Error> {
        let (now, born, _) = self.0.list().await?;
        Ok(Duration::from_millis((born + millis(self.0.lease)).saturating_sub(now)))
    }

    fn news(&self) -> watch::Receiver<u64> {
        self.0.news.subscribe()
    }
}

/// Passes the news on, and empties the outbox whenever Redis is back, for as long as the log is used.
async fn tail(parts: Weak<Parts>, mut listener: Listener) {
    let mut places = [String::from("$"), String::from("$")];
    loop {
        let Some(alive) = parts.upgrade() else { return };
        let connection = alive.connection.clone();
        if !alive.outbox.is_empty() && connection.health().is_up() {
            // What fails now is tried again in a second.
            let _ = alive.empty_outbox().await;
        }
        if places[0] == "$" {
            places = [last(&connection, LOG).await, last(&connection, MOVES).await].map(Option::unwrap_or_default);
            alive.tell();
        }
        drop(alive);
        if places.iter().any(String::is_empty) {
            places = ["$".to_owned(), "$".to_owned()];
            let _ = tokio::time::timeout(WAIT, connection.up()).await;
            continue;
        }
        let mut read = cmd("XREAD");
        read.arg("COUNT").arg(RETAINED).arg("BLOCK").arg(millis(WAIT));
        read.arg("STREAMS").arg(LOG).arg(MOVES).arg(&places);
        let answer = listener.ask::<redis::streams::StreamReadReply>(&read, WAIT).await;
        let Some(alive) = parts.upgrade() else { return };
        match answer {
            Ok(news) => {
                for stream in news.keys {
                    let at = usize::from(stream.key == MOVES);
                    if let Some(last) = stream.ids.last() {
                        places[at].clone_from(&last.id);
                        alive.tell();
                    }
                }
            }
            // Whoever waits looks for itself, and hears why.
            Err(_) => {
                places = ["$".to_owned(), "$".to_owned()];
                alive.tell();
                drop(alive);
                let _ = tokio::time::timeout(WAIT, connection.up()).await;
            }
        }
    }
}

/// The id of a stream's last entry; of an empty one the first there is.
async fn last(connection: &Connection, stream: &str) -> Option<String> {
    let answer: Value = connection.ask(cmd("XREVRANGE").arg(stream).arg(&["+", "-", "COUNT", "1"])).await.ok()?;
    let ids: Vec<(String, Value)> = redis::from_redis_value(answer).ok()?;
    Some(ids.into_iter().next().map_or_else(|| "0-0".to_owned(), |(id, _)| id))
}

/// The entries of a stream; one that a later release wrote is none of ours.
fn read_entries(entries: &Value) -> Result<Vec<(EventId, Option<Notice>)>, Error> {
    let entries: Vec<(String, Vec<String>)> = redis::from_redis_value_ref(entries).map_err(Error::internal)?;
    let entry = |(id, fields): (String, Vec<String>)| {
        let notice = fields.get(1).and_then(|json| serde_json::from_str(json).ok());
        Ok((id.parse().map_err(Error::internal)?, notice))
    };
    entries.into_iter().map(entry).collect()
}

fn position(epoch: &str, id: &str) -> Result<Position, Error> {
    format!("{epoch}.{id}").parse().map_err(Error::internal)
}

fn field(follower: &Follower) -> String {
    format!("{} {}", follower.name, follower.session)
}

/// An edge as the register has it, and until when its lease runs.
fn entry(name: &str, value: &str, now: u64) -> Option<(Attending, u64)> {
    let (name, session) = name.split_once(' ')?;
    let mut parts = value.split('|');
    let until: u64 = parts.next()?.parse().ok()?;
    let mut place = || parts.next().and_then(|text| text.parse().ok());
    let (done, filled) = (place(), place());
    let follower = Follower { name: name.to_owned(), session: session.to_owned() };
    let lease = Duration::from_millis(until.saturating_sub(now));
    Some((Attending { follower, done, filled, lease }, until))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX >> 1)
}

#[cfg(test)]
mod tests;
