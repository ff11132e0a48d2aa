//! However a stream of calls comes apart on its way, the server says the same: a whole one, its driver and all.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail it")]

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use oncrpc::netid::Netid;
use oncrpc::peer::{Address, Peer};
use oncrpc::record::RecordLimits;
use oncrpc::{Call, Reject, Reply, Services, service};
use oncrpc_transport::{Driver, LadderPool, Limits, StreamLink};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

/// 10,000 cases, or as many as the variable PROPTEST_CASES asks for.
fn cases() -> ProptestConfig {
    let default = ProptestConfig::default();
    let asked = std::env::var_os("PROPTEST_CASES").is_some();
    ProptestConfig {
        cases: if asked { default.cases } else { 10_000 },
        failure_persistence: None,
        ..default
    }
}

const P: u32 = 0x2000_0001;

/// So little that a stream of some calls can be over it.
const LIMITS: Limits = Limits {
    record: RecordLimits {
        record: 96,
        fragments: 4,
    },
    ..Limits::SERVER
};

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
fn said<'a>(
    runtime: &Runtime,
    pieces: impl Iterator<Item = &'a [u8]>,
) -> (Vec<u8>, Result<(), String>) {
    let written = Arc::new(Mutex::new(Vec::new()));
    let pieces = pieces.filter(|piece| !piece.is_empty());
    let stream = Pieces {
        pieces: pieces.map(<[u8]>::to_vec).collect(),
        is_there: false,
        written: written.clone(),
    };
    let peer = Peer {
        netid: Netid::Local,
        remote: Address::Local,
        local: Address::Local,
        interface: None,
    };
    let (_stop, stopped) = watch::channel(false);
    let link = StreamLink::new(stream, LIMITS.record);
    let ended = runtime.block_on(async {
        let driver = Driver::new(link, LIMITS).serving(ladders(), peer, stopped);
        driver.run().await
    });
    let said = written.lock().unwrap().clone();
    (said, ended.map_err(|error| error.to_string()))
}

fn bytes(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// Any message: a call, most of them good ones, or bytes that are no call at all.
fn message() -> impl Strategy<Value = Vec<u8>> {
    let identity = prop_oneof![
        Just(vec![0, 0, 0, 0]),
        (0..4_u32).prop_map(|uid| vec![1, 20, 0, 0, uid, 100, 0, 0, 0]),
    ];
    let word = select(vec![0, 1, 2, 3, 6, 404, P + 1, u32::MAX]);
    let spoiled = prop_oneof![3 => Just(None), 1 => (any::<Index>(), word).prop_map(Some)];
    let call = (
        any::<u32>(),
        0..4_u32,
        identity,
        vec(any::<u32>(), 0..6),
        spoiled,
    )
        .prop_map(|(xid, procedure, identity, args, spoiled)| {
            let mut words = [&[xid, 0, 2, P, 1, procedure], &identity[..], &args].concat();
            if let Some((index, word)) = spoiled {
                *index.get_mut(&mut words) = word;
            }
            bytes(&words)
        });
    prop_oneof![12 => call, 1 => vec(any::<u8>(), 1..120)]
}

/// Messages as records of one fragment and of more, and perhaps bytes behind them that are none.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let record = (message(), vec(any::<Index>(), 0..3)).prop_map(|(message, cuts)| {
        let fragments = pieces(&message, &cuts);
        let last = fragments.len() - 1;
        let marked = fragments.iter().enumerate().flat_map(|(at, fragment)| {
            let mark = u32::from(at == last) << 31 | u32::try_from(fragment.len()).unwrap();
            [&mark.to_be_bytes()[..], fragment].concat()
        });
        marked.collect::<Vec<u8>>()
    });
    let rest = prop_oneof![4 => Just(Vec::new()), 1 => vec(any::<u8>(), 0..9)];
    (vec(record, 0..6), rest).prop_map(|(records, rest)| [records.concat(), rest].concat())
}

/// What these cuts leave of it.
fn pieces<'a>(whole: &'a [u8], cuts: &[Index]) -> Vec<&'a [u8]> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(whole.len() + 1)).collect();
    cuts.extend([0, whole.len()]);
    cuts.sort_unstable();
    cuts.windows(2)
        .map(|ends| &whole[ends[0]..ends[1]])
        .collect()
}

#[test]
fn any_split_of_a_stream_of_calls_gets_the_same_replies() {
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    proptest!(cases(), |(stream in stream(), cuts in vec(any::<Index>(), 1..8))| {
        let split = said(&runtime, pieces(&stream, &cuts).into_iter());
        prop_assert_eq!(&split, &said(&runtime, [&stream[..]].into_iter()));
    });
}

#[test]
fn a_stream_of_calls_that_arrives_byte_by_byte_gets_the_same_replies() {
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    let cases = cases().cases / 10;
    proptest!(ProptestConfig { cases, ..self::cases() }, |(stream in stream())| {
        let split = said(&runtime, stream.chunks(1));
        prop_assert_eq!(&split, &said(&runtime, [&stream[..]].into_iter()));
    });
}
