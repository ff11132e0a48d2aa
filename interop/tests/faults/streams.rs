//! Connections in pieces, that stand still, end anywhere, or are slow.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use oncrpc_interop::{Host, PROBE_PORT, Which, needs_root};

use crate::pairs::{PATIENT, Pair};
use crate::path::{Bytes, Happens, SOUND, of_streams};

/// What each pair's client says when its connection suffers.
fn each(calls: &str, to_server: Bytes, to_client: Bytes, judge: impl Fn(Pair, &str)) {
    for pair in Pair::ALL {
        let host = Host::new();
        let _rpcbind = host.rpcbind(Which::Theirs, &[]);
        let _server = pair.serve(&host);
        let said = of_streams(&host, to_server, to_client, |at| {
            pair.call(&host, "tcp", at, PATIENT, calls)
        });
        judge(pair, &said);
    }
}

#[test]
fn messages_may_come_a_byte_at_a_time() {
    needs_root!();
    let bytes = Bytes { piece: 1, ..SOUND };
    each("null echo:20000 add:1", bytes, bytes, |pair, said| {
        assert_eq!(said, "null\n20000 bytes came back\n1\n", "{pair:?}");
    });
}

#[test]
fn a_message_may_stand_still_in_its_middle() {
    needs_root!();
    let stall = |after| Bytes {
        at: Some((after, Happens::Stall(Duration::from_secs(1)))),
        ..SOUND
    };
    each(
        "echo:100000 add:1",
        stall(70_000),
        stall(30_000),
        |pair, said| {
            assert_eq!(said, "100000 bytes came back\n1\n", "{pair:?}");
        },
    );
}

/// A client has an error, at once, for the call whose reply was cut; ours connects again for the next, where a C program
/// may be ended by SIGPIPE.
fn ends_within_a_reply(happens: Happens) {
    let cut = Bytes {
        at: Some((1_000, happens)),
        ..SOUND
    };
    each("null echo:5000 null", SOUND, cut, |pair, said| {
        let lines: Vec<_> = said.lines().collect();
        assert_eq!(lines[0], "null", "{pair:?}: {said}");
        assert!(
            lines[1].starts_with("RPC: Unable to receive"),
            "{pair:?}: {said}"
        );
        if pair.client == Which::Ours {
            assert_eq!(lines[2..], ["null"], "{pair:?}: {said}");
        }
    });
}

#[test]
fn a_connection_may_end_within_a_reply() {
    needs_root!();
    ends_within_a_reply(Happens::Close);
}

#[test]
fn a_connection_may_be_reset_within_a_reply() {
    needs_root!();
    ends_within_a_reply(Happens::Reset);
}

#[test]
fn a_megabit_a_second_is_enough() {
    needs_root!();
    for pair in Pair::ALL {
        let host = Host::new();
        let _rpcbind = host.rpcbind(Which::Theirs, &[]);
        let _server = pair.serve(&host);
        host.run("tc qdisc add dev lo root tbf rate 1mbit burst 100kb latency 30s")
            .success();
        let at = SocketAddr::from((Ipv4Addr::LOCALHOST, PROBE_PORT));
        let begun = Instant::now();
        let said = pair.call(&host, "tcp", at, PATIENT, "echo:150000 add:1");
        assert_eq!(said, "150000 bytes came back\n1\n", "{pair:?}");
        // 2.4 Mbit both ways, of which the 100 kB that a burst may have come at once.
        assert!(begun.elapsed() >= Duration::from_secs(1), "{pair:?}");
    }
}
