//! A connection without a socket: what the driver and everything behind it cost, and nothing else.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use oncrpc::netid::Netid;
use oncrpc::peer::{Address, Peer};
use oncrpc::{CallContext, Reject, Services};
use oncrpc_transport::{Driver, LadderPool, Limits, Stop, StreamLink};
use oncrpc_xdr::XdrString;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// `hello.x`, compiled.
pub mod hello {
    include!(concat!(env!("OUT_DIR"), "/hello.rs"));
}

/// `every.x`, compiled.
pub mod every {
    include!(concat!(env!("OUT_DIR"), "/every.rs"));
}

/// `entries.x`, compiled.
pub mod entries {
    include!(concat!(env!("OUT_DIR"), "/entries.rs"));
}

use hello::hello_program::v1;
use hello::{Pair, SumResult};

/// Calls that arrive in one read, but for [`Load::Alone`].
pub const BATCH: usize = 64;

/// A peer that sends batches of the same call and takes every reply.
struct Peerless {
    batch: Vec<u8>,
    batches: usize,
    /// Bytes of replies.
    taken: usize,
}

impl AsyncRead for Peerless {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // Each batch is a read of its own: after it there is nothing, until the next turn.
        let after_batch = self.taken % 2 == 1;
        self.taken ^= 1;
        if after_batch {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if let Some(batches) = self.batches.checked_sub(1) {
            self.batches = batches;
            buf.put_slice(&self.batch);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Peerless {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// The hello service, as far as it is measured.
struct Hello;

impl v1::Server for Hello {
    async fn greet(&self, _: &CallContext, name: XdrString) -> Result<XdrString, Reject> {
        Ok(name)
    }

    async fn add(&self, _: &CallContext, pair: Pair) -> Result<SumResult, Reject> {
        Ok(SumResult::Ok(pair.left.wrapping_add(pair.right)))
    }

    async fn wait(&self, _: &CallContext, millis: u32) -> Result<u32, Reject> {
        // Waits for the scheduler, not for a clock.
        tokio::task::yield_now().await;
        Ok(millis)
    }
}

/// What is called.
#[derive(Clone, Copy, Debug)]
pub enum Load {
    /// The null procedure.
    Null,
    /// The same, each call by itself.
    Alone,
    /// The same with a credential of AUTH_SYS.
    NullSys,
    /// A procedure of two numbers, with a credential of AUTH_SYS.
    AddSys,
    /// A procedure with an argument and a result that are slices of the record.
    Greet,
    /// A procedure whose handler waits once.
    Wait,
}

/// Serves `batches` batches of [`BATCH`] pipelined calls over one connection, to its end.
pub fn serve(load: Load, batches: usize) {
    let in_batch = match load {
        Load::Alone => 1,
        _ => BATCH,
    };
    let call = match load {
        Load::Null | Load::Alone => call(0, &NONE, &[]),
        Load::NullSys => call(0, &sys(), &[]),
        Load::AddSys => call(2, &sys(), &[0, 0, 0, 20, 0, 0, 0, 1]),
        Load::Greet => call(1, &NONE, b"\0\0\0\x05world\0\0\0"),
        Load::Wait => call(6, &NONE, &[0, 0, 0, 9]),
    };
    let peer = Peerless {
        batch: call.repeat(in_batch),
        batches,
        taken: 0,
    };
    let services = Services::new([v1::service(Arc::new(Hello))]);
    let ladders = Arc::new(LadderPool::new(Arc::new(services)));
    let local = Address::Local;
    let nobody = Peer {
        netid: Netid::Local,
        remote: local.clone(),
        local,
        interface: None,
    };
    let stop = Stop::new();
    let link = StreamLink::new(peer, Limits::SERVER.record);
    let driver = Driver::new(link, Limits::SERVER).serving(ladders, nobody, stop.subscribe());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    runtime
        .and_then(|runtime| runtime.block_on(driver.run()))
        .unwrap_or_else(|error| {
            panic!("the driver failed: {error}");
        });
}

/// AUTH_NONE, which has no body.
const NONE: [u32; 2] = [0, 0];

/// AUTH_SYS, its length and its body: stamp, machine name, uid, gid and three more groups (RFC 5531 section 14).
fn sys() -> Vec<u32> {
    let body = [
        7,
        4,
        u32::from_be_bytes(*b"host"),
        1000,
        1000,
        3,
        4,
        24,
        1000,
    ];
    [&[1, 4 * body.len() as u32], &body[..]].concat()
}

/// A record with a call of the hello program.
fn call(procedure: u32, credential: &[u32], args: &[u8]) -> Vec<u8> {
    let (program, version) = (hello::hello_program::PROGRAM, v1::VERSION);
    let words = [
        &[7, 0, 2, program, version, procedure],
        credential,
        &NONE[..],
    ]
    .concat();
    let header: Vec<u8> = words.into_iter().flat_map(u32::to_be_bytes).collect();
    let message = [&header[..], args].concat();
    let mark = (1 << 31) | message.len() as u32;
    [&mark.to_be_bytes(), &message[..]].concat()
}
