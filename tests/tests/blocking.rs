//! The client without a runtime, against our own server and against peers that misbehave.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use oncrpc::{CallContext, CallError, CallOptions, Reject, negotiate};
use oncrpc_client::Endpoint;
use oncrpc_client::blocking::{Channel, Wait};
use oncrpc_server::{Listen, Running, Server};
use oncrpc_tests::hello::hello_program::v1;
use oncrpc_tests::hello::{HelloBlob, HelloName, Pair, SumResult};
use oncrpc_xdr::XdrString;
use tokio::runtime::Runtime;

struct Hello;

impl v1::Server for Hello {
    async fn greet(&self, _: &CallContext, name: HelloName) -> Result<XdrString, Reject> {
        Ok([b"Hello, ", name.as_bytes()].concat().into())
    }

    async fn add(&self, _: &CallContext, pair: Pair) -> Result<SumResult, Reject> {
        Ok(SumResult::Ok(pair.left + pair.right))
    }

    async fn echo(&self, _: &CallContext, blob: HelloBlob) -> Result<HelloBlob, Reject> {
        Ok(blob)
    }
}

/// What a call came to, which is good.
#[track_caller]
fn got<T>(result: Result<T, CallError>) -> T {
    result.unwrap_or_else(|error| panic!("{error}"))
}

const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A server in a runtime of its own, and where it is.
struct Served {
    runtime: Runtime,
    running: Option<Running>,
    endpoints: Vec<Endpoint>,
}

