//! GETTIME, GETSTAT, and the calls that rpcbind may pass on.

use oncrpc_interop::{Caller, Message, PMAPPROG, Transport, call};

use super::registration::set;
use super::{Scenario, Step, step};

const P: u32 = 0x2000_0e10;

pub fn gettime() -> Scenario {
    Scenario::new(|_| {
        let time = |version| {
            step(
                format!("v{version} GETTIME"),
                Caller::User,
                call(version, 6),
            )
            .time()
        };
        vec![time(3), time(4)]
    })
}

pub fn getstat() -> Scenario {
    Scenario::new(|_| {
        let getstat = || step("GETSTAT", Caller::User, call(4, 12));
        let user = |message: Message| step("a call to be counted", Caller::User, message);
        vec![
            getstat(),
            user(call(2, 0)),
            user(call(2, 1).u32s(&[P, 1, 6, 2049])),
            user(call(2, 3).u32s(&[P, 1, 6, 0])),
            user(call(2, 3).u32s(&[P, 1, 6, 0])),
            user(call(2, 3).u32s(&[P, 2, 17, 0])),
            user(call(3, 3).rpcb(P, 1, "tcp", "", "")),
            user(call(4, 3).rpcb(P, 1, "tcp", "", "")),
            user(call(4, 9).rpcb(P, 7, "tcp", "", "")),
            user(call(4, 11).rpcb(P, 1, "", "", "")),
            getstat(),
            user(call(2, 2).u32s(&[P, 1, 6, 2049])),
            user(call(3, 2).rpcb(P, 1, "tcp", "", "")),
            user(call(4, 7).opaque("1.2.3.4.5.6")),
            user(call(4, 99)),
            user(call(4, 3)),
            getstat(),
        ]
    })
}

/// Without `-r` nothing is passed on; what may never be is refused aloud.
pub fn calls_that_are_not_forwarded() -> Scenario {
    Scenario::new(|_| {
        let forward = |version, procedure, program, remote_version, remote_procedure| {
            call(version, procedure)
                .u32s(&[program, remote_version, remote_procedure])
                .opaque("")
        };
        let mut steps = vec![
            step("SET", Caller::Root, set(4, P, 1, "udp", "0.0.0.0.8.1")).over(Transport::Local),
        ];
        let targets: &[(&str, u32, u32, u32)] = &[
            ("a registered service", P, 1, 0),
            ("another procedure of it", P, 1, 1),
            ("another version of it", P, 2, 0),
            ("nothing", P + 1, 1, 0),
            ("rpcbind's NULL", PMAPPROG, 2, 0),
            ("rpcbind's SET", PMAPPROG, 2, 1),
            ("rpcbind's DUMP", PMAPPROG, 4, 4),
            ("mount's NULL", 100_005, 3, 0),
            ("mount's MNT", 100_005, 3, 1),
            ("mount's DUMP", 100_005, 3, 2),
            ("mount's UMNT", 100_005, 3, 3),
            ("nfs's NULL", 100_003, 3, 0),
            ("nfs's GETATTR", 100_003, 3, 1),
            ("rquota", 100_011, 1, 1),
            ("yppasswd", 100_009, 1, 1),
            ("ypbind's SETDOM", 100_007, 2, 2),
            ("ypbind's DOMAIN", 100_007, 2, 1),
            ("ypserv's MATCH", 100_004, 2, 3),
            ("ypserv's FIRST", 100_004, 2, 4),
            ("ypserv's NEXT", 100_004, 2, 5),
            ("ypserv's ALL", 100_004, 2, 8),
            ("ypserv's DOMAIN", 100_004, 2, 1),
        ];
        for (name, version, procedure) in [
            ("v2 CALLIT", 2, 5),
            ("v3 CALLIT", 3, 5),
            ("BCAST", 4, 5),
            ("INDIRECT", 4, 10),
        ] {
            for &(target, program, remote_version, remote_procedure) in targets {
                let message = forward(
                    version,
                    procedure,
                    program,
                    remote_version,
                    remote_procedure,
                );
                let with_caller: fn(String, Message) -> Step =
                    |what, message| step(what, Caller::User, message);
                steps.push(with_caller(format!("{name} of {target}"), message));
            }
        }
        steps
    })
}
