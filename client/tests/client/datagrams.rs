//! Calls over UDP, to a socket that loses and garbles what it likes.

use oncrpc::CallError;
use oncrpc::CallOptions;
use oncrpc::Retransmit;
use oncrpc::proto::rpcb::rpcbprog::v4;
use oncrpc_client::blocking::{self, Wait};
use oncrpc_client::{Channel, Endpoint, Reconnect, Target};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::UdpSocket;

fn client(address: SocketAddr) -> v4::Client<Channel> {
    let retransmit = Retransmit::exponential(Duration::from_millis(20));
    let channel = Channel::builder(Target::from(address.ip()))
        .netid(oncrpc::netid::Netid::from(if address.is_ipv4() {
            "udp"
        } else {
            "udp6"
        }))
        .retransmit(retransmit)
        .timeout(Duration::from_secs(20))
        .port(address.port());
    v4::Client::new(channel)
}

async fn receive(server: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = [0; 2048];
    let (len, from) = server.recv_from(&mut buffer).await.unwrap();
    (buffer[..len].to_vec(), from)
}

/// A successful reply to `call` with one word.
fn reply(call: &[u8], word: u32) -> Vec<u8> {
    [
        &call[..4],
        &[1, 0, 0, 0, 0].map(u32::to_be_bytes).concat(),
        &word.to_be_bytes(),
    ]
    .concat()
}

#[tokio::test]
async fn a_call_is_repeated_word_for_word_until_it_is_answered() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let server = UdpSocket::bind(address).await.unwrap();
        let client = client(server.local_addr().unwrap());
        let answering = async {
            let (first, _) = receive(&server).await;
            let (second, _) = receive(&server).await;
            let (third, from) = receive(&server).await;
            assert_eq!((&second, &third), (&first, &first));
            server.send_to(&reply(&third, 42), from).await.unwrap();
        };
        let (answer, ()) = tokio::join!(client.gettime(), answering);
        assert_eq!(answer.unwrap(), 42);
    }
}

#[tokio::test]
async fn garbage_before_the_reply_does_not_matter() {
    let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let client = client(server.local_addr().unwrap());
    let answering = async {
        let (call, from) = receive(&server).await;
        let cut = &reply(&call, 1)[..14];
        let other = reply(&[0xff; 4], 2);
        for garbage in [&b""[..], b"abc", &call, cut, &other] {
            server.send_to(garbage, from).await.unwrap();
        }
        server.send_to(&reply(&call, 42), from).await.unwrap();
        server.send_to(&reply(&call, 43), from).await.unwrap();
    };
    let (answer, ()) = tokio::join!(client.gettime(), answering);
    assert_eq!(answer.unwrap(), 42);
}

#[tokio::test]
async fn a_reply_from_elsewhere_is_nobodys() {
    let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let elsewhere = [
        UdpSocket::bind("127.0.0.1:0").await.unwrap(),
        UdpSocket::bind("127.0.0.2:0").await.unwrap(),
    ];
    let client = client(server.local_addr().unwrap());
    let answering = async {
        let (call, from) = receive(&server).await;
        for (socket, word) in elsewhere.iter().zip(1..) {
            socket.send_to(&reply(&call, word), from).await.unwrap();
        }
        server.send_to(&reply(&call, 42), from).await.unwrap();
    };
    let (answer, ()) = tokio::join!(client.gettime(), answering);
    assert_eq!(answer.unwrap(), 42);
}

#[tokio::test]
async fn what_no_datagram_holds_is_an_error_before_it_is_sent() {
    let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let client = client(server.local_addr().unwrap());
    let arg = oncrpc::proto::rpcb::Rpcb {
        r_owner: vec![0; 70_000].into(),
        ..Default::default()
    };
    let error = client.set(&arg).await.unwrap_err();
    assert!(
        matches!(
            error,
            CallError::TooLarge {
                allowed: 65_507,
                ..
            }
        ),
        "{error}"
    );
    assert!(!error.may_have_executed());
}

