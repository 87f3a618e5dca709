//! The log of purges: where an origin keeps it, and how an edge follows it, from their flags.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use orbit_edge::{Following, Profile};
use orbit_model::ThreadId;
use orbit_store::redis::{Connection, SharedPurges};
use orbit_store::{Outbox, PurgeJournal, PurgeLog as Log};

use crate::flags::{self, PurgeLog};

/// The log of an origin: in its data folder, or in the Redis that it shares with others.
pub(super) async fn open(data_dir: &Path, lending: &flags::Lending, redis: Option<Connection>) -> Result<Arc<dyn Log>> {
    let explain = || format!("the log of purges in {}", data_dir.display());
    Ok(match redis {
        None => Arc::new(PurgeJournal::open(&data_dir.join("purges.sqlite")).await.with_context(explain)?),
        Some(connection) => {
            let outbox = Outbox::open(&data_dir.join("purge-outbox.sqlite")).await.with_context(explain)?;
            Arc::new(SharedPurges::new(connection, outbox, lending.edge_lease))
        }
    })
}

/// How an edge that listens at an address follows its upstream; `None` where it does not.
pub(super) fn following(
    fronting: &flags::Fronting,
    listening: &flags::Listening,
    address: SocketAddr,
) -> Result<Option<Following>> {
    let flags::Following { purge_log, edge_name } = &fronting.following;
    if *purge_log == PurgeLog::Off || fronting.profile == Profile::Rfc {
        return Ok(None);
    }
    let name = match edge_name {
        Some(name) => name.clone(),
        None => name_at(address),
    };
    // Names of edges have the grammar of those of threads.
    name.parse::<ThreadId>().ok().with_context(|| {
        format!(
            "`{name}` is no name for an edge: take letters, digits, and - _ . : @ behind the first, up to 128 in all"
        )
    })?;
    Ok(Some(Following { name, token: token(listening), is_strict: *purge_log == PurgeLog::On }))
}

/// How the edge in the process of an origin that listens at an address follows what all origins write.
pub(super) fn following_beside(listening: &flags::Listening, address: SocketAddr) -> Following {
    Following { name: name_at(address), token: token(listening), is_strict: true }
}

fn token(listening: &flags::Listening) -> Option<String> {
    listening.token.as_deref().map(|token| token.trim().to_owned())
}

fn name_at(address: SocketAddr) -> String {
    format!("{}-{}", host(), address.port())
}

/// The machine's name, as far as it can be part of an edge's.
fn host() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let name: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c)).take(64).collect();
    let name = name.trim_start_matches(['-', '_', '.']);
    if name.is_empty() { "edge".to_owned() } else { name.to_owned() }
}
