//! A server for tests that answers what the test says, and keeps what it was asked.
//!
//! One thread, one request a connection, no routing: the test's closure is handed each [`Request`] and gives back the
//! whole answer as bytes. It knows nothing of Orbit.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use clap::{Args, FromArgMatches};
use orbit_model::Problem;
use ureq::http::StatusCode;

use super::{Client, Connection};

/// What a client sent.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// The method.
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    /// Header lines, names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    /// The body.
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// The first header of that name, given in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn read(stream: &mut TcpStream) -> Option<Self> {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut first = String::new();
        reader.read_line(&mut first).ok()?;
        let mut words = first.split_whitespace();
        let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            headers.push((name.to_lowercase(), value.trim().to_owned()));
        }
        let mut request = Self { method, target, headers, body: Vec::new() };
        if request.header("expect").is_some() {
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").ok()?;
        }
        let length = request.header("content-length").map_or(0, |length| length.parse().unwrap());
        request.body = vec![0; length];
        reader.read_exact(&mut request.body).ok()?;
        Some(request)
    }
}

/// A server that runs until it is dropped.
pub(crate) struct Scripted {
    url: String,
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Scripted {
    /// Listens on a free port and answers each request with what `script` gives for it.
    pub(crate) fn start(mut script: impl FnMut(&Request) -> Vec<u8> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let stopped = Arc::new(AtomicBool::new(false));
        let (seen, stop) = (Arc::clone(&requests), Arc::clone(&stopped));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                let mut stream = stream.unwrap();
                let Some(request) = Request::read(&mut stream) else { continue };
                let answer = script(&request);
                seen.lock().unwrap().push(request);
                // A client may have all it wants before the end.
                let _cut = stream.write_all(&answer);
            }
        });
        Self { url: format!("http://{address}"), address, requests, stopped, thread: Some(thread) }
    }

    /// Where it listens.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// What it was asked so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// A whole answer with a body.
    pub(crate) fn answer(status: &str, media_type: &str, body: &str) -> Vec<u8> {
        let length = body.len();
        let head = format!("Content-Type: {media_type}\r\nContent-Length: {length}\r\nConnection: close");
        format!("HTTP/1.1 {status}\r\n{head}\r\n\r\n{body}").into_bytes()
    }

    /// The head and the frames of an event stream that ends after them.
    pub(crate) fn stream(frames: &str) -> Vec<u8> {
        format!("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n{frames}").into_bytes()
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        let _wake = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

/// A client of that server, made the way the command line makes it.
pub(crate) fn client(server: &Scripted) -> Client {
    connection(server).client()
}

/// The arguments that lead to that server.
pub(crate) fn connection(server: &Scripted) -> Connection {
    let command = Connection::augment_args(clap::Command::new("orbit"));
    Connection::from_arg_matches(&command.get_matches_from(["orbit", "--url", server.url()])).unwrap()
}

/// A whole answer that carries a problem document.
pub(crate) fn problem(status: StatusCode, code: &str, detail: &str) -> Vec<u8> {
    let body = serde_json::to_string(&Problem::new(status, code, detail)).unwrap();
    Scripted::answer(&status.to_string(), Problem::MEDIA_TYPE, &body)
}

/// Metadata of an image as a server sends it.
pub(crate) fn metadata(id: &str, bytes: u64) -> serde_json::Value {
    serde_json::json!({
        "id": id, "url": format!("/api/images/{id}"), "thread_id": null, "style": "hero", "title": "Fox",
        "model": null, "generated": false, "cached": true, "width": 64, "height": 32, "bytes": bytes,
        "format": "webp", "digest": format!("blake3:{}", "0".repeat(64)),
        "created_at": "2026-11-23T20:30:14.123Z",
        "placeholder": {"thumbhash": "", "data_url": "data:,", "color": "#aabbcc"}, "variants": [],
    })
}
