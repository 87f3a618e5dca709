//! Backend: a server of the OpenAI Images interface that has drawn everything before it is asked, and notes when it was.
//!
//! A prompt ends with the number of the picture that it gets. The answers are made at the start, head and base64 included, so that
//! one costs a sleep and a write. It runs in the bench's own process, so its clock is the clients'. The generation benches use it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// The longest request that is read.
const MAX_REQUEST: usize = 1 << 20;

/// One request for a picture.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    /// The number in the prompt.
    pub(crate) picture: usize,
    /// When the request had come.
    pub(crate) begun: Instant,
    /// When the kernel had taken the last byte of the answer.
    pub(crate) answered: Option<Instant>,
}

/// The running backend; it ends with this value.
#[derive(Debug)]
pub(crate) struct Backend {
    address: SocketAddr,
    state: Arc<State>,
    accepting: JoinHandle<()>,
}

#[derive(Debug)]
struct State {
    answers: Vec<Bytes>,
    delay: Duration,
    /// Never held while anything is awaited.
    calls: Mutex<Vec<Call>>,
}

impl Backend {
    /// Starts it on a free port; picture `n` of a prompt is `pictures[n]`, and comes `delay` after it was asked for.
    pub(crate) async fn start(pictures: &[Vec<u8>], delay: Duration) -> Result<Self> {
        ensure!(!pictures.is_empty(), "a backend without pictures");
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let answers = pictures.iter().map(|png| answer(png)).collect();
        let state = Arc::new(State { answers, delay, calls: Mutex::default() });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&state)));
        Ok(Self { address, state, accepting })
    }

    /// What `--openai-base-url` takes.
    pub(crate) fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// All that was asked so far.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.state.calls().clone()
    }

    /// When the first answer with this picture was out.
    pub(crate) fn answered(&self, picture: usize) -> Option<Instant> {
        self.state.calls().iter().find(|call| call.picture == picture)?.answered
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl State {
    fn calls(&self) -> MutexGuard<'_, Vec<Call>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a call and returns its place.
    fn note(&self, picture: usize) -> usize {
        let mut calls = self.calls();
        calls.push(Call { picture, begun: Instant::now(), answered: None });
        calls.len() - 1
    }
}

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
    while let Some(body) = request(&mut reading).await? {
        let picture = number(&body)?;
        let place = state.note(picture);
        let answer = state.answers.get(picture).with_context(|| format!("there is no picture {picture}"))?;
        tokio::time::sleep(state.delay).await;
        writing.write_all(answer).await?;
        let now = Instant::now();
        if let Some(call) = state.calls().get_mut(place) {
            call.answered = Some(now);
        }
    }
    Ok(())
}

/// The body of the next request; `None` where the client has ended.
async fn request(reading: &mut (impl tokio::io::AsyncBufRead + Unpin)) -> Result<Option<Vec<u8>>> {
    let (mut line, mut length) = (String::new(), 0);
    loop {
        line.clear();
        if reading.read_line(&mut line).await? == 0 {
            return Ok(None);
        }
        let Some((name, value)) = line.split_once(':') else {
            if line.trim_end().is_empty() {
                break;
            }
            continue;
        };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().context("a Content-Length that is no number")?;
        }
    }
    ensure!(length <= MAX_REQUEST, "a request of {length} bytes");
    let mut body = vec![0; length];
    reading.read_exact(&mut body).await?;
    Ok(Some(body))
}

/// The number at the end of a request's prompt.
fn number(body: &[u8]) -> Result<usize> {
    #[derive(Deserialize)]
    struct Asked {
        prompt: String,
    }
    let Asked { prompt } = serde_json::from_slice(body).context("a request that is no JSON with a prompt")?;
    let last = prompt.rsplit(' ').next().and_then(|word| word.parse().ok());
    last.with_context(|| format!("no number at the end of {prompt:?}"))
}

/// A whole answer, from the status line to the last byte.
fn answer(png: &[u8]) -> Bytes {
    let body = format!(r#"{{"created":1,"data":[{{"b64_json":"{}"}}]}}"#, STANDARD.encode(png));
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length:";
    format!("{head} {}\r\n\r\n{body}", body.len()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::{self, Exchange};

    #[tokio::test]
    async fn a_prompt_gets_the_picture_of_its_number_and_is_noted() {
        let backend = Backend::start(&[b"zero".to_vec(), b"one".to_vec()], Duration::ZERO).await.unwrap();
        let stream = TcpStream::connect(backend.address).await.unwrap();
        let mut exchange = Exchange::new(stream);
        let asked = exchange::post("/v1/images/generations", &serde_json::json!({ "prompt": "picture 1" }));
        exchange.send(&asked).await.unwrap();
        let (head, body) = exchange.answer().await.unwrap();
        assert_eq!((head.status, body), (200, br#"{"created":1,"data":[{"b64_json":"b25l"}]}"#.to_vec()));
        assert_eq!(backend.calls().len(), 1);
        assert!(backend.answered(0).is_none());
    }

    #[test]
    fn a_prompt_without_a_number_is_refused() {
        assert_eq!(number(br#"{"prompt":"picture 17"}"#).unwrap(), 17);
        assert!(number(br#"{"prompt":"a fox"}"#).is_err());
        assert!(number(b"{}").is_err());
    }
}
