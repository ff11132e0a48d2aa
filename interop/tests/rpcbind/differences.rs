//! Where ours deliberately answers otherwise: each has its line in portmapper/COMPATIBILITY.md.

use crate::conformance;

/// A difference from Debian's rpcbind 1.2.6, by the name that it has in COMPATIBILITY.md.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Difference(pub &'static str);

pub const RPC_MISMATCH: Difference = Difference("rpc-mismatch");
pub const SHORT_DATAGRAM: Difference = Difference("short-datagram");
pub const LONG_CREDENTIAL: Difference = Difference("long-credential");
pub const AUTH_DES: Difference = Difference("auth-des");
pub const FRAGMENTS: Difference = Difference("fragments");
pub const UNSET_ATOMIC: Difference = Difference("unset-atomic");
pub const ONE_TABLE: Difference = Difference("one-table");
pub const SPECIFIC_ADDRESS: Difference = Difference("specific-address");
pub const ASKED_ADDRESS: Difference = Difference("asked-address");
pub const UNKNOWN_NETID: Difference = Difference("unknown-netid");
pub const RPCSEC_GSS: Difference = Difference("rpcsec-gss");
pub const VERIFIER_ECHO: Difference = Difference("verifier-echo");
pub const STRAY_REPLY: Difference = Difference("stray-reply");
pub const CROSSED_LOOPBACK: Difference = Difference("crossed-loopback");

const ALL: &[Difference] = &[
    RPC_MISMATCH,
    SHORT_DATAGRAM,
    LONG_CREDENTIAL,
    AUTH_DES,
    FRAGMENTS,
    UNSET_ATOMIC,
    ONE_TABLE,
    SPECIFIC_ADDRESS,
    ASKED_ADDRESS,
    UNKNOWN_NETID,
    RPCSEC_GSS,
    VERIFIER_ECHO,
    STRAY_REPLY,
    CROSSED_LOOPBACK,
];

#[test]
fn every_difference_has_its_line_in_compatibility_md() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../portmapper/COMPATIBILITY.md"
    );
    let text = std::fs::read_to_string(path).expect("it is committed");
    for Difference(name) in ALL {
        let start = format!("| `{name}` |");
        let lines = text.lines().filter(|line| line.starts_with(&start)).count();
        assert_eq!(
            lines, 1,
            "{path} should have one line that starts with {start:?}"
        );
    }
}

#[test]
fn every_difference_is_shown_by_a_message() {
    let shown = conformance::differences();
    for difference in ALL {
        assert!(
            shown.contains(difference),
            "no message of the table shows {difference:?}"
        );
    }
}
