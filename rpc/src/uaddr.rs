//! Universal addresses, [RFC 5665 §5.2.3](https://www.rfc-editor.org/rfc/rfc5665#section-5.2.3): the
//! text by which rpcbind says where a service is.
//!
//! An IPv4 or IPv6 address in its usual text, then the port as two decimal octets, the high one first:
//! `192.0.2.1.8.1` is port 2049 there, `::.0.111` is rpcbind's own on every IPv6 address. A Unix socket's
//! is its path.
//!
//! Reading is strict here: what a peer means is either exactly one address or an error that says where it
//! is wrong. (The portmapper itself keeps whatever text a service registers.)

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4};
use std::str;

use oncrpc_xdr::XdrString;

use crate::netid::Family;

/// Where a service is, in the form that its transport's family asks for.
///
/// ```
/// use oncrpc::{netid::Family, uaddr::Uaddr};
///
/// let nfs = Uaddr::parse(b"192.0.2.1.8.1", Family::Inet)?;
/// assert_eq!(nfs, Uaddr::Inet("192.0.2.1:2049".parse()?));
/// assert_eq!(nfs.to_string(), "192.0.2.1.8.1");
///
/// let error = Uaddr::parse(b"192.0.2.1.8.256", Family::Inet).unwrap_err();
/// assert_eq!(error.to_string(), "octet 256 is over 255 at byte 12");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Uaddr {
    /// An IPv4 or IPv6 address and a port. The scope and flow of an IPv6 address have no place in the text.
    Inet(SocketAddr),
    /// The path of a Unix socket: bytes, not necessarily UTF-8.
    Local(XdrString),
}

/// Text that is not a universal address of the family that was expected: why, and at which byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UaddrError {
    /// What is wrong.
    pub fault: UaddrFault,
    /// Where: bytes from the start of the text.
    pub at: usize,
}

/// Why text is not a universal address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UaddrFault {
    /// The text ends where an octet, or the dot before it, should be.
    Missing,
    /// Not a decimal octet: empty, a sign, a letter, or a zero in front of other digits.
    NotAnOctet,
    /// An octet over 255.
    OctetTooLarge {
        /// Its value; `u32::MAX` for everything larger.
        found: u32,
    },
    /// Text behind the address.
    Trailing,
    /// What stands before the port is not an IPv6 address ([RFC 4291 §2.2]).
    ///
    /// [RFC 4291 §2.2]: https://www.rfc-editor.org/rfc/rfc4291#section-2.2
    NotIpv6,
    /// A path that is empty, or longer than the [`MAX_PATH`] bytes of a socket address.
    PathLength {
        /// Its length in bytes.
        found: usize,
    },
    /// A path with a zero byte.
    ZeroByte,
}

/// Longest path of a Unix socket in bytes, without the zero at its end: `sun_path` of `unix(7)` holds 108.
pub const MAX_PATH: usize = 107;

impl Uaddr {
    /// Reads an address as a service of this family registers it.
    pub fn parse(text: &[u8], family: Family) -> Result<Self, UaddrError> {
        match family {
            Family::Inet => parse_inet(text),
            Family::Inet6 => parse_inet6(text),
            Family::Loopback => parse_path(text),
        }
    }

    /// The address to connect to, unless it is a path.
    pub fn socket_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Inet(address) => Some(*address),
            Self::Local(_) => None,
        }
    }
}

/// `h1.h2.h3.h4.p1.p2`
fn parse_inet(text: &[u8]) -> Result<Uaddr, UaddrError> {
    let [h1, h2, h3, h4, p1, p2] = octets(text, text)?;
    let host = Ipv4Addr::new(h1, h2, h3, h4);
    Ok(SocketAddr::from((host, u16::from_be_bytes([p1, p2]))).into())
}

