//! Channels over connections that somebody else has made.

use std::io;
use std::os::fd::OwnedFd;

use oncrpc::netid::Netid;
use oncrpc::peer::Peer;
use oncrpc_transport::stream::ByteStream;
use oncrpc_transport::{Connection, socket};
use socket2::{Socket, Type};
use tokio::net::{TcpStream, UdpSocket, UnixStream};

use crate::callbacks::Callbacks;
use crate::connect::{over, over_tcp, over_udp};
use crate::settings::Settings;
use crate::shared::Shared;

/// A channel's inside over any stream.
pub(crate) fn over_stream(settings: Settings, stream: impl ByteStream) -> Shared {
    let callbacks = Callbacks::new(&settings.services);
    let server = Peer::local(Netid::from("stream"));
    let connection = over(stream, server, &settings, callbacks.as_ref());
    Shared::given(settings, callbacks, connection)
}

/// A channel's inside over a socket.
pub(crate) fn over_socket(settings: Settings, socket: OwnedFd) -> io::Result<Shared> {
    let callbacks = Callbacks::new(&settings.services);
    let connection = connection(Socket::from(socket), &settings, callbacks.as_ref())?;
    Ok(Shared::given(settings, callbacks, connection))
}

/// A connection over a socket that is connected: TCP, UDP or a Unix stream.
fn connection(
    socket: Socket,
    settings: &Settings,
    callbacks: Option<&Callbacks>,
) -> io::Result<Connection> {
    let refused = |why| Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    let Ok(kind) = socket.r#type() else {
        return refused("the descriptor is no socket");
    };
    if socket.peer_addr().is_err() {
        return refused("the socket is not connected");
    }
    let is_unix = socket.local_addr()?.is_unix();
    socket.set_nonblocking(true)?;
    match kind {
        Type::STREAM if is_unix => {
            let stream = UnixStream::from_std(socket.into())?;
            let server = socket::unix_peer(&stream)?;
            Ok(over(stream, server, settings, callbacks))
        }
        Type::STREAM => {
            let stream = TcpStream::from_std(socket.into())?;
            over_tcp(stream, settings, callbacks)
        }
        Type::DGRAM if !is_unix => Ok(over_udp(UdpSocket::from_std(socket.into())?, settings)),
        _ => refused("no RPC travels by a socket of this kind"),
    }
}
