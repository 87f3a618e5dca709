//! Event streams: reads `text/event-stream` line by line, and comes back where a stream was cut.
//!
//! [`Frames`] is the format (WHATWG HTML, "Server-sent events") over any reader. [`EventStream`] is one subscription:
//! after a cut it waits as long as the server's `retry:` says, asks again with `Last-Event-ID`, and gives up when
//! several attempts in a row bring nothing. It knows nothing of what the events mean.

use std::io::{self, BufRead, BufReader};
use std::time::Duration;

use ureq::BodyReader;

use super::{Client, Exit, Failure, header};

/// How long a stream may stay silent: three of the server's heartbeats.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(45);
/// How long to wait before asking again, unless the server names another time.
const RETRY: Duration = Duration::from_secs(1);
/// The longest time that a server can make a client wait.
const MAX_RETRY: Duration = Duration::from_secs(30);
/// Attempts in a row that may bring nothing.
const MAX_ATTEMPTS: u32 = 5;
/// The longest line; that of the last event of a large job carries all its images.
const MAX_LINE_BYTES: u64 = 32 << 20;

/// One thing that a stream says.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Frame {
    /// An event is complete.
    Event { id: Option<String>, name: String, data: String },
    /// A comment line, which servers send so that nobody takes the stream for dead.
    Comment,
    /// How long to wait before asking again.
    Retry(Duration),
}

/// Cuts a byte stream into frames.
#[derive(Debug)]
struct Frames<R> {
    reader: R,
    line: Vec<u8>,
    id: Option<String>,
    name: String,
    data: Option<String>,
}

impl<R: BufRead> Frames<R> {
    fn new(reader: R) -> Self {
        Self { reader, line: Vec::new(), id: None, name: String::new(), data: None }
    }

    /// The next frame; `None` at the end, where an event without its empty line is dropped.
    fn next(&mut self) -> io::Result<Option<Frame>> {
        loop {
            self.line.clear();
            let mut limited = io::Read::take(&mut self.reader, MAX_LINE_BYTES);
            limited.read_until(b'\n', &mut self.line)?;
            if self.line.pop() != Some(b'\n') {
                return Ok(None);
            }
            if self.line.last() == Some(&b'\r') {
                self.line.pop();
            }
            let text = String::from_utf8_lossy(&self.line).into_owned();
            if let Some(frame) = self.take_line(&text) {
                return Ok(Some(frame));
            }
        }
    }

    fn take_line(&mut self, line: &str) -> Option<Frame> {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "" if line.is_empty() => return self.take_event(),
            "" => return Some(Frame::Comment),
            "event" => value.clone_into(&mut self.name),
            "data" => match &mut self.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => self.data = Some(value.to_owned()),
            },
            "id" if !value.contains('\0') => self.id = Some(value.to_owned()),
            "retry" => return value.parse().ok().map(|millis| Frame::Retry(Duration::from_millis(millis))),
            _ => {}
        }
        None
    }

    fn take_event(&mut self) -> Option<Frame> {
        let name = std::mem::take(&mut self.name);
        self.data.take().map(|data| Frame::Event { id: self.id.clone(), name, data })
    }
}

/// What a subscriber hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Signal {
    /// An event, by name and data.
    Event {
        /// Its name.
        name: String,
        /// Its data, as a rule JSON.
        data: String,
    },
    /// The stream lives and has nothing to say; also after each time it was opened.
    Quiet,
}

/// A subscription to one event stream of a server.
pub(crate) struct EventStream<'a> {
    client: &'a Client,
    path: String,
    last_id: Option<String>,
    open: Option<Frames<BufReader<BodyReader<'static>>>>,
    retry: Duration,
    /// Whether the server was asked before.
    asked: bool,
    /// Attempts since the last frame.
    attempts: u32,
}

impl<'a> EventStream<'a> {
    /// Subscribes at `path`, which may carry the cursor to begin at; nothing is sent before [`EventStream::next`].
    pub(crate) fn new(client: &'a Client, path: &str) -> Self {
        Self { client, path: path.to_owned(), last_id: None, open: None, retry: RETRY, asked: false, attempts: 0 }
    }

    /// Waits for the next signal, over as many connections as that takes.
    ///
    /// # Errors
    /// Where the server refuses the stream, or several attempts in a row bring nothing.
    pub(crate) fn next(&mut self) -> Result<Signal, Failure> {
        loop {
            let Some(frames) = &mut self.open else {
                self.reopen()?;
                return Ok(Signal::Quiet);
            };
            let Ok(Some(frame)) = frames.next() else {
                self.open = None;
                continue;
            };
            self.attempts = 0;
            match frame {
                Frame::Event { id, name, data } => {
                    self.last_id = id.or(self.last_id.take());
                    return Ok(Signal::Event { name, data });
                }
                Frame::Comment => return Ok(Signal::Quiet),
                Frame::Retry(wait) => self.retry = wait.min(MAX_RETRY),
            }
        }
    }

    fn reopen(&mut self) -> Result<(), Failure> {
        loop {
            if std::mem::replace(&mut self.asked, true) {
                std::thread::sleep(self.retry);
            }
            self.attempts += 1;
            match self.ask() {
                Ok(frames) => {
                    self.open = Some(frames);
                    return Ok(());
                }
                Err(failure) if self.attempts >= MAX_ATTEMPTS || !may_pass(&failure) => return Err(failure),
                Err(_) => {}
            }
        }
    }

