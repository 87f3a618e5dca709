//! What hyper reads from and writes to: a socket, plain or under TLS, whose signs of life are written down.
//!
//! [`Socket`] tells the connection's [`Pulse`] of every byte that moves, as far as it counts ([`Frames`]), and of every
//! write that must wait, and slips interim answers in before the answer that hyper writes. It holds the connection's
//! [`Place`], also when the connection was upgraded and hyper has no part in it any more.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::frames::Frames;
use super::listener::Place;
use super::pulse::Pulse;

/// A connection's bytes as HTTP sees them.
#[derive(Debug)]
pub(super) enum Transport {
    Plain(TcpStream),
    Secure(Box<TlsStream<TcpStream>>),
}

/// Calls the same method of whichever stream there is.
macro_rules! either {
    ($self:ident, $method:ident($($argument:expr),*)) => {
        match $self.get_mut() {
            Transport::Plain(stream) => Pin::new(stream).$method($($argument),*),
            Transport::Secure(stream) => Pin::new(stream).$method($($argument),*),
        }
    };
}

impl AsyncRead for Transport {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        either!(self, poll_read(cx, buffer))
    }
}

impl AsyncWrite for Transport {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        either!(self, poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        either!(self, poll_write_vectored(cx, pieces))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, poll_shutdown(cx))
    }
}

/// A transport under observation.
#[derive(Debug)]
pub(super) struct Socket<T> {
    transport: T,
    pulse: Arc<Pulse>,
    /// HTTP/2: what is read and what is written.
    frames: Option<[Frames; 2]>,
    /// Interim answers that are to be written before anything else.
    owed: BytesMut,
    _place: Place,
}

impl<T: AsyncWrite + Unpin> Socket<T> {
    pub(super) fn new(transport: T, pulse: Arc<Pulse>, place: Place) -> Self {
        Self { transport, pulse, frames: None, owed: BytesMut::new(), _place: place }
    }

    /// HTTP/2 is spoken from here on.
    pub(super) fn multiplexed(&mut self) {
        self.pulse.multiplexed();
        self.frames = Some([Frames::of_client(), Frames::of_server()]);
    }

    /// Writes the interim answers that wait; the answer itself `begins` after them.
    fn write_owed(&mut self, cx: &mut Context<'_>, begins: bool) -> Poll<io::Result<()>> {
        if self.pulse.interim.is_open() {
            self.owed.extend_from_slice(&self.pulse.interim.take(begins));
        }
        while !self.owed.is_empty() {
            let written = Pin::new(&mut self.transport).poll_write(cx, &self.owed);
            match ready!(self.noted(written, []))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.owed.advance(written),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Tells what became of a write of these `pieces`.
    fn noted<'a>(
        &mut self,
        write: Poll<io::Result<usize>>,
        pieces: impl IntoIterator<Item = &'a [u8]>,
    ) -> Poll<io::Result<usize>> {
        match &write {
            Poll::Ready(Ok(written)) => {
                let mut left = *written;
                let answer = self.frames.as_mut().is_none_or(|[_, ours]| {
                    pieces.into_iter().fold(false, |any, piece| {
                        let taken = &piece[..left.min(piece.len())];
                        left -= taken.len();
                        ours.pass(taken) || any
                    })
                });
                self.pulse.wrote(answer);
            }
            Poll::Ready(Err(_)) => {}
            Poll::Pending => self.pulse.blocked(),
        }
        write
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Socket<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.transport).poll_read(cx, buffer);
        let came = &buffer.filled()[before..];
        if !came.is_empty() && this.frames.as_mut().is_none_or(|[theirs, _]| theirs.pass(came)) {
            this.pulse.read();
        }
        read
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Socket<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.write_owed(cx, true))?;
        let written = Pin::new(&mut this.transport).poll_write(cx, bytes);
        this.noted(written, [bytes])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.write_owed(cx, true))?;
        let written = Pin::new(&mut this.transport).poll_write_vectored(cx, pieces);
        this.noted(written, pieces.iter().map(|piece| &**piece))
    }

    fn is_write_vectored(&self) -> bool {
        self.transport.is_write_vectored()
    }

    /// Hyper flushes when it has nothing left to write.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.pulse.interim.flushed();
        ready!(this.write_owed(cx, false))?;
        let flushed = Pin::new(&mut this.transport).poll_flush(cx);
        if flushed.is_pending() {
            this.pulse.blocked();
        }
        flushed
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().transport).poll_shutdown(cx)
    }
}
