//! One registration, and what version 2 of the protocol sees of it.

use std::fmt;
use std::num::NonZeroI32;

use oncrpc::netid::Protocol;
use oncrpc_xdr::XdrString;

/// One service of one program and version on one transport: `rpcb` of RFC 1833.
///
/// The texts are what the registrant sent, whether they mean anything or not; [`Entry::new`] only bounds
/// them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The program number.
    pub program: u32,
    /// The version of the program.
    pub version: u32,
    /// The transport, in the letters of the registrant.
    pub netid: XdrString,
    /// The universal address.
    pub uaddr: XdrString,
    /// Who registered it, and may remove it.
    pub owner: Owner,
    /// How it came to be there, unless that was before the start: it is for whoever looks after the host, and
    /// not kept when the daemon ends.
    pub origin: Option<Origin>,
}

/// When a registration was made, and by which process. There is one in each of many entries, so it is small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// When, in seconds from the start.
    pub at: u32,
    /// By whom, as far as the kernel says: it does for Unix sockets.
    pub by: Option<Process>,
}

/// A process as it was when it connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its user.
    pub uid: u32,
    /// Its number, if it can be seen from here.
    pub pid: Option<NonZeroI32>,
}

/// A registration as version 2 sees it: `mapping` of RFC 1833 §3.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// The program number.
    pub program: u32,
    /// The version of the program.
    pub version: u32,
    /// TCP or UDP, over IPv4.
    pub protocol: Protocol,
    /// The port; rpcbind does not hold it to 16 bits, see [`port`].
    pub port: u32,
}

/// Who made a registration, in rpcbind's words.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Owner {
    /// `superuser`: user 0 over the Unix socket, or a privileged port on the loopback address.
    Superuser,
    /// `unknown`: whom nothing identifies.
    Unknown,
    /// A user over the Unix socket; printed as a signed number, as rpcbind does.
    User(u32),
    /// A word of a state file that is none of these.
    Other(XdrString),
}

/// Longest netid in bytes; rpcbind takes whatever a request can hold.
pub const MAX_NETID: usize = 64;

/// Longest universal address in bytes; the longest of a Unix socket has 107.
pub const MAX_UADDR: usize = 256;

/// Longest owner in bytes.
pub const MAX_OWNER: usize = 64;

impl Entry {
    /// A registration that keeps the bounds, or `None`.
    ///
    /// The texts end at their first zero byte, where they do for rpcbind too, and are copied: an entry
    /// lives on, and must not hold the message that it came in.
    pub fn new(
        (program, version): (u32, u32),
        netid: &XdrString,
        uaddr: &XdrString,
        owner: Owner,
    ) -> Option<Self> {
        Self::of_texts(
            (program, version),
            netid.as_bytes(),
            uaddr.as_bytes(),
            owner,
        )
    }

    /// The same of texts that stand in a message.
    pub(crate) fn of_texts(
        (program, version): (u32, u32),
        netid: &[u8],
        uaddr: &[u8],
        owner: Owner,
    ) -> Option<Self> {
        let (netid, uaddr) = (up_to_zero(netid), up_to_zero(uaddr));
        let owner_fits = !matches!(&owner, Owner::Other(name) if name.len() > MAX_OWNER);
        (netid.len() <= MAX_NETID && uaddr.len() <= MAX_UADDR && owner_fits).then(|| Self {
            program,
            version,
            netid: netid.into(),
            uaddr: uaddr.into(),
            owner,
            origin: None,
        })
    }

    /// The same registration, made then and by this process.
    #[must_use]
    pub fn made(self, origin: Origin) -> Self {
        Self {
            origin: Some(origin),
            ..self
        }
    }

    /// What version 2 sees: only `tcp` and `udp`, spelled exactly so, and only with a port.
    pub fn mapping(&self) -> Option<Mapping> {
        Some(Mapping {
            program: self.program,
            version: self.version,
            protocol: protocol(self.netid.as_bytes())?,
            port: port(self.uaddr.as_bytes())?,
        })
    }
}

/// The protocol of a transport that version 2 sees.
pub(super) fn protocol(netid: &[u8]) -> Option<Protocol> {
    match netid {
        b"tcp" => Some(Protocol::Tcp),
        b"udp" => Some(Protocol::Udp),
        _ => None,
    }
}

/// A text up to its first zero byte.
pub fn c_string(text: &XdrString) -> &[u8] {
    up_to_zero(text.as_bytes())
}

/// The same of bytes.
pub fn up_to_zero(bytes: &[u8]) -> &[u8] {
    bytes.split(|&byte| byte == 0).next().unwrap_or(bytes)
}

/// The port of a universal address as rpcbind reads it: whatever number stands between the last two dots
/// times 256, plus whatever number stands behind the last one.
///
/// `None` without two dots. Nothing else is checked, so `a.b.c` has port 0 and `0.0.0.0.300.6` has port
/// 76806, which DUMP and GETPORT of version 2 show.
pub fn port(uaddr: &[u8]) -> Option<u32> {
    let (_, high, low) = split_port(uaddr)?;
    Some((high << 8).wrapping_add(low).cast_unsigned())
}

/// What stands before the last two dots, and the two numbers of the port.
pub fn split_port(uaddr: &[u8]) -> Option<(&[u8], i32, i32)> {
    let mut parts = uaddr.rsplitn(3, |&byte| byte == b'.');
    let (low, high, host) = (parts.next()?, parts.next()?, parts.next()?);
    Some((host, atoi(high), atoi(low)))
}

