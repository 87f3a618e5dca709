//! The body of an answer: bytes that are at hand, or a stream.
//!
//! A hit is answered with bytes that the cache holds. They go to the connection as they are: no box around them and
//! nothing to poll, which a body of any type ([`axum::body::Body`]) would cost on each request.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

/// What an answer carries after its header.
#[derive(Debug)]
pub enum Body {
    /// All of it, in one piece; empty once it is handed over.
    Whole(Bytes),
    /// A stream, of known or unknown length.
    Streamed(axum::body::Body),
}

impl Body {
    /// No bytes at all.
    #[must_use]
    pub const fn empty() -> Self {
        Self::Whole(Bytes::new())
    }
}

impl Default for Body {
    fn default() -> Self {
        Self::empty()
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::Whole(bytes)
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

impl From<Body> for axum::body::Body {
    fn from(body: Body) -> Self {
        match body {
            Body::Whole(bytes) => Self::from(bytes),
            Body::Streamed(body) => body,
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

#[cfg(test)]
mod tests {
    use http_body::Body as _;
    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn whole_bytes_are_handed_over_once_and_not_copied() {
        let bytes = Bytes::from_static(b"picture");
        let mut body = Body::from(bytes.clone());
        assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(7), false));
        let frame = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(frame.as_ptr(), bytes.as_ptr());
        assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(0), true));
        assert!(body.frame().await.is_none());
    }

    #[tokio::test]
    async fn both_kinds_carry_the_same_bytes_as_either_type() {
        for body in [Body::from(Bytes::from_static(b"x")), Body::from(axum::body::Body::from("x"))] {
            assert_eq!(body.size_hint().exact(), Some(1));
            assert_eq!(axum::body::Body::from(body).collect().await.unwrap().to_bytes(), "x");
        }
        assert!(Body::default().is_end_stream());
    }
}
