//! SECURITY.md names tests: they are there.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// How the attributes of tests begin.
const TEST: [&str; 2] = ["#[test]", "#[tokio::test"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The names of the tests in the Rust files below `folder`.
fn collect_tests(folder: &Path, tests: &mut HashSet<String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            if !path.ends_with("target") {
                collect_tests(&path, tests)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            tests.extend(tests_of(&fs::read_to_string(&path)?));
        }
    }
    Ok(())
}

/// The names of the functions that stand behind an attribute of a test, and whatever other attributes.
fn tests_of(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut is_test = false;
    for line in text.lines().map(str::trim_start) {
        if TEST.iter().any(|attribute| line.starts_with(attribute)) {
            is_test = true;
        } else if let Some((_, rest)) = line.split_once("fn ").filter(|_| is_test) {
            names.extend(rest.split_once('(').map(|(name, _)| name.to_owned()));
            is_test = false;
        }
    }
    names
}

/// The rows of SECURITY.md's tables, their headers and rules not among them, as cells.
fn rows(page: &str) -> Vec<Vec<&str>> {
    let lines = page.lines().filter(|line| line.starts_with('|'));
    let rows = lines.map(|line| line.trim_matches('|').split('|').map(str::trim).collect());
    rows.filter(|row: &Vec<&str>| row.last() != Some(&"tests") && !row.concat().starts_with("--"))
        .collect()
}

/// What stands in backticks.
fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

#[test]
fn every_test_that_security_md_names_is_there_and_every_row_names_one() {
    let page = fs::read_to_string(root().join("SECURITY.md")).expect("it is there");
    let mut tests = HashSet::new();
    for room in [
        "xdr",
        "rpc",
        "transport",
        "client",
        "server",
        "portmapper",
        "rpcgen",
        "tests",
        "interop",
    ] {
        collect_tests(&root().join(room), &mut tests).expect("the sources can be read");
    }
    let rows = rows(&page);
    for number in 1..=17 {
        let name = format!("**P{number}** ");
        assert!(rows.iter().any(|row| row[0].starts_with(&name)), "{name}");
    }
    let mut missing = Vec::new();
    for row in &rows {
        let named: Vec<_> = quoted(row.last().expect("a row has cells")).collect();
        assert!(!named.is_empty(), "{}: no test", row[0]);
        missing.extend(named.into_iter().filter(|name| !tests.contains(*name)));
    }
    assert!(missing.is_empty(), "there are no tests {missing:?}");
}