/// `x1:x2:x3:x4:x5:x6:x7:x8.p1.p2`, with every short form of the address, which may have dots of its own.
fn parse_inet6(text: &[u8]) -> Result<Uaddr, UaddrError> {
    let mut parts = text.rsplitn(3, |byte| *byte == b'.');
    let (Some(_), Some(_), Some(host)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(UaddrFault::Missing.at(text.len()));
    };
    let behind = host.len().saturating_add(1);
    let port = text.get(behind..).unwrap_or_default();
    let host = str::from_utf8(host).ok().and_then(|host| host.parse().ok());
    let host: Ipv6Addr = host.ok_or(UaddrFault::NotIpv6.at(0))?;
    let port = octets(text, port)?;
    Ok(SocketAddr::from((host, u16::from_be_bytes(port))).into())
}

fn parse_path(text: &[u8]) -> Result<Uaddr, UaddrError> {
    if text.is_empty() || text.len() > MAX_PATH {
        let found = text.len();
        return Err(UaddrFault::PathLength { found }.at(found.min(MAX_PATH)));
    }
    match text.iter().position(|&byte| byte == 0) {
        Some(at) => Err(UaddrFault::ZeroByte.at(at)),
        None => Ok(Uaddr::Local(text.into())),
    }
}

/// The octets that `left` consists of, the end of `text`: as they are printed, a dot between each and the next.
#[inline]
fn octets<const N: usize>(text: &[u8], mut left: &[u8]) -> Result<[u8; N], UaddrError> {
    let mut octets = [0; N];
    for (index, octet) in octets.iter_mut().enumerate() {
        if index > 0 {
            left = left
                .strip_prefix(b".")
                .ok_or_else(|| no_octet(text, left))?;
        }
        (*octet, left) = split_octet(left).ok_or_else(|| no_octet(text, left))?;
    }
    match left {
        [] => Ok(octets),
        _ => Err(UaddrFault::Trailing.before(left, text)),
    }
}

/// What is wrong where an octet should begin, or the dot before it be.
#[cold]
fn no_octet(text: &[u8], left: &[u8]) -> UaddrError {
    let digits = left.iter().take_while(|byte| byte.is_ascii_digit());
    let fault = match left {
        [] => UaddrFault::Missing,
        [b'1'..=b'9', ..] => UaddrFault::OctetTooLarge {
            found: digits.fold(0_u32, |found, digit| {
                found
                    .saturating_mul(10)
                    .saturating_add((digit & 0xf).into())
            }),
        },
        _ => UaddrFault::NotAnOctet,
    };
    fault.before(left, text)
}

/// An octet without a sign or zeros in front, which some readers take for octal; and what is behind it.
#[inline]
fn split_octet(text: &[u8]) -> Option<(u8, &[u8])> {
    let (first, mut behind) = split_digit(text)?;
    let mut octet = u32::from(first);
    while let Some((digit, rest)) = split_digit(behind) {
        octet = octet.wrapping_mul(10).wrapping_add(digit.into());
        if first == 0 || octet > 255 {
            return None;
        }
        behind = rest;
    }
    Some((u8::try_from(octet).ok()?, behind))
}

#[inline]
fn split_digit(text: &[u8]) -> Option<(u8, &[u8])> {
    match text {
        [digit @ b'0'..=b'9', rest @ ..] => Some((digit & 0xf, rest)),
        _ => None,
    }
}

impl From<SocketAddr> for Uaddr {
    fn from(address: SocketAddr) -> Self {
        Self::Inet(address)
    }
}

impl From<&Uaddr> for XdrString {
    fn from(uaddr: &Uaddr) -> Self {
        match uaddr {
            Uaddr::Inet(SocketAddr::V4(address)) => inet(*address),
            Uaddr::Inet(SocketAddr::V6(_)) => uaddr.to_string().into(),
            Uaddr::Local(path) => path.clone(),
        }
    }
}

