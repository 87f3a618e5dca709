//! A server that does what a test tells it to: answer, close, hang or talk nonsense.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What a server does with a request.
#[derive(Debug, Clone, Copy)]
pub(super) enum Mode {
    /// Answers with a status.
    Answer(u16),
    /// Answers the first request of a connection, and closes it under the second.
    AnswerOnce,
    /// Reads a request and closes the connection.
    Drop,
    /// Closes connections as they come.
    Gone,
    /// Never answers.
    Hang,
    /// Answers with something else than HTTP.
    Nonsense,
    /// Answers with 103 and 102, then 200.
    Hints,
}

#[derive(Debug)]
struct Seen {
    mode: Mutex<Mode>,
    heads: Mutex<Vec<String>>,
    asked: watch::Sender<usize>,
    connections: AtomicUsize,
}

/// A server on a port of its own.
#[derive(Debug, Clone)]
pub(super) struct Scripted {
    url: String,
    seen: Arc<Seen>,
}

impl Scripted {
    /// A server that answers with 200.
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Seen {
            mode: Mutex::new(Mode::Answer(200)),
            heads: Mutex::default(),
            asked: watch::Sender::new(0),
            connections: AtomicUsize::new(0),
        });
        let server = Self { url, seen };
        let accepting = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                accepting.seen.connections.fetch_add(1, Ordering::SeqCst);
                let serving = accepting.clone();
                tokio::spawn(async move { serving.serve(BufReader::new(stream)).await });
            }
        });
        server
    }

    /// An address where nobody listens.
    pub(super) async fn nowhere() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    }

    pub(super) fn url(&self) -> String {
        self.url.clone()
    }

    pub(super) fn set(&self, mode: Mode) {
        *self.seen.mode.lock().unwrap() = mode;
    }

    /// How many requests it has read.
    pub(super) fn asked(&self) -> usize {
        *self.seen.asked.borrow()
    }

    /// Waits until it has read so many.
    pub(super) async fn until_asked(&self, times: usize) {
        self.seen.asked.subscribe().wait_for(|asked| *asked >= times).await.unwrap();
    }

    /// How many connections were opened to it.
    pub(super) fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }

    /// What it was asked.
    pub(super) fn heads(&self) -> Vec<String> {
        self.seen.heads.lock().unwrap().clone()
    }

    fn mode(&self) -> Mode {
        *self.seen.mode.lock().unwrap()
    }

    async fn serve(&self, mut stream: BufReader<TcpStream>) {
        let mut answered = false;
        while !matches!(self.mode(), Mode::Gone) {
            let Some(head) = read(&mut stream).await else { return };
            let answer = match self.mode() {
                Mode::AnswerOnce if answered => return,
                mode => mode.answer(head.starts_with("HEAD ")),
            };
            self.seen.heads.lock().unwrap().push(head);
            self.seen.asked.send_modify(|asked| *asked += 1);
            if matches!(self.mode(), Mode::Hang) {
                std::future::pending::<()>().await;
            }
            let Some(answer) = answer else { return };
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
            answered = true;
        }
    }
}

impl Mode {
    fn answer(self, head: bool) -> Option<String> {
        let whole = |status: u16| {
            let body = if head { "" } else { "ok" };
            Some(format!("HTTP/1.1 {status} Whatever\r\ncontent-length: 2\r\n\r\n{body}"))
        };
        match self {
            Self::Answer(status) => whole(status),
            Self::AnswerOnce => whole(200),
            Self::Nonsense => Some("SSH-2.0-OpenSSH_9.9\r\n\r\n".to_owned()),
            Self::Hints => {
                let hints = "HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\nconnection: x-y\r\nx-y: 1\r\n\r\n";
                Some(format!("{hints}HTTP/1.1 102 Processing\r\n\r\n{}", whole(200)?))
            }
            Self::Drop | Self::Gone | Self::Hang => None,
        }
    }
}

/// The head of the next request, once its body has been read too; `None` where the connection ends.
async fn read(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).await.ok()? == 0 {
            return None;
        }
    }
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
    let mut body = vec![0; length.parse().unwrap()];
    stream.read_exact(&mut body).await.ok()?;
    Some(head)
}
