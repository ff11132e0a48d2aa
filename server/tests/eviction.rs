//! Who gets a place on a server that is full.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail it")]

use std::sync::Arc;
use std::time::Duration;

use oncrpc::uaddr::Uaddr;
use oncrpc::{Answered, Call, Reply, service};
use oncrpc_server::{Listen, Running, Server, ServerLimits};
use oncrpc_xdr::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

const PROGRAM: u32 = 0x2000_0001;

/// Longer than a test.
const LONG: Option<Duration> = Some(Duration::from_secs(3600));

/// A server with two places. Procedure 0 does nothing, procedure 1 waits for a permit.
struct Two {
    running: Running,
    permits: Arc<Semaphore>,
}

async fn start(evict_after: Option<Duration>) -> Two {
    let permits = Arc::new(Semaphore::new(0));
    let service = service(PROGRAM, 1, &[], permits.clone(), |permits| {
        Box::new(move |call: &Call<'_>, reply: &mut Reply<'_>| {
            if call.procedure() == 0 {
                return reply.success::<()>(&());
            }
            let permits = permits.clone();
            reply.later(async move {
                permits.acquire().await.unwrap().forget();
                Answered::Results(Bytes::new())
            })
        })
    });
    let running = Server::new()
        .service(service)
        .listen(Listen::Tcp("127.0.0.1:0".parse().unwrap()))
        .limits(ServerLimits {
            connections: 2,
            evict_after,
            ..ServerLimits::default()
        })
        .start()
        .await
        .unwrap();
    Two { running, permits }
}

impl Two {
    async fn connect(&self) -> TcpStream {
        let Uaddr::Inet(address) = self.running.bound()[0].uaddr else {
            panic!("TCP has internet addresses");
        };
        TcpStream::connect(address).await.unwrap()
    }

    /// A connection that is accepted and has sent nothing.
    async fn silent(&self) -> TcpStream {
        let before = self.running.door().connections().accepted;
        let stream = self.connect().await;
        while self.running.door().connections().accepted == before {
            tokio::task::yield_now().await;
        }
        stream
    }

    /// A connection that has made a call.
    async fn used(&self) -> TcpStream {
        let mut stream = self.connect().await;
        call(&mut stream, 0).await;
        answered(&mut stream).await;
        stream
    }

    fn evicted(&self) -> u64 {
        self.running.door().connections().evicted
    }
}

async fn call(stream: &mut TcpStream, procedure: u32) {
    let words = [0x8000_0000 | 40, 7, 0, 2, PROGRAM, 1, procedure, 0, 0, 0, 0];
    let record = words.map(u32::to_be_bytes).concat();
    stream.write_all(&record).await.unwrap();
}

async fn answered(stream: &mut TcpStream) {
    let mut reply = [0; 28];
    stream.read_exact(&mut reply).await.unwrap();
    assert_eq!(reply[4..8], [0, 0, 0, 7], "{reply:?}");
}

/// Waits for the end, which may be a reset.
async fn ended(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    assert_eq!(rest, []);
}

#[tokio::test]
async fn who_never_sent_a_record_leaves_for_one_more_and_who_has_stays() {
    let server = start(LONG).await;
    let mut first = server.used().await;
    let mut silent = server.silent().await;
    for others in 1..20 {
        let mut next = server.silent().await;
        ended(&mut silent).await;
        assert_eq!(server.evicted(), others);
        call(&mut first, 0).await;
        answered(&mut first).await;
        std::mem::swap(&mut silent, &mut next);
    }
}

#[tokio::test]
async fn where_all_are_in_use_one_more_waits_until_one_leaves() {
    let server = start(LONG).await;
    let (mut first, second) = (server.used().await, server.used().await);
    let mut third = server.connect().await;
    call(&mut third, 0).await;
    for _ in 0..20 {
        call(&mut first, 0).await;
        answered(&mut first).await;
    }
    let waits = third.try_read(&mut [0]).unwrap_err();
    assert_eq!(waits.kind(), std::io::ErrorKind::WouldBlock);
    drop(second);
    answered(&mut third).await;
    assert_eq!(server.evicted(), 0);
}

#[tokio::test]
async fn of_those_who_have_been_quiet_for_long_enough_the_quietest_leaves() {
    let server = start(Some(Duration::ZERO)).await;
    let (mut first, mut second) = (server.used().await, server.used().await);
    call(&mut first, 0).await;
    answered(&mut first).await;
    let _third = server.used().await;
    ended(&mut second).await;
    call(&mut first, 0).await;
    answered(&mut first).await;
    assert_eq!(server.evicted(), 1);
}

#[tokio::test]
async fn nobody_leaves_who_waits_for_a_reply() {
    let server = start(Some(Duration::ZERO)).await;
    let mut waits = server.used().await;
    call(&mut waits, 1).await;
    let mut other = server.used().await;
    let _third = server.used().await;
    ended(&mut other).await;
    server.permits.add_permits(1);
    answered(&mut waits).await;
}

#[tokio::test]
async fn nobody_leaves_where_that_is_not_wanted() {
    let server = start(None).await;
    let (first, _second) = (server.silent().await, server.silent().await);
    let mut third = server.connect().await;
    call(&mut third, 0).await;
    drop(first);
    answered(&mut third).await;
    assert_eq!(server.evicted(), 0);
}
