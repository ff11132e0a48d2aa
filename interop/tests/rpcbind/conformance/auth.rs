//! Credentials and verifiers.

use oncrpc_interop::{Answer, Caller, Message, PMAPPROG, Reply, Transport, call, words};

use super::{Scenario, step};
use crate::differences::{AUTH_DES, LONG_CREDENTIAL, RPCSEC_GSS, SHORT_DATAGRAM, VERIFIER_ECHO};

/// AUTH_BADCRED and AUTH_REJECTEDCRED.
const BADCRED: u32 = 1;
const REJECTEDCRED: u32 = 2;

pub fn credentials() -> Scenario {
    Scenario::new(|_| {
        let mut steps = Vec::new();
        for (of, null) in [("NULL", call(2, 0)), ("DUMP", call(4, 4))] {
            let mut say = |what: &str, message: Message| {
                steps.push(step(format!("{of}: {what}"), Caller::User, message));
            };
            say(
                "AUTH_NONE with a body",
                null.clone().credential(0, vec![1; 8]),
            );
            say(
                "AUTH_NONE with 400 bytes",
                null.clone().credential(0, vec![1; 400]),
            );
            for gids in [0, 1, 16, 17] {
                let gids: Vec<u32> = (0..gids).collect();
                say(
                    &format!("AUTH_SYS with {} gids", gids.len()),
                    null.clone().auth_sys(0, &gids),
                );
            }
            for name in [254, 255, 256] {
                let mut body = words(&[0, name]);
                body.resize(8 + (name as usize).next_multiple_of(4), b'x');
                body.extend(words(&[0, 0, 0]));
                say(
                    &format!("AUTH_SYS with a name of {name} bytes"),
                    null.clone().credential(1, body),
                );
            }
            let whole = [words(&[0, 4]), b"host".to_vec(), words(&[1, 2, 1, 3])].concat();
            for length in (0..whole.len()).step_by(4) {
                let body = whole[..length].to_vec();
                say(
                    &format!("AUTH_SYS cut to {length} bytes"),
                    null.clone().credential(1, body),
                );
            }
            let longer = [&whole[..], &[0; 8]].concat();
            say(
                "AUTH_SYS and eight bytes more",
                null.clone().credential(1, longer),
            );
            for flavor in [2, 4, 5, 7, 99, 390_003, u32::MAX] {
                say(
                    &format!("flavor {flavor}"),
                    null.clone().credential(flavor, vec![]),
                );
                say(
                    &format!("flavor {flavor} with a body"),
                    null.clone().credential(flavor, vec![1; 16]),
                );
            }
            for (flavor, name, difference) in
                [(3, "AUTH_DES", AUTH_DES), (6, "RPCSEC_GSS", RPCSEC_GSS)]
            {
                for (what, body) in [("without a body", vec![]), ("with a body", vec![1; 16])] {
                    let message = null.clone().credential(flavor, body);
                    steps.push(
                        step(format!("{of}: {name} {what}"), Caller::User, message)
                            .ours(difference, Answer::reply(Reply::auth_error(REJECTEDCRED))),
                    );
                }
            }
            for (flavor, length) in [(0, 404), (1, 404), (0, 4000), (1, 401)] {
                let message = null.clone().credential(flavor, vec![0; length]);
                steps.push(
                    step(
                        format!("{of}: flavor {flavor} with {length} bytes"),
                        Caller::User,
                        message,
                    )
                    .ours(LONG_CREDENTIAL, Answer::reply(Reply::auth_error(BADCRED))),
                );
            }
        }
        steps
    })
}

pub fn verifiers() -> Scenario {
    Scenario::new(|_| {
        let mut steps = Vec::new();
        for flavor in [0, 1, 2, 3, 6, 99] {
            for length in [0, 4, 16, 400] {
                let body = vec![1; length];
                let null = call(2, 0).verifier(flavor, body.clone());
                let sys = call(2, 0).auth_sys(0, &[]).verifier(flavor, body);
                let what = format!("verifier of flavor {flavor} with {length} bytes");
                steps.push(step(format!("AUTH_NONE, {what}"), Caller::User, null));
                steps.push(
                    step(format!("AUTH_SYS, {what}"), Caller::User, sys)
                        .or_ours(VERIFIER_ECHO, Answer::reply(Reply::success(&[]))),
                );
            }
        }
        steps
    })
}

/// AUTH_TOOWEAK, whatever the credential says.
pub fn refusals_look_like_this() -> Scenario {
    const CUT: &str = "v4 UNSET without arguments";
    Scenario::new(|transport| {
        let mut steps = Vec::new();
        for caller in [Caller::Remote, Caller::RemoteRoot] {
            for (name, message) in [
                ("v2 SET", call(2, 1).u32s(&[PMAPPROG + 9, 1, 6, 2049])),
                ("v2 UNSET", call(2, 2).u32s(&[PMAPPROG + 9, 1, 6, 0])),
                (
                    "v3 SET",
                    call(3, 1).rpcb(PMAPPROG + 9, 1, "tcp", "0.0.0.0.8.1", "0"),
                ),
                ("v3 UNSET", call(3, 2).rpcb(PMAPPROG + 9, 1, "tcp", "", "0")),
                (
                    "v4 SET",
                    call(4, 1).rpcb(PMAPPROG + 9, 1, "tcp", "0.0.0.0.8.1", "0"),
                ),
                ("v4 UNSET", call(4, 2).rpcb(PMAPPROG + 9, 1, "", "", "0")),
                (CUT, call(4, 2)),
            ] {
                // Theirs finds arguments in what an earlier datagram left behind.
                let cut = name == CUT && Transport::DATAGRAM.contains(&transport);
                let as_root = message.clone().auth_sys(0, &[]);
                for (what, message) in [
                    (name.to_owned(), message),
                    (format!("{name} as root"), as_root),
                ] {
                    let garbage = Answer::reply(Reply::accepted(4));
                    steps.push(step(what, caller, message).or_ours_if(
                        cut,
                        SHORT_DATAGRAM,
                        garbage,
                    ));
                }
            }
        }
        steps
    })
    .on(&Transport::INET)
}
