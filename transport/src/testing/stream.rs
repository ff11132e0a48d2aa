//! A byte stream that comes in small pieces, and ends where nobody expects it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How a stream ends too early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// As if the peer had ended it: FIN.
    Close,
    /// By an error: RST.
    Reset,
}

/// Where a stream ends too early, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Bytes that arrive before.
    pub after: usize,
    /// How it ends.
    pub end: End,
}

/// A byte stream between a test and the one that it is over.
#[derive(Debug)]
pub struct FaultyStream<S> {
    inner: S,
    /// Most bytes that are read or written at once.
    piece: usize,
    /// Where what is read ends, if it does.
    cut: Option<Cut>,
    read: usize,
}

impl<S> FaultyStream<S> {
    /// Reads and writes no more than `piece` bytes at once, and ends what is read at `cut`.
    pub fn new(inner: S, piece: usize, cut: Option<Cut>) -> Self {
        Self {
            inner,
            piece: piece.max(1),
            cut,
            read: 0,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for FaultyStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut most = self.piece.min(buf.remaining());
        if let Some(cut) = self.cut {
            let left = cut.after - self.read;
            if left == 0 {
                return Poll::Ready(match cut.end {
                    End::Close => Ok(()),
                    End::Reset => Err(io::ErrorKind::ConnectionReset.into()),
                });
            }
            most = most.min(left);
        }
        let mut piece = vec![0; most];
        let mut read = ReadBuf::new(&mut piece);
        let polled = Pin::new(&mut self.inner).poll_read(cx, &mut read);
        buf.put_slice(read.filled());
        self.read += read.filled().len();
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for FaultyStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let most = self.piece.min(buf.len());
        Pin::new(&mut self.inner).poll_write(cx, &buf[..most])
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
