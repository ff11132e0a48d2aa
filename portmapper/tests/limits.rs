//! What rpcbind takes and gives: at each limit it answers, and one over it does not.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[expect(dead_code, reason = "not every test needs all of it")]
mod instance;

use std::fs;
use std::future::pending;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use instance::{Place, ask, call, rpcb, words};
use oncrpc::netid::Netid;
use oncrpc::peer::Peer;
use oncrpc::{Call, Reply, Services, service};
use oncrpc_portmapper::limits;
use oncrpc_portmapper::settings::Settings;
use oncrpc_transport::{Driver, LadderPool, Limits, Stop, StreamLink};
use tokio::io::{AsyncWriteExt, duplex};
use tokio::time::{Instant, timeout};

const PROGRAM: u32 = 0x2000_0001;

/// Longest message in, and longest datagram out, in bytes.
const MOST_BYTES: usize = 9000;

/// Fragments of a record.
const MOST_FRAGMENTS: usize = 64;

/// A call of NULL with so many bytes that nobody reads behind its header.
fn null(len: usize) -> Vec<u8> {
    let mut call = call(0, &[]);
    call.resize(len, 0);
    call
}

/// The same in so many fragments, the last of which has what is left.
fn fragments(message: &[u8], count: usize) -> Vec<u8> {
    let (first, last) = message.split_at(count - 1);
    let mut record = Vec::new();
    for byte in first {
        record.extend([0, 0, 0, 1, *byte]);
    }
    let mark = 0x8000_0000 | u32::try_from(last.len()).unwrap();
    [record, mark.to_be_bytes().to_vec(), last.to_vec()].concat()
}

/// Whether a record is answered SUCCESS; if not, the connection is closed.
fn is_answered(port: u16, record: &[u8]) -> bool {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let _ = stream.write_all(record);
    let mut reply = [0; 28];
    match stream.read_exact(&mut reply) {
        Ok(()) => {
            assert_eq!(reply[4..], words(&[7, 1, 0, 0, 0, 0]));
            true
        }
        Err(error) => {
            let ends = [ErrorKind::UnexpectedEof, ErrorKind::ConnectionReset];
            assert!(ends.contains(&error.kind()), "{error}");
            false
        }
    }
}

#[test]
fn a_record_has_9000_bytes_in_64_fragments_and_no_more() {
    let place = Place::new("records");
    let _instance = place.start(&[]);
    let is_answered = |len, count| is_answered(place.port, &fragments(&null(len), count));
    assert!(is_answered(MOST_BYTES, 1));
    assert!(!is_answered(MOST_BYTES + 1, 1));
    assert!(is_answered(100, MOST_FRAGMENTS));
    assert!(!is_answered(100, MOST_FRAGMENTS + 1));
    assert!(is_answered(MOST_BYTES, MOST_FRAGMENTS));
}

#[test]
fn a_datagram_has_9000_bytes_in_and_out_and_no_more() {
    let place = Place::new("datagrams");
    let instance = place.start(&[]);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(("127.0.0.1", place.port)).unwrap();
    let mut reply = [0; 2 * MOST_BYTES];
    // What is dropped is not answered: what comes first is the answer to the second.
    for (len, expected) in [
        (MOST_BYTES + 1, [8, 1, 0, 0, 0, 0]),
        (MOST_BYTES, [7, 1, 0, 0, 0, 0]),
    ] {
        socket.send(&null(len)).unwrap();
        let mut last = null(40);
        last[3] = 8;
        socket.send(&last).unwrap();
        let got = socket.recv(&mut reply).unwrap();
        assert_eq!(reply[..got], words(&expected), "{len} bytes");
    }
    let got = socket.recv(&mut reply).unwrap();
    assert_eq!(reply[..got], words(&[8, 1, 0, 0, 0, 0]));
    // The list has an entry more each time, until it does not fit.
    let mut longest = 0;
    for program in 500_000.. {
        instance.set(program);
        socket.send(&call(4, &[])).unwrap();
        let got = socket.recv(&mut reply).unwrap();
        if reply[..got] == words(&[7, 1, 0, 0, 0, 5]) {
            break;
        }
        longest = got;
    }
    let entry = 4 + rpcb(0, "udp", "0.0.0.0.8.1").len() + "superuser".len().next_multiple_of(4);
    assert!(
        (MOST_BYTES - entry..=MOST_BYTES).contains(&longest),
        "{longest}"
    );
}

