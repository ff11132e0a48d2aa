//! How a server ends, event by event.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail it")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use oncrpc::proto::rpcb::Rpcb;
use oncrpc::proto::rpcb::rpcbprog::{v3, v4};
use oncrpc::uaddr::Uaddr;
use oncrpc::{CallContext, CallError, Reject};
use oncrpc_client::{Channel, Endpoint};
use oncrpc_server::{Listen, Policy, RpcbindAt, Running, Server, ServerLimits};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

/// A gate that says that somebody stands before it.
struct Door {
    reached: Semaphore,
    open: Semaphore,
}

impl Door {
    fn new() -> Self {
        Self {
            reached: Semaphore::new(0),
            open: Semaphore::new(0),
        }
    }

    async fn pass(&self) {
        self.reached.add_permits(1);
        self.open.acquire().await.unwrap().forget();
    }

    async fn reached(&self) {
        self.reached.acquire().await.unwrap().forget();
    }

    fn open(&self) {
        self.open.add_permits(1);
    }
}

/// An rpcbind, whose UNSET of one netid waits at a door.
struct Rpcbind(Door);

impl v4::Server for Rpcbind {
    async fn set(&self, _: &CallContext, _: Rpcb) -> Result<bool, Reject> {
        Ok(true)
    }

    async fn unset(&self, _: &CallContext, arg: Rpcb) -> Result<bool, Reject> {
        // The one that comes before SET names none.
        if !arg.r_netid.is_empty() {
            self.0.pass().await;
        }
        Ok(true)
    }
}

/// A service whose GETTIME waits at a door.
struct Clock(Door);

impl v3::Server for Clock {
    async fn gettime(&self, _: &CallContext) -> Result<u32, Reject> {
        self.0.pass().await;
        Ok(42)
    }
}

fn to(running: &Running) -> Channel {
    let bound = &running.bound()[0];
    Channel::to(Endpoint::of(&bound.netid, &bound.uaddr).unwrap())
}

fn loopback() -> Listen {
    Listen::Tcp("127.0.0.1:0".parse().unwrap())
}

/// A service that is registered with an rpcbind.
async fn start() -> (Arc<Rpcbind>, Running, Arc<Clock>, Running) {
    let rpcbind = Arc::new(Rpcbind(Door::new()));
    let portmapper = Server::new()
        .service(v4::service(rpcbind.clone()))
        .listen(loopback());
    let portmapper = portmapper.start().await.unwrap();
    let bound = &portmapper.bound()[0];
    let at = Endpoint::of(&bound.netid, &bound.uaddr).unwrap();
    let clock = Arc::new(Clock(Door::new()));
    let server = Server::new()
        .service(v3::service(clock.clone()))
        .listen(loopback())
        .register(Policy::Require, RpcbindAt::Endpoint(at))
        .renew_every(None);
    (rpcbind, portmapper, clock, server.start().await.unwrap())
}

#[tokio::test]
async fn it_unregisters_then_closes_the_door_then_answers_what_is_at_hand_then_ends() {
    let (rpcbind, _portmapper, clock, running) = start().await;
    let (at_hand, newcomer, late) = (to(&running), to(&running), to(&running));
    let client = v3::Client::new(at_hand.clone());
    let call = tokio::spawn(async move { client.gettime().await });
    clock.0.reached().await;

    let shutdown = tokio::spawn(running.shutdown(Duration::from_secs(60)));
    rpcbind.0.reached().await;
    // Whoever was sent here a moment ago still gets in.
    v3::Client::new(newcomer).null().await.unwrap();

    rpcbind.0.open();
    while late.connect().await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!shutdown.is_finished() && !call.is_finished());

    clock.0.open();
    assert_eq!(call.await.unwrap().unwrap(), 42);
    assert!(shutdown.await.unwrap(), "all was answered");
    let after = v3::Client::new(at_hand).null().await;
    assert!(matches!(after, Err(CallError::Connect(_))), "{after:?}");
}

