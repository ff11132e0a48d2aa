//! Both ends of a connection: what becomes of calls, whatever becomes of the connection.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use oncrpc::call::carrier::{Arguments, Carrier};
use oncrpc::netid::Netid;
use oncrpc::peer::Peer;
use oncrpc::{
    Answered, Call, CallError, CallOptions, CallTable, Framing, ProcedureId, RawCaller, Reply,
    Services, Step, service,
};
use oncrpc_transport::stream::ByteStream;
use oncrpc_transport::{
    Arrived, Connection, Driver, LadderPool, Limits, Link, Stop, StreamLink, socket,
};
use oncrpc_xdr::{EncodeError, Writer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf, duplex, join, sink};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::Instant;

const PROGRAM: u32 = 0x2000_0001;
const ECHO: ProcedureId = procedure(1);
const SILENCE: ProcedureId = procedure(2);

const fn procedure(procedure: u32) -> ProcedureId {
    ProcedureId {
        program: PROGRAM,
        version: 1,
        procedure,
    }
}

/// Serves a stream: procedure 1 gives its arguments back, procedure 2 never answers, procedure 3 is at work
/// until the server is told to stop.
fn serve<S: ByteStream>(
    stream: S,
    peer: Peer,
    limits: Limits,
) -> (Stop, JoinHandle<io::Result<()>>) {
    let stop = Stop::new();
    let service = service(PROGRAM, 1, &[], Arc::new(stop.subscribe()), |stopped| {
        Box::new(
            move |call: &Call<'_>, reply: &mut Reply<'_>| match call.procedure() {
                1 => reply.success_raw(&call.raw_args()),
                2 => Step::Silent,
                _ => {
                    let stopped = (*stopped).clone();
                    reply.later(async move {
                        stopped.await;
                        Answered::Silent
                    })
                }
            },
        )
    });
    let ladders = Arc::new(LadderPool::new(Arc::new(Services::new([service]))));
    let driver = Driver::new(StreamLink::new(stream, limits.record), limits).serving(
        ladders,
        peer,
        stop.subscribe(),
    );
    (stop, tokio::spawn(driver.run()))
}

fn nobody() -> Peer {
    Peer::local(Netid::Local)
}

fn connect<S: ByteStream>(stream: S) -> (Connection, Driver<StreamLink<S>>) {
    let link = StreamLink::new(stream, Limits::CLIENT.record);
    Connection::new(link, CallTable::new(1), Limits::CLIENT)
}

async fn echo(connection: &Connection, args: Bytes) -> Result<Bytes, CallError> {
    let options = CallOptions::default();
    connection.call_raw(ECHO, args, options).await
}

