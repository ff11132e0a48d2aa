//! A driver that serves, at the other end of a pipe: bytes in, bytes out, on a clock that the test moves.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail it")]

use std::io;
use std::sync::Arc;
use std::time::Duration;

use oncrpc::netid::Netid;
use oncrpc::peer::{Address, Peer};
use oncrpc::{Answered, Call, Reply, Services, service};
use oncrpc_transport::{Budget, Driver, LadderPool, Limits, Stop, StreamLink};
use oncrpc_xdr::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::Instant;

const PROGRAM: u32 = 0x2000_0001;

/// Procedures: 0 is null, 1 gives its arguments back, 2 waits for a permit.
struct Server {
    stream: DuplexStream,
    permits: Arc<Semaphore>,
    stop: Stop,
    driven: JoinHandle<io::Result<()>>,
}

fn serve(limits: Limits, pipe: usize) -> Server {
    let permits = Arc::new(Semaphore::new(0));
    let service = service(PROGRAM, 1, &[], permits.clone(), |permits| {
        Box::new(
            move |call: &Call<'_>, reply: &mut Reply<'_>| match call.procedure() {
                1 => reply.success_raw(&call.raw_args()),
                2 => {
                    let permits = permits.clone();
                    reply.later(async move {
                        permits.acquire().await.unwrap().forget();
                        Answered::Results(Bytes::new())
                    })
                }
                _ => reply.success::<()>(&()),
            },
        )
    });
    let local = Address::Local;
    let peer = Peer {
        netid: Netid::Local,
        remote: local.clone(),
        local,
        interface: None,
    };
    let ladders = Arc::new(LadderPool::new(Arc::new(Services::new([service]))));
    let (stream, theirs) = duplex(pipe);
    let stop = Stop::new();
    let driver = Driver::new(StreamLink::new(theirs, limits.record), limits).serving(
        ladders,
        peer,
        stop.subscribe(),
    );
    Server {
        stream,
        permits,
        stop,
        driven: tokio::spawn(driver.run()),
    }
}

fn call(xid: u32, procedure: u32, args: &[u8]) -> Vec<u8> {
    let words = [xid, 0, 2, PROGRAM, 1, procedure, 0, 0, 0, 0];
    [&words.map(u32::to_be_bytes).concat(), args].concat()
}

fn record(message: &[u8]) -> Vec<u8> {
    fragment(message, true)
}

fn fragment(bytes: &[u8], last: bool) -> Vec<u8> {
    let mark = u32::try_from(bytes.len()).unwrap() | u32::from(last) << 31;
    [&mark.to_be_bytes(), bytes].concat()
}

fn success(xid: u32, results: &[u8]) -> Vec<u8> {
    let words = [xid, 1, 0, 0, 0, 0];
    record(&[&words.map(u32::to_be_bytes).concat(), results].concat())
}

impl Server {
    async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    async fn expect(&mut self, bytes: &[u8]) {
        let mut read = vec![0; bytes.len()];
        self.stream.read_exact(&mut read).await.unwrap();
        assert_eq!(read, bytes);
    }

    /// The other end is gone, without another byte; gives back why.
    async fn ended(mut self) -> io::Result<()> {
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, []);
        drop(self.stream);
        self.driven.await.unwrap()
    }
}

#[tokio::test]
async fn a_call_in_many_fragments_is_answered_in_one() {
    let mut server = serve(Limits::SERVER, 1 << 20);
    let call = call(7, 1, &[9; 200_000]);
    for (index, piece) in call.chunks(65_532).enumerate() {
        server
            .send(&fragment(piece, index == call.len() / 65_532))
            .await;
        server.send(&fragment(&[], false)).await;
    }
    // The empty fragment behind the last one begins the next record.
    server.send(&record(&self::call(8, 0, &[]))).await;
    server.expect(&success(7, &[9; 200_000])).await;
    server.expect(&success(8, &[])).await;
}