/// After how many seconds a server ends a connection to which it grants this, when it was sent this; `None` if not in a day.
async fn ended_after(limits: Limits, sent: &[u8]) -> Option<u64> {
    let null = service(PROGRAM, 1, &[], Arc::new(()), |_| {
        Box::new(|_: &Call<'_>, reply: &mut Reply<'_>| reply.success::<()>(&()))
    });
    let ladders = Arc::new(LadderPool::new(Arc::new(Services::new([null]))));
    let peer = Peer::local(Netid::Local);
    // Replies that nobody takes stand still when there are so many bytes of them.
    let (mut ours, theirs) = duplex(1000);
    let stop = Stop::new();
    let driver = Driver::new(StreamLink::new(theirs, limits.record), limits);
    let mut driven = tokio::spawn(driver.serving(ladders, peer, stop.subscribe()).run());
    let begun = Instant::now();
    let day = Duration::from_secs(24 * 3600);
    let sending = timeout(day, async {
        // As much as is taken.
        let _ = ours.write_all(sent).await;
        pending::<()>().await;
    });
    tokio::select! {
        ended = &mut driven => {
            assert_eq!(ended.unwrap().unwrap_err().kind(), ErrorKind::TimedOut);
            Some(begun.elapsed().as_secs())
        }
        _ = sending => None,
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_has_its_time_and_one_by_the_unix_socket_all_of_it() {
    let granted = limits::of(&Settings::default());
    let call = words(&[7, 0, 2, PROGRAM, 1, 0, 0, 0, 0, 0]);
    let record = fragments(&call, 1);
    for (what, sent, tcp, unix) in [
        ("nothing", vec![], Some(10), None),
        ("a record", record.clone(), Some(60), None),
        ("half a mark", record[..3].to_vec(), Some(2), Some(2)),
        ("half a record", record[..36].to_vec(), Some(2), Some(2)),
        (
            "calls whose replies are not taken",
            record.repeat(1000),
            Some(5),
            Some(5),
        ),
    ] {
        assert_eq!(ended_after(granted.connection, &sent).await, tcp, "{what}");
        assert_eq!(
            ended_after(granted.unix_connection, &sent).await,
            unix,
            "{what} by the Unix socket"
        );
    }
}

#[test]
fn of_refused_calls_the_log_has_a_line_in_ten_seconds_and_no_process_comes_of_them() {
    let place = Place::new("refused");
    let (instance, log) = place.start_logged(&[]);
    // This address of the host's is not the one that may register.
    let socket = UdpSocket::bind("127.0.0.2:0").unwrap();
    socket.connect(("127.0.0.1", place.port)).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    let refused = [
        call(1, &rpcb(500_000, "udp", "0.0.0.0.8.1")),
        call(2, &rpcb(500_000, "udp", "")),
        call(5, &words(&[100_000, 4, 1, 0])),
    ];
    let children = format!("/proc/{0}/task/{0}/children", instance.process.id());
    for message in refused.iter().cycle().take(3_000) {
        socket.send(message).unwrap();
        let mut reply = [0; 100];
        let len = socket.recv(&mut reply).unwrap();
        assert_eq!(reply[..len], words(&[7, 1, 1, 1, 5]), "AUTH_TOOWEAK");
        if let Ok(children) = fs::read_to_string(&children) {
            assert_eq!(children, "");
        }
    }
    // Whoever may is answered all the same, and by then everything is said.
    assert!(
        ask(
            &mut TcpStream::connect(("127.0.0.1", place.port)).unwrap(),
            0,
            &[]
        )
        .is_empty()
    );
    let lines = fs::read_to_string(log).unwrap();
    let lines = lines
        .lines()
        .filter(|line| line.contains("declined") || line.contains("not allowed"));
    // A slow machine may take more than ten seconds for them.
    assert!((1..10).contains(&lines.count()));
}