/// A port that is closed to us, and stays so as long as the socket is there: it listens to one other alone.
async fn closed(address: &str) -> UdpSocket {
    let socket = UdpSocket::bind(address).await.unwrap();
    let mut other = socket.local_addr().unwrap();
    other.set_port(9);
    socket.connect(other).await.unwrap();
    socket
}

#[tokio::test]
async fn a_call_to_a_closed_port_fails_long_before_its_deadline() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let closed = closed(address).await;
        let endpoint = Endpoint::Udp(closed.local_addr().unwrap());
        let client = v4::Client::new(Channel::to(endpoint));
        // The deadline is a day away: without word from the port the test would not end.
        let day = CallOptions::default().timeout(Duration::from_secs(24 * 3600));
        let client = client.with_options(day);
        let (one, other) = tokio::join!(client.gettime(), client.gettime());
        for error in [one.unwrap_err(), other.unwrap_err()] {
            assert!(matches!(error, CallError::Connect(_)), "{error}");
            assert!(!error.may_have_executed());
        }
    }
}

#[tokio::test]
async fn a_closed_port_is_waited_for_if_one_wants_that() {
    let closed = closed("127.0.0.1:0").await;
    let at = closed.local_addr().unwrap();
    let channel = Channel::builder(Target::from(at.ip()))
        .netid(oncrpc::netid::Netid::Udp)
        .wait_for_server(true)
        .reconnect(Reconnect {
            first: Duration::from_millis(1),
            ..Reconnect::default()
        })
        .port(at.port());
    channel.connect().await.unwrap();
    let client = v4::Client::new(channel.clone());
    let call = tokio::spawn(async move { client.gettime().await });
    // Nobody listens, which is found out, until somebody does.
    channel.disconnected().await;
    drop(closed);
    let server = UdpSocket::bind(at).await.unwrap();
    let (call_made, from) = receive(&server).await;
    server.send_to(&reply(&call_made, 42), from).await.unwrap();
    assert_eq!(call.await.unwrap().unwrap(), 42);
}

#[tokio::test]
async fn after_a_call_of_which_nothing_was_heard_the_next_comes_from_a_new_socket() {
    let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = server.local_addr().unwrap();
    let client = client(address);
    let brief = CallOptions::default().timeout(Duration::from_millis(100));
    let unheard = client.clone().with_options(brief).gettime().await;
    assert!(matches!(unheard, Err(CallError::TimedOut { .. })));
    let (call, first) = receive(&server).await;
    let answering = async {
        loop {
            let (next, from) = receive(&server).await;
            if from != first {
                assert_ne!(next[..4], call[..4], "its xid is another as well");
                return server.send_to(&reply(&next, 42), from).await.unwrap();
            }
        }
    };
    let (answer, _) = tokio::join!(client.gettime(), answering);
    assert_eq!(answer.unwrap(), 42);
}

#[test]
fn so_it_does_of_a_client_without_a_runtime() {
    let server = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let every = Retransmit::fixed(Duration::from_millis(20));
    let channel =
        blocking::Channel::to(Endpoint::Udp(server.local_addr().unwrap())).with_retransmit(every);
    let brief = CallOptions::default().timeout(Duration::from_millis(100));
    let client = v4::Client::new(channel);
    let unheard = client.clone().with_options(brief).gettime().wait();
    assert!(matches!(unheard, Err(CallError::TimedOut { .. })));
    let mut call = [0; 64];
    let (_, first) = server.recv_from(&mut call).unwrap();
    let answering = std::thread::spawn(move || {
        loop {
            let (len, from) = server.recv_from(&mut call).unwrap();
            if from != first {
                return server.send_to(&reply(&call[..len], 42), from).unwrap();
            }
        }
    });
    assert_eq!(client.gettime().wait().unwrap(), 42);
    answering.join().unwrap();
}