#[tokio::test]
async fn calls_of_one_read_are_answered_in_their_order() {
    let mut server = serve(Limits::SERVER, 1 << 20);
    let calls: Vec<u8> = (0..500)
        .flat_map(|xid| record(&call(xid, 0, &[])))
        .collect();
    server.send(&calls).await;
    let replies: Vec<u8> = (0..500).flat_map(|xid| success(xid, &[])).collect();
    server.expect(&replies).await;
}

#[tokio::test]
async fn a_peer_that_has_sent_its_last_call_gets_every_reply() {
    let mut server = serve(Limits::SERVER, 1 << 20);
    server
        .send(&[record(&call(1, 2, &[])), record(&call(2, 0, &[]))].concat())
        .await;
    server.stream.shutdown().await.unwrap();
    server.expect(&success(2, &[])).await;
    server.permits.add_permits(1);
    server.expect(&success(1, &[])).await;
    assert!(server.ended().await.is_ok());
}

#[tokio::test]
async fn a_call_that_waits_delays_no_other() {
    let mut server = serve(Limits::SERVER, 1 << 20);
    server.send(&record(&call(1, 2, &[]))).await;
    server.send(&record(&call(2, 0, &[]))).await;
    server.expect(&success(2, &[])).await;
    server.permits.add_permits(1);
    server.expect(&success(1, &[])).await;
}

#[tokio::test]
async fn at_the_limit_of_calls_in_flight_nothing_more_is_read() {
    let mut server = serve(
        Limits {
            in_flight: 2,
            ..Limits::SERVER
        },
        1 << 20,
    );
    let waiting = [record(&call(1, 2, &[])), record(&call(2, 2, &[]))].concat();
    server
        .send(&[waiting, record(&call(3, 0, &[]))].concat())
        .await;
    // The third, which needs not wait, is answered only when one of the two has been.
    server.permits.add_permits(1);
    server.expect(&success(1, &[])).await;
    server.expect(&success(3, &[])).await;
    server.permits.add_permits(1);
    server.expect(&success(2, &[])).await;
}

#[tokio::test(start_paused = true)]
async fn who_takes_no_replies_gets_to_ask_no_more() {
    let limits = Limits {
        unsent: 10_000,
        ..Limits::SERVER
    };
    let mut server = serve(limits, 1000);
    let call = record(&call(7, 1, &[5; 1000]));
    let mut sent = 0;
    // Each write is taken as long as the driver reads; when nothing moves any more, the clock does.
    while tokio::time::timeout(Duration::from_millis(200), server.stream.write_all(&call))
        .await
        .is_ok()
    {
        sent += 1;
        assert!(sent < 100, "{sent} calls are read and no reply is taken");
    }
    assert!(sent >= 8, "{sent}");
    server.expect(&success(7, &[5; 1000])).await;
}

#[tokio::test(start_paused = true)]
async fn half_a_record_has_thirty_seconds() {
    let mut server = serve(Limits::SERVER, 1 << 20);
    server.send(&record(&call(7, 0, &[]))).await;
    server.expect(&success(7, &[])).await;
    let begun = Instant::now();
    server.send(&record(&call(8, 0, &[]))[..28]).await;
    let error = server.ended().await.unwrap_err();
    assert_eq!(error.to_string(), "half a message for too long");
    assert_eq!(begun.elapsed().as_secs(), 30);
}

