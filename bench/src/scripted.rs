//! Scripted: an upstream that answers each image as its script says, late or drop by drop, and counts who asked.
//!
//! `/images/SCRIPT-ANYTHING` is answered by the script of that name, so that a bench has as many new keys as it likes. It runs
//! in the bench's own process, on the runtime that it is handed. `storms`, `soak` and `entry-cost` put caches before it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

const BACKLOG: u32 = 4096;
/// The longest body that a script may have.
const MAX_BYTES: u64 = 4 << 20;
/// How many pieces a slow body comes in.
const PIECES: usize = 40;

/// How one kind of image is answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Script {
    /// What a path's last segment begins with, up to the first `-`.
    pub(crate) name: &'static str,
    /// The value of `Cache-Control`.
    pub(crate) cache_control: &'static str,
    /// How long nothing is sent.
    pub(crate) delay: Duration,
    /// How long the body takes; at once if zero.
    pub(crate) body_takes: Duration,
    /// The shortest and the longest body; between them, short ones are as many as long ones are bytes.
    pub(crate) bytes: [u64; 2],
}

/// What became of the requests for one path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    /// Requests that came.
    pub(crate) begun: u64,
    /// Answers sent to the end, or broken off by who asked.
    pub(crate) ended: u64,
}

/// The running upstream; it ends with this value.
#[derive(Debug)]
pub(crate) struct Scripted {
    address: SocketAddr,
    state: Arc<State>,
    accepting: JoinHandle<()>,
}

#[derive(Debug)]
struct State {
    scripts: Vec<Script>,
    /// Bodies are slices of it.
    noise: Bytes,
    /// Never held while anything is awaited.
    asked: Mutex<HashMap<String, Asked>>,
}

impl Scripted {
    /// Starts it on a free port.
    pub(crate) fn start(runtime: &Runtime, scripts: &[Script]) -> Result<Self> {
        let _inside = runtime.enter();
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        let listener = socket.listen(BACKLOG)?;
        let address = listener.local_addr()?;
        let (scripts, noise) = (scripts.to_vec(), noise(MAX_BYTES as usize));
        let state = Arc::new(State { scripts, noise, asked: Mutex::default() });
        let accepting = runtime.spawn(accept(listener, Arc::clone(&state)));
        Ok(Self { address, state, accepting })
    }

    /// `http://host:port`.
    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What was asked of one image.
    pub(crate) fn asked(&self, name: &str) -> Asked {
        self.state.asked().get(name).copied().unwrap_or_default()
    }

    /// Requests for all images.
    pub(crate) fn asked_in_all(&self) -> u64 {
        self.state.asked().values().map(|asked| asked.begun).sum()
    }

    /// The length of an image's body.
    pub(crate) fn bytes(&self, name: &str) -> u64 {
        self.state.script(name).map_or(0, |script| length(script, name))
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl State {
    fn script(&self, name: &str) -> Option<&Script> {
        let first = name.split('-').next()?;
        self.scripts.iter().find(|script| script.name == first)
    }

    fn asked(&self) -> MutexGuard<'_, HashMap<String, Asked>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, name: &str, change: impl Fn(&mut Asked)) {
        let mut asked = self.asked();
        match asked.get_mut(name) {
            Some(asked) => change(asked),
            None => change(asked.entry(name.to_owned()).or_default()),
        }
    }
}

/// Takes connections; where the process has no descriptor left, those that wait come when others end.
async fn accept(listener: TcpListener, state: Arc<State>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(converse(stream, Arc::clone(&state)));
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
}

/// Answers on one connection until the client ends it; a broken one is the client's own will.
async fn converse(mut stream: TcpStream, state: Arc<State>) -> Result<()> {
    stream.set_nodelay(true)?;
    let (reading, mut writing) = stream.split();
    let mut reading = BufReader::new(reading);
    let mut line = String::new();
    loop {
        let mut name = None;
        loop {
            line.clear();
            if reading.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            if line.trim_end().is_empty() {
                break;
            }
            if name.is_none() {
                let path = line.split(' ').nth(1).context("a request line without a path")?;
                name = path.strip_prefix("/images/").or(Some("")).map(str::to_owned);
            }
        }
        let name = name.unwrap_or_default();
        let Some(script) = state.script(&name) else {
            writing.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").await?;
            continue;
        };
        state.note(&name, |asked| asked.begun += 1);
        let sent = answer(script, &name, &state.noise, &mut writing).await;
        state.note(&name, |asked| asked.ended += 1);
        sent?;
    }
}

async fn answer(
    script: &Script,
    name: &str,
    noise: &Bytes,
    to: &mut (impl tokio::io::AsyncWrite + Unpin),
) -> Result<()> {
    tokio::time::sleep(script.delay).await;
    let body = &noise[..length(script, name) as usize];
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: image/webp\r\nCache-Control: {}\r\nContent-Length: {}\r\n\r\n",
        script.cache_control,
        body.len()
    );
    to.write_all(head.as_bytes()).await?;
    if script.body_takes.is_zero() {
        to.write_all(body).await?;
        return Ok(());
    }
    for piece in body.chunks(body.len().div_ceil(PIECES).max(1)) {
        to.write_all(piece).await?;
        tokio::time::sleep(script.body_takes / PIECES as u32).await;
    }
    Ok(())
}

/// The length of a path's body: always the same, and evenly spread by its logarithm.
fn length(script: &Script, name: &str) -> u64 {
    let [least, most] = script.bytes;
    let digest = blake3::hash(name.as_bytes());
    let [first, second, third, ..] = *digest.as_bytes();
    let at = f64::from(u32::from_be_bytes([0, first, second, third])) / f64::from(1 << 24);
    let length = least as f64 * (most as f64 / least as f64).powf(at);
    (length.round() as u64).min(MAX_BYTES)
}

/// Bytes without a pattern that anything would compress.
fn noise(count: usize) -> Bytes {
    let mut noise = vec![0; count];
    blake3::Hasher::new().update(b"noise").finalize_xof().fill(&mut noise);
    noise.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ask;

    fn scripts() -> [Script; 2] {
        let at_once = Script {
            name: "quick",
            cache_control: "max-age=60",
            delay: Duration::ZERO,
            body_takes: Duration::ZERO,
            bytes: [1_000, 1_000],
        };
        [at_once, Script { name: "mixed", bytes: [1_000, 2_000_000], ..at_once }]
    }

    #[test]
    fn requests_are_counted_by_their_path() {
        let runtime = Runtime::new().unwrap();
        let origin = Scripted::start(&runtime, &scripts()).unwrap();
        let url = |name: &str| format!("{}/images/{name}", origin.origin());
        for name in ["quick-a", "quick-a", "quick-b"] {
            assert_eq!(ask::get(&url(name), None).unwrap().body.len(), 1_000);
        }
        assert_eq!(ask::get(&url("other-a"), None).unwrap().status, 404);
        assert_eq!((origin.asked("quick-a").begun, origin.asked("quick-b").begun, origin.asked_in_all()), (2, 1, 3));
    }

    #[test]
    fn lengths_are_spread_and_always_the_same() {
        let [_, mixed] = scripts();
        let lengths: Vec<u64> = (0..200).map(|n| length(&mixed, &format!("mixed-{n}"))).collect();
        assert!(lengths.iter().all(|length| (1_000..=2_000_000).contains(length)));
        assert!(lengths.iter().filter(|length| **length < 45_000).count().abs_diff(100) < 30, "{lengths:?}");
        assert_eq!(lengths[7], length(&mixed, "mixed-7"));
    }
}
