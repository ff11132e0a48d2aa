//! A server that is a child process.

use std::ffi::OsString;
use std::io::{self, IoSlice};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::pin::Pin;
use std::task::{Context, Poll};

use oncrpc::netid::Netid;
use oncrpc::peer::Peer;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};

/// A child process whose standard input and output are one stream.
///
/// They are the two ends of one socket and not two pipes, so that the child may as well be a server for inetd,
/// which is given a socket. It ends with the stream: it is killed, and the runtime takes note of its death.
#[derive(Debug)]
pub(crate) struct ChildStream {
    stream: UnixStream,
    _child: Child,
}

impl ChildStream {
    /// Starts a program, as the shell would find it. What it says to its standard error goes where ours goes.
    pub(crate) fn start(program: &OsString, arguments: &[OsString]) -> io::Result<Self> {
        let (ours, theirs) = StdUnixStream::pair()?;
        let theirs = OwnedFd::from(theirs);
        let child = Command::new(program)
            .args(arguments)
            .stdin(theirs.try_clone()?)
            .stdout(theirs)
            .kill_on_drop(true)
            .spawn()?;
        ours.set_nonblocking(true)?;
        Ok(Self {
            stream: UnixStream::from_std(ours)?,
            _child: child,
        })
    }

    /// Who serves at the other end.
    pub(crate) fn peer() -> Peer {
        Peer::local(Netid::from("stdio"))
    }

    fn stream(self: Pin<&mut Self>) -> Pin<&mut UnixStream> {
        Pin::new(&mut self.get_mut().stream)
    }
}

impl AsyncRead for ChildStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.stream().poll_read(cx, buffer)
    }
}

impl AsyncWrite for ChildStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.stream().poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream().poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_shutdown(cx)
    }
}
