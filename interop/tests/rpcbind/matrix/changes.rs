//! Who may SET and UNSET: callers × transports × versions, with and without `-i`.

use std::fmt::Write as _;

use oncrpc_interop::{
    Answer, Caller, Host, Line, Message, Reply, Transport, Which, call, needs_root,
};

use super::{cell_of, listed};

/// A caller, how it calls, and as whom it registers: without `-i` and with it, `-` where it is refused with
/// AUTH_TOOWEAK.
///
/// The two entries of a cell are the difference `crossed-loopback`.
#[rustfmt::skip]
const CALLERS: [(Caller, &[Transport], [&str; 2]); 12] = {
    use Caller::*;
    use Transport::*;
    // Who is identified: the kernel vouches for uids, and a port below 1024 on loopback is root's.
    //                                          without      -i
    [(Root,          &[Local],                  ["superuser", "superuser"]),
     (User,          &[Local],                  ["1000",      "1000"]),
     (OtherUser,     &[Local],                  ["1001",      "1001"]),
     (Root,          &[Udp, Tcp, Udp6, Tcp6],   ["superuser", "superuser"]),
     (User,          &[Udp, Tcp, Udp6, Tcp6],   ["unknown",   "unknown"]),
     (OtherUser,     &[Udp, Tcp, Udp6, Tcp6],   ["unknown",   "unknown"]),
    // Other addresses of this host are nobody's in particular.
     (OtherLoopback, &[Udp, Tcp, Udp6, Tcp6],   ["-",         "unknown"]),
     (OwnAddress,    &[Udp, Tcp, Udp6, Tcp6],   ["-",         "unknown"]),
     (Crossed,       &[Tcp, Tcp6],              ["superuser", "superuser"]),
     (Crossed,       &[Udp, Udp6],              ["superuser -", "superuser unknown"]),
    // Neither are other hosts, whatever their port.
     (Remote,        &[Udp, Tcp, Udp6, Tcp6],   ["-",         "unknown"]),
     (RemoteRoot,    &[Udp, Tcp, Udp6, Tcp6],   ["-",         "unknown"])]
};

/// Whether a caller of this kind may remove the entry of one of [`OWNERS`].
#[rustfmt::skip]
const REMOVES: [(&str, [bool; 4]); 4] = [
    //            superuser's  1000's  1001's  unknown's
    ("superuser", [true,       true,   true,   true]),
    ("1000",      [false,      true,   false,  false]),
    ("1001",      [false,      false,  true,   false]),
    ("unknown",   [false,      false,  false,  true]),
];

/// Owners of entries, and who registers as each.
const OWNERS: [(&str, Caller, Transport); 4] = [
    ("superuser", Caller::Root, Transport::Local),
    ("1000", Caller::User, Transport::Local),
    ("1001", Caller::OtherUser, Transport::Local),
    ("unknown", Caller::User, Transport::Udp),
];

/// A call about a program.
type OfProgram = fn(u32) -> Message;

/// The ways to register: at a port of anybody's or of root's, what credentials and owners may claim.
const SETS: [(&str, OfProgram); 5] = [
    ("v2 SET", |program| call(2, 1).u32s(&[program, 1, 17, 2049])),
    ("v2 SET of a port below 1024", |program| {
        call(2, 1).u32s(&[program, 1, 17, 600])
    }),
    ("v3 SET", |program| set(3, program, "0.0.0.0.8.1")),
    ("v4 SET", |program| {
        set(4, program, "0.0.0.0.8.1").auth_sys(1001, &[0])
    }),
    ("v4 SET of a port below 1024", |program| {
        set(4, program, "0.0.0.0.2.88").auth_sys(0, &[])
    }),
];

/// The ways to remove, and how many of the two entries of a program they are about. (Version 2 takes both: if one of them
/// were not there, it would be content with that.)
const UNSETS: [(&str, usize, OfProgram); 5] = [
    ("v2 UNSET", 2, |program| {
        call(2, 2).u32s(&[program, 1, 17, 0])
    }),
    ("v3 UNSET", 1, |program| unset(3, program, "udp")),
    ("v3 UNSET of all", 2, |program| unset(3, program, "")),
    ("v4 UNSET", 1, |program| {
        unset(4, program, "tcp").auth_sys(0, &[])
    }),
    ("v4 UNSET of all", 2, |program| unset(4, program, "")),
];

fn set(rpcb: u32, program: u32, address: &str) -> Message {
    call(rpcb, 1).rpcb(program, 1, "udp", address, "superuser")
}

fn unset(rpcb: u32, program: u32, netid: &str) -> Message {
    call(rpcb, 2).rpcb(program, 1, netid, "", "superuser")
}

/// Each cell has a program of its own, from here on.
const FIRST: u32 = 0x2000_1000;

/// The answer to a caller that is refused.
fn refused() -> Answer {
    Answer::reply(Reply::auth_error(5))
}

