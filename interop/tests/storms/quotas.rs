//! Users who register all that they may.

use oncrpc_interop::{Caller, Host, Line, Reply, Transport, Which, call, needs_root};

use crate::{MOST_MEMORY, either, memory};

/// Whether a version of a program is registered for this caller.
fn sets(line: &mut Line<'_>, version: u32) -> bool {
    let set = call(3, 1).rpcb(500_000, version, "udp", "0.0.0.0.8.1", "");
    let answer = line.ask(&set).replies.remove(0);
    assert!([Reply::success(&[0]), Reply::success(&[1])].contains(&answer));
    answer == Reply::success(&[1])
}

/// Each of them has a quota of its own, all whom nothing identifies one together, and root none.
#[test]
fn who_has_registered_all_it_may_is_refused_one_more_and_nobody_else_is() {
    needs_root!();
    let (each, unknown) = either((16, 8), (512, 64));
    let host = Host::new();
    let settings = [
        format!("registrations-per-user = {each}"),
        format!("registrations-of-unknown = {unknown}"),
    ];
    let flags = ["--set", &settings[0], "--set", &settings[1]];
    let rpcbind = host.rpcbind(Which::Ours, &flags);
    let mut first = 0;
    for (caller, transport, most) in [
        (Caller::User, Transport::Local, each),
        (Caller::OtherUser, Transport::Local, each),
        (Caller::User, Transport::Tcp, unknown),
    ] {
        let mut line = host.line(caller, transport);
        for version in first..first + most {
            assert!(sets(&mut line, version), "{caller:?} {version}");
        }
        first += most;
        assert!(!sets(&mut line, first), "{caller:?}");
        // What is there may be said again, and what is not there any more leaves room for another.
        assert!(sets(&mut line, first - 1));
        let unset = call(3, 2).rpcb(500_000, first - 1, "udp", "", "");
        assert_eq!(line.ask(&unset).replies, [Reply::success(&[1])]);
        assert!(sets(&mut line, first) && !sets(&mut line, first - 1));
        first += 1;
    }
    let mut root = host.line(Caller::Root, Transport::Local);
    assert!((first..first + 2 * each).all(|version| sets(&mut root, version)));
    assert!(memory(&rpcbind, "VmHWM") <= MOST_MEMORY);
}
