//! How long answers to strangers are, whatever they ask and however much there is.

use oncrpc_interop::{Caller, Host, Message, Transport, Which, call, needs_root};

use crate::is_full;

/// The version of the program whose address is the longest that rpcbind takes of us, 256 bytes, in a form that nothing makes shorter.
const LONG: u32 = 0x7fff_ffff;

/// What a procedure of rpcbind's may be asked with.
fn questions(version: u32, procedure: u32) -> Vec<Message> {
    let asked = || call(version, procedure);
    vec![
        asked(),
        asked().rpcb(100_000, 4, "udp", "", ""),
        asked().rpcb(500_000, 1, "", "", ""),
        // Whose address is as long as one may be.
        asked().rpcb(500_000, LONG, "", "", ""),
        asked().u32s(&[100_000, 2, 17, 0]),
        asked().opaque("127.0.0.1.0.111"),
        asked().opaque([0; 400]),
    ]
}

/// The longest answer to a stranger's datagram, as a multiple of the question, with the version and the procedure.
fn longest_answer(host: &Host, transport: Transport) -> (f64, usize, (u32, u32)) {
    let mut line = host.line(Caller::Remote, transport);
    let mut longest = (0.0, 0, (0, 0));
    for version in 1..=5 {
        for procedure in 0..=13 {
            for question in questions(version, procedure) {
                let sent = question.bytes().len();
                for reply in line.ask(&question).replies {
                    let ratio = reply.len() as f64 / sent as f64;
                    if ratio > longest.0 {
                        longest = (ratio, reply.len(), (version, procedure));
                    }
                }
            }
        }
    }
    longest
}

#[test]
fn no_answer_to_a_stranger_is_more_than_three_times_the_question_however_much_is_registered() {
    needs_root!();
    let mut compared = Vec::new();
    for size in [0, 40, 173, 4_096] {
        for which in Which::BOTH {
            // Theirs goes through all of its list for each; the figure is known by then.
            if which == Which::Theirs && size > 173 && !is_full() {
                continue;
            }
            let host = Host::new();
            // The rate would answer less; here it is about the size.
            let flags: &[&str] = match which {
                Which::Ours => &["--set", "udp-calls-per-network = 20000"],
                Which::Theirs => &[],
            };
            let _rpcbind = host.rpcbind(which, flags);
            let mut registers = host.line(Caller::Root, Transport::Local);
            for number in 0..size {
                let set = call(3, 1).rpcb(500_000, number, "udp", "0.0.0.0.8.1", "superuser");
                assert_eq!(registers.ask(&set).replies.len(), 1);
            }
            if size > 0 {
                let set = call(3, 1).rpcb(500_000, LONG, "udp", &"x".repeat(256), "superuser");
                assert_eq!(registers.ask(&set).replies.len(), 1);
            }
            for transport in Transport::DATAGRAM {
                let (ratio, bytes, (version, procedure)) = longest_answer(&host, transport);
                println!(
                    "{which:?}, {size} registered, {}: {ratio:.1} times, {bytes} bytes (version {version}, procedure {procedure})",
                    transport.netid()
                );
                compared.push((which, ratio));
                if which == Which::Ours {
                    assert!(
                        ratio <= 3.0 && bytes <= 512,
                        "{ratio:.1} times, {bytes} bytes"
                    );
                }
            }
        }
    }
    let theirs = compared.iter().filter(|(which, _)| *which == Which::Theirs);
    assert!(
        theirs.clone().any(|(_, ratio)| *ratio > 3.0),
        "the measure would show it"
    );
}
