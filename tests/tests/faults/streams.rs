//! Streams that come in any pieces and end at any byte.

use std::time::Duration;

use oncrpc::CallTable;
use oncrpc_transport::testing::{Cut, Dice, End, FaultyStream, StreamFaults};
use oncrpc_transport::{Connection, Limits, StreamLink};
use tokio::io::duplex;

use crate::echo::{Ends, echo, ends, serve};

/// Calls over a stream between two ends of which each may suffer.
async fn over_a_stream(
    piece: usize,
    ours_cut: Option<Cut>,
    theirs_cut: Option<Cut>,
    calls: u32,
    most: u64,
) -> Ends {
    let (ours, theirs) = duplex(1 << 16);
    let suffering = |stream, cut| {
        let faults = StreamFaults {
            piece,
            cut,
            ..StreamFaults::default()
        };
        FaultyStream::new(stream, faults, 7)
    };
    let (ours, theirs) = (suffering(ours, ours_cut), suffering(theirs, theirs_cut));
    let _stop = serve(StreamLink::new(theirs, Limits::SERVER.record), echo());
    let link = StreamLink::new(ours, Limits::CLIENT.record);
    let (connection, driver) = Connection::new(link, CallTable::new(u32::MAX), Limits::CLIENT);
    tokio::spawn(driver.run());
    let timeout = Duration::from_secs(25);
    ends(&connection, calls, timeout, &mut Dice::new(7), most).await
}

#[tokio::test(start_paused = true)]
async fn a_stream_may_come_in_any_pieces() {
    for piece in [1, 3, 7, 1_000] {
        let ends = over_a_stream(piece, None, None, 20, 5_000).await;
        assert_eq!(ends.right, 20, "pieces of {piece}: {ends:?}");
    }
    let ends = over_a_stream(4_096, None, None, 4, 1 << 20).await;
    assert_eq!(ends.right, 4, "{ends:?}");
}

#[tokio::test(start_paused = true)]
async fn a_stream_may_end_at_any_byte() {
    // Three calls and replies take fewer than so many bytes each way.
    for after in 0..400 {
        for end in [End::Close, End::Reset] {
            let cut = Some(Cut { after, end });
            for (ours, theirs) in [(cut, None), (None, cut)] {
                let ends = over_a_stream(64, ours, theirs, 3, 60).await;
                assert_eq!(ends.wrong, 0, "after {after}, {end:?}: {ends:?}");
                assert_eq!(
                    ends.right + ends.errors,
                    3,
                    "after {after}, {end:?}: {ends:?}"
                );
            }
        }
    }
}
