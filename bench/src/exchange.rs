//! Exchange: requests and answers over one open connection, also answers whose length nobody knows: chunks, and streams of events.
//!
//! `clients` lets thousands ask for images; this asks for pictures to be drawn and listens to what is told. The generation benches
//! use it. It reads HTTP/1.1 as Orbit writes it (RFC 9112, section 7.1) and events as a browser does (WHATWG HTML, 9.2.6).

use std::net::SocketAddr;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::clients;

const LEAST_ROOM: usize = 4 << 10;
const MOST_ROOM: usize = 256 << 10;

/// What a head says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Head {
    /// The status code.
    pub(crate) status: u16,
    /// `X-Cache`, empty if there is none.
    pub(crate) cache: String,
    /// The body's length; chunks where there is none.
    length: Option<usize>,
}

/// An event of a stream.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Told {
    /// When its last byte was read.
    pub(crate) at: Instant,
    /// Its name.
    pub(crate) name: String,
    /// Its data.
    pub(crate) data: String,
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Exchange {
    stream: TcpStream,
    /// Read, not yet looked at.
    read: Vec<u8>,
    chunks: Chunks,
    /// The part of a body that was not taken yet.
    body: Vec<u8>,
    /// How much of it is known to hold no end of an event.
    scanned: usize,
    /// Room for the next read: little for one of many listeners, more where much comes.
    room: usize,
}

/// `host:port` of `http://host:port`.
pub(crate) fn address(origin: &str) -> Result<SocketAddr> {
    origin.trim_start_matches("http://").parse().with_context(|| origin.to_owned())
}

/// Opens so many connections.
pub(crate) async fn open(address: SocketAddr, count: usize) -> Result<Vec<Exchange>> {
    let clients = clients::open(address, count).await?;
    Ok(clients.into_iter().map(|client| Exchange::new(client.into_stream())).collect())
}

/// Opens one connection.
pub(crate) async fn open_one(address: SocketAddr) -> Result<Exchange> {
    open(address, 1).await?.pop().context("no connection")
}

/// A request without a body; the host is a loopback name, from which a server without a token takes writes.
pub(crate) fn request(method: &str, path: &str) -> Vec<u8> {
    format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").into_bytes()
}

/// A request with JSON.
pub(crate) fn post(path: &str, json: &Value) -> Vec<u8> {
    let body = json.to_string();
    let head = "Host: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length:";
    format!("POST {path} HTTP/1.1\r\n{head} {}\r\n\r\n{body}", body.len()).into_bytes()
}

impl Exchange {
    /// Takes over an open connection.
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self { stream, read: Vec::new(), chunks: Chunks::default(), body: Vec::new(), scanned: 0, room: LEAST_ROOM }
    }

    /// The port at this end.
    pub(crate) fn port(&self) -> Result<u16> {
        Ok(self.stream.local_addr()?.port())
    }

    /// Sends a request.
    pub(crate) async fn send(&mut self, request: &[u8]) -> Result<()> {
        Ok(self.stream.write_all(request).await?)
    }

    /// Reads a whole answer.
    pub(crate) async fn answer(&mut self) -> Result<(Head, Vec<u8>)> {
        let head = self.head().await?;
        match head.length {
            Some(length) => {
                while self.read.len() < length {
                    self.read_more().await?;
                }
                let rest = self.read.split_off(length);
                Ok((head, std::mem::replace(&mut self.read, rest)))
            }
            None => {
                while !self.chunks.take(&mut self.read, &mut self.body)? {
                    self.read_more().await?;
                }
                self.chunks = Chunks::default();
                Ok((head, std::mem::take(&mut self.body)))
            }
        }
    }

    /// Asks for a stream of events, which has to begin.
    pub(crate) async fn listen(&mut self, request: &[u8]) -> Result<()> {
        self.send(request).await?;
        let head = self.head().await?;
        ensure!(head.status == 200 && head.length.is_none(), "a stream of events began with {head:?}");
        Ok(())
    }

    /// The next event of a stream; `None` after its end.
    pub(crate) async fn next_event(&mut self) -> Result<Option<Told>> {
        loop {
            let ended = self.chunks.take(&mut self.read, &mut self.body)?;
            while let Some(frame) = take_frame(&mut self.body, &mut self.scanned) {
                if let Some((name, data)) = parse_frame(&frame) {
                    return Ok(Some(Told { at: Instant::now(), name, data }));
                }
            }
            if ended {
                return Ok(None);
            }
            self.read_more().await?;
        }
    }

    async fn head(&mut self) -> Result<Head> {
        loop {
            if let Some(at) = self.read.windows(4).position(|four| four == b"\r\n\r\n") {
                let rest = self.read.split_off(at + 4);
                return parse_head(&std::mem::replace(&mut self.read, rest));
            }
            self.read_more().await?;
        }
    }

    async fn read_more(&mut self) -> Result<()> {
        self.read.reserve(self.room);
        let count = self.stream.read_buf(&mut self.read).await?;
        ensure!(count > 0, "the server broke the connection off");
        if count >= self.room {
            self.room = (2 * self.room).min(MOST_ROOM);
        }
        Ok(())
    }
}

/// Where a chunked body is being read.
#[derive(Debug, Default, PartialEq)]
enum Chunks {
    /// Before a line with a length.
    #[default]
    Length,
    /// In a chunk, with so many bytes to come.
    Inside(usize),
    /// Before the line's end behind a chunk.
    Behind,
    /// Behind the last chunk, before the empty line.
    Last,
    /// The body is over.
    Over,
}