impl Served {
    fn new(socket: &str) -> Self {
        let runtime = Runtime::new().unwrap_or_else(|error| panic!("{error}"));
        let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
        let path = folder.join(format!("blocking-{socket}-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let server = Server::new()
            .service(v1::service(Arc::new(Hello)))
            .listen(Listen::Tcp(LOOPBACK))
            .listen(Listen::Udp(LOOPBACK))
            .listen(Listen::Unix(path));
        let running = runtime
            .block_on(server.start())
            .unwrap_or_else(|error| panic!("{error}"));
        let endpoints = running
            .bound()
            .iter()
            .filter_map(|bound| Endpoint::of(&bound.netid, &bound.uaddr))
            .collect();
        Self {
            runtime,
            running: Some(running),
            endpoints,
        }
    }

    fn end(&mut self) {
        if let Some(running) = self.running.take() {
            self.runtime
                .block_on(running.shutdown(Duration::from_secs(5)));
        }
    }
}

#[test]
fn calls_are_made_over_every_transport() {
    let served = Served::new("every");
    assert_eq!(served.endpoints.len(), 3);
    for endpoint in &served.endpoints {
        let client = v1::Client::new(Channel::to(endpoint.clone()));
        got(client.null().wait());
        let greeting = got(client.greet(&"thread".into()).wait());
        assert_eq!(greeting, "Hello, thread", "{endpoint}");
        let pair = Pair { left: 40, right: 2 };
        assert_eq!(got(client.add(&pair).wait()), SumResult::Ok(42));
        let len = if matches!(endpoint, Endpoint::Udp(_)) {
            8_000
        } else {
            1_000_000
        };
        let blob = HelloBlob::from((0..len).map(|at| at as u8).collect::<Vec<_>>());
        assert_eq!(got(client.echo(&blob).wait()), blob, "{endpoint}");
        // What the server does not write it refuses.
        let refused = client.guests().wait();
        assert!(matches!(refused, Err(CallError::Refused(_))), "{refused:?}");
    }
}

#[test]
fn threads_share_a_channel() {
    let served = Served::new("threads");
    let client = v1::Client::new(Channel::to(served.endpoints[0].clone()));
    thread::scope(|scope| {
        for left in 0..8 {
            let client = client.clone();
            scope.spawn(move || {
                for right in 0..100 {
                    let sum = got(client.add(&Pair { left, right }).wait());
                    assert_eq!(sum, SumResult::Ok(left + right));
                }
            });
        }
    });
}

#[test]
fn a_connection_that_has_ended_is_made_again() {
    let mut served = Served::new("again");
    let Endpoint::Tcp(at) = served.endpoints[0] else {
        panic!("{:?}", served.endpoints)
    };
    let client = v1::Client::new(Channel::to(Endpoint::Tcp(at)));
    got(client.null().wait());
    served.end();
    let gone = client.null().wait();
    assert!(matches!(gone, Err(CallError::Connect(_))), "{gone:?}");
    let server = Server::new()
        .service(v1::service(Arc::new(Hello)))
        .listen(Listen::Tcp(at));
    let again = served.runtime.block_on(server.start());
    assert!(again.is_ok());
    got(client.null().wait());
}

#[test]
fn a_server_that_says_nothing_costs_no_more_than_the_timeout() {
    let silent = TcpListener::bind(LOOPBACK).unwrap_or_else(|error| panic!("{error}"));
    let at = silent.local_addr().unwrap_or(LOOPBACK);
    let timeout = Duration::from_millis(50);
    let client = v1::Client::new(Channel::to(Endpoint::Tcp(at)))
        .with_options(CallOptions::default().timeout(timeout));
    let error = client.null().wait();
    let wanted = CallError::TimedOut {
        after: timeout,
        sent: 1,
    };
    assert_eq!(
        error.map_err(|error| error.to_string()),
        Err(wanted.to_string())
    );
}

#[test]
fn a_stream_that_ends_or_is_none_ends_the_call() {
    for answer in [
        &b""[..],
        b"\x80\0\0\x04abc",
        b"\x80\0\0\x03abc",
        b"\x80\0\0\x08abcd\0\0\0\x05",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
    ] {
        let listener = TcpListener::bind(LOOPBACK).unwrap_or_else(|error| panic!("{error}"));
        let at = listener.local_addr().unwrap_or(LOOPBACK);
        let peer = thread::spawn(move || {
            let (mut stream, _) = listener.accept()?;
            let mut call = [0; 44];
            stream.read_exact(&mut call)?;
            stream.write_all(answer)
        });
        let error = v1::Client::new(Channel::to(Endpoint::Tcp(at)))
            .null()
            .wait();
        assert!(
            matches!(error, Err(CallError::Disconnected(_))),
            "{answer:?}: {error:?}"
        );
        assert!(peer.join().is_ok_and(|wrote| wrote.is_ok()));
    }
}

#[test]
fn a_datagram_that_is_lost_is_sent_again() {
    let socket = UdpSocket::bind(LOOPBACK).unwrap_or_else(|error| panic!("{error}"));
    let at = socket.local_addr().unwrap_or(LOOPBACK);
    let peer = thread::spawn(move || {
        let mut first = [0; 1024];
        let mut again = [0; 1024];
        let (len, _) = socket.recv_from(&mut first)?;
        // The first is lost; garbage before the reply is nobody's.
        let (_, from) = socket.recv_from(&mut again)?;
        socket.send_to(b"garbage", from)?;
        let reply = [&again[..4], &[0, 0, 0, 1], &[0; 16][..]].concat();
        socket.send_to(&reply, from)?;
        Ok::<bool, std::io::Error>(first[..len] == again[..len])
    });
    got(v1::Client::new(Channel::to(Endpoint::Udp(at)))
        .null()
        .wait());
    assert!(peer.join().is_ok_and(|same| same.is_ok_and(|same| same)));
}

#[test]
fn versions_are_negotiated() {
    let served = Served::new("versions");
    let channel = Channel::to(served.endpoints[0].clone());
    let options = CallOptions::default();
    let program = oncrpc_tests::hello::hello_program::PROGRAM;
    let found = negotiate(&channel, program, 1..=9, &options).wait();
    assert_eq!(got(found), v1::VERSION);
    let none = negotiate(&channel, program, 2..=9, &options).wait();
    assert!(matches!(none, Err(CallError::Refused(_))), "{none:?}");
}
