//! `Listener`: a socket of its own for commands that wait in the server, such as `XREAD BLOCK`, so that no other call
//! waits behind them.

use std::time::Duration;

use redis::{Cmd, FromRedisValue};
use tokio::task::JoinError;

use super::connection::{ANSWER_TIMEOUT, Connection, Health, away};
use super::link::{Fault, Link};
use crate::Error;

/// How much longer than its command a listener waits: the sockets' own limit is not to end it first.
const MARGIN: Duration = Duration::from_secs(60);

/// Sends commands that wait, one after the other.
pub struct Listener {
    connection: Connection,
    /// Made for the first command and made anew after a failure.
    link: Option<Link>,
}

impl Listener {
    pub(super) fn new(connection: Connection) -> Self {
        Self { connection, link: None }
    }

    /// Sends a command that may wait for `wait` in the server, and no longer; it must say so itself, as with `BLOCK`.
    ///
    /// Dropping the future drops the socket with the command, so that no late answer is taken for another's.
    ///
    /// # Errors
    /// [`Error::Unavailable`] in an outage, at once where it is known: wait for [`Connection::up`] then.
    /// [`Error::Internal`] where Redis finds the command wrong.
    pub async fn ask<T: FromRedisValue>(&mut self, command: &Cmd, wait: Duration) -> Result<T, Error> {
        if let Health::Down { .. } = self.connection.health() {
            self.link = None;
            return Err(away());
        }
        let mut link = match self.link.take() {
            Some(link) => link,
            None => self.connect(wait).await?,
        };
        let answer = tokio::select! {
            biased;
            answer = tokio::time::timeout(wait + ANSWER_TIMEOUT, command.query_async(&mut link)) => answer,
            () = self.connection.down() => return Err(away()),
        };
        match answer {
            Ok(Ok(value)) => {
                self.link = Some(link);
                Ok(value)
            }
            Ok(Err(error)) if Fault::of(&error) == Fault::Wrong => Err(Error::internal(error)),
            Ok(Err(_)) | Err(_) => Err(away()),
        }
    }

    async fn connect(&self, wait: Duration) -> Result<Link, Error> {
        let shared = self.connection.shared();
        let address = shared.address.clone();
        let connecting = shared.runtime.spawn(async move { address.connect(wait + MARGIN).await });
        tokio::select! {
            made = connecting => made.map_err(|error: JoinError| Error::internal(error))?.map_err(|_reason| away()),
            () = self.connection.down() => Err(away()),
        }
    }
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listener").field("connection", &self.connection).finish_non_exhaustive()
    }
}
