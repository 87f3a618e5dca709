//! Making the index anew: one node does it at a time, by its name for this rebuild, and a rebuild that was begun later, or lost
//! with all the rest, makes the one before it end in vain.

use std::sync::atomic::Ordering;
use std::time::Duration;

use orbit_model::Manifest;
use redis::cmd;

use super::{SharedIndex, keys, scripts};
use crate::Error;

/// How long a rebuild may give no sign of life before another node begins one.
const SILENCE: Duration = Duration::from_secs(30);
/// How many rows are read in one step.
const BATCH: usize = 500;

/// What Redis says of the index.
#[derive(Debug)]
pub(super) struct Look {
    pub(super) complete: bool,
    /// A rebuild runs, and not one that this node has given up.
    running: bool,
}

impl Look {
    pub(super) fn is_to_be_rebuilt(&self) -> bool {
        !(self.complete || self.running)
    }
}

impl SharedIndex {
    pub(super) async fn look(&self) -> Result<Look, Error> {
        let told = self.told.lock().clone();
        let mut script = scripts::LOOK.key(keys::ROWS);
        script.arg(&self.notes.node).arg(told.era).arg(told.count);
        let (whole, complete, rebuild): (bool, bool, String) = self.redis.run(&script).await?;
        self.whole.store(whole, Ordering::Relaxed);
        let running = !rebuild.is_empty() && rebuild != *self.rebuild.lock();
        Ok(Look { complete, running })
    }

    pub(super) async fn begin(&self) -> Result<(), Error> {
        let name = format!("{}-{:016x}", self.notes.node, getrandom::u64().map_err(Error::internal)?);
        let mut script = scripts::BEGIN.key(keys::ROWS);
        script.arg(&name).arg(millis(SILENCE));
        self.redis.run::<()>(&script).await?;
        *self.rebuild.lock() = name;
        Ok(())
    }

    pub(super) async fn fill_in(&self, manifest: &Manifest) -> Result<(), Error> {
        let mut script = scripts::REFILL.key(keys::ROWS);
        script.arg(self.name()).arg(millis(SILENCE)).arg(manifest.id.as_str()).arg(keys::row(manifest));
        if self.redis.run::<bool>(&script).await? { Ok(()) } else { Err(in_vain()) }
    }

    /// Removes the rows of before, some at a time, and calls the index complete.
    pub(super) async fn finish(&self) -> Result<u64, Error> {
        let epoch: Option<u64> = self.redis.ask(cmd("HGET").arg(keys::STATE).arg("epoch")).await?;
        let epoch = epoch.ok_or_else(in_vain)?;
        let (mut removed, mut cursor) = (0, 0_u64);
        loop {
            let mut scan = cmd("HSCAN");
            scan.arg(keys::ROWS).arg(cursor).arg("COUNT").arg(BATCH);
            let (next, rows): (u64, Vec<(String, String)>) = self.redis.ask(&scan).await?;
            let old: Vec<&str> = rows
                .iter()
                .filter(|(_, row)| keys::epoch(row).is_none_or(|written| written != epoch))
                .map(|(id, _)| id.as_str())
                .collect();
            for some in old.chunks(BATCH) {
                removed += self.prune(some).await?;
            }
            cursor = next;
            if cursor == 0 {
                break;
            }
        }
        let mut script = scripts::FINISH.key(keys::ROWS);
        script.arg(self.name());
        if !self.redis.run::<bool>(&script).await? {
            return Err(in_vain());
        }
        self.whole.store(true, Ordering::Relaxed);
        Ok(removed)
    }

    async fn prune(&self, ids: &[&str]) -> Result<u64, Error> {
        let mut script = scripts::PRUNE.key(keys::ROWS);
        script.arg(self.name()).arg(millis(SILENCE)).arg(ids);
        let removed: i64 = self.redis.run(&script).await?;
        u64::try_from(removed).map_err(|_negative| in_vain())
    }

    fn name(&self) -> String {
        self.rebuild.lock().clone()
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// The rebuild has been overtaken by another, or all was lost in the middle of it.
fn in_vain() -> Error {
    Error::Busy("another node makes the index anew, or it was emptied meanwhile; try again".to_owned())
}