    fn ask(&self) -> Result<Frames<BufReader<BodyReader<'static>>>, Failure> {
        if self.attempts > MAX_ATTEMPTS {
            let silent = format!("the event stream of {} ends before it says anything", self.client.base());
            return Err(Failure::new(Exit::Unreachable, silent));
        }
        let request = match &self.last_id {
            // The last event seen takes the place of the cursor in the query.
            Some(id) => {
                let path = self.path.split_once('?').map_or(self.path.as_str(), |(path, _)| path);
                self.client.get(path).header("Last-Event-ID", id)
            }
            None => self.client.get(&self.path),
        };
        let request = request.header("Accept", "text/event-stream");
        let answer = self.client.success(request.config().timeout_per_read(Some(SILENCE_TIMEOUT)).build().call())?;
        let media_type = header(&answer, "content-type");
        if !media_type.starts_with("text/event-stream") {
            let reason = format!("the event stream has the type {media_type:?}");
            return Err(Failure::not_orbit(self.client.base(), &reason));
        }
        Ok(Frames::new(BufReader::new(answer.into_body().into_with_config().limit(u64::MAX).reader())))
    }
}

/// Whether asking again can help: the server is away or overloaded, rather than of another opinion.
fn may_pass(failure: &Failure) -> bool {
    match failure.status() {
        Some(status) => status.is_server_error() || status.as_u16() == 429,
        None => failure.exit() == Exit::Unreachable,
    }
}

#[cfg(test)]
mod tests {
    use ureq::http::StatusCode;

    use super::*;
    use crate::client::scripted::{Scripted, client, problem};

    fn frames(text: &str) -> Vec<Frame> {
        let mut frames = Frames::new(text.as_bytes());
        std::iter::from_fn(|| frames.next().unwrap()).collect()
    }

    fn event(id: Option<&str>, name: &str, data: &str) -> Frame {
        Frame::Event { id: id.map(str::to_owned), name: name.to_owned(), data: data.to_owned() }
    }

    #[test]
    fn frames_follow_the_format() {
        for (text, expected) in [
            ("data: a\n\n", vec![event(None, "", "a")]),
            ("data:a\r\ndata\r\ndata:  b\r\n\r\n", vec![event(None, "", "a\n\n b")]),
            (
                "id: 5-0\nevent: x\ndata: 1\n\ndata: 2\n\n",
                vec![event(Some("5-0"), "x", "1"), event(Some("5-0"), "", "2")],
            ),
            (": hello\n\n", vec![Frame::Comment]),
            ("event: x\n\ndata: 1\n\n", vec![event(None, "", "1")]),
            ("retry: 250\nretry: soon\nother: 1\n", vec![Frame::Retry(Duration::from_millis(250))]),
            ("data: cut off\n", vec![]),
            ("data: cut off", vec![]),
            ("id: a\0b\ndata: 1\n\n", vec![event(None, "", "1")]),
        ] {
            assert_eq!(frames(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_cut_stream_goes_on_after_the_last_event_seen() {
        let mut connections = 0;
        let server = Scripted::start(move |_| {
            connections += 1;
            Scripted::stream(&format!("retry: 0\nid: 7-{connections}\nevent: e\ndata: {connections}\n\ndata: half"))
        });
        let client = client(&server);
        let mut stream = EventStream::new(&client, "/threads/t/events?after=7-0");
        let mut heard = Vec::new();
        while heard.len() < 3 {
            if let Signal::Event { data, .. } = stream.next().unwrap() {
                heard.push(data);
            }
        }
        assert_eq!(heard, ["1", "2", "3"]);
        let requests = server.requests();
        assert_eq!(requests[0].target, "/threads/t/events?after=7-0");
        assert_eq!(requests[0].header("last-event-id"), None);
        assert_eq!(requests[1].target, "/threads/t/events");
        assert_eq!(requests[1].header("last-event-id"), Some("7-1"));
        assert_eq!(requests[2].header("last-event-id"), Some("7-2"));
    }

    #[test]
    fn a_stream_that_is_refused_is_not_asked_for_again() {
        let server = Scripted::start(|_| problem(StatusCode::FORBIDDEN, "forbidden", "no"));
        let client = client(&server);
        let failure = EventStream::new(&client, "/threads/t/events").next().unwrap_err();
        assert_eq!(failure.exit(), Exit::Refused);
        assert_eq!(server.requests().len(), 1);
    }

    #[test]
    fn streams_that_say_nothing_are_given_up() {
        let mut connections = 0;
        let server = Scripted::start(move |_| {
            connections += 1;
            Scripted::stream(if connections == 1 { "retry: 0\n" } else { "" })
        });
        let client = client(&server);
        let mut stream = EventStream::new(&client, "/threads/t/events");
        let failure = std::iter::from_fn(|| Some(stream.next())).find_map(Result::err).unwrap();
        assert_eq!(failure.exit(), Exit::Unreachable);
        assert_eq!(server.requests().len(), MAX_ATTEMPTS as usize + 1, "one that spoke, then the attempts");
    }
}
