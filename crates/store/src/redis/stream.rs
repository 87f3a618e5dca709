//! The stream `orbit:events` as it is written and read: events of all nodes, and signals between them.

use std::collections::HashMap;
use std::sync::LazyLock;
use std::time::Duration;

use orbit_model::EventId;
use redis::{Script, Value, cmd};

use super::events::Signal;
use super::{Connection, Listener};
use crate::Error;

/// The key.
pub(super) const STREAM: &str = "orbit:events";
/// About how many entries it holds.
const MAX_ENTRIES: usize = 50_000;
/// What Redis is known by, until it is flushed.
const EPOCH: &str = "orbit:epoch";
/// How many entries are read at a time.
const BATCH: usize = 500;
/// How long a read waits for the next entry; what is told in an outage is sent that much later at the most.
const WAIT: Duration = Duration::from_millis(500);

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) id: EventId,
    pub(super) fields: HashMap<String, String>,
}

/// The script that adds an entry: under the id that it is given, or under the next one where that is not to be had.
static ADD: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local function add(id)
             return redis.pcall('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], id, unpack(ARGV, 3))
         end
         local id = add(ARGV[2])
         if type(id) == 'table' and ARGV[2] ~= '*' then id = add('*') end
         return id",
    )
});

/// Adds an entry under an id, or under the next (`*`); tells under which.
pub(super) async fn add(connection: &Connection, id: &str, fields: &[(&str, &str)]) -> Result<EventId, Error> {
    let mut add = ADD.key(STREAM);
    add.arg(MAX_ENTRIES).arg(id);
    for (name, value) in fields {
        add.arg(*name).arg(*value);
    }
    let id: String = connection.run(&add).await?;
    id.parse().map_err(Error::internal)
}

/// Reads on behind a place; whether there may be more at once.
pub(super) async fn read(listener: &mut Listener, place: EventId, waits: bool) -> Result<(Vec<Entry>, bool), Error> {
    let mut read = cmd("XREAD");
    read.arg("COUNT").arg(BATCH);
    if waits {
        read.arg("BLOCK").arg(WAIT.as_millis() as u64);
    }
    read.arg("STREAMS").arg(STREAM).arg(place.to_string());
    let answer: Value = listener.ask(&read, WAIT).await?;
    let entries = match &answer {
        // One key, and it is ours.
        Value::Array(keys) => match keys.first() {
            Some(Value::Array(key)) => key.get(1).map(entries).unwrap_or_default(),
            _ => Vec::new(),
        },
        _ => Vec::new(),
    };
    let is_full = entries.len() >= BATCH;
    Ok((entries, is_full))
}

/// The entries in an answer; what is none is passed over.
pub(super) fn entries(answer: &Value) -> Vec<Entry> {
    let read =
        redis::from_redis_value_ref::<Vec<(String, Option<HashMap<String, String>>)>>(answer).unwrap_or_default();
    let entry =
        |(id, fields): (String, Option<_>)| Some(Entry { id: id.parse().ok()?, fields: fields.unwrap_or_default() });
    read.into_iter().filter_map(entry).collect()
}

/// The id of the last entry, where there is one.
pub(super) async fn last_id(connection: &Connection) -> Result<Option<EventId>, Error> {
    let last: Value = connection.ask(cmd("XREVRANGE").arg(STREAM).arg(&["+", "-", "COUNT", "1"])).await?;
    Ok(entries(&last).last().map(|entry| entry.id))
}

/// What Redis is known by since it was flushed last; `own` is what it is called where nobody has named it.
pub(super) async fn epoch(connection: &Connection, own: &str) -> Result<String, Error> {
    let _: Value = connection.ask(cmd("SET").arg(EPOCH).arg(own).arg("NX")).await?;
    let epoch: Option<String> = connection.ask(cmd("GET").arg(EPOCH)).await?;
    Ok(epoch.unwrap_or_default())
}

/// A signal as an entry has it; one that nobody else needs to hear is none.
pub(super) fn write(signal: &Signal) -> Option<String> {
    match signal {
        Signal::Offered => Some("offered".to_owned()),
        Signal::Cancelled(job) => Some(format!("cancelled {job}")),
        Signal::Flushed => None,
    }
}

/// The signal of an entry; one that a later release knows is none.
pub(super) fn read_signal(text: &str) -> Option<Signal> {
    match text.split_once(' ') {
        None if text == "offered" => Some(Signal::Offered),
        Some(("cancelled", job)) => Some(Signal::Cancelled(job.parse().ok()?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_is_read_as_it_was_written() {
        for signal in [Signal::Offered, Signal::Cancelled("fox".parse().unwrap())] {
            assert_eq!(read_signal(&write(&signal).unwrap()), Some(signal));
        }
        assert_eq!((read_signal("cancelled ../x"), read_signal("later fox")), (None, None));
    }
}