/// What [`Display`](fmt::Display) prints of an IPv4 address, without its machinery: each GETADDR needs one.
fn inet(address: SocketAddrV4) -> XdrString {
    let [high, low] = address.port().to_be_bytes();
    let [a, b, c, d] = address.ip().octets();
    let mut text = [0; LONGEST_INET];
    let mut room = text.iter_mut();
    let mut put = |byte| {
        if let Some(place) = room.next() {
            *place = byte;
        }
    };
    for (index, octet) in [a, b, c, d, high, low].into_iter().enumerate() {
        if index > 0 {
            put(b'.');
        }
        if octet >= 100 {
            put(b'0' | (octet / 100));
        }
        if octet >= 10 {
            put(b'0' | (octet / 10 % 10));
        }
        put(b'0' | (octet % 10));
    }
    let unused = room.len();
    let (text, _) = text.split_at(LONGEST_INET.saturating_sub(unused));
    text.into()
}

/// Longest address of IPv4 in bytes: `255.255.255.255.255.255`.
const LONGEST_INET: usize = 23;

/// The universal address; of a path, what is not printable ASCII is escaped.
impl fmt::Display for Uaddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inet(address) => {
                let [high, low] = address.port().to_be_bytes();
                write!(f, "{}.{high}.{low}", address.ip())
            }
            Self::Local(path) => path.fmt(f),
        }
    }
}

impl UaddrFault {
    fn at(self, at: usize) -> UaddrError {
        UaddrError { fault: self, at }
    }

    /// Where so much is left of the text.
    #[cold]
    fn before(self, left: &[u8], text: &[u8]) -> UaddrError {
        self.at(text.len().saturating_sub(left.len()))
    }
}

impl fmt::Display for UaddrError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.fault, self.at)
    }
}

impl fmt::Display for UaddrFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("the address ends where an octet should be"),
            Self::NotAnOctet => f.write_str("not a decimal octet"),
            Self::OctetTooLarge { found } => write!(f, "octet {found} is over 255"),
            Self::Trailing => f.write_str("text behind the address"),
            Self::NotIpv6 => f.write_str("not an IPv6 address"),
            Self::PathLength { found } => {
                write!(f, "a path of {found} bytes, allowed are 1 to {MAX_PATH}")
            }
            Self::ZeroByte => f.write_str("a zero byte in the path"),
        }
    }
}

impl std::error::Error for UaddrError {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_are_read_as_the_rfc_writes_them() {
        let inet = [
            ("0.0.0.0.0.111", "0.0.0.0:111"),
            ("192.0.2.1.8.1", "192.0.2.1:2049"),
            ("255.255.255.255.255.255", "255.255.255.255:65535"),
        ];
        let inet6 = [
            ("::.0.111", "[::]:111"),
            ("::1.8.1", "[::1]:2049"),
            ("2001:db8::7.0.0", "[2001:db8::7]:0"),
            ("1:2:3:4:5:6:7:8.1.2", "[1:2:3:4:5:6:7:8]:258"),
            ("::ffff:192.0.2.1.8.1", "[::ffff:192.0.2.1]:2049"),
            ("64:ff9b::192.0.2.1.0.80", "[64:ff9b::c000:201]:80"),
        ];
        for (family, table) in [(Family::Inet, &inet[..]), (Family::Inet6, &inet6[..])] {
            for (text, address) in table {
                let expected = Uaddr::Inet(address.parse().unwrap());
                assert_eq!(
                    Uaddr::parse(text.as_bytes(), family),
                    Ok(expected),
                    "{text}"
                );
            }
        }
    }

