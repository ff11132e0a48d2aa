//! A client's end: datagrams to one server and back.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use nix::libc::{EHOSTDOWN, EMSGSIZE, ENONET, ENOPROTOOPT, EOPNOTSUPP, EPROTO};
use oncrpc::Framing;
use oncrpc_xdr::Writer;
use tokio::net::UdpSocket;

use super::MAX_DATAGRAM;
use super::refusals::Refusals;
use crate::worker::{self, Buffers};
use crate::{Arrived, Link};

/// A connected UDP socket: the kernel keeps strangers' datagrams away from it.
#[derive(Debug)]
pub struct DatagramLink {
    socket: Arc<UdpSocket>,
    refusals: Refusals,
    /// The message that is being written.
    current: Writer,
    queue: VecDeque<Bytes>,
    /// The worker's, where the message lies that arrived last.
    buffers: Option<Box<Buffers>>,
}

impl DatagramLink {
    /// A link over a socket that is connected to the server.
    pub fn new(socket: UdpSocket) -> Self {
        let socket = Arc::new(socket);
        let refusals = Refusals::of(socket.clone());
        Self {
            socket,
            refusals,
            current: Writer::new(),
            queue: VecDeque::new(),
            buffers: None,
        }
    }

    /// Sends one datagram. What the kernel says when it does not take it may be about others before it, for which
    /// ICMP messages came back, so it is asked again; in the end the datagram counts as lost, as on the way.
    fn poll_send(&self, cx: &mut Context<'_>, message: &[u8]) -> Poll<()> {
        for _ in 0..TRIES {
            match ready!(self.socket.poll_send(cx, message)) {
                Ok(_) => break,
                Err(error) => log::debug!("datagram not sent: {error}"),
            }
        }
        Poll::Ready(())
    }
}

impl Link for DatagramLink {
    fn framing(&self) -> Framing {
        Framing::Datagram { max: MAX_DATAGRAM }
    }

    fn output(&mut self) -> &mut Writer {
        &mut self.current
    }

    fn end_message(&mut self) {
        self.queue
            .push_back(std::mem::take(&mut self.current).into_bytes());
    }

    fn unsent(&self) -> usize {
        self.queue.iter().map(Bytes::len).sum()
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(message) = self.queue.front() {
            ready!(self.poll_send(cx, message));
            self.queue.pop_front();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Arrived<'_>>>> {
        loop {
            self.buffers.take().into_iter().for_each(worker::give_back);
            ready!(self.socket.poll_recv_ready(cx))?;
            let buffers = self.buffers.insert(worker::lend());
            match buffers.read(worker::READ, |input| self.socket.try_recv_buf(input)) {
                Ok(_) => break,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if is_passing(&error) => log::debug!("no datagram: {error}"),
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        let Buffers { input, .. } = &**self.buffers.get_or_insert_with(worker::lend);
        Poll::Ready(Ok(Some(Arrived {
            message: input.into(),
            output: &mut self.current,
        })))
    }

    fn has_more(&self) -> bool {
        false
    }

    fn poll_refused(&mut self, cx: &mut Context<'_>) -> Poll<Bytes> {
        self.refusals.poll_next(cx)
    }

    /// Each datagram is on its own; the last is no different.
    fn poll_close(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }

    /// A datagram arrives whole or not at all.
    fn mid_message(&self) -> Option<usize> {
        None
    }
}

/// Times that the kernel is asked to send a datagram: each of its errors is reported once.
const TRIES: usize = 16;

/// Whether an error of receiving says something of one datagram only: what ICMP had to say of one that we
/// sent. That nobody listens comes by [`Refusals`] as well, with what it is about; of the rest nothing ends, the server may
/// come back.
fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::NetworkDown
            | io::ErrorKind::Interrupted
    ) || matches!(
        error.raw_os_error(),
        Some(EMSGSIZE | EHOSTDOWN | ENONET | ENOPROTOOPT | EOPNOTSUPP | EPROTO)
    )
}
