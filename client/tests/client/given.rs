//! Channels over connections that the caller has made.

use std::os::fd::OwnedFd;
use std::time::Duration;

use oncrpc::CallError;
use oncrpc::proto::rpcb::rpcbprog::v4;
use oncrpc_client::{Channel, Endpoint};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::Instant;

use crate::fake::{Fake, Script, unique};

/// What a channel says whose connection was given and is gone.
const ENDED: &str =
    "cannot connect: the connection that was given has ended, and cannot be made again";

#[tokio::test]
async fn calls_travel_by_any_stream_while_it_lasts() {
    let fake = Fake::start(Script::default(), &[4]).await;
    let stream = TcpStream::connect(fake.address()).await.unwrap();
    let client = v4::Client::new(Channel::over(stream));
    assert_eq!(client.dump().await.unwrap(), []);
    fake.end().await;
    let error = client.dump().await.unwrap_err();
    // The first call may have been on its way.
    assert!(
        matches!(error, CallError::Connect(_) | CallError::Disconnected(_)),
        "{error}"
    );
    assert_eq!(client.dump().await.unwrap_err().to_string(), ENDED);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_cannot_be_made_again_is_not_waited_for() {
    let (ours, theirs) = tokio::io::duplex(1000);
    drop(theirs);
    let builder = Channel::builder("localhost".parse().unwrap());
    let client = v4::Client::new(builder.wait_for_server(true).over(ours));
    let start = Instant::now();
    client.null().await.unwrap_err();
    assert_eq!(client.null().await.unwrap_err().to_string(), ENDED);
    assert!(start.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn calls_travel_by_an_inherited_socket() {
    let fake = Fake::start(Script::default(), &[4]).await;
    let tcp = std::net::TcpStream::connect(fake.address()).unwrap();
    let client = v4::Client::new(Channel::inherited(tcp.into()).unwrap());
    assert_eq!(client.dump().await.unwrap(), []);

    let name = unique("inherited");
    let fake = Fake::local(&name, Script::default(), &[4]);
    assert_eq!(fake.endpoint, Endpoint::Abstract(name.clone().into()));
    let unix = UnixStream::connect(format!("\0{name}")).await.unwrap();
    let unix = OwnedFd::from(unix.into_std().unwrap());
    let client = v4::Client::new(Channel::inherited(unix).unwrap());
    assert_eq!(client.dump().await.unwrap(), []);
}

#[tokio::test]
async fn calls_travel_by_an_inherited_udp_socket() {
    let server = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(server.local_addr().unwrap()).unwrap();
    let client = v4::Client::new(Channel::inherited(socket.into()).unwrap());
    let answering = async {
        let mut call = [0; 100];
        let (_, from) = server.recv_from(&mut call).await.unwrap();
        let words = [1, 0, 0, 0, 0].map(u32::to_be_bytes).concat();
        let reply = [&call[..4], &words].concat();
        server.send_to(&reply, from).await.unwrap();
    };
    let (answer, ()) = tokio::join!(client.null(), answering);
    answer.unwrap();
}

#[tokio::test]
async fn what_is_no_connected_socket_is_refused() {
    let file = std::fs::File::open("/dev/null").unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let unconnected = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let (datagrams, _) = std::os::unix::net::UnixDatagram::pair().unwrap();
    for (socket, why) in [
        (OwnedFd::from(file), "the descriptor is no socket"),
        (listener.into(), "the socket is not connected"),
        (unconnected.into(), "the socket is not connected"),
        (datagrams.into(), "no RPC travels by a socket of this kind"),
    ] {
        let error = Channel::inherited(socket).unwrap_err();
        assert_eq!(error.to_string(), why);
    }
}
