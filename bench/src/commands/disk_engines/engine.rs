//! The two engines behind one face: our disk tier, and foyer's block engine with its defaults.
//!
//! Both are asked as a server asks them, from a task: ours on a blocking thread, foyer by its own futures. Used by the
//! worker process alone.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, ensure};
use bytes::Bytes;
use foyer::{BlockEngineConfig, DeviceBuilder as _, FsDeviceBuilder, HybridCache, HybridCacheBuilder};
use foyer::{HybridCachePolicy, Load, RecoverMode};
use http::{HeaderMap, Response};
use orbit_cache::tier::disk::{Config, Disk};
use orbit_cache::tier::{Tier as _, Wanted};
use orbit_cache::{Entry, Policy, Purge};
use orbit_model::CacheKey;
use serde::{Deserialize, Serialize};
use tokio::runtime::Runtime;

/// The length of every body, in bytes.
pub(crate) const BODY: usize = 60_000;
/// How many entries are handed over before the engine is waited for, so that no queue overflows.
const BATCH: u64 = 100;

/// Which engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// Our disk tier.
    Files,
    /// foyer as it comes.
    Foyer,
    /// foyer with its log of removals.
    FoyerLog,
}

impl Kind {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Files, Self::Foyer, Self::FoyerLog];

    /// As the command line and the tables have it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Files => "files",
            Self::Foyer => "foyer",
            Self::FoyerLog => "foyer-log",
        }
    }
}

/// An open engine.
pub(crate) struct Engine {
    runtime: Runtime,
    open: Open,
}

enum Open {
    Files(Arc<Disk>),
    Foyer(HybridCache<String, Bytes>),
}

impl Engine {
    /// Opens a folder.
    pub(crate) fn open(kind: Kind, dir: &Path, max_bytes: u64) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let open = match kind {
            Kind::Files => Open::Files(Arc::new(Disk::open(Config::new(dir, max_bytes))?)),
            Kind::Foyer | Kind::FoyerLog => {
                Open::Foyer(runtime.block_on(open_foyer(dir, max_bytes, kind == Kind::FoyerLog))?)
            }
        };
        Ok(Self { runtime, open })
    }

    /// Writes entries 0 to `entries`, and waits until each has been written or given up.
    pub(crate) fn write(&self, entries: u64) {
        for number in 0..entries {
            match &self.open {
                Open::Files(disk) => {
                    disk.put(&key(number), entry(number), &|| true);
                }
                Open::Foyer(cache) => {
                    cache.insert(key(number).as_str().to_owned(), body(number));
                }
            }
            if number % BATCH == BATCH - 1 {
                self.settle();
            }
        }
        self.settle();
    }

    /// Waits until nothing is left to write.
    pub(crate) fn settle(&self) {
        match &self.open {
            Open::Files(disk) => disk.flush(),
            Open::Foyer(cache) => self.runtime.block_on(cache.storage().wait()),
        }
    }

    /// Waits until a start is over that goes on in the background.
    pub(crate) fn wait_for_start(&self) {
        if let Open::Files(disk) = &self.open {
            while !disk.counts().is_scanned {
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
            disk.flush();
        }
    }

    /// The body of an entry as it is on the disk.
    ///
    /// # Errors
    /// What foyer calls an error and not a miss.
    pub(crate) fn read(&self, number: u64) -> Result<Option<Bytes>> {
        self.runtime.block_on(async {
            match &self.open {
                Open::Files(disk) => {
                    let disk = Arc::clone(disk);
                    let find = move || {
                        let (headers, policy) = (HeaderMap::new(), Policy::image());
                        disk.find(&key(number), &Wanted { headers: &headers, policy: &policy })
                    };
                    Ok(tokio::task::spawn_blocking(find).await?.map(|entry| entry.body.clone()))
                }
                Open::Foyer(cache) => match cache.storage().load(key(number).as_str()).await? {
                    Load::Entry { value, .. } => Ok(Some(value)),
                    Load::Piece { piece, .. } => Ok(Some(piece.value().clone())),
                    Load::Throttled | Load::Miss => Ok(None),
                },
            }
        })
    }

    /// Removes entries 0 to `entries`, and waits until what follows from that is written.
    pub(crate) fn delete(&self, entries: u64) {
        for number in 0..entries {
            match &self.open {
                Open::Files(disk) => {
                    disk.purge(Purge::Key(&key(number)), false);
                }
                Open::Foyer(cache) => cache.remove(key(number).as_str()),
            }
        }
        self.settle();
    }

    /// Removes every tenth entry by its tag; the number of entries gone, or `None` where that is not to be had.
    pub(crate) fn delete_by_tag(&self) -> Option<u64> {
        match &self.open {
            Open::Files(disk) => Some(disk.purge(Purge::Tag("thread-3"), false).entries),
            Open::Foyer(_) => None,
        }
    }

    /// Ends as a server does that is told to.
    pub(crate) fn close(self) -> Result<()> {
        match self.open {
            Open::Files(disk) => {
                ensure!(Arc::into_inner(disk).is_some(), "the tier is still in use");
                Ok(())
            }
            Open::Foyer(cache) => Ok(self.runtime.block_on(cache.close())?),
        }
    }
}

async fn open_foyer(dir: &Path, max_bytes: u64, with_log: bool) -> Result<HybridCache<String, Bytes>> {
    let device = FsDeviceBuilder::new(dir).with_capacity(usize::try_from(max_bytes)?).build()?;
    let cache = HybridCacheBuilder::new()
        .with_policy(HybridCachePolicy::WriteOnInsertion)
        .memory(1 << 20)
        .with_weighter(|_: &String, body: &Bytes| body.len())
        .storage()
        .with_engine_config(BlockEngineConfig::new(device).with_tombstone_log(with_log))
        .with_recover_mode(RecoverMode::Quiet)
        .build()
        .await?;
    Ok(cache)
}

fn key(number: u64) -> CacheKey {
    CacheKey::new(format!("/images/hero_recycle_{number:012}?w=640"))
}

fn entry(number: u64) -> Arc<Entry> {
    let response = Response::builder()
        .header("content-type", "image/webp")
        .header("cache-control", "public, max-age=3600, immutable")
        .header("etag", format!("\"{number:032x}\""))
        .header("cache-tag", format!("thread-{}", number % 10))
        .body(body(number));
    let response = response.unwrap_or_else(|_| Response::new(Bytes::new()));
    Arc::new(Entry::new(response, &HeaderMap::new(), &Policy::image(), jiff::Timestamp::UNIX_EPOCH))
}

/// The bytes of entry `number`: like no other's, and like noise, as images are.
pub(crate) fn body(number: u64) -> Bytes {
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let words = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.take(BODY / 8).flatten().collect::<Vec<u8>>().into()
}
