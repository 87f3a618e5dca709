//! `SharedIndex`: the image index that several origins share.
//!
//! Lists, sums and sources lie in Redis for good; the metadata of an image for two hours, and is read from its manifest again
//! when somebody wants it. None of it is the only copy. A change is intended in a file of this node ([`notes`]) and told to Redis
//! when it is made; if that cannot be, it is owed, and told when Redis is back. Nobody's upload fails for that.
//!
//! - Redis is away: lists are [`Error::Unavailable`], what is asked by name is answered by manifests.
//! - It was emptied: lists stay unavailable until one of the nodes has made them anew from the manifests.
//! - It came back with an older state: the node that told it more finds that out with its next word, and the lists are made
//!   anew while they are served.
//!
//! Who mends is [`crate::Store::tend`], by what [`ImageIndex::wants`] says.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use orbit_model::{Digest, ImageId, Manifest};
use parking_lot::Mutex;
use redis::cmd;
use tokio::sync::Notify;

use super::Connection;
use crate::blob::parse_manifest;
use crate::index::Want;
use crate::{BlobStore, Error, File, ImageIndex, Page, Query, Totals};

mod keys;
mod notes;
mod rebuild;
mod scripts;
#[cfg(test)]
mod tests;

use notes::{Notes, Told};

/// How long an image's metadata lies in Redis.
const METADATA_TTL: Duration = Duration::from_secs(7_200);
/// How often it is looked whether the index is still whole.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// The pause before something is mended that could not be mended a moment ago.
const PAUSE: Duration = Duration::from_millis(250);
/// How many rows a page may look at in one step, where it is narrowed by thread and style.
const PAGE_BUDGET: usize = 5_000;

/// An index in a Redis that other nodes use too.
#[derive(Debug)]
pub struct SharedIndex {
    redis: Connection,
    /// The truth, from which what is missing is read.
    blobs: Arc<dyn BlobStore>,
    notes: Notes,
    /// What Redis has confirmed; held for moments.
    told: Mutex<Told>,
    /// Images whose row Redis has not been told of; held for moments. Their intents stay in the notes.
    owed: Mutex<BTreeSet<ImageId>>,
    /// Woken when something is owed.
    news: Notify,
    /// The sums as they were last seen.
    totals: Mutex<Totals>,
    /// Whether the lists were whole when last looked at.
    whole: AtomicBool,
    /// The name of the rebuild that this node began last; held for moments.
    rebuild: Mutex<String>,
    /// Whether something was wanted the last time too: then it waits a moment, for it may not be to be had.
    again: AtomicBool,
}

impl SharedIndex {
    /// Opens the index behind a connection, which need not be up; `notes` is a file of this node alone.
    ///
    /// # Errors
    /// Those of opening the notes.
    pub async fn open(redis: Connection, blobs: Arc<dyn BlobStore>, notes: &Path) -> Result<Self, Error> {
        let (notes, told) = Notes::open(notes).await?;
        Ok(Self {
            redis,
            blobs,
            notes,
            told: Mutex::new(told),
            owed: Mutex::default(),
            news: Notify::new(),
            totals: Mutex::default(),
            whole: AtomicBool::new(false),
            rebuild: Mutex::default(),
            again: AtomicBool::new(false),
        })
    }

    /// Tells Redis what is stored of an image.
    async fn tell(&self, id: &ImageId, stored: Option<&Manifest>) -> Result<bool, Error> {
        let Told { era, count } = self.told.lock().clone();
        let metadata = (keys::metadata_key(id), stored.map(keys::metadata).unwrap_or_default());
        // On a cluster the metadata lies wherever its key belongs, and is written after.
        let with_row = if self.redis.is_cluster() { "" } else { metadata.0.as_str() };
        let mut script = scripts::SETTLE.key(keys::ROWS);
        script.arg(id.as_str()).arg(stored.map(keys::row).unwrap_or_default()).arg(&self.notes.node);
        script.arg(era).arg(count).arg(with_row).arg(&metadata.1).arg(METADATA_TTL.as_secs());
        let (existed, era, count): (bool, String, u64) = self.redis.run(&script).await?;
        if with_row.is_empty() {
            let (key, json) = metadata;
            match stored {
                None => self.redis.ask(cmd("DEL").arg(key)).await?,
                Some(_) => self.redis.ask(cmd("SET").arg(key).arg(json).arg("EX").arg(METADATA_TTL.as_secs())).await?,
            }
        }
        let told = {
            let mut told = self.told.lock();
            let count = if told.era == era { told.count.max(count) } else { count };
            *told = Told { era, count };
            told.clone()
        };
        self.notes.told(id, told).await?;
        Ok(existed)
    }

