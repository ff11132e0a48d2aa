//! Peers that mean no good. Each has one connection, and does with it what its number says.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::sleep;

/// A record with these words, and a mark that says `len`.
fn record(len: u32, words: &[u32]) -> Vec<u8> {
    let mark = 0x8000_0000 | len;
    let words = [&[mark], words].concat();
    words.into_iter().flat_map(u32::to_be_bytes).collect()
}

/// A call of version 4's, without arguments.
fn call(procedure: u32) -> Vec<u8> {
    record(40, &[7, 0, 2, 100_000, 4, procedure, 0, 0, 0, 0])
}

/// Does what the `nth` of them does, and waits for the end.
pub(crate) async fn act(nth: u32, mut stream: DuplexStream) {
    const DUMP: u32 = 4;
    let noise: Vec<u8> = (0..200)
        .map(|at: u32| (at.wrapping_mul(nth) >> 3) as u8)
        .collect();
    let message = match nth % 12 {
        // Half a mark, half a header, half a record; then nothing.
        0 => call(0)[..3].to_vec(),
        1 => call(0)[..17].to_vec(),
        2 => call(0)[..40].to_vec(),
        // A record longer than any may be, and one that is none.
        3 => record(0x7fff_ffff, &[]),
        4 => record(0, &[]),
        5 => noise,
        // Another version of RPC, a program and a procedure that there are not, a credential that is too long.
        6 => record(40, &[7, 0, 3, 100_000, 4, 0, 0, 0, 0, 0]),
        7 => record(40, &[7, 0, 2, nth, 4, 0, 0, 0, 0, 0]),
        8 => record(40, &[7, 0, 2, 100_000, 4, 0, 1, u32::MAX, 0, 0]),
        // Who trickles, who never reads, who leaves in the middle of it all.
        9 => return trickle(&call(0), stream).await,
        10 => return never_read(&call(DUMP), stream).await,
        _ => {
            let _ = stream.write_all(&call(DUMP)[..30]).await;
            return;
        }
    };
    if stream.write_all(&message).await.is_ok() {
        let _ = stream.read_to_end(&mut Vec::new()).await;
    }
}

async fn trickle(record: &[u8], mut stream: DuplexStream) {
    for byte in record {
        if stream.write_all(&[*byte]).await.is_err() {
            return;
        }
        sleep(Duration::from_secs(1)).await;
    }
}

async fn never_read(call: &[u8], mut stream: DuplexStream) {
    while stream.write_all(call).await.is_ok() {}
}
