//! A connection to a server: any bytes at any time, read or not, on a clock of its own.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use oncrpc::message::{self, CALL, CallFault, CallHeader, REPLY, ReplyHeader};
use oncrpc::record::RecordLimits;
use oncrpc::{Answered, Call, Reply, Services, Step, service};
use oncrpc_transport::{Driver, LadderPool, Limits, Stop, StreamLink};
use oncrpc_xdr::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::peers::{PROGRAM, call_words, nobody};
use crate::record::{read, record};

/// Whatever arrives, each call is answered at most once, and exactly once unless the peer was too slow; no more
/// handlers are at work than may be; and when the peer has sent its last, the connection ends.
pub fn connection(data: &[u8]) {
    in_virtual_time(async {
        let mut input = Unstructured::new(data);
        let mut peer = Peer::new(usize::from(u8::arbitrary(&mut input).unwrap_or(0)) * 16 + 16);
        while !input.is_empty() && !peer.is_closed && peer.step(&mut input).await.is_ok() {}
        peer.end().await;
    });
}

/// Runs a future whose clock moves when nothing else does.
pub(crate) fn in_virtual_time(future: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    let runtime = runtime.unwrap_or_else(|error| panic!("{error}"));
    runtime.block_on(future);
}

/// Small enough for a fuzzer to meet.
const LIMITS: Limits = Limits {
    record: RecordLimits {
        record: 4096,
        fragments: 8,
    },
    in_flight: 4,
    unsent: 8 << 10,
    ..Limits::SERVER
};

/// What the handlers know.
struct Desk {
    permits: Semaphore,
    at_work: AtomicUsize,
    /// The calls that get no reply.
    silent: Mutex<Vec<u32>>,
}

/// A handler that is at work.
struct AtWork(Arc<Desk>);