/// A decimal number as C's `atoi` finds it on Linux: behind white space and one sign, up to the first byte
/// that is no digit, 0 if there is none, and of a number that is too large the low 32 bits.
fn atoi(text: &[u8]) -> i32 {
    let text = text.trim_ascii_start();
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let number =
        digits
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .fold(0_i64, |number, digit| {
                number
                    .saturating_mul(10)
                    .saturating_add(i64::from(digit & 0xf))
            });
    #[expect(
        clippy::cast_possible_truncation,
        reason = "that is what atoi does with the result of strtol"
    )]
    let low = if negative {
        number.wrapping_neg()
    } else {
        number
    } as i32;
    low
}

impl Owner {
    /// Reads what [`Display`](fmt::Display) printed.
    pub fn from_text(text: &[u8]) -> Self {
        let text = up_to_zero(text);
        let user = || {
            let number: i32 = std::str::from_utf8(text).ok()?.parse().ok()?;
            (number.to_string().as_bytes() == text).then_some(number.cast_unsigned())
        };
        match text {
            b"superuser" => Self::Superuser,
            b"unknown" => Self::Unknown,
            _ => user().map_or_else(|| Self::Other(text.into()), Self::User),
        }
    }

    /// The owner as it goes on the wire.
    pub fn to_text(&self) -> XdrString {
        match self {
            Self::Superuser => XdrString::from_static("superuser"),
            Self::Unknown => XdrString::from_static("unknown"),
            Self::User(uid) => uid.cast_signed().to_string().into(),
            Self::Other(name) => name.clone(),
        }
    }

    /// Whether this caller may remove an entry of this owner.
    pub fn may_remove_of(&self, owner: &Self) -> bool {
        *self == Self::Superuser || self == owner
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_text().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(netid: &str, uaddr: &str) -> Option<Entry> {
        Entry::new((400_000, 1), &netid.into(), &uaddr.into(), Owner::Superuser)
    }

    #[test]
    fn where_an_entry_comes_from_takes_four_words() {
        assert_eq!(size_of::<Option<Origin>>(), 16);
    }

    #[test]
    fn ports_are_read_as_rpcbind_reads_them() {
        // Each line was asked of rpcbind 1.2.6: SET, then DUMP of version 2.
        for (uaddr, port) in [
            ("0.0.0.0.8.1", Some(2049)),
            ("", None),
            (".", None),
            ("5", None),
            ("1.2", None),
            ("..", Some(0)),
            ("a.b.c", Some(0)),
            ("1.2.3", Some(515)),
            ("1.2.3.4.8.", Some(2048)),
            ("0.0.0.0.300.6", Some(76_806)),
            ("0.0.0.0.256.0", Some(65_536)),
            ("0.0.0.0.-1.6", Some(4_294_967_046)),
            ("0.0.0.0.1.-1", Some(255)),
            ("0.0.0.0. 8.1", Some(2049)),
            ("0.0.0.0.8.1x", Some(2049)),
            ("x.8y.+1", Some(2049)),
            ("0.0.0.0.0x10.010", Some(10)),
            ("0.0.0.0.99999999999.3", Some(1_994_915_587)),
            ("::.8.1", Some(2049)),
            ("/tmp/a.8.1", Some(2049)),
        ] {
            assert_eq!(super::port(uaddr.as_bytes()), port, "{uaddr}");
        }
    }

    #[test]
    fn version_2_sees_exactly_tcp_and_udp_with_a_port() {
        for (netid, seen) in [
            ("tcp", Some(Protocol::Tcp)),
            ("udp", Some(Protocol::Udp)),
            ("TCP", None),
            ("Udp", None),
            ("tcp6", None),
            ("udp6", None),
            ("local", None),
            ("", None),
        ] {
            let mapping = entry(netid, "0.0.0.0.8.1").unwrap().mapping();
            assert_eq!(mapping.map(|mapping| mapping.protocol), seen, "{netid}");
        }
        assert_eq!(entry("tcp", "junk").unwrap().mapping(), None);
    }

    #[test]
    fn texts_end_at_a_zero_byte_and_keep_their_bounds() {
        let cut = entry("udp\0x", "0.0.0.0.8.1\0.9.9").unwrap();
        assert_eq!((cut.netid, cut.uaddr), ("udp".into(), "0.0.0.0.8.1".into()));
        assert!(entry(&"n".repeat(MAX_NETID), &"a".repeat(MAX_UADDR)).is_some());
        assert!(entry(&"n".repeat(MAX_NETID + 1), "").is_none());
        assert!(entry("", &"a".repeat(MAX_UADDR + 1)).is_none());
    }

    #[test]
    fn owners_print_as_rpcbind_prints_them_and_read_back() {
        for (owner, text) in [
            (Owner::Superuser, "superuser"),
            (Owner::Unknown, "unknown"),
            (Owner::User(1000), "1000"),
            (Owner::User(0), "0"),
            (Owner::User(4_294_967_294), "-2"),
            (Owner::Other("+1000".into()), "+1000"),
            (Owner::Other("01".into()), "01"),
            (Owner::Other("".into()), ""),
            (Owner::Other("libtirpc".into()), "libtirpc"),
        ] {
            assert_eq!(owner.to_text(), text);
            assert_eq!(Owner::from_text(text.as_bytes()), owner);
        }
    }
}