impl Chunks {
    /// Takes from `read` what is whole and appends the body's part of it to `body`; `true` where the body is over.
    fn take(&mut self, read: &mut Vec<u8>, body: &mut Vec<u8>) -> Result<bool> {
        let mut at = 0;
        loop {
            match *self {
                Self::Inside(left) => {
                    let count = left.min(read.len() - at);
                    body.extend_from_slice(&read[at..at + count]);
                    at += count;
                    *self = if count == left { Self::Behind } else { Self::Inside(left - count) };
                    if count < left {
                        break;
                    }
                }
                Self::Over => break,
                Self::Length | Self::Behind | Self::Last => {
                    let Some(end) = read[at..].windows(2).position(|two| two == b"\r\n") else { break };
                    let line = &read[at..at + end];
                    at += end + 2;
                    *self = self.after_line(line)?;
                }
            }
        }
        read.drain(..at);
        Ok(*self == Self::Over)
    }

    fn after_line(&self, line: &[u8]) -> Result<Self> {
        Ok(match self {
            Self::Length => {
                let text = std::str::from_utf8(line).unwrap_or_default();
                let digits = text.split(';').next().unwrap_or_default().trim();
                match usize::from_str_radix(digits, 16).with_context(|| format!("no chunk's length: {text:?}"))? {
                    0 => Self::Last,
                    length => Self::Inside(length),
                }
            }
            Self::Behind => Self::Length,
            // Fields behind the last chunk end with an empty line.
            Self::Last if line.is_empty() => Self::Over,
            Self::Last => Self::Last,
            Self::Inside(_) | Self::Over => anyhow::bail!("a line where there is none"),
        })
    }
}

fn parse_head(head: &[u8]) -> Result<Head> {
    let text = std::str::from_utf8(head).context("a head that is no text")?;
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
    let field = |name: &str| {
        let mut fields = text.lines().skip(1).filter_map(|line| line.split_once(':'));
        fields.find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    };
    Ok(Head {
        status: status.with_context(|| format!("no status in {text:?}"))?,
        cache: field("x-cache").unwrap_or_default().to_owned(),
        length: field("content-length").map(str::parse).transpose().context("a length that is no number")?,
    })
}

/// The first whole frame, without the empty line behind it; `scanned` bytes were looked through before.
fn take_frame(body: &mut Vec<u8>, scanned: &mut usize) -> Option<Vec<u8>> {
    let from = scanned.saturating_sub(1);
    let Some(at) = body.get(from..)?.windows(2).position(|two| two == b"\n\n") else {
        *scanned = body.len();
        return None;
    };
    *scanned = 0;
    let end = from + at;
    let rest = body.split_off(end + 2);
    let mut frame = std::mem::replace(body, rest);
    frame.truncate(end);
    Some(frame)
}

/// The name and the data of an event; `None` for a comment.
fn parse_frame(frame: &[u8]) -> Option<(String, String)> {
    let text = std::str::from_utf8(frame).ok()?;
    let field = |name: &str| {
        let mut lines = text.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(field, _)| *field == name).map(|(_, value)| value.trim_start().to_owned())
    };
    Some((field("event")?, field("data")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_read_wherever_they_are_cut() {
        let wire = b"5\r\nhello\r\n7;a=b\r\n, world\r\n0\r\nX-Sum: 1\r\n\r\nHTTP";
        for cut in 0..wire.len() {
            let (mut chunks, mut read, mut body) = (Chunks::default(), wire[..cut].to_vec(), Vec::new());
            let over = chunks.take(&mut read, &mut body).unwrap();
            read.extend_from_slice(&wire[cut..]);
            assert!(chunks.take(&mut read, &mut body).unwrap() || over, "{cut}");
            assert_eq!((&*body, &*read), (&b"hello, world"[..], &b"HTTP"[..]), "{cut}");
        }
    }

    #[test]
    fn what_is_no_length_is_an_error() {
        assert!(Chunks::default().take(&mut b"x\r\n".to_vec(), &mut Vec::new()).is_err());
    }

    #[test]
    fn frames_are_events_and_comments_are_none() {
        let mut body = b": heartbeat\n\nid: 5-0\nevent: image_purged\ndata: {\"a\":1}\n\nid: 6".to_vec();
        let mut scanned = 0;
        let comment = take_frame(&mut body, &mut scanned).unwrap();
        assert_eq!(parse_frame(&comment), None);
        let event = take_frame(&mut body, &mut scanned).unwrap();
        assert_eq!(parse_frame(&event), Some(("image_purged".to_owned(), "{\"a\":1}".to_owned())));
        assert_eq!((take_frame(&mut body, &mut scanned), &*body), (None, &b"id: 6"[..]));
        // Where one read ends between the two line feeds, the next finds both.
        body.extend_from_slice(b"\n");
        assert_eq!(take_frame(&mut body, &mut scanned), None);
        body.extend_from_slice(b"\n");
        assert_eq!(take_frame(&mut body, &mut scanned).as_deref(), Some(&b"id: 6"[..]));
    }

    #[test]
    fn a_head_tells_the_status_and_how_the_body_comes() {
        let head = parse_head(b"HTTP/1.1 200 OK\r\nX-Cache: HIT\r\nContent-Length: 7\r\n\r\n").unwrap();
        assert_eq!(head, Head { status: 200, cache: "HIT".to_owned(), length: Some(7) });
        assert_eq!(parse_head(b"HTTP/1.1 202 Accepted\r\n\r\n").unwrap().length, None);
        assert!(parse_head(b"nothing\r\n\r\n").is_err());
    }
}
