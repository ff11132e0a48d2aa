//! Strings as XDR has them: bytes.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::Ordering;
use core::hash::{Hash, Hasher};
use core::{fmt, str};

use bytes::Bytes;

/// `string<>`: bytes that are usually text, but need not be.
///
/// RFC 4506 §4.11 says ASCII; file names on the wire are whatever the server's disk holds. So this keeps
/// the bytes as they came, a zero byte among them included, and leaves the question of their encoding to
/// whoever looks: [`to_str`](Self::to_str) asks, [`to_string_lossy`](Self::to_string_lossy) does not care.
///
/// Cheap to clone. Up to [`SHORT`](Self::SHORT) bytes, as most names have, are held in place: nothing is allocated for them, and
/// nothing is counted. A longer string that is decoded from a shared message is a slice of it and keeps the message alive;
/// [`compact`](Self::compact) makes a copy that does not.
#[derive(Clone)]
pub struct XdrString(Held);

/// Where the bytes are.
#[derive(Clone)]
enum Held {
    /// The first of these, as many as the last one says; those between are zeros.
    InPlace([u8; XdrString::SHORT + 1]),
    Shared(Bytes),
}

impl XdrString {
    /// Most bytes that are held in place: with their number they fit where a longer string has its share of a buffer.
    pub const SHORT: usize = 23;

    /// The empty string.
    pub const fn new() -> Self {
        Self(Held::InPlace([0; Self::SHORT + 1]))
    }

    /// A string that lives as long as the program.
    pub const fn from_static(text: &'static str) -> Self {
        Self(Held::Shared(Bytes::from_static(text.as_bytes())))
    }

    /// The bytes.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Held::InPlace(place) => {
                let [bytes @ .., len] = place;
                bytes.get(..usize::from(*len)).unwrap_or_default()
            }
            Held::Shared(bytes) => bytes,
        }
    }

    /// The bytes, shared; a copy of those that are held in place.
    pub fn into_shared(self) -> Bytes {
        match self.0 {
            Held::InPlace(..) => Bytes::copy_from_slice(self.as_bytes()),
            Held::Shared(bytes) => bytes,
        }
    }

    /// The bytes where they are shared already.
    #[inline]
    pub(crate) fn as_shared(&self) -> Option<&Bytes> {
        match &self.0 {
            Held::InPlace(..) => None,
            Held::Shared(bytes) => Some(bytes),
        }
    }

    /// These bytes in place, if they are few enough.
    ///
    /// They go there by words: a processor waits for what was just copied byte by byte when it is moved as a whole.
    #[inline]
    pub(crate) fn in_place(bytes: &[u8]) -> Option<Self> {
        let len = u8::try_from(bytes.len()).ok()?;
        let word = |bytes: &[u8; 8]| u64::from_le_bytes(*bytes);
        let words = match bytes.as_chunks() {
            ([], rest) => [last_word(rest), 0, 0],
            ([first], rest) => [word(first), last_word(rest), 0],
            ([first, second], rest) => [word(first), word(second), last_word(rest)],
            _ => return None,
        };
        let [first, second, third] = words;
        let third = third | u64::from(len) << 56;
        let mut place = [0; Self::SHORT + 1];
        let words = [first, second, third].map(u64::to_le_bytes);
        place.copy_from_slice(words.as_flattened());
        Some(Self(Held::InPlace(place)))
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.as_bytes().is_empty()
    }

    /// How many bytes there are.
    pub fn len(&self) -> usize {
        self.as_bytes().len()
    }

    /// The text, if the bytes are UTF-8.
    pub fn to_str(&self) -> Result<&str, str::Utf8Error> {
        str::from_utf8(self.as_bytes())
    }

    /// The text, with U+FFFD for what is not UTF-8.
    pub fn to_string_lossy(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.as_bytes())
    }

    /// A copy that holds on to nothing but its own bytes.
    #[must_use]
    pub fn compact(&self) -> Self {
        self.as_bytes().into()
    }
}