fn answered(yes: bool) -> Answer {
    Answer::reply(Reply::success(&[u32::from(yes)]))
}

/// Runs `cell` for each caller and transport, with the owner as which it counts if it may call.
fn each_caller(
    which: Which,
    insecure: bool,
    mut cell: impl FnMut(&Host, &mut Line<'_>, Option<&str>, &str),
) {
    let host = Host::new();
    let flags: &[&str] = if insecure { &["-i"] } else { &[] };
    let _rpcbind = host.rpcbind(which, flags);
    for (caller, transports, owners) in CALLERS {
        for &transport in transports {
            let owner = cell_of(which, owners[usize::from(insecure)]);
            let owner = (owner != "-").then_some(owner);
            let mut line = host.line(caller, transport);
            let what = format!(
                "{caller:?} over {} of {which:?}, -i {insecure}",
                transport.netid()
            );
            cell(&host, &mut line, owner, &what);
        }
    }
}

/// The matrix, with theirs and ours, without `-i` and with it; complaints are collected.
#[track_caller]
fn matrix(run: impl Fn(Which, bool) -> String + Sync) {
    let cases =
        Which::BOTH.map(|which| [false, true].map(|insecure| run(which, insecure)).concat());
    let wrong = cases.concat();
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn who_may_set_and_as_whom() {
    needs_root!();
    matrix(|which, insecure| {
        let mut wrong = String::new();
        let mut program = FIRST;
        each_caller(which, insecure, |host, line, owner, who| {
            for (what, message) in SETS {
                let expected = if owner.is_some() {
                    answered(true)
                } else {
                    refused()
                };
                let answer = line.ask(&message(program));
                if answer != expected {
                    let _ = writeln!(wrong, "{what} by {who}: {answer:?}");
                }
                // The same again changes nothing; another address is refused. Whose it is does not matter.
                let other = set(4, program, "0.0.0.0.9.9");
                let again = line.ask(&other);
                let expected = if owner.is_some() {
                    answered(false)
                } else {
                    refused()
                };
                if again != expected {
                    let _ = writeln!(wrong, "{what} by {who}, elsewhere: {again:?}");
                }
                program += 1;
            }
            let last = program - SETS.len() as u32..program;
            let there = listed(host);
            let there: Vec<_> = there
                .iter()
                .filter(|entry| last.contains(&entry.program))
                .collect();
            let all = there.len() == if owner.is_some() { SETS.len() } else { 0 };
            let as_whom = there
                .iter()
                .all(|entry| Some(entry.owner.as_str()) == owner && entry.version == 1);
            if !all || !as_whom {
                let owners: Vec<_> = there.iter().map(|entry| &entry.owner).collect();
                let _ = writeln!(wrong, "{who} is listed as {owners:?}, not as {owner:?}");
            }
        });
        wrong
    });
}

#[test]
fn who_may_unset_whose() {
    needs_root!();
    matrix(|which, insecure| {
        let mut wrong = String::new();
        each_caller(which, insecure, |host, line, owner, who| {
            let removes = owner.map(|owner| {
                let row = REMOVES.iter().find(|(row, _)| *row == owner);
                row.expect("every owner has a row").1
            });
            // Programs of each owner, one for each way to remove.
            for (column, (_, registrant, over)) in OWNERS.into_iter().enumerate() {
                let mut registrant = host.line(registrant, over);
                for program in programs(column) {
                    for netid in ["udp", "tcp"] {
                        let set = call(4, 1).rpcb(program, 1, netid, "0.0.0.0.8.1", "");
                        assert_eq!(registrant.ask(&set), answered(true));
                    }
                }
            }
            for (column, (whose, ..)) in OWNERS.into_iter().enumerate() {
                let (expected, removed) = match removes {
                    None => (refused(), false),
                    Some(removes) => (answered(removes[column]), removes[column]),
                };
                for (program, (what, _, message)) in programs(column).zip(UNSETS) {
                    let answer = line.ask(&message(program));
                    if answer != expected {
                        let _ = writeln!(wrong, "{what} of {whose}'s by {who}: {answer:?}");
                    }
                }
                let there = listed(host);
                for (program, (what, about, _)) in programs(column).zip(UNSETS) {
                    let left = there
                        .iter()
                        .filter(|entry| entry.program == program)
                        .count();
                    if left != if removed { 2 - about } else { 2 } {
                        let _ = writeln!(wrong, "{what} of {whose}'s by {who} leaves {left}");
                    }
                }
            }
            let mut root = host.line(Caller::Root, Transport::Tcp);
            for program in (0..OWNERS.len()).flat_map(programs) {
                assert_eq!(root.ask(&unset(4, program, "")), answered(true));
            }
        });
        wrong
    });
}

/// The programs of the owner in this column.
fn programs(column: usize) -> std::ops::Range<u32> {
    let first = FIRST + (column * UNSETS.len()) as u32;
    first..first + UNSETS.len() as u32
}
