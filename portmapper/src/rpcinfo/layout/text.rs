//! What a peer sends, as text that is fit for a terminal.

use std::borrow::Cow;

use oncrpc_xdr::XdrString;

use crate::registry::c_string;

/// A peer's text, up to the zero byte that C takes for its end, with what is not printable escaped: nobody at
/// the other end of the network moves the cursor, colours the screen or adds a line of their own.
pub fn printable(text: &XdrString) -> Cow<'_, str> {
    let bytes = c_string(text);
    let plain = |&byte: &u8| matches!(byte, b' '..=b'~');
    if bytes.iter().all(plain) {
        return String::from_utf8_lossy(bytes);
    }
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            push_printable(&mut text, c);
        }
        text.extend(chunk.invalid().escape_ascii().map(char::from));
    }
    text.into()
}

/// Quotes and backslashes are printable as they are; of the rest `escape_debug` knows what is.
fn push_printable(text: &mut String, c: char) {
    if is_printable(c) {
        text.push(c);
    } else {
        text.extend(c.escape_default());
    }
}

/// Whether a terminal shows a character as what it is, and nothing else happens.
pub(super) fn is_printable(c: char) -> bool {
    matches!(c, '\\' | '\'' | '"') || c.escape_debug().len() == 1
}

/// Appends `field`, then blanks up to `width` bytes: `%-*s` of C.
pub(super) fn push_padded(line: &mut String, field: &str, width: usize) {
    line.push_str(field);
    line.extend(std::iter::repeat_n(' ', width.saturating_sub(field.len())));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_do_something_to_a_terminal_is_escaped() {
        for (sent, shown) in [
            (&b"/run/rpcbind.sock"[..], "/run/rpcbind.sock"),
            (b"a\\b \"c\" 'd'", "a\\b \"c\" 'd'"),
            (b"\x1b[2J\x07", "\\u{1b}[2J\\u{7}"),
            (b"x\n100003 nfs\r\t", "x\\n100003 nfs\\r\\t"),
            (b"\x7f\xff\xc3", "\\u{7f}\\xff\\xc3"),
            ("/run/grün".as_bytes(), "/run/grün"),
            // A control of the second set, and one that turns the text around.
            ("\u{9b}2J \u{202e}".as_bytes(), "\\u{9b}2J \\u{202e}"),
            (b"cut\0off", "cut"),
            (b"", ""),
        ] {
            assert_eq!(printable(&sent.into()), shown);
        }
    }

    #[test]
    fn fields_are_padded_to_bytes_as_in_c() {
        let mut line = String::new();
        push_padded(&mut line, "ü", 4);
        push_padded(&mut line, "longer", 4);
        assert_eq!(line, "ü  longer");
    }
}