/// The word that the last bytes of a string are, fewer than eight, with zeros behind them.
#[inline]
fn last_word(rest: &[u8]) -> u64 {
    match rest.split_first_chunk() {
        Some((low, high)) => {
            u64::from(u32::from_le_bytes(*low)) | u64::from(last_bytes(high)) << 32
        }
        None => u64::from(last_bytes(rest)),
    }
}

/// The same of fewer than four bytes.
#[inline]
fn last_bytes(rest: &[u8]) -> u32 {
    match *rest {
        [a, b, c] => u32::from_le_bytes([a, b, c, 0]),
        [a, b] => u32::from_le_bytes([a, b, 0, 0]),
        [a] => u32::from(a),
        _ => 0,
    }
}

impl Default for XdrString {
    fn default() -> Self {
        Self::new()
    }
}

// Where the bytes are makes no difference.

impl PartialEq for XdrString {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for XdrString {}

impl PartialOrd for XdrString {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for XdrString {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl Hash for XdrString {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

/// The text with everything that is not printable ASCII escaped, so that it is fit for a terminal or a log.
impl fmt::Display for XdrString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes().escape_ascii().fmt(f)
    }
}

impl fmt::Debug for XdrString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.as_bytes().escape_ascii())
    }
}

impl From<Bytes> for XdrString {
    fn from(bytes: Bytes) -> Self {
        Self::in_place(&bytes).unwrap_or(Self(Held::Shared(bytes)))
    }
}

impl From<&str> for XdrString {
    fn from(text: &str) -> Self {
        text.as_bytes().into()
    }
}

impl From<String> for XdrString {
    fn from(text: String) -> Self {
        text.into_bytes().into()
    }
}

impl From<&[u8]> for XdrString {
    fn from(bytes: &[u8]) -> Self {
        let shared = || Self(Held::Shared(Bytes::copy_from_slice(bytes)));
        Self::in_place(bytes).unwrap_or_else(shared)
    }
}

impl From<Vec<u8>> for XdrString {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl AsRef<[u8]> for XdrString {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
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
        assert_eq!(bytes.clone().into_shared(), &b"a\xff"[..]);
        assert!(XdrString::new().is_empty());
    }

    #[test]
    fn what_is_shown_is_fit_for_a_terminal() {
        let text = XdrString::from("\u{1b}[2J\n\"");
        assert_eq!(text.to_string(), r#"\x1b[2J\n\""#);
        assert_eq!(format!("{text:?}"), r#""\x1b[2J\n\"""#);
    }

    #[test]
    fn short_strings_are_held_in_place_and_long_ones_hold_on_to_their_message() {
        assert_eq!(size_of::<XdrString>(), size_of::<Bytes>());
        let message = Bytes::from(std::vec![b'a'; 1000]);
        for (len, is_shared) in [(0, false), (1, false), (23, false), (24, true)] {
            let name = XdrString::from(message.slice(..len));
            assert_eq!((name.len(), message.is_unique()), (len, !is_shared));
            let copy = name.compact();
            assert_eq!(copy, name);
            drop(name);
            assert!(message.is_unique());
            assert_eq!(copy.into_shared(), message[..len]);
        }
    }

    #[test]
    fn short_strings_of_every_length_are_what_they_were_made_of() {
        let bytes: [u8; XdrString::SHORT] = std::array::from_fn(|at| !u8::try_from(at).unwrap());
        for len in 0..=bytes.len() {
            let text = XdrString::in_place(&bytes[..len]).unwrap();
            assert_eq!(text.as_bytes(), &bytes[..len]);
        }
        assert!(XdrString::in_place(&[0; XdrString::SHORT + 1]).is_none());
    }

    #[test]
    fn where_the_bytes_are_makes_no_difference() {
        let (here, there) = (XdrString::from("udp"), XdrString::from_static("udp"));
        assert_eq!(here, there);
        assert_eq!(here.cmp(&there), Ordering::Equal);
        assert!(here < XdrString::from_static("udp6"));
        let both = std::collections::HashSet::from([here, there]);
        assert_eq!(both.len(), 1);
    }
}
