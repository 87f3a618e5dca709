//! From hyper's requests to a [`Handler`] and back, with each request's [`Turn`] beside it.
//!
//! An answer that is at hand goes to the connection with no future and no box between; any other comes by a future,
//! whose request bears the way for interim answers in its extensions.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::Router;
use bytes::Bytes;
use http::{Request, Version};
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;
use orbit_edge::Body;
use tower::ServiceExt as _;

use super::interim::Interim;
use super::pulse::{Pulse, Turn};

/// The answer to a request.
pub(crate) type Response = http::Response<Body>;
/// The answer to come.
pub(crate) type ResponseFuture = Pin<Box<dyn Future<Output = Response> + Send>>;

/// Answers requests.
pub(crate) trait Handler: Send + Sync + 'static {
    /// The answer, where it is at hand: it is found without waiting for anything.
    fn at_once(&self, request: &mut Request<Incoming>) -> Option<Response> {
        let _ = request;
        None
    }

    /// The answer to a request that is not answered at once. Where the client can be sent interim answers, the
    /// request's extensions hold an [`orbit_edge::Informational`]; where it wants to upgrade, hyper's `OnUpgrade`.
    fn answer(&self, request: Request<axum::body::Body>) -> ResponseFuture;
}

/// A router, which never fails, answers everything by a future.
impl Handler for Router {
    fn answer(&self, request: Request<axum::body::Body>) -> ResponseFuture {
        let routes = self.clone();
        Box::pin(async move { routes.oneshot(request).await.unwrap_or_else(|never| match never {}).map(Body::from) })
    }
}

/// The handler, as one connection calls it.
pub(super) struct Service {
    pub(super) handler: Arc<dyn Handler>,
    pub(super) pulse: Arc<Pulse>,
}

impl hyper::service::Service<Request<Incoming>> for Service {
    type Response = http::Response<Told>;
    type Error = Infallible;
    type Future = Answering;

    fn call(&self, mut request: Request<Incoming>) -> Answering {
        let turn = Some(Turn::begin(&self.pulse));
        if let Some(response) = self.handler.at_once(&mut request) {
            return Answering { answer: Answer::Now(Some(response)), turn };
        }
        if request.version() == Version::HTTP_11
            && let Some(way) = Interim::way(&self.pulse)
        {
            request.extensions_mut().insert(way);
        }
        let request = request.map(|body| match body.is_end_stream() {
            true => axum::body::Body::empty(),
            false => axum::body::Body::new(Given { body, pulse: Arc::clone(&self.pulse), starved: false }),
        });
        Answering { answer: Answer::Later(self.handler.answer(request)), turn }
    }
}

enum Answer {
    /// Taken when the future is asked for it.
    Now(Option<Response>),
    Later(ResponseFuture),
}

/// The future of one answer.
pub(super) struct Answering {
    answer: Answer,
    turn: Option<Turn>,
}

impl Future for Answering {
    type Output = Result<http::Response<Told>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let response = match &mut this.answer {
            Answer::Now(response) => response.take().unwrap_or_default(),
            Answer::Later(response) => ready!(response.as_mut().poll(cx)),
        };
        let mut turn = this.turn.take();
        if let Some(turn) = &mut turn {
            turn.gave(false);
        }
        Poll::Ready(Ok(response.map(|body| Told { body, turn })))
    }
}

/// An answer's body that tells what becomes of it; the request's turn ends with it.
#[derive(Debug)]
pub(super) struct Told {
    body: Body,
    turn: Option<Turn>,
}

impl http_body::Body for Told {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        if let Some(turn) = &mut this.turn {
            turn.asked();
        }
        let frame = ready!(Pin::new(&mut this.body).poll_frame(cx));
        if let Some(turn) = &mut this.turn {
            // The last piece too: HTTP/2 may hold it until the client has room for it, and drops the body only then.
            turn.gave(frame.is_some());
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A request's body that tells whether more of it is awaited than the client has sent.
#[derive(Debug)]
struct Given {
    body: Incoming,
    pulse: Arc<Pulse>,
    starved: bool,
}

impl Given {
    fn tell(&mut self, starved: bool) {
        if self.starved != starved {
            self.starved = starved;
            self.pulse.starved(starved);
        }
    }
}

impl http_body::Body for Given {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = self.get_mut();
        let frame = Pin::new(&mut this.body).poll_frame(cx);
        this.tell(frame.is_pending());
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
        self.tell(false);
    }
}