#[tokio::test]
async fn who_only_calls_reads_replies_while_the_server_takes_no_calls() {
    let limits = Limits {
        unsent: 1000,
        ..Limits::SERVER
    };
    let (ours, theirs) = duplex(1000);
    let (_stop, _server) = serve(theirs, nobody(), limits);
    let (connection, driver) = connect(ours);
    tokio::spawn(driver.run());
    // More than both ends hold unsent: they would wait for each other for ever.
    let args = Bytes::from(vec![7; 1 << 20]);
    let calls: Vec<_> = (0..16)
        .map(|_| {
            let (connection, args) = (connection.clone(), args.clone());
            tokio::spawn(async move { echo(&connection, args).await })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap(), args);
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_out_of_time_leaves_the_connection_to_the_next() {
    let (ours, theirs) = duplex(1 << 16);
    let (_stop, _server) = serve(theirs, nobody(), Limits::SERVER);
    let (connection, driver) = connect(ours);
    tokio::spawn(driver.run());
    let begun = Instant::now();
    let silence = connection.call_raw(SILENCE, Bytes::new(), CallOptions::default());
    let error = silence.await.unwrap_err();
    assert_eq!(
        (error.to_string().as_str(), begun.elapsed().as_secs()),
        ("no reply within 25s (sent once)", 25)
    );
    let args = Bytes::from_static(b"next");
    assert_eq!(echo(&connection, args.clone()).await.unwrap(), args);
}

/// Arguments of which a part is written before they panic.
struct Broken;

impl Arguments for Broken {
    fn write(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.u32(7);
        panic!("broken");
    }
}

#[tokio::test]
async fn arguments_that_panic_leave_no_part_of_a_message_behind() {
    let (ours, theirs) = duplex(1 << 16);
    let (_stop, _server) = serve(theirs, nobody(), Limits::SERVER);
    let (connection, driver) = connect(ours);
    tokio::spawn(driver.run());
    let broken = connection.clone();
    let call = async move { broken.carry(ECHO, &Broken, &CallOptions::default()).await };
    assert!(tokio::spawn(call).await.unwrap_err().is_panic());
    let broken = connection.clone();
    let sent = async move {
        broken
            .carry_one_way(ECHO, &Broken, &CallOptions::default())
            .await
    };
    assert!(tokio::spawn(sent).await.unwrap_err().is_panic());
    let args = Bytes::from_static(b"next");
    assert_eq!(echo(&connection, args.clone()).await.unwrap(), args);
}

/// A server that answers calls which nobody has made, without a pause.
struct Flood;

impl AsyncRead for Flood {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        //           mark              xid type accepted verf  success
        let reply = [0x8000_0000 | 24, 99, 1, 0, 0, 0, 0].map(u32::to_be_bytes);
        // Whole ones, so that each read ends between two.
        for _ in 0..buf.remaining() / reply.as_flattened().len() {
            buf.put_slice(reply.as_flattened());
        }
        Poll::Ready(Ok(()))
    }
}

/// Where no such call ended, this test would not either.
#[tokio::test]
async fn a_call_ends_by_its_deadline_though_replies_to_others_never_end() {
    let (connection, driver) = connect(join(Flood, sink()));
    let driver = tokio::spawn(driver.run());
    let connection = connection.with_timeout(Duration::from_millis(50));
    let ended = echo(&connection, Bytes::new()).await;
    assert!(
        matches!(ended, Err(CallError::TimedOut { sent: 1, .. })),
        "{ended:?}"
    );
    driver.abort();
}

#[tokio::test]
async fn a_call_to_who_only_calls_is_dropped() {
    let (ours, mut theirs) = duplex(1 << 16);
    let (connection, driver) = connect(ours);
    tokio::spawn(driver.run());
    let calling = tokio::spawn(async move { echo(&connection, Bytes::new()).await });
    let mut call = [0; 44];
    theirs.read_exact(&mut call).await.unwrap();
    // The call itself, under its own xid, and then the reply to it.
    theirs.write_all(&call).await.unwrap();
    let reply = [1 << 31 | 28, 1, 1, 0, 0, 0, 0, 42].map(u32::to_be_bytes);
    theirs.write_all(&reply.concat()).await.unwrap();
    assert_eq!(calling.await.unwrap().unwrap(), 42_u32.to_be_bytes()[..]);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_nobody_calls_on_ends_after_five_minutes() {
    let (ours, theirs) = duplex(1 << 16);
    let (_stop, server) = serve(theirs, nobody(), Limits::SERVER);
    let (connection, driver) = connect(ours);
    tokio::spawn(driver.run());
    let begun = Instant::now();
    // The server's end hears of it.
    assert!(server.await.unwrap().is_ok());
    assert_eq!(begun.elapsed().as_secs(), 300);
    let error = echo(&connection, Bytes::new()).await.unwrap_err();
    assert_eq!(error.to_string(), "cannot connect: idle for too long");
}

#[tokio::test]
async fn calls_end_with_the_task_that_drives_them() {
    let (ours, mut theirs) = duplex(1 << 16);
    let (connection, driver) = connect(ours);
    let driving = tokio::spawn(driver.run());
    let sent = tokio::spawn({
        let connection = connection.clone();
        async move { echo(&connection, Bytes::new()).await }
    });
    // A mark and the header of a call.
    theirs.read_exact(&mut [0; 44]).await.unwrap();
    driving.abort();
    assert!(driving.await.unwrap_err().is_cancelled());
    let error = sent.await.unwrap().unwrap_err();
    assert!(matches!(error, CallError::Disconnected(_)), "{error}");
    let error = echo(&connection, Bytes::new()).await.unwrap_err();
    assert!(matches!(error, CallError::Connect(_)), "{error}");
}

#[tokio::test]
async fn a_call_that_the_driver_never_took_was_not_sent() {
    let (ours, _theirs) = duplex(1 << 16);
    let (connection, driver) = connect(ours);
    let mut call = std::pin::pin!(echo(&connection, Bytes::new()));
    assert!(
        tokio::time::timeout(Duration::ZERO, &mut call)
            .await
            .is_err()
    );
    drop(driver);
    let error = call.await.unwrap_err();
    assert!(matches!(error, CallError::Connect(_)), "{error}");
    assert!(!error.may_have_executed());
}

#[tokio::test]
async fn the_last_replies_survive_calls_that_were_never_read() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    let (stream, _) = listener.accept().await.unwrap();
    let peer = socket::tcp_peer(&stream).unwrap();
    let limits = Limits {
        in_flight: 1,
        ..Limits::SERVER
    };
    let (stop, server) = serve(stream, peer, limits);
    let record = |procedure, args: &[u8]| {
        let words = [1, 0, 2, PROGRAM, 1, procedure, 0, 0, 0, 0];
        let call = [&words.map(u32::to_be_bytes).concat(), args].concat();
        let mark = (1 << 31) | u32::try_from(call.len()).unwrap();
        [&mark.to_be_bytes(), &call[..]].concat()
    };
    // A reply of which the kernel holds a part, a call that keeps the server from reading on, and calls
    // that stay unread in the kernel.
    let args = vec![7; 512 << 10];
    client.write_all(&record(1, &args)).await.unwrap();
    client.write_all(&record(3, &[])).await.unwrap();
    client.read_exact(&mut [0; 28]).await.unwrap();
    client.write_all(&record(1, &[9; 1000])).await.unwrap();
    stop.stop();
    assert!(server.await.unwrap().is_ok());
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).await.unwrap();
    assert!(rest == args, "{} bytes of {}", rest.len(), args.len());
}

