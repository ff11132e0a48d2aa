//! What is answered before a procedure is reached: RFC 5531's ladder.

use oncrpc_interop::{Answer, Caller, PMAPPROG, Reply, Transport, call};

use super::{Scenario, Step, step};
use crate::differences::{RPC_MISMATCH, SHORT_DATAGRAM, STRAY_REPLY};

pub fn versions_programs_and_procedures() -> Scenario {
    Scenario::new(|_| {
        let mut steps = Vec::new();
        for version in [0, 1, 2, 3, 4, 5, u32::MAX] {
            steps.push(step(
                format!("NULL of version {version}"),
                Caller::User,
                call(version, 0),
            ));
        }
        for (version, last) in [(2, 5), (3, 8), (4, 12)] {
            for procedure in [last + 1, last + 2, 99, u32::MAX] {
                let what = format!("procedure {procedure} of version {version}");
                steps.push(step(what, Caller::User, call(version, procedure)));
            }
        }
        for program in [0, PMAPPROG - 1, PMAPPROG + 1, 100_003, u32::MAX] {
            let message = call(2, 0).program(program);
            steps.push(step(
                format!("NULL of program {program}"),
                Caller::User,
                message,
            ));
        }
        // The first rung that fails gives the answer.
        for (what, message) in [
            ("version and procedure wrong", call(9, 99)),
            ("program and version wrong", call(9, 0).program(1)),
            (
                "credential and program wrong",
                call(2, 0).program(1).credential(99, vec![]),
            ),
            ("NULL with arguments", call(2, 0).u32s(&[1, 2, 3])),
            ("DUMP with arguments", call(4, 4).u32(1)),
        ] {
            steps.push(step(what, Caller::User, message));
        }
        steps
    })
}

pub fn other_messages() -> Scenario {
    Scenario::new(|transport| {
        let mut steps = Vec::new();
        for rpc_version in [0, 1, 3, u32::MAX] {
            let message = call(2, 0).rpc_version(rpc_version);
            steps.push(
                step(format!("RPC version {rpc_version}"), Caller::User, message)
                    .ours(RPC_MISMATCH, Answer::reply(Reply::rpc_mismatch())),
            );
        }
        for message_type in [1, 2, u32::MAX] {
            let message = call(2, 0).message_type(message_type);
            let stray = message_type == 1 && Transport::STREAM.contains(&transport);
            steps.push(
                step(
                    format!("message type {message_type}"),
                    Caller::User,
                    message,
                )
                .ours_if(stray, STRAY_REPLY, Answer::silence()),
            );
        }
        steps
    })
}

pub fn short_messages() -> Scenario {
    Scenario::new(|transport| {
        (0..40)
            .step_by(4)
            .chain([1, 5, 39])
            .map(|length| cut(transport, length))
            .collect()
    })
}

/// The header of a NULL is 40 bytes long.
fn cut(transport: Transport, length: usize) -> Step {
    let datagram = Transport::DATAGRAM.contains(&transport);
    step(
        format!("the first {length} bytes of NULL"),
        Caller::User,
        call(2, 0).cut(length),
    )
    .or_ours_if(datagram, SHORT_DATAGRAM, Answer::silence())
}

pub fn argument_lengths() -> Scenario {
    Scenario::new(|transport| {
        let datagram = Transport::DATAGRAM.contains(&transport);
        let garbage = || Answer::reply(Reply::accepted(4));
        let mut steps = Vec::new();
        let getport = call(2, 3).u32s(&[PMAPPROG, 2, 6, 0]);
        for length in (40..56).step_by(4).chain([54]) {
            steps.push(
                step(
                    format!("the first {length} bytes of GETPORT"),
                    Caller::User,
                    getport.clone().cut(length),
                )
                .or_ours_if(datagram, SHORT_DATAGRAM, garbage()),
            );
        }
        steps.push(step(
            "GETPORT and four bytes more",
            Caller::User,
            getport.clone().u32(1),
        ));
        steps.push(step(
            "GETPORT and a kilobyte more",
            Caller::User,
            getport.raw(&[1; 1024]),
        ));
        let getaddr = call(4, 3).rpcb(PMAPPROG, 4, "tcp", "", "");
        for length in (40..64).step_by(4) {
            steps.push(
                step(
                    format!("the first {length} bytes of GETADDR"),
                    Caller::User,
                    getaddr.clone().cut(length),
                )
                .or_ours_if(datagram, SHORT_DATAGRAM, garbage()),
            );
        }
        let claims = |length| {
            call(4, 3)
                .u32s(&[PMAPPROG, 4, length])
                .raw(b"tcp\0\0\0\0\0\0\0\0\0")
        };
        for length in [
            100,
            8_000,
            9_000,
            70_000,
            0x7fff_ffff,
            0x8000_0000,
            u32::MAX,
        ] {
            steps.push(
                step(
                    format!("a netid that claims {length} bytes"),
                    Caller::User,
                    claims(length),
                )
                .or_ours_if(datagram, SHORT_DATAGRAM, garbage()),
            );
        }
        steps
    })
}
