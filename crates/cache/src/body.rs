//! The body of an answer: stored bytes, a fill in flight, or a response that merely passes.

use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;

use crate::Error;
use crate::fill::Reader;

/// A body; reading it never takes more of a fill than has arrived, and holds nobody else up.
#[derive(Debug)]
pub enum Body {
    /// The whole, in one piece; empty once it was read.
    Whole(Bytes),
    /// What a fill brings, from its first byte, while it arrives.
    Filling(Reader),
    /// What the upstream sends, for this request alone.
    Passing(UnsyncBoxBody<Bytes, Error>),
}

impl Body {
    /// A body that passes; what goes wrong with it is an unavailable upstream.
    #[must_use]
    pub fn passing<B>(body: B) -> Self
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: std::fmt::Display,
    {
        Self::Passing(body.map_err(|error| Error::Unavailable(error.to_string())).boxed_unsync())
    }

    /// How long it is, where that is known.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        match self {
            Self::Whole(bytes) => Some(bytes.len() as u64),
            Self::Filling(reader) => reader.length(),
            Self::Passing(body) => body.size_hint().exact(),
        }
    }

    /// Only the bytes of `part`, which lies within the length; a body that passes stays whole.
    #[must_use]
    pub fn slice(self, part: &Range<u64>) -> Self {
        match self {
            Self::Whole(bytes) => Self::Whole(bytes.slice(orbit_model::range::indices(part, bytes.len()))),
            Self::Filling(reader) => Self::Filling(reader.slice(part)),
            passing @ Self::Passing(_) => passing,
        }
    }
}

impl Default for Body {
    fn default() -> Self {
        Self::Whole(Bytes::new())
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match self.get_mut() {
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Filling(reader) => reader.poll(cx).map(|chunk| chunk.map(|chunk| chunk.map(Frame::data))),
            Self::Passing(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Filling(_) => false,
            Self::Passing(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Passing(body) => body.size_hint(),
            sized => sized.length().map_or_else(SizeHint::default, SizeHint::with_exact),
        }
    }
}
