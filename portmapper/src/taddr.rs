//! UADDR2TADDR and TADDR2UADDR: universal addresses as C's socket addresses, and back.
//!
//! Both go by the family of the transport that was used for asking, and both are as lenient as libtirpc: a
//! socket address is read by its length alone, whatever family it claims.
// What reads what others have written computes nothing that could overflow and indexes nothing that could be missing.
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::indexing_slicing,
        clippy::unwrap_used
    )
)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use oncrpc::netid::Family;
use oncrpc::uaddr::{MAX_PATH, Uaddr};
use oncrpc_xdr::XdrString;

use crate::merge::read;
use crate::registry::{c_string, split_port};

/// A socket address in the memory layout of Linux, and the room that C has for it: `netbuf`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SocketAddress {
    /// Bytes of the largest address of the family.
    pub max: u32,
    /// The address, empty if there is none.
    pub bytes: Vec<u8>,
}

// Families, as Linux numbers them.
const AF_UNIX: u16 = 1;
const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;

// Sizes of `sockaddr_in`, `sockaddr_in6` and `sockaddr_un`, in bytes.
const SOCKADDR_IN: u32 = 16;
const SOCKADDR_IN6: u32 = 28;
const SOCKADDR_UN: u32 = 110;

/// The socket address of a universal one; of text that is none, the empty one.
pub fn from_uaddr(uaddr: &XdrString, family: Family) -> SocketAddress {
    let uaddr = c_string(uaddr);
    match family {
        Family::Inet | Family::Inet6 => match read(uaddr, family) {
            Some((IpAddr::V4(host), port)) => inet(host, port),
            Some((IpAddr::V6(host), port)) => inet6(host, port),
            None => SocketAddress::default(),
        },
        Family::Loopback => unix(uaddr),
    }
}

fn inet(host: Ipv4Addr, port: u16) -> SocketAddress {
    let mut bytes = AF_INET.to_ne_bytes().to_vec();
    bytes.extend(port.to_be_bytes());
    bytes.extend(host.octets());
    bytes.resize(SOCKADDR_IN as usize, 0);
    let max = SOCKADDR_IN;
    SocketAddress { max, bytes }
}

fn inet6(host: Ipv6Addr, port: u16) -> SocketAddress {
    let mut bytes = AF_INET6.to_ne_bytes().to_vec();
    bytes.extend(port.to_be_bytes());
    bytes.extend([0; 4]);
    bytes.extend(host.octets());
    bytes.resize(SOCKADDR_IN6 as usize, 0);
    let max = SOCKADDR_IN6;
    SocketAddress { max, bytes }
}

/// A path as it is if it begins with a slash; of anything else what stands before the port, which even an
/// address without a path is taken to have.
fn unix(uaddr: &[u8]) -> SocketAddress {
    let path = match uaddr {
        [b'/', ..] => Some(uaddr),
        _ => split_port(uaddr).map(|(host, ..)| host),
    };
    let Some(path) = path else {
        return SocketAddress::default();
    };
    let path = path.get(..MAX_PATH).unwrap_or(path);
    SocketAddress {
        max: SOCKADDR_UN,
        bytes: [&AF_UNIX.to_ne_bytes(), path].concat(),
    }
}

/// The universal address of a socket address; of one that is too short, the empty text.
pub fn to_uaddr(address: &[u8], family: Family) -> XdrString {
    match family {
        Family::Inet => to_inet(address).unwrap_or_default(),
        Family::Inet6 => to_inet6(address).unwrap_or_default(),
        Family::Loopback => {
            let path = address.get(2..).unwrap_or_default();
            c_string(&path.into()).into()
        }
    }
}

fn to_inet(address: &[u8]) -> Option<XdrString> {
    let address: &[u8; SOCKADDR_IN as usize] = address.first_chunk()?;
    let [_, _, high, low, a, b, c, d, ..] = *address;
    let port = u16::from_be_bytes([high, low]);
    let uaddr = Uaddr::from(SocketAddr::from(([a, b, c, d], port)));
    Some((&uaddr).into())
}

