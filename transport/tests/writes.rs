//! How often a stream is written to: a message in one write, and all replies to one read in one.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use oncrpc::netid::Netid;
use oncrpc::peer::Peer;
use oncrpc::{Call, CallOptions, CallTable, ProcedureId, RawCaller, Reply, Services, service};
use oncrpc_transport::{Connection, Driver, LadderPool, Limits, Stop, StreamLink};
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex,
};
use tokio::task::JoinSet;

const PROGRAM: u32 = 0x2000_0001;
const ECHO: ProcedureId = ProcedureId {
    program: PROGRAM,
    version: 1,
    procedure: 1,
};

/// Opaque data that is not copied into the output but chained to it.
const LARGE: usize = 40_000;

/// One end of a pipe, and how often it was written to.
struct Counted {
    stream: DuplexStream,
    writes: Arc<AtomicUsize>,
}

impl Counted {
    fn new(stream: DuplexStream) -> (Self, Arc<AtomicUsize>) {
        let writes = Arc::<AtomicUsize>::default();
        let counted = Self {
            stream,
            writes: writes.clone(),
        };
        (counted, writes)
    }
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.writes.fetch_add(1, Ordering::Relaxed);
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// A call of a program that gives its arguments back, as a record.
fn call(xid: u32, args: &[u8]) -> Vec<u8> {
    let mark = 1 << 31 | (40 + args.len() as u32);
    let words = [mark, xid, 0, 2, PROGRAM, 1, 1, 0, 0, 0, 0];
    [&words.map(u32::to_be_bytes).concat(), args].concat()
}

/// A reply to the call with this xid, without results, as a record.
fn reply(xid: &[u8]) -> Vec<u8> {
    let success = [1_u32, 0, 0, 0, 0].map(u32::to_be_bytes);
    [&[0x80, 0, 0, 24], xid, success.as_flattened()].concat()
}

/// Serves that program within limits, to the end of the connection or that of what is given back.
fn serve(stream: Counted, limits: Limits) -> Stop {
    let echo = service(PROGRAM, 1, &[], Arc::new(()), |_| {
        Box::new(|call: &Call<'_>, reply: &mut Reply<'_>| reply.success_raw(&call.raw_args()))
    });
    let ladders = Arc::new(LadderPool::new(Arc::new(Services::new([echo]))));
    let stop = Stop::new();
    let link = StreamLink::new(stream, limits.record);
    let driver = Driver::new(link, limits);
    let peer = Peer::local(Netid::Local);
    tokio::spawn(driver.serving(ladders, peer, stop.subscribe()).run());
    stop
}

#[tokio::test]
async fn all_replies_to_one_read_are_one_write() {
    let (mut client, server) = duplex(1 << 20);
    let (server, writes) = Counted::new(server);
    let calls = [call(1, b"one."), call(2, &[2; LARGE]), call(3, b"last")].concat();
    client.write_all(&calls).await.unwrap();
    let _stop = serve(server, Limits::SERVER);
    // Replies are 16 bytes shorter than their calls.
    client
        .read_exact(&mut vec![0; calls.len() - 48])
        .await
        .unwrap();
    assert_eq!(writes.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn replies_are_written_once_though_there_is_no_room_for_all_at_once() {
    let limits = Limits {
        unsent: 100,
        ..Limits::SERVER
    };
    let (mut client, server) = duplex(1 << 20);
    let (server, _) = Counted::new(server);
    let xids = 1..=200;
    let calls: Vec<u8> = xids.clone().flat_map(|xid| call(xid, b"")).collect();
    client.write_all(&calls).await.unwrap();
    client.shutdown().await.unwrap();
    let _stop = serve(server, limits);
    let mut replies = Vec::new();
    client.read_to_end(&mut replies).await.unwrap();
    let (replies, rest) = replies.as_chunks::<28>();
    let answered = replies.iter().map(|reply| u32::from(reply[7]));
    assert!(answered.eq(xids) && rest.is_empty());
}

#[tokio::test]
async fn a_call_is_one_write_with_its_mark_and_its_arguments() {
    let (client, mut server) = duplex(1 << 20);
    let (client, writes) = Counted::new(client);
    let link = StreamLink::new(client, Limits::CLIENT.record);
    let (connection, driver) = Connection::new(link, CallTable::new(7), Limits::CLIENT);
    tokio::spawn(driver.run());
    let args = Bytes::from(vec![5; LARGE]);
    let calling = tokio::spawn(connection.call_raw(ECHO, args.clone(), CallOptions::default()));
    let mut sent = vec![0; 44 + LARGE];
    server.read_exact(&mut sent).await.unwrap();
    assert!(sent == call(7, &args));
    assert_eq!(writes.load(Ordering::Relaxed), 1);
    calling.abort();
}

#[tokio::test]
async fn a_peer_that_answers_many_calls_at_once_has_the_next_before_all_replies_are_taken() {
    const CALLS: usize = 1000;
    let (client, mut server) = duplex(1 << 20);
    let (client, writes) = Counted::new(client);
    let link = StreamLink::new(client, Limits::CLIENT.record);
    let limits = Limits {
        in_flight: CALLS,
        ..Limits::CLIENT
    };
    let (connection, driver) = Connection::new(link, CallTable::new(7), limits);
    tokio::spawn(driver.run());
    let mut callers = JoinSet::new();
    for _ in 0..CALLS {
        let connection = connection.clone();
        callers.spawn(async move {
            let make = || connection.call_raw(ECHO, Bytes::new(), CallOptions::default());
            make().await.and(make().await)
        });
    }
    let mut calls = vec![0; CALLS * 44];
    let mut made = Vec::new();
    for _ in 0..2 {
        server.read_exact(&mut calls).await.unwrap();
        made.push(writes.load(Ordering::Relaxed));
        let (calls, _) = calls.as_chunks::<44>();
        let replies: Vec<u8> = calls.iter().flat_map(|call| reply(&call[4..8])).collect();
        server.write_all(&replies).await.unwrap();
    }
    assert_eq!(made, [1, 3]);
    for answered in callers.join_all().await {
        answered.unwrap();
    }
}