#[tokio::test(start_paused = true)]
async fn calls_that_wait_for_a_place_get_it_in_the_order_in_which_they_came() {
    let (ours, theirs) = duplex(1000);
    let (_stop, _server) = serve(theirs, nobody(), Limits::SERVER);
    let limits = Limits {
        in_flight: 1,
        ..Limits::CLIENT
    };
    let link = StreamLink::new(ours, limits.record);
    let (connection, driver) = Connection::new(link, CallTable::new(1), limits);
    tokio::spawn(driver.run());
    let mut silent = connection.call_raw(SILENCE, Bytes::new(), CallOptions::default());
    let soon = tokio::time::timeout(Duration::from_secs(1), &mut silent);
    assert!(soon.await.is_err());
    let ended = Arc::new(std::sync::Mutex::new(Vec::new()));
    let mut echoes = Vec::new();
    for nth in 0..8 {
        let (connection, ended) = (connection.clone(), ended.clone());
        // Each stands in line when the next one comes.
        tokio::task::yield_now().await;
        echoes.push(tokio::spawn(async move {
            let args = Bytes::from(vec![nth; 4]);
            assert_eq!(echo(&connection, args.clone()).await.unwrap(), args);
            ended.lock().unwrap().push(nth);
        }));
    }
    tokio::task::yield_now().await;
    for left in [0, 4] {
        echoes[left].abort();
    }
    // Now there is a place, but it is not for who comes now; nor is it kept for who has left the line.
    drop(silent);
    assert_eq!(echo(&connection, Bytes::new()).await.unwrap(), "");
    assert_eq!(*ended.lock().unwrap(), [1, 2, 3, 5, 6, 7]);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_place_hears_of_the_end_though_nobody_gives_one_back() {
    let (ours, theirs) = duplex(1000);
    let limits = Limits {
        in_flight: 1,
        ..Limits::CLIENT
    };
    let link = StreamLink::new(ours, limits.record);
    let (connection, driver) = Connection::new(link, CallTable::new(1), limits);
    let driver = tokio::spawn(driver.run());
    // Its future is kept and not polled again, so that its place is taken for good.
    let mut kept = std::pin::pin!(echo(&connection, Bytes::new()));
    let soon = tokio::time::timeout(Duration::from_secs(1), &mut kept);
    assert!(soon.await.is_err());
    let mut waits = std::pin::pin!(echo(&connection, Bytes::new()));
    let soon = tokio::time::timeout(Duration::from_secs(1), &mut waits);
    assert!(soon.await.is_err());
    drop(theirs);
    driver.await.unwrap().unwrap();
    let begun = Instant::now();
    for late in [waits.await, echo(&connection, Bytes::new()).await] {
        let error = late.unwrap_err();
        assert!(matches!(error, CallError::Connect(_)), "{error}");
    }
    assert_eq!(begun.elapsed(), Duration::ZERO);
    let error = kept.await.unwrap_err();
    assert!(matches!(error, CallError::Disconnected(_)), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_polls_sleeps_when_it_is_time_and_calls_end_in_theirs() {
    const BUSY: Duration = Duration::from_millis(20);
    let looks = Arc::new(AtomicUsize::new(0));
    let (ours, theirs) = duplex(1000);
    let (_stop, _server) = serve(theirs, nobody(), Limits::SERVER);
    let limits = Limits {
        busy_poll: Some(BUSY),
        ..Limits::CLIENT
    };
    let link = StreamLink::new(ours, limits.record);
    let link = Watched(link, looks.clone());
    let (connection, driver) = Connection::new(link, CallTable::new(1), limits);
    tokio::spawn(driver.run());
    // How often the driver looks for a message while others have a hundred turns.
    let looked = async || {
        let before = looks.load(Ordering::Relaxed);
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        looks.load(Ordering::Relaxed) - before
    };
    assert_eq!(echo(&connection, Bytes::new()).await.unwrap(), "");
    assert!(looked().await < 10, "nothing is waited for");
    let options = CallOptions::default().timeout(BUSY / 2);
    let short = tokio::spawn(connection.call_raw(SILENCE, Bytes::new(), options));
    let long = connection.call_raw(SILENCE, Bytes::new(), CallOptions::default());
    let long = tokio::spawn(long);
    assert!(looked().await > 50);
    tokio::time::advance(BUSY / 2).await;
    let ended = short.await.unwrap().unwrap_err();
    assert!(matches!(ended, CallError::TimedOut { .. }), "{ended}");
    assert!(looked().await > 50);
    tokio::time::advance(BUSY / 2).await;
    assert!(looked().await < 10, "it is time to sleep");
    // What comes later is noticed as ever.
    assert_eq!(echo(&connection, Bytes::new()).await.unwrap(), "");
    long.abort();
}

/// A link that counts how often a message is looked for.
struct Watched<L>(L, Arc<AtomicUsize>);

impl<L: Link> Link for Watched<L> {
    fn framing(&self) -> Framing {
        self.0.framing()
    }

    fn output(&mut self) -> &mut Writer {
        self.0.output()
    }

    fn end_message(&mut self) {
        self.0.end_message();
    }

    fn unsent(&self) -> usize {
        self.0.unsent()
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_flush(cx)
    }

    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Arrived<'_>>>> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.poll_message(cx)
    }

    fn has_more(&self) -> bool {
        self.0.has_more()
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.poll_close(cx)
    }

    fn mid_message(&self) -> Option<usize> {
        self.0.mid_message()
    }
}
