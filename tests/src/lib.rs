//! A connection without a socket: what the driver and everything behind it cost, and nothing else.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use oncrpc::netid::Netid;
use oncrpc::peer::{Address, Peer};
use oncrpc::{CallContext, Reject, Services};
use oncrpc_transport::{Driver, LadderPool, Limits, StreamLink};
use oncrpc_xdr::XdrString;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::watch;

/// `hello.x`, compiled.
pub mod hello {
    include!(concat!(env!("OUT_DIR"), "/hello.rs"));
}

/// `every.x`, compiled.
pub mod every {
    include!(concat!(env!("OUT_DIR"), "/every.rs"));
}

use hello::hello_program::v1;

/// Calls that arrive in one read.
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
    /// A procedure with an argument and a result that are slices of the record.
    Greet,
    /// A procedure whose handler waits once.
    Wait,
}

/// Serves `batches` batches of [`BATCH`] pipelined calls over one connection, to its end.
pub fn serve(load: Load, batches: usize) {
    let call = match load {
        Load::Null => call(0, &[]),
        Load::Greet => call(1, b"\0\0\0\x05world\0\0\0"),
        Load::Wait => call(6, &[0, 0, 0, 9]),
    };
    let peer = Peerless {
        batch: call.repeat(BATCH),
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
    let (_stop, stopped) = watch::channel(false);
    let link = StreamLink::new(peer, Limits::SERVER.record);
    let driver = Driver::new(link, Limits::SERVER).serving(ladders, nobody, stopped);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    runtime
        .and_then(|runtime| runtime.block_on(driver.run()))
        .unwrap_or_else(|error| {
            panic!("the driver failed: {error}");
        });
}

/// A record with a call of the hello program.
fn call(procedure: u32, args: &[u8]) -> Vec<u8> {
    let header = [
        7,
        0,
        2,
        hello::hello_program::PROGRAM,
        v1::VERSION,
        procedure,
        0,
        0,
        0,
        0,
    ];
    let message = [&header.map(u32::to_be_bytes).concat(), args].concat();
    let mark = (1 << 31) | message.len() as u32;
    [&mark.to_be_bytes(), &message[..]].concat()
}
