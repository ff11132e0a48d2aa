//! Where ours deliberately does otherwise: each has its line in server/COMPATIBILITY.md.

use crate::{oddities, probes, streams};

/// A difference from libtirpc 1.3.3, by the name that it has in COMPATIBILITY.md.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Difference(pub &'static str);

pub const RPC_MISMATCH: Difference = Difference("rpc-mismatch");
pub const LONG_CREDENTIAL: Difference = Difference("long-credential");
pub const AUTH_DES: Difference = Difference("auth-des");
pub const RPCSEC_GSS: Difference = Difference("rpcsec-gss");
pub const VERIFIER_ECHO: Difference = Difference("verifier-echo");
pub const FRAGMENTS: Difference = Difference("fragments");
pub const STRAY_REPLY: Difference = Difference("stray-reply");
pub const SHORT_DATAGRAM: Difference = Difference("short-datagram");
pub const ONE_FRAGMENT: Difference = Difference("one-fragment");
pub const NO_MESSAGE: Difference = Difference("no-message");
pub const CONNECTS_AGAIN: Difference = Difference("connects-again");

const ALL: &[Difference] = &[
    RPC_MISMATCH,
    LONG_CREDENTIAL,
    AUTH_DES,
    RPCSEC_GSS,
    VERIFIER_ECHO,
    FRAGMENTS,
    STRAY_REPLY,
    SHORT_DATAGRAM,
    ONE_FRAGMENT,
    NO_MESSAGE,
    CONNECTS_AGAIN,
];

/// A file of the workspace.
fn read(path: &str) -> String {
    let path = format!("{}/../{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The names of the lines of server/COMPATIBILITY.md that have one.
fn named_lines() -> Vec<String> {
    let text = read("server/COMPATIBILITY.md");
    let names = text
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
    names.map(|(name, _)| name.to_owned()).collect()
}

#[test]
fn every_difference_has_its_line_in_compatibility_md_and_is_shown() {
    let mut lines = named_lines();
    let mut known: Vec<_> = ALL.iter().map(|difference| difference.0).collect();
    lines.sort();
    known.sort_unstable();
    assert_eq!(lines, known, "the named lines of COMPATIBILITY.md");
    let mut shown = probes::differences();
    shown.extend(oddities::differences());
    shown.push(streams::SHOWN);
    for difference in ALL {
        assert!(shown.contains(difference), "nothing shows {difference:?}");
    }
}

#[test]
fn every_test_that_compatibility_md_names_is_where_it_says() {
    let text = read("server/COMPATIBILITY.md");
    let mut found = 0;
    for line in text.lines().filter(|line| line.starts_with('|')) {
        // `one_test`, `another` (`file.rs`)
        let cell = line.trim_end_matches([' ', '|']).rsplit(" | ").next();
        let quoted: Vec<_> = cell.unwrap_or("").split('`').skip(1).step_by(2).collect();
        let Some((file, tests)) = quoted.split_last() else {
            continue;
        };
        let source = read(file);
        for test in tests {
            let is_there = source.contains(&format!("fn {test}("));
            assert!(is_there, "{test} is not in {file}");
            found += 1;
        }
    }
    assert!(found > 10, "{found} tests");
}