    #[test]
    fn what_is_not_an_address_is_an_error_that_says_where() {
        use UaddrFault::*;
        let too_large = |found| OctetTooLarge { found };
        for (text, fault, at) in [
            ("", Missing, 0),
            ("1", Missing, 1),
            ("1.2.3.4.5", Missing, 9),
            ("1.2.3.4.5.", Missing, 10),
            ("1..3.4.5.6", NotAnOctet, 2),
            ("1.2.3.4.-5.6", NotAnOctet, 8),
            ("1.2.3.4.5x.6", NotAnOctet, 9),
            ("01.2.3.4.5.6", NotAnOctet, 0),
            ("1.2.3.4.5.00", NotAnOctet, 10),
            (" 1.2.3.4.5.6", NotAnOctet, 0),
            ("256.2.3.4.5.6", too_large(256), 0),
            ("1.2.3.4.300.6", too_large(300), 8),
            ("1.2.3.4.5.99999999999", too_large(u32::MAX), 10),
            ("1.2.3.4.5.6.7", Trailing, 11),
            ("1.2.3.4.5.6\n", Trailing, 11),
            ("::1.8.1", NotAnOctet, 0),
            ("/run/rpcbind.sock", NotAnOctet, 0),
        ] {
            let error = Err(UaddrError { fault, at });
            assert_eq!(Uaddr::parse(text.as_bytes(), Family::Inet), error, "{text}");
        }
        for (text, fault, at) in [
            ("", Missing, 0),
            ("::", Missing, 2),
            ("::1.8", Missing, 5),
            ("1.2.3.4.5.6", NotIpv6, 0),
            ("::1::.8.1", NotIpv6, 0),
            ("fe80::1%lo.8.1", NotIpv6, 0),
            ("[::1].8.1", NotIpv6, 0),
            ("::ffff:1.2.3.8.1", NotIpv6, 0),
            ("::1.8.", Missing, 6),
            ("::1..1", NotAnOctet, 4),
            ("::1.8x.1", NotAnOctet, 5),
            ("::1.256.1", too_large(256), 4),
            ("::1.8.256", too_large(256), 6),
            ("::1.8.1 ", Trailing, 7),
        ] {
            let error = Err(UaddrError { fault, at });
            assert_eq!(
                Uaddr::parse(text.as_bytes(), Family::Inet6),
                error,
                "{text}"
            );
        }
    }

    #[test]
    fn a_path_is_any_bytes_that_a_socket_address_holds() {
        let path = |text: &[u8]| Uaddr::parse(text, Family::Loopback);
        for text in [
            &b"/run/rpcbind.sock"[..],
            b"@abstract",
            b"/\xff",
            &[b'a'; MAX_PATH],
        ] {
            assert_eq!(path(text), Ok(Uaddr::Local(text.into())));
        }
        let length = |found, at| Err(UaddrFault::PathLength { found }.at(at));
        assert_eq!(path(b""), length(0, 0));
        assert_eq!(path(&[b'a'; MAX_PATH + 1]), length(MAX_PATH + 1, MAX_PATH));
        assert_eq!(path(b"/a\0b"), Err(UaddrFault::ZeroByte.at(2)));
    }

    proptest! {
        #[test]
        fn every_address_is_read_back_as_it_was_printed(address: SocketAddr) {
            let (family, address) = match address {
                SocketAddr::V4(_) => (Family::Inet, address),
                SocketAddr::V6(v6) => (Family::Inet6, SocketAddr::from((*v6.ip(), v6.port()))),
            };
            let uaddr = Uaddr::from(address);
            let text = XdrString::from(&uaddr);
            prop_assert_eq!(text.to_string(), uaddr.to_string());
            prop_assert_eq!(Uaddr::parse(text.as_bytes(), family), Ok(uaddr));
        }

        #[test]
        fn no_text_makes_reading_panic(text: Vec<u8>) {
            for family in [Family::Inet, Family::Inet6, Family::Loopback] {
                let _ = Uaddr::parse(&text, family);
            }
        }

        #[test]
        fn an_ipv4_address_has_one_spelling(text in "(0?[0-9]{1,2}[.]){5}[0-9]{1,3}") {
            if let Ok(uaddr) = Uaddr::parse(text.as_bytes(), Family::Inet) {
                prop_assert_eq!(uaddr.to_string(), text);
            }
        }
    }
}
