//! Servers that answer oddly, and what becomes of the calls: libtirpc's client, ours, and ours without a runtime.
//!
//! Each call ends once, with its result or with an error of its own kind, by its deadline.

use std::fmt::Write as _;
use std::thread;

use oncrpc_interop::{Host, needs_root, words};

use crate::differences::{CONNECTS_AGAIN, Difference, NO_MESSAGE};
use crate::odd::{Act, Answer, fragment, record, reply, with_server};

/// A way to answer, and what two calls come to, one behind the other on the same connection.
struct Oddity {
    what: &'static str,
    answer: Box<Answer>,
    /// `None` where only ours is asked.
    theirs: Option<[&'static str; 2]>,
    ours: [&'static str; 2],
    difference: Option<Difference>,
}

/// What both calls come to, with libtirpc's client and with ours.
fn both(
    what: &'static str,
    answer: impl Fn(&[u32]) -> Vec<Act> + Send + Sync + 'static,
    calls: [&'static str; 2],
) -> Oddity {
    Oddity {
        what,
        answer: Box::new(answer),
        theirs: Some(calls),
        ours: calls,
        difference: None,
    }
}

/// What they come to with ours, where that is all that the test is about.
fn ours(
    what: &'static str,
    answer: impl Fn(&[u32]) -> Vec<Act> + Send + Sync + 'static,
    calls: [&'static str; 2],
) -> Oddity {
    Oddity {
        theirs: None,
        ..both(what, answer, calls)
    }
}

impl Oddity {
    /// Ours differs from theirs.
    fn ours(self, difference: Difference, ours: [&'static str; 2]) -> Self {
        Self {
            ours,
            difference: Some(difference),
            ..self
        }
    }
}

const RESULTS: [&str; 2] = ["1", "2"];
const TIMED_OUT: &str = "RPC: Timed out";
const CANT_RECEIVE: &str = "RPC: Unable to receive";
const CANT_DECODE: &str = "RPC: Can't decode result";
const AUTH_ERROR: &str = "RPC: Authentication error";
const FAILED: &str = "RPC: Failed (unspecified error)";

/// The reply to the newest call: how many there have been.
fn right(xids: &[u32]) -> Vec<u8> {
    reply(newest(xids), xids.len() as u32)
}

fn newest(xids: &[u32]) -> u32 {
    *xids.last().expect("a call has come")
}

/// Sends a message before the right reply, over TCP.
fn before(xids: &[u32], message: &[u8]) -> Vec<Act> {
    vec![Act::Send([record(message), record(&right(xids))].concat())]
}

/// Answers the newest call with these words behind its xid, over TCP.
fn says(xids: &[u32], rest: &[u32]) -> Vec<Act> {
    vec![Act::Send(record(&words(&[&[newest(xids)], rest].concat())))]
}

fn over_tcp() -> Vec<Oddity> {
    vec![
        both(
            "at once",
            |xids| vec![Act::Send(record(&right(xids)))],
            RESULTS,
        ),
        both(
            "in fragments of one byte",
            |xids| {
                let reply = right(xids);
                let (last, rest) = reply.split_last().expect("it is not empty");
                let mut bytes: Vec<u8> = rest
                    .iter()
                    .flat_map(|byte| fragment(&[*byte], false))
                    .collect();
                bytes.extend(fragment(&[*last], true));
                vec![Act::Send(bytes)]
            },
            RESULTS,
        ),
        both(
            "a byte at a time",
            |xids| {
                record(&right(xids))
                    .iter()
                    .map(|byte| Act::Send(vec![*byte]))
                    .collect()
            },
            RESULTS,
        ),
        ours(
            "with empty fragments in between",
            |xids| {
                let reply = right(xids);
                let empty = fragment(&[], false);
                let parts = [
                    &empty,
                    &fragment(&reply[..8], false),
                    &empty,
                    &fragment(&reply[8..], true),
                ];
                vec![Act::Send(parts.map(|part| &part[..]).concat())]
            },
            RESULTS,
        ),
        both(
            "with an empty fragment at the end",
            |xids| {
                vec![Act::Send(
                    [fragment(&right(xids), false), fragment(&[], true)].concat(),
                )]
            },
            RESULTS,
        ),
        both(
            "the first when the second has been called",
            |xids| match xids {
                [_] => vec![],
                _ => before(xids, &reply(xids[0], 1)),
            },
            [TIMED_OUT, "2"],
        ),
        both("twice", |xids| before(xids, &right(xids)), RESULTS),
        both(
            "behind a reply to somebody else",
            |xids| before(xids, &reply(newest(xids) ^ 0x0100_0001, 9)),
            RESULTS,
        ),
        both(
            "behind a call",
            |xids| before(xids, &words(&[newest(xids), 0, 2, 1, 1, 0, 0, 0, 0, 0])),
            RESULTS,
        ),
        both("behind an empty record", |xids| before(xids, &[]), RESULTS)
            .ours(NO_MESSAGE, [CANT_RECEIVE; 2]),
        both(
            "behind a record that is no message",
            |xids| before(xids, &words(&[newest(xids), 9, 9, 9, 9, 9])),
            RESULTS,
        )
        .ours(NO_MESSAGE, [CANT_RECEIVE; 2]),
        both(
            "behind a record of three bytes",
            |xids| before(xids, b"abc"),
            RESULTS,
        )
        .ours(NO_MESSAGE, [CANT_RECEIVE; 2]),
        both("never", |_| vec![], [TIMED_OUT; 2]),
        both(
            "with the end of the connection",
            |_| vec![Act::Close],
            [CANT_RECEIVE; 2],
        ),
        both(
            "with the end of the connection, the first time",
            |xids| match xids {
                [_] => vec![Act::Close],
                _ => vec![Act::Send(record(&right(xids)))],
            },
            [CANT_RECEIVE; 2],
        )
        .ours(CONNECTS_AGAIN, [CANT_RECEIVE, "2"]),
        both(
            "with the end of the connection within the reply",
            |xids| vec![Act::Send(record(&right(xids))[..20].to_vec()), Act::Close],
            [CANT_RECEIVE; 2],
        ),
        ours(
            "with a record longer than any",
            |xids| vec![Act::Send([&[0xff; 4], &right(xids)[..]].concat())],
            [CANT_RECEIVE; 2],
        ),
        both(
            "without the result",
            |xids| says(xids, &[1, 0, 0, 0, 0]),
            [CANT_DECODE; 2],
        ),
        both(
            "with more than the result",
            |xids| says(xids, &[1, 0, 0, 0, 0, xids.len() as u32, 9]),
            RESULTS,
        ),
        both(
            "with a verifier of 400 bytes",
            |xids| {
                let words = [&[1, 0, 0, 400][..], &[7; 100], &[0, xids.len() as u32]].concat();
                says(xids, &words)
            },
            RESULTS,
        ),
        ours(
            "with a verifier of 404 bytes",
            |xids| {
                let words = [&[1, 0, 0, 404][..], &[7; 101], &[0, xids.len() as u32]].concat();
                says(xids, &words)
            },
            [CANT_DECODE; 2],
        ),
        both(
            "with a verifier of flavor 99",
            |xids| says(xids, &[1, 0, 99, 4, 7, 0, xids.len() as u32]),
            RESULTS,
        ),
    ]
}

/// Replies that are no SUCCESS: what stands behind the xid, and what becomes of the call.
fn refusals() -> Vec<Oddity> {
    let both_hear: [(_, &'static [u32], _); 12] = [
        ("PROG_UNAVAIL", &[1, 0, 0, 0, 1], "RPC: Program unavailable"),
        (
            "PROG_MISMATCH",
            &[1, 0, 0, 0, 2, 7, 9],
            "RPC: Program/version mismatch",
        ),
        (
            "PROC_UNAVAIL",
            &[1, 0, 0, 0, 3],
            "RPC: Procedure unavailable",
        ),
        (
            "GARBAGE_ARGS",
            &[1, 0, 0, 0, 4],
            "RPC: Server can't decode arguments",
        ),
        ("SYSTEM_ERR", &[1, 0, 0, 0, 5], "RPC: Remote system error"),
        ("accept_stat 99", &[1, 0, 0, 0, 99], FAILED),
        (
            "RPC_MISMATCH",
            &[1, 1, 0, 3, 4],
            "RPC: Incompatible versions of RPC",
        ),
        ("AUTH_BADCRED", &[1, 1, 1, 1], AUTH_ERROR),
        ("AUTH_TOOWEAK", &[1, 1, 1, 5], AUTH_ERROR),
        ("RPCSEC_GSS_CREDPROBLEM", &[1, 1, 1, 13], AUTH_ERROR),
        ("RPCSEC_GSS_CTXPROBLEM", &[1, 1, 1, 14], AUTH_ERROR),
        ("auth_stat 99", &[1, 1, 1, 99], AUTH_ERROR),
    ];
    let ours_hears: [(_, &'static [u32], _); 3] = [
        ("reply_stat 9", &[1, 9, 0, 0, 0], CANT_DECODE),
        ("reject_stat 9", &[1, 1, 9, 0, 0], CANT_DECODE),
        ("a header that is cut short", &[1, 0, 0], CANT_DECODE),
    ];
    let both_hear =
        both_hear.map(|(what, words, heard)| both(what, move |xids| says(xids, words), [heard; 2]));
    let ours_hears = ours_hears
        .map(|(what, words, heard)| ours(what, move |xids| says(xids, words), [heard; 2]));
    both_hear.into_iter().chain(ours_hears).collect()
}

fn over_udp() -> Vec<Oddity> {
    vec![
        both("at once", |xids| vec![Act::Send(right(xids))], RESULTS),
        ours(
            "the first when the second has been called",
            |xids| match xids {
                [_] => vec![],
                _ => vec![Act::Send(reply(xids[0], 1)), Act::Send(right(xids))],
            },
            [TIMED_OUT, "2"],
        ),
        ours(
            "twice",
            |xids| vec![Act::Send(right(xids)), Act::Send(right(xids))],
            RESULTS,
        ),
        ours(
            "behind a reply to somebody else",
            |xids| {
                vec![
                    Act::Send(reply(newest(xids) ^ 1, 9)),
                    Act::Send(right(xids)),
                ]
            },
            RESULTS,
        ),
        ours(
            "behind nothing",
            |xids| vec![Act::Send(vec![]), Act::Send(right(xids))],
            RESULTS,
        ),
        ours(
            "behind three bytes",
            |xids| vec![Act::Send(b"abc".to_vec()), Act::Send(right(xids))],
            RESULTS,
        ),
        ours(
            "behind a call",
            |xids| {
                let call = words(&[newest(xids), 0, 2, 1, 1, 0, 0, 0, 0, 0]);
                vec![Act::Send(call), Act::Send(right(xids))]
            },
            RESULTS,
        ),
        ours(
            "behind a reply that is cut short",
            |xids| {
                vec![
                    Act::Send(right(xids)[..14].to_vec()),
                    Act::Send(right(xids)),
                ]
            },
            RESULTS,
        ),
        ours(
            "from another port",
            |xids| {
                vec![
                    Act::SendFromElsewhere(reply(newest(xids), 9)),
                    Act::Send(right(xids)),
                ]
            },
            RESULTS,
        ),
        both("never", |_| vec![], [TIMED_OUT; 2]),
        both(
            "with accept_stat 99",
            |xids| vec![Act::Send(words(&[newest(xids), 1, 0, 0, 0, 99]))],
            [FAILED; 2],
        ),
        both(
            "with auth_stat 13",
            |xids| vec![Act::Send(words(&[newest(xids), 1, 1, 1, 13]))],
            [AUTH_ERROR; 2],
        ),
        both(
            "without the result",
            |xids| vec![Act::Send(right(xids)[..24].to_vec())],
            [CANT_DECODE; 2],
        ),
    ]
}

/// The differences that the tables show.
pub fn differences() -> Vec<Difference> {
    let oddities = [over_tcp(), refusals(), over_udp()].into_iter().flatten();
    oddities.filter_map(|oddity| oddity.difference).collect()
}

/// Milliseconds that a call is given which is not answered.
const SHORT: u32 = 1_000;
/// Those of one that is: only what hangs meets them.
const LONG: u32 = 30_000;

fn compare(netid: &str, oddities: &[Oddity]) {
    let host = Host::new();
    let mut wrong = String::new();
    for oddity in oddities {
        let differs = oddity.theirs.is_some_and(|theirs| theirs != oddity.ours);
        if differs != oddity.difference.is_some() {
            let what = oddity.what;
            let _ = writeln!(
                wrong,
                "{what}: a difference has a name, and a name a difference"
            );
        }
        let timeout = if oddity.ours.contains(&TIMED_OUT) {
            SHORT
        } else {
            LONG
        };
        let theirs = format!("{} -t {timeout} at {netid}", host.c_probe_client(false));
        let ours = format!("{} --timeout {timeout} {netid}", host.our_probe_client());
        let clients = [
            ("libtirpc's client", theirs, oddity.theirs),
            ("our client", ours.clone(), Some(oddity.ours)),
            (
                "our client without a runtime",
                ours + " --blocking",
                Some(oddity.ours),
            ),
        ];
        // All at once, each with a server of its own.
        let host = &host;
        wrong += &thread::scope(|scope| {
            let calling = clients.map(|(whose, client, expected)| {
                scope.spawn(move || match expected {
                    Some(expected) => oddity.complaint(host, netid, whose, &client, expected),
                    None => String::new(),
                })
            });
            calling
                .map(|call| call.join().expect("it complains instead"))
                .concat()
        });
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

impl Oddity {
    /// What is wrong with what becomes of a client's two calls, if it is anything.
    fn complaint(
        &self,
        host: &Host,
        netid: &str,
        whose: &str,
        client: &str,
        expected: [&str; 2],
    ) -> String {
        let said = with_server(host, netid, &self.answer, |at| {
            host.run(&format!("{client} {at} add:1 add:1"))
        });
        let seen: Vec<_> = said.stdout.lines().collect();
        if seen == expected {
            return String::new();
        }
        let (what, why) = (self.what, said.stderr);
        format!("{what} to {whose}:\n  expected {expected:?}\n  seen     {seen:?} {why}\n")
    }
}

#[test]
fn calls_to_odd_servers_over_tcp_end_as_the_table_says() {
    needs_root!();
    compare("tcp", &over_tcp());
}

#[test]
fn refusals_end_calls_as_the_table_says() {
    needs_root!();
    compare("tcp", &refusals());
}

#[test]
fn calls_to_odd_servers_over_udp_end_as_the_table_says() {
    needs_root!();
    compare("udp", &over_udp());
}