fn to_inet6(address: &[u8]) -> Option<XdrString> {
    let address: &[u8; SOCKADDR_IN6 as usize] = address.first_chunk()?;
    let (&[_, _, high, low, _, _, _, _], rest) = address.split_first_chunk()?;
    let host = Ipv6Addr::from(*rest.first_chunk::<16>()?);
    // glibc writes the IPv4 address in an address of the deprecated kind `::192.0.2.1` with dots.
    if matches!(host.segments(), [0, 0, 0, 0, 0, 0, 1..=u16::MAX, _]) {
        let [.., a, b, c, d] = host.octets();
        return Some(format!("::{a}.{b}.{c}.{d}.{high}.{low}").into());
    }
    let uaddr = Uaddr::from(SocketAddr::from((host, u16::from_be_bytes([high, low]))));
    Some((&uaddr).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    // Both tables were asked of rpcbind 1.2.6, over UDP, TCP on IPv6 and the Unix socket.

    #[test]
    fn universal_addresses_become_socket_addresses() {
        let inet = |uaddr: &str| from_uaddr(&uaddr.into(), Family::Inet);
        let expected = |bytes: &[u8], max| SocketAddress {
            max,
            bytes: bytes.to_vec(),
        };
        assert_eq!(
            inet("1.2.3.4.5.6"),
            expected(b"\x02\0\x05\x06\x01\x02\x03\x04\0\0\0\0\0\0\0\0", 16)
        );
        assert_eq!(
            inet("1.2.3.4.300.6").bytes[..8],
            *b"\x02\0\x2c\x06\x01\x02\x03\x04"
        );
        for none in [
            "",
            "junk",
            "300.6",
            "1.2.3.4",
            "1.2.3.4.5.6.7",
            "::1.8.1",
            "/run/x",
        ] {
            assert_eq!(inet(none), SocketAddress::default(), "{none}");
        }
        let inet6 = |uaddr: &str| from_uaddr(&uaddr.into(), Family::Inet6);
        let mut bytes = [0; 28];
        (bytes[0], bytes[2], bytes[3], bytes[23]) = (10, 8, 1, 1);
        assert_eq!(inet6("::1.8.1"), expected(&bytes, 28));
        for none in ["1.2.3.4.5.6", "fe80::1%lo.8.1", ""] {
            assert_eq!(inet6(none), SocketAddress::default(), "{none}");
        }
        let unix = |uaddr: &str| from_uaddr(&uaddr.into(), Family::Loopback);
        for (uaddr, path) in [
            ("/run/x", "/run/x"),
            ("1.2.3.4.5.6", "1.2.3.4"),
            ("1.2.3.4", "1.2"),
            ("::1.8.1", "::1"),
            (
                &format!("/{}", "a".repeat(120)),
                &format!("/{}", "a".repeat(106)),
            ),
        ] {
            let bytes = [b"\x01\0", path.as_bytes()].concat();
            assert_eq!(unix(uaddr), expected(&bytes, 110), "{uaddr}");
        }
        for none in ["", "junk", "@x", "300.6"] {
            assert_eq!(unix(none), SocketAddress::default(), "{none}");
        }
    }

    #[test]
    fn socket_addresses_become_universal_addresses() {
        let inet = b"\x02\0\x05\x06\x01\x02\x03\x04\0\0\0\0\0\0\0\0";
        let inet6 = |host: &str| {
            let host: Ipv6Addr = host.parse().unwrap();
            [b"\x0a\0\x05\x06\0\0\0\0", &host.octets()[..], &[1, 0, 0, 0]].concat()
        };
        for (address, family, uaddr) in [
            (&inet[..], Family::Inet, "1.2.3.4.5.6"),
            (&inet[..15], Family::Inet, ""),
            (&[b'a'; 300], Family::Inet, "97.97.97.97.97.97"),
            (&inet6("fe80::1"), Family::Inet, "0.0.0.0.5.6"),
            (&inet6("fe80::1"), Family::Inet6, "fe80::1.5.6"),
            (&inet6("::1.2.3.4"), Family::Inet6, "::1.2.3.4.5.6"),
            (
                &inet6("::ffff:1.2.3.4"),
                Family::Inet6,
                "::ffff:1.2.3.4.5.6",
            ),
            (&inet6("::7"), Family::Inet6, "::7.5.6"),
            (&inet6("::"), Family::Inet6, "::.5.6"),
            (&inet6("::7")[..27], Family::Inet6, ""),
            (b"\x01\0/run/x\0\0", Family::Loopback, "/run/x"),
            (b"\x01\0/run/x", Family::Loopback, "/run/x"),
            (b"\x01\0\0abstract", Family::Loopback, ""),
            (b"\x01\0", Family::Loopback, ""),
            (b"", Family::Loopback, ""),
            (&inet[..], Family::Loopback, "\x05\x06\x01\x02\x03\x04"),
        ] {
            assert_eq!(to_uaddr(address, family), uaddr);
        }
    }
}