#[tokio::test(start_paused = true)]
async fn a_record_that_trickles_in_has_thirty_seconds_in_all() {
    let mut server = serve(Limits::SERVER, 1 << 20);
    let begun = Instant::now();
    let record = record(&call(8, 1, &[9; 60]));
    server.send(&record[..28]).await;
    for &byte in &record[28..] {
        if server.stream.write_all(&[byte]).await.is_err() {
            break;
        }
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    let error = server.ended().await.unwrap_err();
    assert_eq!(error.to_string(), "half a message for too long");
    assert!(begun.elapsed().as_secs() <= 32, "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_idle_peer_has_six_minutes_and_one_on_a_unix_socket_for_ever() {
    let server = serve(Limits::SERVER, 1 << 20);
    let begun = Instant::now();
    let error = server.ended().await.unwrap_err();
    assert_eq!(
        (error.to_string().as_str(), begun.elapsed().as_secs()),
        ("idle for too long", 360)
    );

    let mut server = serve(
        Limits {
            idle: None,
            ..Limits::SERVER
        },
        1 << 20,
    );
    tokio::time::advance(Duration::from_secs(1_000_000)).await;
    server.send(&record(&call(7, 0, &[]))).await;
    server.expect(&success(7, &[])).await;
}

#[tokio::test(start_paused = true)]
async fn a_call_in_flight_is_not_idle() {
    let mut server = serve(Limits::SERVER, 1 << 20);
    server.send(&record(&call(7, 2, &[]))).await;
    tokio::time::sleep(Duration::from_secs(3600)).await;
    server.permits.add_permits(1);
    server.expect(&success(7, &[])).await;
    // The idle time begins with its end.
    let begun = Instant::now();
    assert!(server.ended().await.is_err());
    assert_eq!(begun.elapsed().as_secs(), 360);
}

#[tokio::test(start_paused = true)]
async fn output_that_nobody_takes_stands_for_thirty_seconds() {
    let mut server = serve(Limits::SERVER, 100);
    let begun = Instant::now();
    server.send(&record(&call(7, 1, &[5; 1000]))).await;
    let error = (&mut server.driven).await.unwrap().unwrap_err();
    assert_eq!(
        (error.to_string().as_str(), begun.elapsed().as_secs()),
        ("the peer takes no output", 30)
    );
}

#[tokio::test]
async fn a_call_that_has_arrived_before_the_stop_is_answered_though_nobody_has_read_it() {
    let mut server = serve(Limits::SERVER, 1 << 20);
    // The driver's task has not had a turn yet.
    server.stop.stop();
    server.send(&record(&call(7, 1, &[0, 0, 0, 9]))).await;
    server.expect(&success(7, &[0, 0, 0, 9])).await;
    server.stream.shutdown().await.unwrap();
    server.ended().await.unwrap();
}

#[tokio::test]
async fn a_stop_answers_what_is_at_hand_and_ends() {
    let mut server = serve(Limits::SERVER, 1 << 20);
    server
        .send(&[record(&call(1, 2, &[])), record(&call(2, 0, &[]))].concat())
        .await;
    server.expect(&success(2, &[])).await;
    server.stop.stop();
    server.permits.add_permits(1);
    server.expect(&success(1, &[])).await;
    assert!(server.ended().await.is_ok());
}

#[tokio::test]
async fn garbage_ends_the_connection_behind_the_replies_to_what_came_before() {
    for garbage in [
        record(&[0; 7]),
        record(&[0, 0, 0, 7, 0, 0, 0, 5, 0, 0, 0, 0]),
        record(&call(8, 0, &[])[..30]),
        vec![0x80, 0, 0, 0],
        vec![0xff; 4],
    ] {
        let mut server = serve(Limits::SERVER, 1 << 20);
        server
            .send(&[record(&call(7, 0, &[])), garbage].concat())
            .await;
        server.expect(&success(7, &[])).await;
        // Some of it is the peer's error, some a call that cannot be answered: either way it is the end.
        let _ = server.ended().await;
    }
}

#[tokio::test]
async fn half_a_record_at_the_end_costs_no_reply_to_what_came_before() {
    let mut server = serve(Limits::SERVER, 1 << 20);
    let half = &record(&call(8, 0, &[]))[..20];
    let calls = [&record(&call(7, 2, &[])), &record(&call(9, 0, &[])), half].concat();
    server.send(&calls).await;
    server.stream.shutdown().await.unwrap();
    server.expect(&success(9, &[])).await;
    server.permits.add_permits(1);
    server.expect(&success(7, &[])).await;
    let error = server.ended().await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
}

#[tokio::test]
async fn a_reply_to_who_never_called_is_dropped() {
    let mut server = serve(Limits::SERVER, 1 << 20);
    server.send(&success(7, &[])).await;
    server.send(&record(&call(8, 0, &[]))).await;
    server.expect(&success(8, &[])).await;
}

#[tokio::test]
async fn the_largest_record_is_taken_and_one_byte_more_is_not() {
    let most = Limits::SERVER.record.record as usize - 40;
    let mut server = serve(Limits::SERVER, 4 << 20);
    server.send(&record(&call(7, 1, &vec![1; most]))).await;
    server.expect(&success(7, &vec![1; most])).await;
    server
        .send(&record(&call(8, 1, &vec![1; most + 1]))[..4])
        .await;
    let error = server.ended().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "record of 1052673 bytes and more, allowed are 1052672"
    );
}

/// Servers of several connections within one budget.
fn serve_within(budget: &Arc<Budget>, limits: Limits) -> DuplexStream {
    let echo = service(PROGRAM, 1, &[], Arc::new(()), |_| {
        Box::new(|call: &Call<'_>, reply: &mut Reply<'_>| reply.success_raw(&call.raw_args()))
    });
    let ladders = Arc::new(LadderPool::new(Arc::new(Services::new([echo]))));
    let peer = Peer::local(Netid::Local);
    let (stream, theirs) = duplex(1 << 20);
    let stop = Stop::new();
    let driver = Driver::new(StreamLink::new(theirs, limits.record), limits)
        .within(budget.clone())
        .serving(ladders, peer, stop.subscribe());
    tokio::spawn(async move {
        let _ = driver.run().await;
        drop(stop);
    });
    stream
}

#[tokio::test(start_paused = true)]
async fn connections_hold_no_more_than_their_budget_and_small_calls_pass_all_the_same() {
    // 64 KiB for each of 4, and 256 KiB beside: room for one who sends much.
    let budget = Arc::new(Budget::new(512 << 10, 4));
    let limits = Limits {
        mid_record: Duration::from_secs(30),
        ..Limits::SERVER
    };
    let long = call(1, 1, &[7; 900_000]);
    let long = record(&long);
    // The first two send most of a record each, and then no more.
    let mut greedy = [(); 2].map(|()| serve_within(&budget, limits));
    for stream in &mut greedy {
        stream.write_all(&long[..long.len() - 1]).await.unwrap();
    }
    let mut modest = serve_within(&budget, limits);
    for xid in 0..100 {
        modest
            .write_all(&record(&call(xid, 1, &[0, 0, 0, 9])))
            .await
            .unwrap();
        let mut reply = [0; 32];
        modest.read_exact(&mut reply).await.unwrap();
        assert_eq!(reply.as_slice(), success(xid, &[0, 0, 0, 9]));
    }
    let read_at_once = 256 << 10;
    assert!(
        budget.taken() <= (256 << 10) + 2 * read_at_once,
        "{}",
        budget.taken()
    );
    // Both are ended when they have had the time that a record may take, and others have the room.
    let begun = Instant::now();
    for stream in &mut greedy {
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, []);
    }
    assert_eq!(begun.elapsed(), Duration::from_secs(30));
    let mut late = serve_within(&budget, limits);
    late.write_all(&long).await.unwrap();
    let mut reply = vec![0; 28 + 900_000];
    late.read_exact(&mut reply).await.unwrap();
    assert_eq!(reply, success(1, &[7; 900_000]));
    drop((modest, late));
    while budget.taken() > 0 {
        tokio::task::yield_now().await;
    }
}

/// Handlers' panics are answers; a service made by hand has none for a call of which nothing is known any more.
#[tokio::test]
async fn a_service_that_panics_when_it_has_taken_its_time_ends_its_connection() {
    let mut server = serve(Limits::SERVER, 1 << 20);
    server.send(&record(&call(1, 2, b""))).await;
    server.send(&record(&call(2, 1, b"here"))).await;
    server.expect(&success(2, b"here")).await;
    // What waits for a permit unwraps it.
    server.permits.close();
    server.ended().await.unwrap();
}
