//! Tests that are not run because a tool is missing: named, and in CI a failure.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

/// Notes that `test` is not run for want of `package`, where the README's test command looks at its end, and past
/// libtest's capture.
#[track_caller]
pub(crate) fn not_run(test: &str, package: &str) {
    let ci = std::env::var("CI").as_deref() == Ok("true");
    assert!(!ci, "{test}: {package} is missing");
    let note = format!("not run: {test} ({package} is missing)\n");
    let _ = std::io::stderr().write_all(note.as_bytes());
    let ledger = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../not-run");
    let written = OpenOptions::new().create(true).append(true).open(ledger);
    let written = written.and_then(|mut ledger| ledger.write_all(note.as_bytes()));
    assert!(written.is_ok(), "{written:?}");
}
