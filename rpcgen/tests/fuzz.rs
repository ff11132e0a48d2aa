//! A bounded number of what the fuzz targets do without end: real files, mixed and changed.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail it")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::RngSeed;

#[path = "fuzz/targets.rs"]
mod targets;

/// Folders of .x files, from the package's.
const CORPUS: [&str; 4] = [
    "tests/hazards",
    "tests/golden",
    "tests/protocols",
    "../rpc/proto",
];

/// The hazards, and files as people write them.
static FILES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let entries = CORPUS.map(|folder| fs::read_dir(folder).unwrap());
    let paths = entries
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> = paths.filter(|path| is_x(path)).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
});

fn is_x(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "x")
}

/// A change of a file, at a place.
#[derive(Clone, Debug)]
enum Change {
    /// A part is left out.
    Cut(Index, usize),
    /// A part stands at the end, too.
    Double(Index, usize),
    /// A byte is another.
    Byte(Index, u8),
    /// A word or a sign is put in.
    Insert(Index, &'static str),
    /// A line of another file is put in.
    Line(Index, Index, Index),
}

fn change() -> impl Strategy<Value = Change> {
    let index = any::<Index>;
    prop_oneof![
        (index(), 0..200_usize).prop_map(|(at, len)| Change::Cut(at, len)),
        (index(), 0..200_usize).prop_map(|(at, len)| Change::Double(at, len)),
        (index(), any::<u8>()).prop_map(|(at, byte)| Change::Byte(at, byte)),
        (index(), select(&WORDS[..])).prop_map(|(at, word)| Change::Insert(at, word)),
        (index(), index(), index()).prop_map(|(at, file, line)| Change::Line(at, file, line)),
    ]
}

fn changed(mut text: Vec<u8>, changes: &[Change]) -> Vec<u8> {
    for change in changes {
        let place = |at: &Index| at.index(text.len() + 1);
        match change {
            Change::Cut(at, len) => {
                let start = place(at);
                text.drain(start..text.len().min(start + len));
            }
            Change::Double(at, len) => {
                let start = place(at);
                text.extend_from_within(start..text.len().min(start + len));
            }
            Change::Byte(at, byte) => {
                let start = place(at);
                text.splice(start..text.len().min(start + 1), [*byte]);
            }
            Change::Insert(at, word) => {
                let start = place(at);
                text.splice(start..start, word.bytes());
            }
            Change::Line(at, file, line) => {
                let lines: Vec<_> = file
                    .get(&FILES)
                    .split_inclusive(|byte| *byte == b'\n')
                    .collect();
                if !lines.is_empty() {
                    let start = place(at);
                    text.splice(start..start, line.get(&lines).iter().copied());
                }
            }
        }
    }
    text
}

/// The same mixtures every time: what nobody has seen yet, the fuzzer looks for, not a test of something else.
fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 2_000,
        rng_seed: RngSeed::Fixed(4506),
        ..ProptestConfig::default()
    }
}

/// Words and signs that mean something somewhere.
const WORDS: [&str; 40] = [
    " const ",
    " typedef ",
    " struct ",
    " union ",
    " enum ",
    " program ",
    " version ",
    " switch ",
    " case ",
    " default: ",
    " void ",
    " int ",
    " unsigned ",
    " hyper ",
    " string ",
    " opaque ",
    " namespace ",
    " pragma ",
    "\n#define ",
    "\n#if ",
    "\n#ifdef ",
    "\n#else\n",
    "\n#endif\n",
    "\n#include ",
    "\n% ",
    "\n# 1 ",
    "/*",
    "*/",
    "//",
    "{",
    "}",
    "(",
    ")",
    "<",
    ">",
    "*",
    "::",
    ";",
    "\\\n",
    "\"",
];

#[test]
fn files_are_refused_or_taken_and_tidied() {
    for text in FILES.iter() {
        targets::parse(text);
        targets::print(text);
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn changed_files_are_refused_or_taken_and_tidied(
        file in any::<Index>(),
        changes in vec(change(), 1..8),
    ) {
        let text = changed(file.get(&FILES).clone(), &changes);
        targets::parse(&text);
        targets::print(&text);
    }
}
