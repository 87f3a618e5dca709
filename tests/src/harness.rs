//! The harness: the real binary on a free port, a client that treats every status as an answer, and the pictures.
//!
//! - [`Launch`] and [`Server`]: a process with its data folder, stopped by its own id and killed when dropped.
//! - [`Client`] and [`Answer`]: HTTP. [`Raw`]: bytes on a socket, for requests that no client would send.
//! - [`get_by_http2`]: one request of HTTP/2, frame by frame.
//! - [`Events`]: a thread's event stream. [`Folder`]: what lies in a data folder. [`fixtures`]: what to upload.
//!
//! What every answer has in common is checked here; what is right of a behaviour, the tests know.

mod client;
mod events;
pub(crate) mod fixtures;
mod folder;
mod http2;
mod orbit;
mod raw;
mod server;

use std::time::{Duration, Instant};

pub(crate) use self::client::{Answer, Client};
pub(crate) use self::events::{Events, Told};
pub(crate) use self::folder::Folder;
pub(crate) use self::http2::get_by_http2;
pub(crate) use self::orbit::{Output, orbit};
pub(crate) use self::raw::Raw;
pub(crate) use self::server::{Launch, Server};

/// How long anything may take before a test gives up: far more than it does, on a busy machine too.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// Asks again and again until there is an answer; what is waited for is named when there is none in time.
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < DEADLINE, "waited in vain: {what}");
        // The only pause of the suite: between two looks at a condition.
        std::thread::park_timeout(Duration::from_millis(2));
    }
}
