//! A client whose server is hostile, on a clock of its own.

use std::collections::BTreeMap;
use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use bytes::{Bytes, BytesMut};
use oncrpc::message::{CallHeader, ReplyHeader};
use oncrpc::record::{RecordLimits, RecordReader};
use oncrpc::{CallError, CallOptions, CallTable, ProcedureId, RawCaller};
use oncrpc_transport::{Connection, Limits, StreamLink};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use crate::peers::PROGRAM;
use crate::record::{read, record};
use crate::server::in_virtual_time;

/// Whatever the server sends, each call ends in its time, once, with results that were sent to its xid or an error.
pub fn demultiplexing(data: &[u8]) {
    in_virtual_time(async {
        let mut input = Unstructured::new(data);
        let mut world = World::new(usize::from(u8::arbitrary(&mut input).unwrap_or(0)) * 16 + 16);
        while !input.is_empty() && world.step(&mut input).await.is_ok() {}
        world.end().await;
    });
}

/// Small enough for a fuzzer to meet.
const LIMITS: Limits = Limits {
    record: RecordLimits {
        record: 2048,
        fragments: 8,
    },
    in_flight: 4,
    unsent: 4 << 10,
    ..Limits::CLIENT
};

/// A client and what its server knows.
struct World {
    connection: Connection,
    calls: Vec<JoinHandle<Result<Bytes, CallError>>>,
    /// The server's end, until it is closed.
    stream: Option<DuplexStream>,
    records: RecordReader,
    /// The xids of the calls that the server has read, by what their arguments say.
    read: BTreeMap<u32, u32>,
    sent: Vec<u8>,
}

impl World {
    fn new(pipe: usize) -> Self {
        let (ours, theirs) = duplex(pipe);
        let link = StreamLink::new(ours, LIMITS.record);
        let (connection, driver) = Connection::new(link, CallTable::new(1), LIMITS);
        tokio::spawn(driver.run());
        Self {
            connection,
            calls: Vec::new(),
            stream: Some(theirs),
            records: RecordReader::new(RecordLimits::SERVER),
            read: BTreeMap::new(),
            sent: Vec::new(),
        }
    }

    async fn step(&mut self, input: &mut Unstructured<'_>) -> arbitrary::Result<()> {
        match input.int_in_range(0..=15)? {
            0..=4 => self.call(input)?,
            5..=6 => self.receive().await,
            7..=9 => {
                let xids: Vec<u32> = self.read.values().copied().collect();
                let xid = match xids[..] {
                    [] => input.int_in_range(0..=8)?,
                    _ => *input.choose(&xids)?,
                };
                let message = reply(xid, input)?;
                self.send(&record(&message, &[])).await;
            }
            10 => {
                let message = reply(input.int_in_range(0..=8)?, input)?;
                let cuts = <[u8; 3]>::arbitrary(input)?;
                self.send(&record(&message, &cuts)).await;
            }
            11 => {
                let len = input.int_in_range(0..=40)?;
                let bytes = input.bytes(len.min(input.len()))?;
                self.send(bytes).await;
            }
            12..=13 => sleep(Duration::from_millis(u16::arbitrary(input)?.into())).await,
            14 => {
                // Whoever waits for a call may stop waiting.
                if !self.calls.is_empty() {
                    let at = input.choose_index(self.calls.len())?;
                    self.calls[at].abort();
                }
            }
            _ => {
                if bool::arbitrary(input)? {
                    self.stream = None;
                } else if let Some(stream) = &mut self.stream {
                    let _ = stream.shutdown().await;
                }
            }
        }
        Ok(())
    }

