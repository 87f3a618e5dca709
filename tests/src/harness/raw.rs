//! Bytes on a socket: requests that no client would send, slow ones, and connections that are cut.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

use ureq::http::{HeaderMap, HeaderName, HeaderValue};

use super::{Answer, DEADLINE};

/// One connection.
#[derive(Debug)]
pub(crate) struct Raw {
    stream: TcpStream,
    reader: BufReader<TcpStream>,
}

impl Raw {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        stream.set_nodelay(true).unwrap();
        let reader = BufReader::new(stream.try_clone().unwrap());
        Self { stream, reader }
    }

    /// Sends bytes as they are; a server that has hung up is no fault of the sender.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        let _ = self.stream.write_all(bytes.as_ref());
        self
    }

    /// Connects and asks for a path; the answer is read later.
    pub(crate) fn asking(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Self {
        let mut raw = Self::connect(address);
        raw.ask("GET", path, headers);
        raw
    }

    /// Sends a request without a body.
    pub(crate) fn ask(&mut self, method: &str, path: &str, headers: &[(&str, &str)]) -> &mut Self {
        let fields: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        self.send(format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n{fields}\r\n"))
    }

    /// Reads one answer; `None` where the connection ends before the answer does.
    pub(crate) fn answer(&mut self) -> Option<Answer> {
        let mut answer = self.header()?;
        if answer.status < 200 || matches!(answer.status, 204 | 304) {
            return Some(answer);
        }
        answer.body = match answer.header("transfer-encoding") {
            "chunked" => self.chunks()?,
            _ => {
                let length = answer.headers.get("content-length");
                self.take(length.map_or(0, |value| value.to_str().unwrap().parse().unwrap()))?
            }
        };
        Some(answer)
    }

    /// Reads an answer's header alone, an interim one's too.
    pub(crate) fn header(&mut self) -> Option<Answer> {
        let status_line = self.line()?;
        let status = status_line.split(' ').nth(1)?.parse().ok()?;
        let mut headers = HeaderMap::new();
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(':') else { break };
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.append(name, HeaderValue::from_str(value.trim()).unwrap());
        }
        Some(Answer { status, headers, body: Vec::new() })
    }

    /// Reads as many bytes as are asked for; `None` where the connection ends before.
    pub(crate) fn take(&mut self, length: usize) -> Option<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.reader.read_exact(&mut bytes).ok()?;
        Some(bytes)
    }

    /// Reads a body that comes in chunks.
    fn chunks(&mut self) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let size = usize::from_str_radix(self.line()?.trim(), 16).ok()?;
            body.extend(self.take(size)?);
            self.line()?;
            if size == 0 {
                return Some(body);
            }
        }
    }

    /// Waits for the other side to hang up and returns what it said before.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        match self.reader.read_to_end(&mut rest) {
            Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {
                panic!("the connection stays open")
            }
            _ => rest,
        }
    }

    /// Sends a GET of a path, byte for byte.
    pub(crate) fn get(&mut self, path: &[u8]) -> Option<Answer> {
        self.send([b"GET ", path, b" HTTP/1.1\r\nhost: localhost\r\n\r\n"].concat()).answer()
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        self.reader.read_line(&mut line).ok()?;
        line.strip_suffix("\r\n").map(str::to_owned)
    }
}
