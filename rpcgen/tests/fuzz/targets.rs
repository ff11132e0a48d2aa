//! What holds for any bytes: called by `tests/fuzz.rs` with a bounded number, and by `tests/fuzz` of the workspace without end.

use oncrpc_rpcgen::diagnostic::Style;
use oncrpc_rpcgen::fmt::tidy;
use oncrpc_rpcgen::{Translation, translate};

/// Any bytes are refused with a reason, or become Rust; and the same the next time.
pub(crate) fn parse(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let translation = translation(&text);
    assert_eq!(translation.files().is_some(), translation.errors() == 0);
    let said = translation.render(Style::Plain);
    assert!(translation.errors() == 0 || !said.is_empty());
    let again = self::translation(&text);
    assert_eq!(translation.files(), again.files());
    assert_eq!(said, again.render(Style::Plain));
}

/// What is tidied stays as it is when it is tidied again, and becomes the same Rust.
pub(crate) fn print(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let Ok(once) = tidy("in.x", &text) else {
        return;
    };
    let again =
        tidy("in.x", &once).unwrap_or_else(|refused| panic!("{}", refused.render(Style::Plain)));
    assert_eq!(once, again);
    assert_eq!(
        code(&translation(&text)),
        code(&translation(&once)),
        "{once}"
    );
}

/// An error here is an input that is too large, which this is not, or a bug.
fn translation(text: &str) -> Translation {
    translate("in.x", text).unwrap_or_else(|bug| panic!("{bug}"))
}

/// The Rust without its documentation, in which the definitions are as they are written.
fn code(translation: &Translation) -> Vec<&str> {
    let files = translation.files().into_iter().flatten();
    let lines = files.flat_map(|file| file.rust.lines());
    lines
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect()
}
