//! A request's body on its way to a server, and whose turn it is: the client's, who gives it, or the server's.
//!
//! A client may take any time: it is cut off where it connects, if it is. A server may not. It must take a body as it
//! comes, and begin its answer in time once there is no more of it; else whoever waits for it waits for ever, and a
//! write would outlive its client. [`super::server`] asks; this must not know what becomes of a server that is late.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use http::Request;
use http_body::{Frame, SizeHint};
use tokio::sync::watch;
use tokio::time::Instant;

/// How long a server may take nothing of a body at the least: what is sent is far behind what is given, by all that
/// buffers hold, and a server may be slow for good reasons.
const TAKES: Duration = Duration::from_secs(60);

/// Who is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// The client, to give more.
    Gives,
    /// The server, to take what there is.
    Takes(Instant),
    /// The server, to answer.
    Answers(Instant),
}

/// Whose turn it is while one request is sent.
#[derive(Debug)]
pub(super) struct Sending(watch::Receiver<Turn>);

impl Sending {
    /// Watches over a request's body; `None` where it has none.
    pub(super) fn of(request: Request<Body>) -> (Request<Body>, Option<Self>) {
        if request.body().is_end_stream() {
            return (request, None);
        }
        let (turn, sending) = watch::channel(Turn::Takes(Instant::now()));
        (request.map(|body| Body::new(Given { body, turn })), Some(Self(sending)))
    }

    /// Ends when the server has let it be its turn for too long: `answer` to answer, and no less than `timeout` to take something.
    pub(super) async fn overdue(mut self, timeout: Duration, answer: Duration) {
        let mut more = true;
        loop {
            let until = match *self.0.borrow_and_update() {
                Turn::Gives => None,
                Turn::Takes(since) => since.checked_add(timeout.max(TAKES)),
                Turn::Answers(since) => since.checked_add(answer),
            };
            let over = async {
                match until {
                    Some(until) => tokio::time::sleep_until(until).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                changed = self.0.changed(), if more => more = changed.is_ok(),
                () = over => return,
            }
        }
    }
}

/// A request's body that tells whose turn it is.
struct Given {
    body: Body,
    turn: watch::Sender<Turn>,
}

impl Given {
    /// There is no more of it, since now or since it was said first.
    fn ended(&self) {
        self.turn.send_if_modified(|turn| {
            let first = !matches!(turn, Turn::Answers(_));
            if first {
                *turn = Turn::Answers(Instant::now());
            }
            first
        });
    }
}

impl HttpBody for Given {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        let frame = Pin::new(&mut this.body).poll_frame(cx);
        match &frame {
            Poll::Pending => drop(this.turn.send_replace(Turn::Gives)),
            Poll::Ready(Some(Ok(_))) if !this.body.is_end_stream() => {
                this.turn.send_replace(Turn::Takes(Instant::now()));
            }
            Poll::Ready(_) => this.ended(),
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Given {
    fn drop(&mut self) {
        self.ended();
    }
}
