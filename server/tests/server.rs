//! A server as its users start it and end it.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail it")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use oncrpc::netid::Netid;
use oncrpc::proto::rpcb::rpcbprog::{v3, v4};
use oncrpc::{CallContext, CallError, Refusal, Reject};
use oncrpc_client::{Channel, Endpoint};
use oncrpc_server::{Bound, Listen, Running, Server, ServerLimits};
use tokio::sync::Semaphore;

/// Answers GETTIME with 42 when there is a permit, or panics for version 3.
struct Clock {
    permits: Semaphore,
    waiting: Semaphore,
}

impl Clock {
    fn new(permits: usize) -> Arc<Self> {
        Arc::new(Self {
            permits: Semaphore::new(permits),
            waiting: Semaphore::new(0),
        })
    }
}

impl v4::Server for Clock {
    async fn gettime(&self, _: &CallContext) -> Result<u32, Reject> {
        self.waiting.add_permits(1);
        self.permits
            .acquire()
            .await
            .map_err(|_| Reject::SystemErr)?
            .forget();
        Ok(42)
    }
}

impl v3::Server for Clock {
    async fn gettime(&self, _: &CallContext) -> Result<u32, Reject> {
        panic!("no version 3 of time");
    }
}

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

fn client(endpoint: Endpoint) -> v4::Client<Channel> {
    v4::Client::new(Channel::to(endpoint))
}

fn endpoint(bound: &Bound) -> Endpoint {
    Endpoint::of(&bound.netid, &bound.uaddr).unwrap()
}

async fn serve(clock: &Arc<Clock>, listen: Vec<Listen>, limits: ServerLimits) -> Running {
    let services = [v4::service(clock.clone()), v3::service(clock.clone())];
    let mut server = Server::new().limits(limits);
    for service in services {
        server = server.service(service);
    }
    for listen in listen {
        server = server.listen(listen);
    }
    server.start().await.unwrap()
}

fn tcp() -> Vec<Listen> {
    vec![Listen::Tcp("127.0.0.1:0".parse().unwrap())]
}

#[tokio::test]
async fn it_answers_on_every_transport_at_once() {
    let socket = path("every.sock");
    let name = format!("oncrpc-test-{}", std::process::id()).into_bytes();
    let listen = vec![
        Listen::Tcp("127.0.0.1:0".parse().unwrap()),
        Listen::Tcp("[::1]:0".parse().unwrap()),
        Listen::Udp("127.0.0.1:0".parse().unwrap()),
        Listen::Udp("[::]:0".parse().unwrap()),
        Listen::Unix(socket.clone()),
        Listen::Abstract(name.clone()),
    ];
    let running = serve(&Clock::new(10), listen, ServerLimits::default()).await;
    let netids: Vec<_> = running
        .bound()
        .iter()
        .map(|bound| bound.netid.clone())
        .collect();
    use Netid::{Local, Tcp, Tcp6, Udp, Udp6};
    assert_eq!(netids, [Tcp, Tcp6, Udp, Udp6, Local, Local]);
    for bound in &running.bound()[..5] {
        assert_eq!(
            client(endpoint(bound)).gettime().await.unwrap(),
            42,
            "{bound:?}"
        );
    }
    assert_eq!(
        client(Endpoint::Abstract(name)).gettime().await.unwrap(),
        42
    );
    assert!(running.shutdown(Duration::from_secs(5)).await);
    assert!(!socket.exists(), "the socket's file is gone");
}

/// A socket as another process would hand it over.
fn handed(socket: impl Into<std::os::fd::OwnedFd>) -> std::io::Result<Option<Listen>> {
    Listen::inherited(socket.into())
}

#[tokio::test]
async fn sockets_that_another_process_has_bound_are_served() {
    let udp = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let tcp = std::net::TcpListener::bind("[::1]:0").unwrap();
    let at = path("handed.sock");
    let _ = std::fs::remove_file(&at);
    let unix = std::os::unix::net::UnixListener::bind(&at).unwrap();
    let listen = [handed(udp), handed(tcp), handed(unix)].map(|socket| socket.unwrap().unwrap());
    let running = serve(&Clock::new(3), listen.into(), ServerLimits::default()).await;
    for bound in running.bound() {
        let time = client(endpoint(bound)).gettime().await;
        assert_eq!(time.unwrap(), 42, "{bound}");
    }
}

#[tokio::test]
async fn connections_that_another_process_has_accepted_are_served_to_their_end() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let over_tcp = client(Endpoint::Tcp(listener.local_addr().unwrap()));
    let at = path("accepted.sock");
    let _ = std::fs::remove_file(&at);
    let unix = std::os::unix::net::UnixListener::bind(&at).unwrap();
    let over_unix = client(Endpoint::Unix(at));
    let accepting = tokio::task::spawn_blocking(move || {
        let (tcp, unix) = (listener.accept().unwrap().0, unix.accept().unwrap().0);
        [handed(tcp), handed(unix)].map(|socket| socket.unwrap().unwrap())
    });
    // Both are asked before anybody serves them.
    let answers = tokio::spawn(async move {
        let (tcp, unix) = tokio::join!(over_tcp.gettime(), over_unix.gettime());
        (tcp.unwrap(), unix.unwrap())
    });
    let listen = accepting.await.unwrap().into();
    let mut running = serve(&Clock::new(2), listen, ServerLimits::default()).await;
    assert!(running.bound().is_empty(), "nobody else can come");
    assert_eq!(answers.await.unwrap(), (42, 42));
    // The clients are gone with their task: there is nothing left to do.
    running.finished().await;
}