/// The call of NULL, as a record.
const NULL: [u8; 44] = {
    let mut record = [0; 44];
    record[0] = 0x80;
    record[3] = 40;
    // xid 7, RPC version 2, program 100000, version 3
    record[7] = 7;
    record[15] = 2;
    [record[17], record[18], record[19]] = [0x01, 0x86, 0xa0];
    record[23] = 3;
    record
};

/// Connects and calls; the call has arrived, whether anybody has accepted the connection or not.
fn connect_and_call(at: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(at).unwrap();
    stream.write_all(&NULL).unwrap();
    stream
}

/// Whether the call was answered, before the connection ended in order.
fn is_answered(mut stream: TcpStream) -> bool {
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply).is_ok() && reply.len() == 28 && reply[7] == 7
}

/// A server with one place for a connection, which a call of GETTIME has.
async fn full(
    listen: Listen,
) -> (
    Arc<Clock>,
    Running,
    SocketAddr,
    JoinHandle<Result<u32, CallError>>,
) {
    let clock = Arc::new(Clock(Door::new()));
    let server = Server::new()
        .service(v3::service(clock.clone()))
        .listen(listen)
        .limits(ServerLimits {
            connections: 1,
            ..ServerLimits::default()
        });
    let running = server.start().await.unwrap();
    let Uaddr::Inet(at) = running.bound()[0].uaddr else {
        panic!("{:?}", running.bound());
    };
    let client = v3::Client::new(to(&running));
    let call = tokio::spawn(async move { client.gettime().await });
    clock.0.reached().await;
    (clock, running, at, call)
}

#[tokio::test]
async fn who_has_connected_and_called_is_answered_though_nobody_had_accepted_it() {
    let (clock, running, at, call) = full(loopback()).await;
    // One of them waits for a place, the others to be accepted.
    let waiting = [0; 3].map(|_| connect_and_call(at));
    let shutdown = tokio::spawn(running.shutdown(Duration::from_secs(60)));
    while TcpStream::connect(at).is_ok() {
        tokio::task::yield_now().await;
    }
    clock.0.open();
    assert_eq!(call.await.unwrap().unwrap(), 42);
    for stream in waiting {
        let answered = tokio::task::spawn_blocking(|| is_answered(stream));
        assert!(answered.await.unwrap());
    }
    assert!(shutdown.await.unwrap(), "all was answered");
}

#[tokio::test]
async fn at_a_listener_that_was_handed_over_who_waits_is_left_to_the_next_server() {
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let handed = held.try_clone().unwrap();
    let (clock, running, at, call) = full(Listen::TcpListener(handed)).await;
    let _waiting = connect_and_call(at);
    let shutdown = tokio::spawn(running.shutdown(Duration::from_secs(60)));
    clock.0.open();
    assert_eq!(call.await.unwrap().unwrap(), 42);
    assert!(shutdown.await.unwrap());
    // The server has not run since it was called.
    let (mut accepted, _) = held.accept().unwrap();
    accepted.set_nonblocking(false).unwrap();
    let mut arrived = [0; 44];
    accepted.read_exact(&mut arrived).unwrap();
    assert_eq!(arrived, NULL);
}

#[tokio::test]
async fn an_rpcbind_that_does_not_answer_takes_nothing_of_the_grace() {
    let (rpcbind, _portmapper, clock, running) = start().await;
    let client = v3::Client::new(to(&running));
    let call = tokio::spawn(async move { client.gettime().await });
    clock.0.reached().await;
    let shutdown = tokio::spawn(running.shutdown(Duration::from_secs(3600)));
    rpcbind.0.reached().await;
    // The time for rpcbind is up at once, that for calls is not.
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(2)).await;
    tokio::time::resume();
    clock.0.open();
    assert_eq!(call.await.unwrap().unwrap(), 42);
    assert!(shutdown.await.unwrap());
}
