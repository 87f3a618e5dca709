//! What a scripted origin answers: a header and pieces of a body, with gates between them, whole or broken off.
//!
//! A reply says `Content-Length` and tells the truth, unless its script has it lie. Nothing is added to what the script
//! says but that: no `Date`, no `Server`.

use std::io::Result;

use super::Asked;
use super::wire::Wire;
use crate::harness::Gate;

/// One answer, built up by its methods.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(String, Vec<u8>)>,
    /// Sent before the header, such as a 103.
    interim: Vec<(u16, String)>,
    steps: Vec<Step>,
    framing: Framing,
    held: Vec<Gate>,
    cut: bool,
    /// Sent in place of all else.
    verbatim: Option<Vec<u8>>,
}

#[derive(Debug, Clone)]
enum Step {
    Send(Vec<u8>),
    Wait(Gate),
    /// Sends this again and again until the other side hangs up.
    Forever(Vec<u8>),
}

#[derive(Debug, Clone, Copy)]
enum Framing {
    Length,
    Claimed(u64),
    Chunked,
    UntilClose,
}

impl Reply {
    /// A 200 with a body.
    pub(crate) fn ok(body: impl AsRef<[u8]>) -> Self {
        Self::status(200).body(body)
    }

    /// Any status, without a body so far.
    pub(crate) fn status(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            interim: Vec::new(),
            steps: Vec::new(),
            framing: Framing::Length,
            held: Vec::new(),
            cut: false,
            verbatim: None,
        }
    }

    /// These bytes and nothing else, whether or not they are HTTP; then the end of the connection.
    pub(crate) fn verbatim(bytes: impl AsRef<[u8]>) -> Self {
        Self { verbatim: Some(bytes.as_ref().to_vec()), ..Self::status(200) }
    }

    /// No answer: the connection is closed.
    pub(crate) fn hang_up() -> Self {
        Self::verbatim("")
    }

    /// Takes another protocol up and echoes it.
    pub(crate) fn upgrade(protocol: &str) -> Self {
        Self::status(101).header("connection", "upgrade").header("upgrade", protocol)
    }

    /// Adds a field; a name may be given more than once, and a value need not be text.
    pub(crate) fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// Sets `Cache-Control`.
    pub(crate) fn control(self, value: &str) -> Self {
        self.header("cache-control", value)
    }

    /// Sets `ETag`; a request that holds this tag is answered 304.
    pub(crate) fn etag(self, value: &str) -> Self {
        self.header("etag", value)
    }

    /// Adds a piece of the body.
    pub(crate) fn body(mut self, piece: impl AsRef<[u8]>) -> Self {
        self.steps.push(Step::Send(piece.as_ref().to_vec()));
        self
    }

    /// Adds a piece that is sent again and again, without end.
    pub(crate) fn forever(mut self, piece: impl AsRef<[u8]>) -> Self {
        self.steps.push(Step::Forever(piece.as_ref().to_vec()));
        self
    }

    /// Waits at a gate at this place of the body; before its first piece the header is sent already. Behind its last the
    /// other side has the whole answer, and may think the connection free.
    pub(crate) fn wait(mut self, gate: &Gate) -> Self {
        self.steps.push(Step::Wait(gate.clone()));
        self
    }

    /// Waits at a gate before the header; interim answers are sent already.
    pub(crate) fn hold(mut self, gate: &Gate) -> Self {
        self.held.push(gate.clone());
        self
    }

    /// Sends an interim answer first, with these fields as lines.
    pub(crate) fn interim(mut self, status: u16, fields: &str) -> Self {
        self.interim.push((status, fields.to_owned()));
        self
    }

    /// Sends the body in chunks.
    pub(crate) fn chunked(self) -> Self {
        Self { framing: Framing::Chunked, ..self }
    }

    /// Says nothing of the body's length: it ends with the connection.
    pub(crate) fn until_close(self) -> Self {
        Self { framing: Framing::UntilClose, ..self }
    }

    /// Claims a length, true or not.
    pub(crate) fn claiming(self, length: u64) -> Self {
        Self { framing: Framing::Claimed(length), ..self }
    }

    /// Cuts the connection where the pieces end: no last chunk, nothing that was claimed and not given.
    pub(crate) fn cut(self) -> Self {
        Self { cut: true, ..self }
    }

    /// Whether the other side speaks another protocol from here on.
    pub(super) fn is_upgrade(&self) -> bool {
        self.status == 101
    }

    /// Says all of it; `true` where the connection goes on, an error where the other side did not stay.
    pub(super) fn play(&self, asked: &Asked, wire: &mut Wire) -> Result<bool> {
        for (status, fields) in &self.interim {
            wire.send(format!("HTTP/1.1 {status} Interim\r\n{fields}\r\n\r\n").as_bytes())?;
        }
        for gate in &self.held {
            wire.wait(gate)?;
        }
        if let Some(bytes) = &self.verbatim {
            wire.send(bytes)?;
            return Ok(false);
        }
        let known = self.headers.iter().any(|(name, value)| {
            name.eq_ignore_ascii_case("etag") && asked.holds(&String::from_utf8_lossy(value)) && self.status == 200
        });
        wire.send(&self.head(if known { 304 } else { self.status }))?;
        if self.status == 101 {
            return wire.echo().map(|()| false);
        }
        if known || asked.method == "HEAD" || matches!(self.status, 204 | 304) {
            return Ok(!self.cut);
        }
        self.play_body(wire)?;
        Ok(!self.cut && !matches!(self.framing, Framing::UntilClose | Framing::Claimed(_)))
    }

    fn head(&self, status: u16) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {status} Scripted\r\n").into_bytes();
        for (name, value) in &self.headers {
            head.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
        }
        let bodiless = matches!(status, 101 | 204 | 304);
        let framing = match self.framing {
            _ if bodiless => String::new(),
            Framing::Length => format!("content-length: {}\r\n", self.length()),
            Framing::Claimed(length) => format!("content-length: {length}\r\n"),
            Framing::Chunked => "transfer-encoding: chunked\r\n".to_owned(),
            Framing::UntilClose => "connection: close\r\n".to_owned(),
        };
        head.extend_from_slice(framing.as_bytes());
        head.extend_from_slice(b"\r\n");
        head
    }

    fn length(&self) -> usize {
        let sent = self.steps.iter().map(|step| if let Step::Send(piece) = step { piece.len() } else { 0 });
        sent.sum()
    }

    fn play_body(&self, wire: &mut Wire) -> Result<()> {
        for step in &self.steps {
            match step {
                Step::Wait(gate) => wire.wait(gate)?,
                Step::Send(piece) => wire.send(&self.framed(piece))?,
                Step::Forever(piece) => loop {
                    wire.send(&self.framed(piece))?;
                },
            }
        }
        if matches!(self.framing, Framing::Chunked) && !self.cut { wire.send(b"0\r\n\r\n") } else { Ok(()) }
    }

    fn framed(&self, piece: &[u8]) -> Vec<u8> {
        match self.framing {
            // An empty chunk would end the body.
            Framing::Chunked if !piece.is_empty() => {
                [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat()
            }
            _ => piece.to_vec(),
        }
    }
}
