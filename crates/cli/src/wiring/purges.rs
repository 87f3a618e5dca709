//! How an edge of its own follows the log of purges, from its flags.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use orbit_edge::{Following, Profile};
use orbit_model::ThreadId;

use crate::flags::{self, PurgeLog};

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
        None => format!("{}-{}", host(), address.port()),
    };
    // Names of edges have the grammar of those of threads.
    name.parse::<ThreadId>().ok().with_context(|| {
        format!("`{name}` is no name for an edge: take letters, digits, and - _ . : @ behind the first, up to 128 in all")
    })?;
    let token = listening.token.as_deref().map(|token| token.trim().to_owned());
    Ok(Some(Following { name, token, is_strict: *purge_log == PurgeLog::On }))
}

/// The machine's name, as far as it can be part of an edge's.
fn host() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let name: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c)).take(64).collect();
    let name = name.trim_start_matches(['-', '_', '.']);
    if name.is_empty() { "edge".to_owned() } else { name.to_owned() }
}
