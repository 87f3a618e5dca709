//! The log of purges as it goes over the wire: what an origin tells the edges that follow it.
//!
//! An edge asks for what came after a [`Position`], which says at the same time that it has done all before. The answer is a
//! [`Bulletin`], which lends the edge the right to answer from its copies for a while.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Error, EventId, PurgeRequest};

/// A place in the log of purges, written `{epoch}.{place}`; only places of the same epoch have an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Position {
    /// Which log it is: one that was lost and begun anew has another.
    pub epoch: u64,
    /// The place of a notice in it; that of the last one before it begins is 0-0.
    pub place: EventId,
}

impl Position {
    /// Whether all up to `other` lies before it, or is it.
    #[must_use]
    pub fn covers(self, other: Self) -> bool {
        self.epoch == other.epoch && self.place >= other.place
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}.{}", self.epoch, self.place)
    }
}

impl FromStr for Position {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let parts = text.split_once('.').and_then(|(epoch, place)| {
            let is_hex = epoch.len() == 16 && epoch.bytes().all(|byte| byte.is_ascii_hexdigit());
            Some(Self { epoch: u64::from_str_radix(epoch, 16).ok().filter(|_| is_hex)?, place: place.parse().ok()? })
        });
        parts.ok_or_else(|| {
            Error::invalid("position", "it must be one that an answer named, as in 00c0ffee00c0ffee.7-0")
        })
    }
}

impl TryFrom<String> for Position {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<Position> for String {
    fn from(position: Position) -> Self {
        position.to_string()
    }
}

/// What edges are told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    /// Copies must go.
    Purge(PurgeRequest),
    /// These paths, as browsers ask for them, will be asked for soon.
    Fill(Vec<String>),
}

/// The answer to an edge that follows the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bulletin {
    /// Where to go on once all of this is done.
    pub position: Position,
    /// How long the edge may answer from its copies without asking, from when it sent its question, in milliseconds; 0 where there is
    /// more to tell, and what was lent before runs to its end.
    pub lease_ms: u64,
    /// Whether purges may have been missed: all that was kept before must be asked about before it is served.
    pub reset: bool,
    /// What must go, in order.
    pub purges: Vec<PurgeRequest>,
    /// What will be asked for soon.
    pub fills: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_read_as_it_is_written_and_nothing_else_is() {
        let position = Position { epoch: 0xc0ffee, place: EventId { millis: 7, sequence: 1 } };
        assert_eq!(position.to_string(), "0000000000c0ffee.7-1");
        assert_eq!(position.to_string().parse(), Ok(position));
        for bad in ["", ".", "7-1", "c0ffee.7-1", "0000000000c0ffee.7", "+000000000c0ffee.7-1", "0000000000c0ffee.7-x"]
        {
            assert!(bad.parse::<Position>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn only_positions_of_one_epoch_have_an_order() {
        let at = |epoch, millis| Position { epoch, place: EventId { millis, sequence: 0 } };
        assert!(at(1, 2).covers(at(1, 2)) && at(1, 2).covers(at(1, 1)));
        assert!(!at(1, 1).covers(at(1, 2)) && !at(2, 9).covers(at(1, 1)));
    }
}
