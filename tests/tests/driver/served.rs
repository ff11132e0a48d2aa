//! A driver and its stream.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use oncrpc::netid::Netid;
use oncrpc::peer::Peer;
use oncrpc::{Call, Reject, Reply, Services, service};
use oncrpc_transport::{Driver, LadderPool, Limits, Stop, StreamLink};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use crate::P;

/// Longer than any connection may wait for anything.
const FOR_EVER: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// Where years pass in no time.
pub(crate) fn runtime() -> Runtime {
    let mut builder = Builder::new_current_thread();
    builder.enable_time().start_paused(true).build().unwrap()
}

/// Procedures: 0 is null, 1 gives its arguments back, 2 is refused, and there are no others.
fn ladders() -> Arc<LadderPool> {
    let service = service(P, 1, &[], Arc::new(()), |_| {
        Box::new(
            |call: &Call<'_>, reply: &mut Reply<'_>| match call.procedure() {
                0 => reply.success::<()>(&()),
                1 => reply.success_raw(&call.raw_args()),
                2 => reply.reject(Reject::GarbageArgs),
                _ => reply.reject(Reject::ProcUnavail),
            },
        )
    });
    Arc::new(LadderPool::new(Arc::new(Services::new([service]))))
}

/// A stream that has these pieces to read, one at a time and nothing for a moment between them, and then its end.
struct Pieces {
    pieces: VecDeque<Vec<u8>>,
    is_there: bool,
    written: Arc<Mutex<Vec<u8>>>,
}

impl AsyncRead for Pieces {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.is_there = !self.is_there;
        if !self.is_there {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if let Some(mut piece) = self.pieces.pop_front() {
            let more = piece.split_off(piece.len().min(buf.remaining()));
            buf.put_slice(&piece);
            if !more.is_empty() {
                self.pieces.push_front(more);
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Pieces {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.written.lock().unwrap().extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// All that a server says to a stream that arrives in these pieces, and how the connection ended.
pub(crate) fn said<'a>(
    runtime: &Runtime,
    limits: Limits,
    pieces: impl Iterator<Item = &'a [u8]>,
) -> (Vec<u8>, Result<(), String>) {
    let written = Arc::new(Mutex::new(Vec::new()));
    let pieces = pieces.filter(|piece| !piece.is_empty());
    let stream = Pieces {
        pieces: pieces.map(<[u8]>::to_vec).collect(),
        is_there: false,
        written: written.clone(),
    };
    let peer = Peer::local(Netid::Local);
    let stop = Stop::new();
    let link = StreamLink::new(stream, limits.record);
    let ended = runtime.block_on(async {
        let driver = Driver::new(link, limits).serving(ladders(), peer, stop.subscribe());
        timeout(FOR_EVER, driver.run()).await
    });
    let said = written.lock().unwrap().clone();
    let ended = ended.unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()));
    (said, ended.map_err(|error| error.to_string()))
}
