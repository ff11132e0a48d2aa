//! Datagrams that get lost or come late, servers that start anew, addresses that change.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use oncrpc_interop::{Host, PROBE_PORT, Which, needs_root};

use crate::pairs::{PATIENT, Pair};
use crate::path::of_datagrams;

#[test]
fn of_what_gets_lost_every_call_is_executed_once() {
    needs_root!();
    for pair in Pair::ALL {
        let host = Host::new();
        let _rpcbind = host.rpcbind(Which::Theirs, &[]);
        let _server = pair.serve(&host);
        // Each third, calls and replies in turn.
        let calls = |nth: usize, bytes| if nth % 3 == 1 { vec![] } else { vec![bytes] };
        let replies = |nth: usize, bytes| {
            if nth.is_multiple_of(3) {
                vec![]
            } else {
                vec![bytes]
            }
        };
        let said = of_datagrams(&host, &calls, &replies, |at| {
            pair.call(
                &host,
                "udp",
                at,
                PATIENT,
                "add:1 add:1 add:1 add:1 add:1 add:1",
            )
        });
        assert_eq!(said, "1\n2\n3\n4\n5\n6\n", "{pair:?}");
    }
}

#[test]
fn of_what_comes_again_late_every_call_is_executed_once() {
    needs_root!();
    for pair in Pair::ALL {
        let host = Host::new();
        let _rpcbind = host.rpcbind(Which::Theirs, &[]);
        let _server = pair.serve(&host);
        // Each comes twice, and the second time behind the one that was sent after it. To a few more old replies
        // libtirpc's client says that it has timed out.
        let (calls, replies) = (Mutex::new(None), Mutex::new(None));
        let again = |last: &Mutex<Option<Vec<u8>>>, bytes: Vec<u8>| {
            let before = last.lock().expect("nobody panics").replace(bytes.clone());
            [bytes].into_iter().chain(before).collect()
        };
        let said = of_datagrams(
            &host,
            &|_, bytes| again(&calls, bytes),
            &|_, bytes| again(&replies, bytes),
            |at| pair.call(&host, "udp", at, PATIENT, "add:1 add:1 add:1"),
        );
        assert_eq!(said, "1\n2\n3\n", "{pair:?}");
    }
}

#[test]
fn a_call_outlives_the_server_that_it_was_sent_to() {
    needs_root!();
    for pair in Pair::ALL {
        let host = Host::new();
        let _rpcbind = host.rpcbind(Which::Theirs, &[]);
        let server = pair.serve(&host);
        let (tell, called) = mpsc::channel();
        let calls = |_, bytes| {
            let _ = tell.send(());
            vec![bytes]
        };
        let replies = |_, bytes| vec![bytes];
        let said = thread::scope(|scope| {
            let host = &host;
            let restarting = scope.spawn(move || {
                called.recv().expect("a call is made");
                server.end(Signal::SIGKILL);
                pair.serve(host)
            });
            let said = of_datagrams(host, &calls, &replies, |at| {
                pair.call(host, "udp", at, PATIENT, "wait:500 add:1")
            });
            drop(restarting.join());
            said
        });
        assert_eq!(said, "500\n1\n", "{pair:?}");
    }
}

#[test]
fn a_client_whose_address_has_changed_calls_from_the_new_one() {
    needs_root!();
    for pair in Pair::ALL {
        let [here, there] = [Host::new(), Host::new()];
        here.cable(1, &there);
        let _rpcbind = there.rpcbind(Which::Theirs, &[]);
        let _server = pair.serve(&there);
        let at: Ipv4Addr = Host::cable_end(1, 2).parse().expect("an address");
        let at = SocketAddr::from((at, PROBE_PORT));
        let timeout = Duration::from_secs(3);
        let said = thread::scope(|scope| {
            let calling = scope.spawn(|| pair.call(&here, "udp", at, timeout, "wait:2000 null"));
            // There is no other socket here. Ours has chosen its address by then.
            let connected = "until ss --no-header --udp --all | grep -q .; do sleep 0.05; done";
            here.run(connected).success();
            here.run("ip address del 198.18.1.1/24 dev c1 && ip address add 198.18.1.9/24 dev c1")
                .success();
            calling.join().expect("it does not fail")
        });
        let said: Vec<_> = said.lines().collect();
        assert_eq!(said.len(), 2, "{pair:?}: {said:?}");
        if pair.client == Which::Ours {
            assert_eq!(said, ["RPC: Timed out", "null"], "{pair:?}");
        }
    }
}
