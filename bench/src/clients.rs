//! Clients: as many HTTP clients as a storm needs, each with a connection that is open before any of them asks.
//!
//! wrk can't let thousands go at one moment, nor stop after so many requests; this can, and looks at each answer. It is not made to
//! be quick: what a server costs is measured with wrk. `storms` and `entry-cost` use it, and
//! `exchange` opens its connections by it.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::process::{Resource, Rlimit};
use serde::Serialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// How many connections are opened at a time: fewer than a listener's backlog.
const OPENING: usize = 256;
/// The longest that a client waits for its answer.
const PATIENCE: Duration = Duration::from_secs(60);
/// Room for one read: more than a head has.
const READ: usize = 16 << 10;

/// What one client got.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Got {
    /// The status code.
    pub(crate) status: u16,
    /// `X-Cache`, empty if there is none.
    pub(crate) cache: String,
    /// Bytes of the body.
    pub(crate) bytes: u64,
    /// From the moment when all were let go to the body's first byte.
    pub(crate) first_byte: Duration,
    /// The same to its last byte.
    pub(crate) whole: Duration,
}

/// A client: an open connection, and what it read too much.
#[derive(Debug)]
pub(crate) struct Client {
    stream: TcpStream,
    read: Vec<u8>,
}

/// Lets this process open as many descriptors as it may, and says how many that are.
pub(crate) fn raise_limit() -> u64 {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    // Where it fails, the old limit holds, and is told.
    let _ = rustix::process::setrlimit(Resource::Nofile, raised);
    rustix::process::getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// Opens `count` connections.
pub(crate) async fn open(address: SocketAddr, count: usize) -> Result<Vec<Client>> {
    let mut clients = Vec::with_capacity(count);
    while clients.len() < count {
        let mut opening = JoinSet::new();
        for _ in clients.len()..count.min(clients.len() + OPENING) {
            opening.spawn(TcpStream::connect(address));
        }
        while let Some(opened) = opening.join_next().await {
            let stream = opened?.with_context(|| format!("connection {} to {address}", clients.len() + 1))?;
            stream.set_nodelay(true)?;
            clients.push(Client { stream, read: Vec::new() });
        }
    }
    Ok(clients)
}

/// Lets all clients ask for `path` at one moment, and waits for all; a client that got nothing is an error in its place.
pub(crate) async fn ask_at_once(clients: Vec<Client>, path: &str) -> Vec<Result<Got>> {
    let since = Instant::now();
    let mut asking = JoinSet::new();
    for mut client in clients {
        let path = path.to_owned();
        asking.spawn(async move {
            client.send(&[path]).await?;
            tokio::time::timeout(PATIENCE, client.receive(since)).await.context("no answer in a minute")?
        });
    }
    let mut all = Vec::new();
    while let Some(one) = asking.join_next().await {
        all.push(one.map_err(anyhow::Error::from).and_then(|got| got));
    }
    all
}

impl Client {
    /// Its connection, before anything was asked.
    pub(crate) fn into_stream(self) -> TcpStream {
        self.stream
    }

    /// Sends requests in one write, without waiting for answers.
    pub(crate) async fn send(&mut self, paths: &[String]) -> Result<()> {
        let request = |path: &String| format!("GET {path} HTTP/1.1\r\nHost: orbit.test\r\n\r\n");
        let text: String = paths.iter().map(request).collect();
        Ok(self.stream.write_all(text.as_bytes()).await?)
    }

    /// Reads one answer; its times count from `since`.
    pub(crate) async fn receive(&mut self, since: Instant) -> Result<Got> {
        let end = loop {
            if let Some(at) = self.read.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            self.read_more().await?;
        };
        let (mut got, length) = parse(&self.read[..end])?;
        let whole = end + length;
        while self.read.len() == end && length > 0 {
            self.read_more().await?;
        }
        got.first_byte = since.elapsed();
        let mut left = whole.saturating_sub(self.read.len());
        self.read.drain(..whole.min(self.read.len()));
        while left > 0 {
            self.read_more().await?;
            let taken = left.min(self.read.len());
            self.read.drain(..taken);
            left -= taken;
        }
        got.whole = since.elapsed();
        Ok(got)
    }

    async fn read_more(&mut self) -> Result<()> {
        self.read.reserve(READ);
        let count = self.stream.read_buf(&mut self.read).await?;
        ensure!(count > 0, "the server broke the connection off");
        Ok(())
    }
}

/// What a head says, and the length of the body after it.
fn parse(head: &[u8]) -> Result<(Got, usize)> {
    let head = std::str::from_utf8(head).context("a head that is no text")?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let field = |name: &str| {
        let mut fields = head.lines().skip(1).filter_map(|line| line.split_once(':'));
        fields.find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    };
    let length = field("content-length").context("an answer without Content-Length")?;
    let length: usize = length.parse().with_context(|| format!("Content-Length: {length}"))?;
    let got = Got {
        status: status.with_context(|| format!("no status in {head:?}"))?,
        cache: field("x-cache").unwrap_or_default().to_owned(),
        bytes: length as u64,
        ..Got::default()
    };
    Ok((got, length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted::{Script, Scripted};
    use tokio::runtime::Runtime;

    #[test]
    fn answers_are_read_in_their_order_from_one_connection() {
        let runtime = Runtime::new().unwrap();
        let bytes = [1_000, 200_000];
        let (delay, body_takes) = (Duration::ZERO, Duration::ZERO);
        let script = Script { name: "mixed", cache_control: "max-age=60", delay, body_takes, bytes };
        let origin = Scripted::start(&runtime, &[script]).unwrap();
        let names: Vec<String> = (0..20).map(|n| format!("mixed-{n}")).collect();
        let paths: Vec<String> = names.iter().map(|name| format!("/images/{name}")).collect();
        runtime.block_on(async {
            let address = origin.origin().trim_start_matches("http://").parse().unwrap();
            let mut client = open(address, 1).await.unwrap().remove(0);
            client.send(&paths).await.unwrap();
            for name in &names {
                let got = client.receive(Instant::now()).await.unwrap();
                assert_eq!((got.status, got.bytes), (200, origin.bytes(name)), "{name}");
            }
            assert!(client.read.is_empty());
        });
    }

    #[test]
    fn a_head_without_a_length_is_refused() {
        assert!(parse(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
        let (got, length) = parse(b"HTTP/1.1 503 Busy\r\ncontent-length: 7\r\nX-Cache: MISS\r\n\r\n").unwrap();
        assert_eq!((got.status, got.cache.as_str(), length), (503, "MISS", 7));
    }
}
