//! A client's end: datagrams to one server and back.

use std::collections::VecDeque;
use std::io;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use oncrpc::Framing;
use oncrpc_xdr::Writer;
use tokio::io::ReadBuf;
use tokio::net::UdpSocket;

use super::MAX_DATAGRAM;
use crate::Link;

/// A connected UDP socket: the kernel keeps strangers' datagrams away from it.
#[derive(Debug)]
pub struct DatagramLink {
    socket: UdpSocket,
    /// The message that is being written.
    current: Writer,
    queue: VecDeque<Bytes>,
    /// Room for one datagram.
    buffer: Box<[u8]>,
}

impl DatagramLink {
    /// A link over a socket that is connected to the server.
    pub fn new(socket: UdpSocket) -> Self {
        let buffer = vec![0; MAX_DATAGRAM].into_boxed_slice();
        Self {
            socket,
            current: Writer::new(),
            queue: VecDeque::new(),
            buffer,
        }
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
            match ready!(self.socket.poll_send(cx, message)) {
                Ok(_) => {}
                Err(error) if is_passing(&error) => log::debug!("datagram not sent: {error}"),
                Err(error) => return Poll::Ready(Err(error)),
            }
            self.queue.pop_front();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        loop {
            let mut datagram = ReadBuf::new(&mut self.buffer);
            match ready!(self.socket.poll_recv(cx, &mut datagram)) {
                Ok(()) => {
                    return Poll::Ready(Ok(Some(Bytes::copy_from_slice(datagram.filled()))));
                }
                Err(error) if is_passing(&error) => log::debug!("no datagram: {error}"),
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    /// A datagram arrives whole or not at all.
    fn is_mid_message(&self) -> bool {
        false
    }
}

/// Whether an error says something of one datagram only: that its port was closed, its way was not
/// there, or it was too long. The call is repeated until its time is up; the server may come back.
fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::Interrupted
    )
}