#[test]
fn what_is_handed_over_and_cannot_be_served_says_why() {
    let file = std::fs::File::open("/dev/null").unwrap();
    assert!(handed(file).unwrap().is_none(), "no socket");
    let unbound = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let (datagrams, _other) = std::os::unix::net::UnixDatagram::pair().unwrap();
    assert_eq!(
        [handed(unbound), handed(datagrams)].map(|refused| refused.unwrap_err().to_string()),
        [
            "a socket that neither listens nor is connected",
            "a socket of a kind that no RPC travels by",
        ]
    );
}

#[tokio::test]
async fn versions_that_are_not_served_are_refused_with_those_that_are() {
    let running = serve(&Clock::new(0), tcp(), ServerLimits::default()).await;
    let channel = Channel::to(endpoint(&running.bound()[0]));
    let error = oncrpc::proto::portmap::pmapprog::v2::Client::new(channel)
        .null()
        .await
        .unwrap_err();
    let CallError::Refused(refusal) = error else {
        panic!("{error}")
    };
    assert_eq!(refusal, Refusal::ProgMismatch { low: 3, high: 4 });
}

#[tokio::test]
async fn a_handler_that_panics_costs_its_own_call_alone() {
    let running = serve(&Clock::new(1), tcp(), ServerLimits::default()).await;
    let channel = Channel::to(endpoint(&running.bound()[0]));
    let error = v3::Client::new(channel.clone())
        .gettime()
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "the server failed (SYSTEM_ERR)");
    assert_eq!(v4::Client::new(channel).gettime().await.unwrap(), 42);
}

#[tokio::test]
async fn a_shutdown_answers_the_calls_at_hand_and_takes_no_more() {
    let clock = Clock::new(0);
    let running = serve(&clock, tcp(), ServerLimits::default()).await;
    let endpoint = endpoint(&running.bound()[0]);
    let client = client(endpoint.clone());
    let call = tokio::spawn({
        let client = client.clone();
        async move { client.gettime().await }
    });
    clock.waiting.acquire().await.unwrap().forget();
    let shutdown = tokio::spawn(running.shutdown(Duration::from_secs(60)));
    // Nobody new is let in while the call at hand is answered.
    while Channel::to(endpoint.clone()).connect().await.is_ok() {
        tokio::task::yield_now().await;
    }
    clock.permits.add_permits(1);
    assert_eq!(call.await.unwrap().unwrap(), 42);
    assert!(shutdown.await.unwrap());
    assert!(matches!(client.null().await, Err(CallError::Connect(_))));
}

#[tokio::test]
async fn what_is_not_answered_in_the_time_of_grace_is_given_up() {
    let clock = Clock::new(0);
    let running = serve(&clock, tcp(), ServerLimits::default()).await;
    let client = client(endpoint(&running.bound()[0]));
    let call = tokio::spawn(async move { client.gettime().await });
    clock.waiting.acquire().await.unwrap().forget();
    assert!(!running.shutdown(Duration::from_millis(10)).await);
    let error = call.await.unwrap().unwrap_err();
    assert!(matches!(error, CallError::Disconnected(_)), "{error}");
}

#[tokio::test]
async fn at_the_limit_a_connection_waits_for_another_to_end() {
    let limits = ServerLimits {
        connections: 1,
        ..ServerLimits::default()
    };
    let running = serve(&Clock::new(0), tcp(), limits).await;
    let first = client(endpoint(&running.bound()[0]));
    first.null().await.unwrap();
    let second = client(endpoint(&running.bound()[0]));
    let mut waiting = std::pin::pin!(second.null());
    let early = tokio::time::timeout(Duration::from_millis(50), &mut waiting).await;
    assert!(early.is_err(), "{early:?}");
    drop(first);
    waiting.await.unwrap();
}

#[tokio::test]
async fn a_user_with_all_connections_of_its_share_gets_no_more_until_one_ends() {
    let limits = ServerLimits {
        per_uid: 1,
        ..ServerLimits::default()
    };
    let socket = path("share.sock");
    let mut listen = tcp();
    listen.push(Listen::Unix(socket.clone()));
    let running = serve(&Clock::new(0), listen, limits).await;
    let first = client(Endpoint::Unix(socket.clone()));
    first.null().await.unwrap();
    let error = client(Endpoint::Unix(socket.clone())).null().await;
    assert!(
        matches!(error, Err(CallError::Disconnected(_))),
        "{error:?}"
    );
    let by_tcp = client(endpoint(&running.bound()[0]));
    by_tcp.null().await.unwrap();
    first.null().await.unwrap();
    drop(first);
    // It is when the server has seen the end of the first that there is a place for another.
    while client(Endpoint::Unix(socket.clone())).null().await.is_err() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_listener_that_nobody_calls_at_keeps_no_place_from_another() {
    let limits = ServerLimits {
        connections: 1,
        ..ServerLimits::default()
    };
    let mut listen = tcp();
    listen.push(Listen::Unix(path("places.sock")));
    let running = serve(&Clock::new(0), listen, limits).await;
    for listener in [0, 0, 1, 1, 0] {
        client(endpoint(&running.bound()[listener]))
            .null()
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_file_that_is_no_socket_is_left_alone() {
    let file = path("precious.txt");
    std::fs::write(&file, "precious").unwrap();
    let server = Server::new().listen(Listen::Unix(file.clone()));
    let error = server.start().await.unwrap_err();
    let said = format!("cannot listen at unix {}: not a socket", file.display());
    assert_eq!(error.to_string(), said);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "precious");
}

#[tokio::test]
async fn a_socket_that_was_left_behind_is_replaced() {
    let socket = path("left-behind.sock");
    let _ = std::fs::remove_file(&socket);
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    assert!(socket.exists());
    let listen = vec![Listen::Unix(socket.clone())];
    let _running = serve(&Clock::new(0), listen, ServerLimits::default()).await;
    client(Endpoint::Unix(socket)).null().await.unwrap();
}
