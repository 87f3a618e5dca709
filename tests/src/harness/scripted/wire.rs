//! One connection of a scripted origin: requests are read and replies are written byte by byte.

use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Result, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::Asked;
use crate::harness::{DEADLINE, Gate};

/// How long between two looks at a gate.
const LOOK: Duration = Duration::from_millis(2);

/// A connection and what was read ahead of it.
pub(super) struct Wire {
    stream: TcpStream,
    reader: BufReader<TcpStream>,
}

impl Wire {
    pub(super) fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        // A client that stops reading must not keep the thread for ever.
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        let reader = BufReader::new(stream.try_clone().unwrap());
        Self { stream, reader }
    }

    /// The next request's header; `None` where the other side has hung up, or sends what is no HTTP.
    pub(super) fn head(&mut self) -> Option<Asked> {
        let line = self.line()?;
        let mut words = line.split(' ');
        let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        Some(Asked { method, target, headers, body: Arc::new(Mutex::new(Vec::new())) })
    }

    /// Reads a request's body to its end, and lets the test see it as it comes.
    pub(super) fn body(&mut self, asked: &Asked) -> Option<()> {
        if asked.header("transfer-encoding").eq_ignore_ascii_case("chunked") {
            loop {
                let size = usize::from_str_radix(self.line()?.split(';').next()?.trim(), 16).ok()?;
                self.take(size, asked)?;
                self.line()?;
                if size == 0 {
                    return Some(());
                }
            }
        }
        match asked.header("content-length").as_str() {
            "" => Some(()),
            length => self.take(length.parse().ok()?, asked),
        }
    }

    fn take(&mut self, mut length: usize, asked: &Asked) -> Option<()> {
        let mut piece = [0; 16 << 10];
        while length > 0 {
            let most = length.min(piece.len());
            let read = self.reader.read(&mut piece[..most]).ok().filter(|read| *read > 0)?;
            asked.body.lock().unwrap().extend_from_slice(&piece[..read]);
            length -= read;
        }
        Some(())
    }

    pub(super) fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.write_all(bytes)
    }

    /// Waits until the gate is open; an error where the other side hangs up before.
    pub(super) fn wait(&mut self, gate: &Gate) -> Result<()> {
        self.stream.set_read_timeout(Some(LOOK))?;
        while !gate.is_open() {
            match self.stream.peek(&mut [0]) {
                Ok(0) => return Err(ErrorKind::ConnectionAborted.into()),
                // It has sent its next request already.
                Ok(_) => std::thread::park_timeout(LOOK),
                Err(error) if is_timeout(&error) => {}
                Err(error) => return Err(error),
            }
        }
        self.stream.set_read_timeout(None)
    }

    /// Sends back whatever comes, until the other side has no more.
    pub(super) fn echo(&mut self) -> Result<()> {
        let mut piece = [0; 4096];
        loop {
            match self.reader.read(&mut piece)? {
                0 => return Ok(()),
                read => self.stream.write_all(&piece[..read])?,
            }
        }
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        self.reader.read_line(&mut line).ok()?;
        line.strip_suffix("\r\n").map(str::to_owned)
    }
}

/// Hangs up, also where a script has panicked: its test must not wait for an answer.
impl Drop for Wire {
    fn drop(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

fn is_timeout(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