    /// The manifests of images, by Redis where it has them and else by their files; `None` for those that are gone.
    async fn manifests(&self, ids: &[ImageId]) -> Result<Vec<Option<Manifest>>, Error> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut command = cmd("MGET");
        for id in ids {
            command.arg(keys::metadata_key(id));
        }
        let held: Vec<Option<String>> = self.redis.ask(&command).await?;
        let manifests = ids.iter().zip(held).map(|(id, held)| self.read(id, held));
        join_all(manifests).await.into_iter().collect()
    }

    /// Reads a manifest in the metadata that Redis has, or else from its file.
    async fn read(&self, id: &ImageId, held: Option<String>) -> Result<Option<Manifest>, Error> {
        match held.as_deref().and_then(keys::manifest) {
            Some(manifest) => Ok(Some(manifest)),
            None => self.fetch(id).await,
        }
    }

    /// Reads a manifest from its file, and puts it where it was looked for.
    async fn fetch(&self, id: &ImageId) -> Result<Option<Manifest>, Error> {
        let Some(manifest) = self.stored(id).await? else {
            // Its row is wrong; a look at what is stored mends it.
            self.owe(id);
            return Ok(None);
        };
        // Never in the place of what another has written meanwhile, which is newer. If it fails, it is read again.
        let mut command = cmd("SET");
        command
            .arg(keys::metadata_key(id))
            .arg(keys::metadata(&manifest))
            .arg("NX")
            .arg("EX")
            .arg(METADATA_TTL.as_secs());
        let _: Result<Option<String>, Error> = self.redis.ask(&command).await;
        Ok(Some(manifest))
    }

    /// The manifest in an image's files; `None` where there is none that can be read.
    async fn stored(&self, id: &ImageId) -> Result<Option<Manifest>, Error> {
        let read = self.blobs.get(id, File::Manifest).await.and_then(|json| parse_manifest(id, &json));
        match read {
            Ok(manifest) => Ok(Some(manifest)),
            Err(Error::NotFound | Error::Corrupt { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn owe(&self, id: &ImageId) {
        self.owed.lock().insert(id.clone());
        self.news.notify_one();
    }

    /// One step through a list: the images found, and where to go on.
    async fn step(&self, query: &Query, from: &str, limit: usize) -> Result<(Vec<String>, Option<String>), Error> {
        let narrowed = query.thread_id.as_ref().and(query.style.as_deref());
        let mut script = scripts::PAGE.key(keys::ROWS);
        script.arg(keys::list_key(query)).arg(from).arg(limit).arg(keys::label(narrowed)).arg(PAGE_BUDGET);
        let (whole, members, last): (bool, Vec<String>, String) = self.redis.run(&script).await?;
        self.whole.store(whole, Ordering::Relaxed);
        if !whole {
            return Err(Error::Unavailable(
                "the lists of images are being made again; try again in a second".to_owned(),
            ));
        }
        Ok((members, (!last.is_empty()).then(|| format!("({last}"))))
    }
}

#[async_trait]
impl ImageIndex for SharedIndex {
    async fn intend(&self, id: &ImageId) -> Result<(), Error> {
        self.notes.intend(id).await
    }

    async fn settle(&self, id: &ImageId, stored: Option<&Manifest>) -> Result<bool, Error> {
        match self.tell(id, stored).await {
            Ok(existed) => {
                self.owed.lock().remove(id);
                Ok(existed)
            }
            // What is stored is stored. Its intent stays in the notes until Redis has been told.
            Err(_) => {
                self.owe(id);
                Ok(false)
            }
        }
    }

    async fn intents(&self) -> Result<Vec<ImageId>, Error> {
        self.notes.intents().await
    }

    async fn get(&self, id: &ImageId) -> Result<Option<Manifest>, Error> {
        let has_row = self.redis.ask::<bool>(cmd("HEXISTS").arg(keys::ROWS).arg(id.as_str())).await;
        match has_row {
            Ok(false) if self.whole.load(Ordering::Relaxed) => Ok(None),
            Ok(true) => match self.manifests(std::slice::from_ref(id)).await {
                Ok(found) => Ok(found.into_iter().next().flatten()),
                Err(_) => self.stored(id).await,
            },
            Ok(false) | Err(_) => self.stored(id).await,
        }
    }

    async fn find_source(&self, digest: &Digest) -> Result<Option<ImageId>, Error> {
        let source = keys::source(digest);
        let mut command = cmd("ZREVRANGEBYLEX");
        command.arg(keys::SOURCES).arg(format!("[{source}~")).arg(format!("[{source}")).arg("LIMIT").arg(0).arg(1);
        // Where nobody knows, the bytes are stored once more.
        let found: Vec<String> = self.redis.ask(&command).await.unwrap_or_default();
        Ok(found.first().and_then(|member| keys::id_of_source(member)))
    }

    async fn list(&self, query: &Query) -> Result<Page, Error> {
        let limit = query.page_size();
        let (mut from, mut members, mut more) = (keys::from(&query.position()?), Vec::new(), true);
        // One more than the page has, to know whether there is a next one.
        while more && members.len() <= limit {
            let (found, next) = self.step(query, &from, limit + 1 - members.len()).await?;
            members.extend(found);
            more = next.is_some();
            from = next.unwrap_or(from);
        }
        let more = members.len() > limit;
        members.truncate(limit);
        let places: Vec<_> = members.iter().filter_map(|member| keys::position(member)).collect();
        let ids: Vec<ImageId> = places.iter().map(|(_, id)| id.clone()).collect();
        let manifests = self.manifests(&ids).await?.into_iter().flatten().collect();
        let last = places.last().filter(|_| more);
        Ok(Page { manifests, next_cursor: last.map(|(position, _)| position.to_string()) })
    }

    async fn totals(&self) -> Result<Totals, Error> {
        let mut command = cmd("HMGET");
        command.arg(keys::TOTALS).arg("images").arg("image_bytes").arg("source_bytes");
        type Sums = (Option<u64>, Option<u64>, Option<u64>);
        match self.redis.ask::<Sums>(&command).await {
            Ok((images, image_bytes, source_bytes)) => {
                let sum = Option::unwrap_or_default;
                let totals =
                    Totals { images: sum(images), image_bytes: sum(image_bytes), source_bytes: sum(source_bytes) };
                *self.totals.lock() = totals;
                Ok(totals)
            }
            Err(_) => Ok(*self.totals.lock()),
        }
    }

    async fn is_complete(&self) -> Result<bool, Error> {
        self.look().await.map(|look| look.complete)
    }

    async fn begin_rebuild(&self) -> Result<(), Error> {
        self.begin().await
    }

    async fn finish_rebuild(&self) -> Result<u64, Error> {
        self.finish().await
    }

    async fn refill(&self, manifest: &Manifest) -> Result<(), Error> {
        self.fill_in(manifest).await
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn degraded(&self) -> Option<&'static str> {
        if !self.redis.health().is_up() {
            return Some("Redis does not answer: images are served and stored, and lists wait");
        }
        if !self.whole.load(Ordering::Relaxed) {
            return Some("the lists of images are being made again");
        }
        (!self.owed.lock().is_empty()).then_some("the lists of images lag behind")
    }

    async fn wants(&self) -> Want {
        if self.again.swap(false, Ordering::Relaxed) {
            tokio::time::sleep(PAUSE).await;
        }
        loop {
            self.redis.up().await;
            let owed: Vec<ImageId> = self.owed.lock().iter().cloned().collect();
            let want = match self.look().await {
                _ if !owed.is_empty() => Some(Want::Rows(owed)),
                Ok(look) if look.is_to_be_rebuilt() => Some(Want::Rebuild),
                _ => None,
            };
            if let Some(want) = want {
                self.again.store(true, Ordering::Relaxed);
                return want;
            }
            tokio::select! {
                () = self.news.notified() => {}
                () = self.redis.down() => {}
                () = tokio::time::sleep(LOOK_INTERVAL) => {}
            }
        }
    }
}
