//! Makes calls to memory, for a profiler to count: `make_calls TASKS CALLS` has so many tasks on one connection make so
//! many calls each, one after the other.
//!
//! All that a call through a generated client costs is here, from its arguments to its results, but what the kernel has
//! to do with it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use oncrpc_client::{Channel, Target};
use oncrpc_tests::hello::hello_program::v1::Client;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::JoinSet;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let numbers: Vec<usize> = args.iter().filter_map(|arg| arg.parse().ok()).collect();
    let [tasks, calls] = numbers[..] else {
        eprintln!("usage: make_calls TASKS CALLS");
        std::process::exit(2);
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap_or_else(|error| panic!("{error}"));
    runtime.block_on(async {
        // It is a channel over what is given to it, whatever its target; as many calls are in flight as are made.
        let nowhere = Target::Abstract(Vec::new());
        let channel = Channel::builder(nowhere).max_in_flight(tasks);
        let client = Client::new(channel.over(Responder::default()));
        let mut set = JoinSet::new();
        for _ in 0..tasks {
            let client = client.clone();
            set.spawn(async move {
                for _ in 0..calls {
                    client.null().await?;
                }
                Ok::<_, oncrpc::CallError>(())
            });
        }
        for ended in set.join_all().await {
            ended.unwrap_or_else(|error| panic!("{error}"));
        }
    });
}

/// A peer that answers each call at once, without results.
#[derive(Default)]
struct Responder {
    replies: Vec<u8>,
    reader: Option<Waker>,
}

/// A record mark, and a reply behind its xid: accepted, no verifier, success.
const MARK: [u8; 4] = [0x80, 0, 0, 24];
const ACCEPTED: [u8; 20] = [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

impl AsyncWrite for Responder {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut rest = buf;
        // What is written is whole: the driver writes all that it has.
        while let Some((&[_, a, b, c], record)) = rest.split_first_chunk() {
            let (record, behind) = record.split_at(u32::from_be_bytes([0, a, b, c]) as usize);
            self.replies.extend_from_slice(&MARK);
            self.replies.extend_from_slice(&record[..4]);
            self.replies.extend_from_slice(&ACCEPTED);
            rest = behind;
        }
        self.reader.take().into_iter().for_each(Waker::wake);
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Responder {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.replies.is_empty() {
            self.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let len = buf.remaining().min(self.replies.len());
        buf.put_slice(&self.replies[..len]);
        self.replies.drain(..len);
        Poll::Ready(Ok(()))
    }
}
