//! How long a peer may take with its records, on a clock that the test moves.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail it")]

use std::io;
use std::sync::Arc;
use std::time::Duration;

use oncrpc::netid::Netid;
use oncrpc::peer::Peer;
use oncrpc::{Call, Reply, Services, service};
use oncrpc_transport::{Activity, Driver, LadderPool, Limits, Pace, Stop, StreamLink};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

const PROGRAM: u32 = 0x2000_0001;

/// What the peers of these tests are granted.
const STRICT: Limits = Limits {
    first_record: Some(Duration::from_secs(10)),
    header: Duration::from_secs(5),
    mid_record: Duration::from_secs(10),
    pace: Some(Pace {
        grace: Duration::from_secs(2),
        bytes_per_second: 1024,
    }),
    idle: Some(Duration::from_secs(60)),
    ..Limits::SERVER
};

/// A connection to a server of a program that does nothing.
struct Server {
    stream: DuplexStream,
    activity: Arc<Activity>,
    driven: JoinHandle<io::Result<()>>,
    _stop: Stop,
}

fn serve(limits: Limits) -> Server {
    let null = service(PROGRAM, 1, &[], Arc::new(()), |_| {
        Box::new(|_: &Call<'_>, reply: &mut Reply<'_>| reply.success::<()>(&()))
    });
    let peer = Peer::local(Netid::Local);
    let ladders = Arc::new(LadderPool::new(Arc::new(Services::new([null]))));
    let (stream, theirs) = duplex(1 << 20);
    let stop = Stop::new();
    let activity = Arc::new(Activity::new(Instant::now().into_std()));
    let driver = Driver::new(StreamLink::new(theirs, limits.record), limits)
        .noting(activity.clone())
        .serving(ladders, peer, stop.subscribe());
    Server {
        stream,
        activity,
        driven: tokio::spawn(driver.run()),
        _stop: stop,
    }
}

/// A call with so many bytes of arguments, as a record of its own.
fn record(args: usize) -> Vec<u8> {
    let mark = 0x8000_0000 | u32::try_from(40 + args).unwrap();
    let words = [mark, 7, 0, 2, PROGRAM, 1, 0, 0, 0, 0, 0];
    [&words.map(u32::to_be_bytes).concat()[..], &vec![0; args]].concat()
}

impl Server {
    async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    async fn answered(&mut self) {
        self.stream.read_exact(&mut [0; 28]).await.unwrap();
    }

    /// Waits for the end of the connection; gives back why it ended, and after how many seconds.
    async fn ended(self) -> (String, u64) {
        let begun = Instant::now();
        let why = self.driven.await.unwrap().unwrap_err();
        (why.to_string(), begun.elapsed().as_secs())
    }
}

fn half(seconds: u64) -> (String, u64) {
    ("half a message for too long".to_owned(), seconds)
}

#[tokio::test(start_paused = true)]
async fn who_never_sends_a_record_has_ten_seconds_and_who_has_sent_one_a_minute() {
    let silent = serve(STRICT);
    let expected = ("no message in all the time".to_owned(), 10);
    assert_eq!(silent.ended().await, expected);

    let mut late = serve(STRICT);
    sleep(Duration::from_millis(9_999)).await;
    late.send(&record(0)).await;
    late.answered().await;
    assert_eq!(late.ended().await, ("idle for too long".to_owned(), 60));
}

#[tokio::test(start_paused = true)]
async fn the_library_waits_for_the_first_record_as_long_as_for_any() {
    let silent = serve(Limits::SERVER);
    assert_eq!(silent.ended().await, ("idle for too long".to_owned(), 360));
}

#[tokio::test(start_paused = true)]
async fn a_header_has_five_seconds_and_what_is_behind_it_longer() {
    let limits = Limits {
        pace: None,
        first_record: None,
        ..STRICT
    };
    // 4 bytes of a mark, and the 24 that every message has.
    for (bytes, seconds) in [(1, 5), (4, 5), (27, 5), (28, 10), (40, 10)] {
        let mut server = serve(limits);
        server.send(&record(0)[..bytes]).await;
        assert_eq!(server.ended().await, half(seconds), "{bytes} bytes");
    }
    let mut server = serve(limits);
    server.send(&record(0)[..27]).await;
    sleep(Duration::from_millis(4_999)).await;
    server.send(&record(0)[27..]).await;
    server.answered().await;
}

#[tokio::test(start_paused = true)]
async fn after_two_seconds_a_record_arrives_at_a_kibibyte_a_second_or_not_at_all() {
    for (piece, expected) in [(850, 8), (512, 4), (1, 3)] {
        let mut server = serve(STRICT);
        let record = record(8_900);
        let begun = Instant::now();
        server.send(&record[..28]).await;
        for piece in record[28..].chunks(piece) {
            sleep(Duration::from_secs(1)).await;
            if server.stream.write_all(piece).await.is_err() {
                break;
            }
            if server.driven.is_finished() {
                break;
            }
        }
        let finished = server.ended().await;
        assert_eq!(finished.0, half(0).0, "{piece} bytes a second");
        let seconds = begun.elapsed().as_secs();
        assert_eq!(seconds, expected, "{piece} bytes a second");
    }
    let mut server = serve(STRICT);
    for piece in record(8_900).chunks(1_024) {
        server.send(piece).await;
        sleep(Duration::from_secs(1)).await;
    }
    server.answered().await;
}

#[tokio::test(start_paused = true)]
async fn from_outside_it_shows_whether_a_connection_is_of_use() {
    let mut server = serve(STRICT);
    let begun = Instant::now().into_std();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(server.activity.last_good(), None);
    server.send(&record(0)[..28]).await;
    sleep(Duration::from_secs(1)).await;
    assert_eq!(server.activity.last_good(), None, "half a record is none");
    server.send(&record(0)[28..]).await;
    server.answered().await;
    let expected = begun + Duration::from_secs(2);
    assert_eq!(server.activity.last_good(), Some(expected));
    assert!(!server.activity.is_busy());
}