impl AtWork {
    fn new(desk: &Arc<Desk>) -> Self {
        let at_work = desk.at_work.fetch_add(1, Ordering::Relaxed) + 1;
        assert!(at_work <= LIMITS.in_flight, "{at_work} handlers at work");
        Self(desk.clone())
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.at_work.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Procedures: 1 gives its arguments back, 2 so many times, 3 after a while, 4 when it may, 5 is silent.
fn answer(desk: &Arc<Desk>, call: &Call<'_>, reply: &mut Reply<'_>) -> Step {
    let args = call.raw_args();
    let first = args.first().copied().unwrap_or(0);
    match call.procedure() {
        1 => reply.success_raw(&args),
        2 => reply.success_raw(&args.repeat(usize::from(first)).into()),
        procedure @ 3..=4 => {
            let at_work = AtWork::new(desk);
            reply.later(async move {
                if procedure == 3 {
                    tokio::time::sleep(Duration::from_millis(u64::from(first))).await;
                } else if let Ok(permit) = at_work.0.permits.acquire().await {
                    permit.forget();
                }
                Answered::Results(Bytes::new())
            })
        }
        5 => {
            let silent = desk.silent.lock();
            let mut silent = silent.unwrap_or_else(PoisonError::into_inner);
            silent.push(call.context().xid());
            Step::Silent
        }
        _ => reply.success::<()>(&()),
    }
}

/// The other end of the connection.
struct Peer {
    desk: Arc<Desk>,
    stream: DuplexStream,
    driven: tokio::task::JoinHandle<io::Result<()>>,
    stop: Stop,
    sent: Vec<u8>,
    received: Vec<u8>,
    /// Nothing more is sent, or nobody reads it.
    is_closed: bool,
    is_stopped: bool,
}

impl Peer {
    fn new(pipe: usize) -> Self {
        let desk = Arc::new(Desk {
            permits: Semaphore::new(0),
            at_work: AtomicUsize::new(0),
            silent: Mutex::default(),
        });
        let service = service(PROGRAM, 1, &[], desk.clone(), |desk| {
            Box::new(move |call: &Call<'_>, reply: &mut Reply<'_>| answer(&desk, call, reply))
        });
        let ladders = Arc::new(LadderPool::new(Arc::new(Services::new([service]))));
        let (stream, theirs) = duplex(pipe);
        let stop = Stop::new();
        let link = StreamLink::new(theirs, LIMITS.record);
        let driver = Driver::new(link, LIMITS).serving(ladders, nobody(), stop.subscribe());
        Self {
            desk,
            stream,
            driven: tokio::spawn(driver.run()),
            stop,
            sent: Vec::new(),
            received: Vec::new(),
            is_closed: false,
            is_stopped: false,
        }
    }

    async fn step(&mut self, input: &mut Unstructured<'_>) -> arbitrary::Result<()> {
        match input.int_in_range(0..=15)? {
            0 => {
                let len = input.int_in_range(0..=40)?;
                let bytes = input.bytes(len.min(input.len()))?;
                self.send(bytes).await;
            }
            1..=7 => {
                let message = self.call(input)?;
                self.send(&record(&message, &[])).await;
            }
            8 => {
                let message = self.call(input)?;
                let cuts = <[u8; 3]>::arbitrary(input)?;
                self.send(&record(&message, &cuts)).await;
            }
            9 => tokio::time::sleep(Duration::from_millis(u16::arbitrary(input)?.into())).await,
            10..=11 => self.receive(usize::from(u16::arbitrary(input)?)).await,
            12..=13 => self.desk.permits.add_permits(input.int_in_range(0..=3)?),
            14 => {
                let _ = self.stream.shutdown().await;
                self.is_closed = true;
            }
            _ => {
                self.stop.stop();
                self.is_stopped = true;
            }
        }
        Ok(())
    }

    /// A call, nearly always of something that is there.
    fn call(&self, input: &mut Unstructured<'_>) -> arbitrary::Result<Vec<u8>> {
        let mut call = call_words(u8::arbitrary(input)?.into(), input.int_in_range(0..=6)?);
        call.extend([0; 16]);
        let len = input.int_in_range(0..=60)?;
        call.extend(input.bytes(len.min(input.len()))?);
        if input.ratio(1_u8, 16)? {
            let at = input.choose_index(call.len())?;
            call[at] = u8::arbitrary(input)?;
        }
        Ok(call)
    }

    /// Sends as much as is taken.
    async fn send(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            match timeout(MOMENT, self.stream.write(bytes)).await {
                Ok(Ok(written @ 1..)) => {
                    self.sent.extend(&bytes[..written]);
                    bytes = &bytes[written..];
                }
                Ok(_) => {
                    self.is_closed = true;
                    return;
                }
                Err(_) => return,
            }
        }
    }

    /// Reads so many bytes, or those that come.
    async fn receive(&mut self, most: usize) {
        let mut bytes = vec![0; most];
        let mut at = 0;
        while let Ok(Ok(read @ 1..)) = timeout(MOMENT, self.stream.read(&mut bytes[at..])).await {
            at += read;
        }
        self.received.extend(&bytes[..at]);
    }

    /// Sends no more and reads everything; then the connection is over.
    async fn end(mut self) {
        self.desk.permits.add_permits(1 << 20);
        let _ = self.stream.shutdown().await;
        let read = self.stream.read_to_end(&mut self.received);
        let read = timeout(LONGEST, read).await;
        assert!(read.is_ok(), "the connection does not end");
        let ended = timeout(LONGEST, &mut self.driven).await;
        let Ok(Ok(ended)) = ended else {
            panic!("the driver does not end, or panics: {ended:?}");
        };
        let (replies, error) = read_all(&self.received);
        assert_eq!(error, None, "replies are records");
        let mut due = self.calls();
        for reply in replies {
            let header = ReplyHeader::parse(&reply).unwrap_or_else(|error| panic!("{error}"));
            let count = due.get_mut(&header.xid).filter(|count| **count > 0);
            let Some(count) = count else {
                panic!("a reply too many to call {}", header.xid);
            };
            *count -= 1;
        }
        let silent = self.desk.silent.lock();
        for xid in silent.unwrap_or_else(PoisonError::into_inner).iter() {
            *due.entry(*xid).or_default() -= 1;
        }
        let late = ended.is_err_and(|error| error.kind() == io::ErrorKind::TimedOut);
        if !late && !self.is_stopped {
            assert!(
                due.values().all(|count| *count == 0),
                "not answered: {due:?}"
            );
        }
        assert_eq!(self.desk.at_work.load(Ordering::Relaxed), 0);
    }

    /// How many replies are due to each xid: to what was sent, up to where it stops making sense.
    fn calls(&self) -> BTreeMap<u32, i64> {
        let mut due = BTreeMap::new();
        for message in read(LIMITS.record, [&self.sent[..]]).0 {
            let xid = match (message::message_type(&message), CallHeader::parse(&message)) {
                (Some(CALL), Ok(header)) => header.xid,
                (Some(CALL), Err(CallFault::RpcMismatch { xid } | CallFault::Auth { xid, .. })) => {
                    xid
                }
                (Some(REPLY), _) => continue,
                _ => break,
            };
            *due.entry(xid).or_default() += 1;
        }
        due
    }
}

fn read_all(stream: &[u8]) -> (Vec<Bytes>, Option<oncrpc::record::RecordError>) {
    read(RecordLimits::CLIENT, [stream])
}

/// Longer than it takes to move bytes, which takes none.
const MOMENT: Duration = Duration::from_millis(1);

/// Longer than any of the limits.
const LONGEST: Duration = Duration::from_secs(3600);
