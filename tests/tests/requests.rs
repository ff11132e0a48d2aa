//! What it takes to read the requests of rpcbind: at most twice what has arrived and 4 KiB, whatever they say.

use allocation_counter::measure;
use bytes::Bytes;
use oncrpc::proto::{portmap, rpcb};
use oncrpc_xdr::{Decode, XdrString, from_bytes};

/// Numbers of which counts and lengths are made, and what would overflow them.
const WORDS: [u32; 12] = [
    0,
    1,
    3,
    4,
    64,
    8_000,
    65_536,
    0x3fff_ffff,
    0x4000_0001,
    0x7fff_ffff,
    0x8000_0000,
    u32::MAX,
];

/// Reads a request, well or not, of these bytes.
fn stays_within_its_bound<T: Decode>(name: &str, request: &Bytes) {
    let read = measure(|| drop(from_bytes::<T>(request)));
    let most = 2 * request.len() as u64 + 4096;
    assert!(
        read.bytes_max <= most,
        "{name}: {} bytes for {} that came, allowed are {most}",
        read.bytes_max,
        request.len()
    );
    assert_eq!(read.bytes_current, 0, "{name} leaves something behind");
}

#[test]
fn a_request_takes_twice_its_bytes_and_4_kib_at_most_and_leaves_nothing_behind() {
    for len in [0, 4, 8, 12, 16, 20, 24, 40, 44, 100, 400, 1000, 8960] {
        for first in WORDS {
            for second in WORDS {
                // Two words of each kind in turns: at each place of a field there is each of them once.
                let words = [first, second, second, first, first];
                let bytes: Vec<u8> = words
                    .into_iter()
                    .cycle()
                    .flat_map(u32::to_be_bytes)
                    .take(len)
                    .collect();
                let request = Bytes::from(bytes);
                // The first slice of them has a count of owners made, which stays with them.
                let _slice = request.clone();
                stays_within_its_bound::<rpcb::Rpcb>("rpcb", &request);
                stays_within_its_bound::<rpcb::RpcbRmtcallargs>("rpcb_rmtcallargs", &request);
                stays_within_its_bound::<rpcb::Netbuf>("netbuf", &request);
                stays_within_its_bound::<XdrString>("uaddr2taddr", &request);
                stays_within_its_bound::<portmap::Mapping>("mapping", &request);
                stays_within_its_bound::<portmap::CallArgs>("call_args", &request);
            }
        }
    }
}
