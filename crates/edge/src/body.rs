//! The body of an answer of the edge.
//!
//! A hit is one piece of bytes that the server can write as it is; everything else is a stream. The difference is
//! visible here so that a hit costs no box and no virtual call.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

/// A body.
#[derive(Debug)]
pub enum Body {
    /// The whole, in one piece; empty once it was read.
    Whole(Bytes),
    /// Anything else.
    Streamed(axum::body::Body),
}

impl Body {
    /// A body without bytes.
    #[must_use]
    pub fn empty() -> Self {
        Self::Whole(Bytes::new())
    }
}

impl From<axum::body::Body> for Body {
    fn from(body: axum::body::Body) -> Self {
        Self::Streamed(body)
    }
}

impl From<orbit_cache::Body> for Body {
    fn from(body: orbit_cache::Body) -> Self {
        match body {
            orbit_cache::Body::Whole(bytes) => Self::Whole(bytes),
            streamed => Self::Streamed(axum::body::Body::new(streamed)),
        }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match self.get_mut() {
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Streamed(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Streamed(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Streamed(body) => body.size_hint(),
        }
    }
}
