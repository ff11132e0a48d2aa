//! What one peer may take of a server's memory and time.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail it")]

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use allocation_counter::measure;
use bytes::Bytes;
use oncrpc::netid::Netid;
use oncrpc::peer::{Address, Peer};
use oncrpc::{Call, Reply, Services, service};
use oncrpc_portmapper::limits;
use oncrpc_portmapper::settings::Settings;
use oncrpc_transport::{Driver, LadderPool, Limits, Stop, StreamLink};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::runtime::{Builder, Runtime};

const PROGRAM: u32 = 0x2000_0001;

/// Bytes of each result.
const RESULT: usize = 4096;

/// Bytes that SECURITY.md allows for a peer that takes no replies.
const MOST_HELD: i64 = 64 << 10;

/// Bytes that may be written to one peer before others get their turn: 64 KiB, and what was at hand by then.
const MOST_WRITTEN: usize = (64 << 10) + (16 << 10) + RESULT;

/// A peer that has sent this, and takes its replies but for the last bytes of each write.
struct Sent {
    bytes: &'static [u8],
    leaves: usize,
    taken: Arc<AtomicUsize>,
}

impl AsyncRead for Sent {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.bytes.is_empty() {
            return Poll::Pending;
        }
        let most = self.bytes.len().min(buf.remaining());
        let (read, rest) = self.bytes.split_at(most);
        buf.put_slice(read);
        self.bytes = rest;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Sent {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let taken = buf.len().saturating_sub(self.leaves);
        if taken == 0 {
            return Poll::Pending;
        }
        self.taken.fetch_add(taken, Ordering::Relaxed);
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

/// A server of a program with long results, granting what rpcbind does.
struct Server {
    runtime: Runtime,
    ladders: Arc<LadderPool>,
    limits: Limits,
    stop: Stop,
}

impl Server {
    fn new() -> Self {
        let long = service(PROGRAM, 1, &[], Arc::new(()), |_| {
            let results = Bytes::from_static(&[0; RESULT]);
            Box::new(move |_: &Call<'_>, reply: &mut Reply<'_>| reply.success_raw(&results))
        });
        Self {
            runtime: Builder::new_current_thread().enable_time().build().unwrap(),
            ladders: Arc::new(LadderPool::new(Arc::new(Services::new([long])))),
            limits: limits::of(&Settings::default()).connection,
            stop: Stop::new(),
        }
    }

    /// The driver of a connection, which has had its first turn.
    fn turn(&self, sent: Sent) -> Pin<Box<impl Future + use<>>> {
        let _entered = self.runtime.enter();
        let peer = Peer {
            netid: Netid::Tcp,
            remote: Address::Inet(([192, 0, 2, 9], 1000).into()),
            local: Address::Inet(([192, 0, 2, 1], 111).into()),
            interface: None,
        };
        let link = StreamLink::new(sent, self.limits.record);
        let driver = Driver::new(link, self.limits).serving(
            self.ladders.clone(),
            peer,
            self.stop.subscribe(),
        );
        let mut driver = Box::pin(driver.run());
        let cx = &mut Context::from_waker(Waker::noop());
        assert!(driver.as_mut().poll(cx).is_pending());
        driver
    }
}

/// So many calls, for as long as the test runs.
fn calls(count: usize) -> &'static [u8] {
    let call = [0x8000_0000 | 40, 7, 0, 2, PROGRAM, 1, 1, 0, 0, 0, 0];
    call.map(u32::to_be_bytes).concat().repeat(count).leak()
}

#[test]
fn who_takes_no_replies_costs_little_however_much_it_has_sent() {
    let server = Server::new();
    // A rest that is short, and one as long as a read: neither holds more than itself.
    for calls in [calls(5), calls(4096)] {
        let mut drivers = Vec::with_capacity(100);
        let held = measure(|| {
            for _ in 0..100 {
                drivers.push(server.turn(Sent {
                    bytes: calls,
                    leaves: usize::MAX,
                    taken: Arc::default(),
                }));
            }
        });
        let each = held.bytes_current / 100;
        println!("{} bytes sent: {each} bytes held", calls.len());
        assert!(each <= MOST_HELD, "{each} bytes");
    }
}

#[test]
fn who_never_takes_the_last_byte_costs_little_however_much_it_has_taken() {
    let server = Server::new();
    let taken = Arc::<AtomicUsize>::default();
    let sent = Sent {
        bytes: calls(4096),
        leaves: 1,
        taken: taken.clone(),
    };
    let mut drivers = Vec::with_capacity(1);
    let held = measure(|| {
        let mut driver = server.turn(sent);
        let cx = &mut Context::from_waker(Waker::noop());
        while taken.load(Ordering::Relaxed) < 4096 * RESULT {
            assert!(driver.as_mut().poll(cx).is_pending());
        }
        drivers.push(driver);
    });
    println!("{} bytes held", held.bytes_current);
    assert!(held.bytes_current <= MOST_HELD, "{held:?}");
}

#[test]
fn who_asks_for_much_at_once_gets_it_by_turns_with_others() {
    let server = Server::new();
    let taken = Arc::<AtomicUsize>::default();
    let _driver = server.turn(Sent {
        bytes: calls(4096),
        leaves: 0,
        taken: taken.clone(),
    });
    let written = taken.load(Ordering::Relaxed);
    println!("{written} bytes in a turn");
    assert!((RESULT..=MOST_WRITTEN).contains(&written), "{written}");
}
