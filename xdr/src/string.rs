//! Strings as XDR has them: bytes.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::{fmt, str};

use bytes::Bytes;

/// `string<>`: bytes that are usually text, but need not be.
///
/// RFC 4506 §4.11 says ASCII; file names on the wire are whatever the server's disk holds. So this keeps
/// the bytes as they came, a zero byte among them included, and leaves the question of their encoding to
/// whoever looks: [`to_str`](Self::to_str) asks, [`to_string_lossy`](Self::to_string_lossy) does not care.
///
/// Cheap to clone; decoded from a shared message it is a slice of it and keeps the message alive.
/// [`compact`](Self::compact) makes a copy that does not.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct XdrString(Bytes);

impl XdrString {
    /// The empty string.
    pub const fn new() -> Self {
        Self(Bytes::new())
    }

    /// A string that lives as long as the program.
    pub const fn from_static(text: &'static str) -> Self {
        Self(Bytes::from_static(text.as_bytes()))
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes, shared.
    pub fn as_shared(&self) -> &Bytes {
        &self.0
    }

    /// The bytes, shared.
    pub fn into_shared(self) -> Bytes {
        self.0
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many bytes there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The text, if the bytes are UTF-8.
    pub fn to_str(&self) -> Result<&str, str::Utf8Error> {
        str::from_utf8(&self.0)
    }

    /// The text, with U+FFFD for what is not UTF-8.
    pub fn to_string_lossy(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }

    /// A copy that holds on to nothing but its own bytes.
    #[must_use]
    pub fn compact(&self) -> Self {
        Self(Bytes::copy_from_slice(&self.0))
    }
}

/// The text with everything that is not printable ASCII escaped, so that it is fit for a terminal or a log.
impl fmt::Display for XdrString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.escape_ascii().fmt(f)
    }
}

impl fmt::Debug for XdrString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

impl From<Bytes> for XdrString {
    fn from(bytes: Bytes) -> Self {
        Self(bytes)
    }
}

impl From<&str> for XdrString {
    fn from(text: &str) -> Self {
        Self(Bytes::copy_from_slice(text.as_bytes()))
    }
}

impl From<String> for XdrString {
    fn from(text: String) -> Self {
        Self(Bytes::from(text))
    }
}

impl From<&[u8]> for XdrString {
    fn from(bytes: &[u8]) -> Self {
        Self(Bytes::copy_from_slice(bytes))
    }
}

impl From<Vec<u8>> for XdrString {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Bytes::from(bytes))
    }
}

impl AsRef<[u8]> for XdrString {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl PartialEq<str> for XdrString {
    fn eq(&self, other: &str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl PartialEq<&str> for XdrString {
    fn eq(&self, other: &&str) -> bool {
        self == *other
    }
}

#[cfg(test)]
mod tests {
    use std::format;
    use std::string::ToString;

    use super::*;

    #[test]
    fn a_string_is_asked_for_its_bytes_or_its_text() {
        let text = XdrString::from("n\u{e9}");
        assert_eq!((text.len(), text.is_empty()), (3, false));
        assert_eq!(
            (text.to_str(), &*text.to_string_lossy()),
            (Ok("n\u{e9}"), "n\u{e9}")
        );
        assert_eq!(text, "n\u{e9}");
        assert_ne!(text, "ne");
        let bytes = XdrString::from(&b"a\xff"[..]);
        assert!(bytes.to_str().is_err());
        assert_eq!(bytes.to_string_lossy(), "a\u{fffd}");
        assert_eq!(AsRef::<[u8]>::as_ref(&bytes), b"a\xff");
        assert_eq!(bytes.as_shared(), &bytes.clone().into_shared());
        assert!(XdrString::new().is_empty());
    }

    #[test]
    fn what_is_shown_is_fit_for_a_terminal() {
        let text = XdrString::from("\u{1b}[2J\n\"");
        assert_eq!(text.to_string(), r#"\x1b[2J\n\""#);
        assert_eq!(format!("{text:?}"), r#""\x1b[2J\n\"""#);
    }

    #[test]
    fn a_compact_copy_holds_on_to_nothing_but_its_bytes() {
        let message = Bytes::from(std::vec![b'a'; 1000]);
        let name = XdrString::from(message.slice(..3));
        let copy = name.compact();
        assert_eq!(copy, name);
        assert_ne!(copy.as_bytes().as_ptr(), name.as_bytes().as_ptr());
        drop(name);
        assert!(message.is_unique());
    }
}
