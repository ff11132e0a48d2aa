//! Datagrams that several threads answer.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail it")]

use std::collections::HashSet;
use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Barrier};
use std::thread::ThreadId;
use std::time::Duration;

use oncrpc::proto::rpcb::rpcbprog::v4;
use oncrpc::uaddr::Uaddr;
use oncrpc::{Call, CallContext, Reject, Reply, service};
use oncrpc_server::{Bound, Listen, Running, Server};
use oncrpc_transport::socket;
use tokio::sync::mpsc;

const PROGRAM: u32 = 0x2000_0001;

/// A service whose handler holds on to its thread until there are two of them.
struct Two {
    begun: mpsc::UnboundedSender<ThreadId>,
    both: Barrier,
}

impl v4::Server for Two {
    async fn gettime(&self, _: &CallContext) -> Result<u32, Reject> {
        self.begun.send(std::thread::current().id()).unwrap();
        self.both.wait();
        Ok(7)
    }
}

/// A service that says which thread it was asked in.
struct Told(mpsc::UnboundedSender<ThreadId>);

impl v4::Server for Told {
    async fn gettime(&self, _: &CallContext) -> Result<u32, Reject> {
        self.0.send(std::thread::current().id()).unwrap();
        Ok(7)
    }
}

/// A call of GETTIME, RPCBPROC_GETTIME of version 4.
fn gettime(xid: u32) -> Vec<u8> {
    let words = [xid, 0, 2, 100_000, 4, 6, 0, 0, 0, 0];
    words.into_iter().flat_map(u32::to_be_bytes).collect()
}

/// Where it is; it listens there alone.
fn address(running: &Running) -> SocketAddr {
    match running.bound() {
        [
            Bound {
                uaddr: Uaddr::Inet(address),
                ..
            },
        ] => *address,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_one_thread_is_busy_another_answers_at_the_same_socket() {
    let (begun, mut threads) = mpsc::unbounded_channel();
    let two = Two {
        begun,
        both: Barrier::new(2),
    };
    let handed_over = socket::udp("127.0.0.1:0".parse().unwrap()).unwrap();
    let running = Server::new()
        .service(v4::service(Arc::new(two)))
        .listen(Listen::UdpSocket(handed_over))
        .datagram_threads(2)
        .start()
        .await
        .unwrap();
    let server = address(&running);
    let client = UdpSocket::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    client.connect(server).unwrap();
    client.send(&gettime(1)).unwrap();
    let first = threads.recv().await.unwrap();
    client.send(&gettime(2)).unwrap();
    let second = threads.recv().await.unwrap();
    assert_ne!(first, second);
    let mut answered = [1, 2].map(|_| {
        let mut reply = [0; 28];
        assert_eq!(client.recv(&mut reply).unwrap(), 28);
        u32::from_be_bytes(*reply.first_chunk().unwrap())
    });
    answered.sort_unstable();
    assert_eq!(answered, [1, 2]);
    assert!(running.shutdown(Duration::from_secs(30)).await);
    let closed = UdpSocket::bind(server);
    assert!(closed.is_ok(), "no thread holds the socket: {closed:?}");
}

/// Every socket at an address receives a copy of what is broadcast.
#[tokio::test(flavor = "multi_thread")]
async fn each_thread_has_callers_of_its_own_and_what_is_broadcast_is_answered_once() {
    let (told, mut threads) = mpsc::unbounded_channel();
    let running = Server::new()
        .service(v4::service(Arc::new(Told(told))))
        .listen(Listen::Udp("0.0.0.0:0".parse().unwrap()))
        .datagram_threads(2)
        .start()
        .await
        .unwrap();
    let port = address(&running).port();
    let caller = || UdpSocket::bind("127.0.0.1:0").unwrap();
    let broadcaster = caller();
    broadcaster.set_broadcast(true).unwrap();
    broadcaster
        .send_to(&gettime(1), ("127.255.255.255", port))
        .unwrap();
    let mut reply = [0; 28];
    assert_eq!(broadcaster.recv(&mut reply).unwrap(), 28);
    // What either socket is asked from now on is answered behind its copy.
    let (mut calls, mut answered, mut by) = (1, 0, HashSet::new());
    while by.len() < 2 {
        let caller = caller();
        caller.send_to(&gettime(2), ("127.0.0.1", port)).unwrap();
        assert_eq!(caller.recv(&mut reply).unwrap(), 28);
        calls += 1;
        while let Ok(thread) = threads.try_recv() {
            answered += 1;
            by.insert(thread);
        }
    }
    assert_eq!(answered, calls);
    let taken = socket::udp_group(address(&running), 2).unwrap_err();
    assert_eq!(taken.kind(), ErrorKind::AddrInUse);
    assert!(running.shutdown(Duration::from_secs(30)).await);
}

/// So many fresh callers that the kernel gives each thread one of them at least.
const CALLERS: usize = 200;

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_at_one_socket_is_not_the_end_of_the_others_in_its_thread() {
    const FATAL: u32 = 1;
    let (told, mut threads) = mpsc::unbounded_channel();
    let service = service(PROGRAM, 1, &[], Arc::new(told), |told| {
        Box::new(move |call: &Call<'_>, reply: &mut Reply<'_>| {
            let is_own = std::thread::current().name() == Some("datagrams");
            told.send(is_own).unwrap();
            assert!(!is_own || call.procedure() != FATAL, "it is not caught");
            reply.success::<()>(&())
        })
    });
    let group = || socket::udp_group("127.0.0.1:0".parse().unwrap(), 2).unwrap();
    let groups = [group(), group()];
    let [fatal, other] = [0, 1].map(|nth: usize| groups[nth][0].local_addr().unwrap());
    let server = Server::new().service(service).datagram_threads(2);
    let running = groups.into_iter().map(Listen::UdpSockets);
    let running = running.fold(server, Server::listen).start().await.unwrap();
    let mut ask = async |at: SocketAddr, procedure| {
        for _ in 0..CALLERS {
            let call = [7, 0, 2, PROGRAM, 1, procedure, 0, 0, 0, 0].map(u32::to_be_bytes);
            let caller = UdpSocket::bind("127.0.0.1:0").unwrap();
            caller.send_to(call.as_flattened(), at).unwrap();
            if threads.recv().await.unwrap() {
                return;
            }
        }
        panic!("its own thread does not answer at {at}");
    };
    ask(fatal, FATAL).await;
    for _ in 0..3 {
        ask(other, 0).await;
    }
    assert!(running.shutdown(Duration::from_secs(30)).await);
}