    /// Makes a call whose arguments are its number, and what fills it up.
    fn call(&mut self, input: &mut Unstructured<'_>) -> arbitrary::Result<()> {
        let mut args = BytesMut::from(&(self.calls.len() as u32).to_be_bytes()[..]);
        args.resize(4 + 4 * input.int_in_range(0..=300)?, 0);
        let time = Duration::from_millis(input.int_in_range(1..=40_000)?);
        let connection = self.connection.clone();
        self.calls.push(tokio::spawn(async move {
            let begun = Instant::now();
            let options = CallOptions::default().timeout(time);
            let result = connection.call_raw(PROCEDURE, args.freeze(), options).await;
            // Calls that are given the same time may end together with the last of them that began so soon.
            let most = time + time / 256 + MOMENT;
            assert!(begun.elapsed() <= most, "{:?} of {time:?}", begun.elapsed());
            result
        }));
        Ok(())
    }

    /// The server reads what there is.
    async fn receive(&mut self) {
        let Some(stream) = &mut self.stream else {
            return;
        };
        let mut bytes = BytesMut::new();
        while let Ok(Ok(1..)) = timeout(MOMENT, stream.read_buf(&mut bytes)).await {}
        let mut bytes = bytes.freeze();
        loop {
            match self.records.next_record(&mut bytes) {
                Ok(Some(message)) => {
                    let header = CallHeader::parse(&message);
                    let header = header.unwrap_or_else(|fault| panic!("{fault:?}"));
                    assert_eq!(header.procedure, PROCEDURE);
                    let number = message[header.args()..].first_chunk();
                    let number = number.map_or(0, |number| u32::from_be_bytes(*number));
                    assert!((number as usize) < self.calls.len());
                    let before = self.read.insert(number, header.xid);
                    assert_eq!(before, None, "sent twice");
                }
                Ok(None) => return,
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// The server sends as much as is taken.
    async fn send(&mut self, mut bytes: &[u8]) {
        let Some(stream) = &mut self.stream else {
            return;
        };
        while let Ok(Ok(written @ 1..)) = timeout(MOMENT, stream.write(bytes)).await {
            self.sent.extend(&bytes[..written]);
            bytes = &bytes[written..];
        }
    }

    /// When all times are up every call has ended.
    async fn end(self) {
        sleep(Duration::from_secs(60)).await;
        let mut results: BTreeMap<u32, Vec<Bytes>> = BTreeMap::new();
        for message in read(LIMITS.record, [&self.sent[..]]).0 {
            if let Ok(ReplyHeader {
                xid,
                outcome: Ok(body),
            }) = ReplyHeader::parse(&message)
            {
                results
                    .entry(xid)
                    .or_default()
                    .push(message.slice(body.body..));
            }
        }
        for (number, call) in (0..).zip(self.calls) {
            assert!(call.is_finished(), "call {number} does not end");
            match call.await {
                Ok(Ok(body)) => {
                    let bodies = match self.read.get(&number) {
                        Some(xid) => results.get(xid).into_iter().flatten().collect(),
                        // The server guessed its xid.
                        None => results.values().flatten().collect::<Vec<_>>(),
                    };
                    assert!(bodies.contains(&&body), "nobody has sent {body:?}");
                }
                Ok(Err(_)) => {}
                Err(error) => assert!(error.is_cancelled(), "{error}"),
            }
        }
    }
}

/// A reply, nearly always with results.
fn reply(xid: u32, input: &mut Unstructured<'_>) -> arbitrary::Result<Vec<u8>> {
    let mut reply = [xid, 1, 0, 0, 0, 0].map(u32::to_be_bytes).concat();
    let len = input.int_in_range(0..=40)?;
    reply.extend(input.bytes(len.min(input.len()))?);
    if input.ratio(1_u8, 8)? {
        let at = input.choose_index(reply.len())?;
        reply[at] = u8::arbitrary(input)?;
    }
    Ok(reply)
}

const PROCEDURE: ProcedureId = ProcedureId {
    program: PROGRAM,
    version: 1,
    procedure: 1,
};

/// As exact as the clock is, and longer than it takes to move bytes, which takes none.
const MOMENT: Duration = Duration::from_millis(2);
