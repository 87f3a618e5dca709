//! `Link`: a socket to Redis, or one to each server of a cluster, that many callers share.

use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster_async::ClusterConnection;
use redis::{Cmd, ErrorKind, Pipeline, RedisError, RedisFuture, ServerErrorKind, Value};

/// A link; clones share its sockets.
#[derive(Clone)]
pub(super) enum Link {
    One(Box<MultiplexedConnection>),
    Cluster(ClusterConnection),
}

impl ConnectionLike for Link {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::One(link) => link.req_packed_command(command),
            Self::Cluster(link) => link.req_packed_command(command),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::One(link) => link.req_packed_commands(pipeline, offset, count),
            Self::Cluster(link) => link.req_packed_commands(pipeline, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::One(link) => link.get_db(),
            Self::Cluster(link) => link.get_db(),
        }
    }
}

/// What an error of Redis says of the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The link is of no use any more, or its server takes no commands now.
    Broken,
    /// The server answers and does not take this command now, as when its memory is full.
    Refused,
    /// The command is wrong.
    Wrong,
}

impl Fault {
    pub(super) fn of(error: &RedisError) -> Self {
        use ServerErrorKind::{BusyLoading, ClusterDown, MasterDown, ReadOnly, TryAgain};
        match error.kind() {
            ErrorKind::Server(BusyLoading | ClusterDown | MasterDown | ReadOnly)
            | ErrorKind::AuthenticationFailed
            | ErrorKind::ClusterConnectionNotFound
            | ErrorKind::Parse
            | ErrorKind::Io => Self::Broken,
            ErrorKind::Server(TryAgain) => Self::Refused,
            _ if error.is_unrecoverable_error() || error.is_timeout() => Self::Broken,
            _ => match error.code() {
                Some("OOM" | "MISCONF" | "NOREPLICAS" | "BUSY") => Self::Refused,
                Some("NOAUTH") => Self::Broken,
                _ => Self::Wrong,
            },
        }
    }
}
