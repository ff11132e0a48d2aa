//! The ways that fail on purpose do it as they say.

use std::io::ErrorKind;
use std::time::Duration;

use oncrpc_transport::testing::{Cut, End, FaultyStream, Gap, Stall, StreamFaults};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::time::Instant;

/// In segments of 1,000 bytes.
fn sound() -> StreamFaults {
    StreamFaults {
        segment: 1_000,
        ..StreamFaults::default()
    }
}

/// What comes of 3,000 bytes, of which the nth is n, and when; the last is the end.
async fn read(faults: StreamFaults) -> (Vec<(u128, Vec<u8>)>, std::io::Result<usize>) {
    let (mut ours, theirs) = duplex(1 << 16);
    let sent: Vec<u8> = (0..3_000_u32).map(|n| n as u8).collect();
    ours.write_all(&sent).await.unwrap();
    drop(ours);
    let mut stream = FaultyStream::new(theirs, faults, 7);
    let (begun, mut came) = (Instant::now(), Vec::new());
    loop {
        let mut bytes = vec![0; 1 << 16];
        match stream.read(&mut bytes).await {
            Ok(len @ 1..) => came.push((begun.elapsed().as_millis(), bytes[..len].to_vec())),
            end => return (came, end),
        }
    }
}

/// When so many bytes came.
async fn times(faults: StreamFaults) -> Vec<(u128, usize)> {
    let (came, end) = read(faults).await;
    assert!(matches!(end, Ok(0)), "{end:?}");
    came.into_iter()
        .map(|(at, bytes)| (at, bytes.len()))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_stall_holds_up_what_is_behind_it() {
    let time = Duration::from_secs(10);
    let stall = Some(Stall { after: 1_500, time });
    let came = times(StreamFaults { stall, ..sound() }).await;
    assert_eq!(came, [(0, 1_000), (10_000, 1_000), (10_000, 1_000)]);
}

#[tokio::test(start_paused = true)]
async fn a_rate_is_kept_and_time_on_the_way_comes_on_top() {
    let delay = Duration::from_millis(50);
    let rate = Some(10_000);
    let came = times(StreamFaults {
        rate,
        delay,
        ..sound()
    })
    .await;
    // 100 ms for each 1,000 bytes; tokio's timers are never early, and 1 ms late at most.
    let at: Vec<_> = came.iter().map(|(at, _)| at / 10 * 10).collect();
    assert_eq!(at, [150, 250, 350]);
}

#[tokio::test(start_paused = true)]
async fn what_is_behind_a_gap_comes_and_what_is_in_it_does_not() {
    let gap = Some(Gap {
        after: 990,
        len: 20,
    });
    let (came, _) = read(StreamFaults { gap, ..sound() }).await;
    let bytes: Vec<u8> = came.into_iter().flat_map(|(_, bytes)| bytes).collect();
    assert_eq!(bytes.len(), 2_980);
    assert_eq!(bytes[989..991], [989_u32 as u8, 1_010_u32 as u8]);
}

#[tokio::test(start_paused = true)]
async fn one_bit_is_turned_and_no_other() {
    let flip = Some(1_234 * 8 + 5);
    let (came, _) = read(StreamFaults { flip, ..sound() }).await;
    let bytes = came.into_iter().flat_map(|(_, bytes)| bytes);
    let turned: Vec<_> = (0..3_000_u32)
        .zip(bytes)
        .filter(|(n, byte)| *byte != *n as u8)
        .collect();
    assert_eq!(turned, [(1_234, 1_234_u32 as u8 ^ 1 << 5)]);
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_behind_as_many_bytes_as_it_is_told() {
    for (end, kind) in [
        (End::Close, None),
        (End::Reset, Some(ErrorKind::ConnectionReset)),
    ] {
        let cut = Some(Cut { after: 1_700, end });
        let (came, ended) = read(StreamFaults { cut, ..sound() }).await;
        let len: usize = came.iter().map(|(_, bytes)| bytes.len()).sum();
        assert_eq!((len, ended.err().map(|error| error.kind())), (1_700, kind));
    }
}
