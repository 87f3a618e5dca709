//! The harness: the real binary on a free port, a client that treats every status as an answer, and the pictures.
//!
//! - [`Launch`] and [`Server`]: a process with its data folder, stopped by its own id and killed when dropped.
//! - [`Client`] and [`Answer`]: HTTP. [`Raw`]: bytes on a socket, for requests that no client would send.
//! - [`get_by_http2`]: one request of HTTP/2, frame by frame.
//! - [`Scripted`] with its [`Reply`]s and [`Gate`]s: an origin that does what a test tells it to.
//! - [`backend`]: what a scripted origin answers as a server of the OpenAI Images interface.
//! - [`RedisServer`]: a real one, which is killed, paused and emptied.
//! - [`Bucket`]: a real S3 server to keep images in.
//! - [`Nginx`]: the real one, as a backend or in front of a server. [`Varnish`] with xkey, in front of one.
//! - [`Wire`]: two machines, and what is between them, to be cut.
//! - [`Events`]: a thread's event stream. [`Folder`]: what lies in a data folder. [`Faults`]: its disk fails. [`fixtures`]: what to upload.
//!
//! What every answer has in common is checked here; what is right of a behaviour, the tests know.

pub(crate) mod backend;
mod bucket;
mod client;
mod events;
mod fault;
pub(crate) mod fixtures;
mod folder;
mod gate;
mod http2;
mod nginx;
mod orbit;
mod raw;
#[path = "../../crates/store/src/fixtures/redis.rs"]
pub(crate) mod redis;
#[path = "../../crates/store/src/fixtures/s3.rs"]
mod s3;
mod scripted;
mod server;
mod varnish;
mod wire;

use std::net::TcpListener;
use std::time::{Duration, Instant};

pub(crate) use self::bucket::Bucket;
pub(crate) use self::client::{Answer, Client};
pub(crate) use self::events::{Events, Told};
pub(crate) use self::fault::{Fault, Faults};
pub(crate) use self::folder::Folder;
pub(crate) use self::gate::Gate;
pub(crate) use self::http2::get_by_http2;
pub(crate) use self::nginx::Nginx;
pub(crate) use self::orbit::{Output, orbit};
pub(crate) use self::raw::Raw;
pub(crate) use self::redis::RedisServer;
pub(crate) use self::scripted::{Reply, Scripted};
pub(crate) use self::server::{Launch, Server};
pub(crate) use self::varnish::Varnish;
pub(crate) use self::wire::Wire;

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

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A body of this length that is like no other number's, and in which no two places are alike.
pub(crate) fn bytes(number: u64, length: usize) -> Vec<u8> {
    let words = (0_u64..).map(|place| (place ^ number << 40).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
    words.flatten().take(length).collect()
}

/// Asks for a path many times at once, on a connection each, and reads no answer yet.
pub(crate) fn crowd(count: usize, server: &Server, path: &str, headers: &[(&str, &str)]) -> Vec<Raw> {
    (0..count).map(|_| Raw::asking(server.address, path, headers)).collect()
}

/// Reads the crowd's answers, which must all be whole.
pub(crate) fn answers(crowd: Vec<Raw>) -> Vec<Answer> {
    crowd.into_iter().map(|mut raw| raw.answer().expect("a whole answer")).collect()
}

/// How many of the answers say this in `X-Cache`.
pub(crate) fn outcomes(answers: &[Answer], outcome: &str) -> usize {
    answers.iter().filter(|answer| answer.header("x-cache") == outcome).count()
}
