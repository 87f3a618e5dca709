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
        match &flushed {
            Poll::Ready(Ok(())) => this.pulse.flushed(this.frames.is_none()),
            Poll::Ready(Err(_)) => {}
            Poll::Pending => this.pulse.blocked(),
        }
        flushed
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().transport).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;
    use std::time::Duration;

    use super::*;
    use crate::server::listener::any_place;
    use crate::server::pulse::{Looks, Order, Patience, Turn};

    /// Takes all that is written and passes it on when there is room, as TLS does.
    struct Keeping {
        room: bool,
    }

    impl AsyncWrite for Keeping {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            if self.room { Poll::Ready(Ok(())) } else { Poll::Pending }
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[test]
    fn who_has_taken_all_that_was_kept_for_it_is_not_taken_for_a_reader_who_stopped() {
        let second = Duration::from_secs(1);
        for multiplexed in [false, true] {
            let looks = Arc::new(Looks::default());
            let pulse = Arc::new(Pulse::new(Arc::clone(&looks)));
            let mut socket = Socket::new(Keeping { room: false }, Arc::clone(&pulse), any_place());
            if multiplexed {
                socket.multiplexed();
            }
            let _stream_of_events = Turn::begin(&pulse);
            let mut cx = Context::from_waker(Waker::noop());
            assert!(Pin::new(&mut socket).poll_write(&mut cx, b"event").is_ready());
            assert!(Pin::new(&mut socket).poll_flush(&mut cx).is_pending());
            socket.transport.room = true;
            assert!(Pin::new(&mut socket).poll_flush(&mut cx).is_ready());
            (0..100).for_each(|_| looks.advance());
            assert_eq!(pulse.verdict(Patience::new(second, second, second)), Order::Go, "between two events");
        }
    }
}
