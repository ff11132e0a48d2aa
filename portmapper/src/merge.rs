//! Which address a caller is told, where a service listens on every address of the host.
//!
//! A service that listens everywhere registers the wildcard, `0.0.0.0.8.1`. A remote caller cannot use
//! that, so GETADDR puts an address of this host in its place: one that the caller can reach. Callers help
//! with a hint, the address at which they reached this portmapper.
//!
//! rpcbind replaces every registered address. Here one that is not the wildcard is told as it is: the
//! service listens there and nowhere else.

use std::net::{IpAddr, SocketAddr};
use std::str;

use oncrpc::netid::Family;
use oncrpc::uaddr::Uaddr;
use oncrpc_xdr::XdrString;

use crate::registry::{Address, split_port, up_to_zero};

/// An address of this host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interface {
    /// The interface's number, which is the scope of its link-local addresses.
    pub index: u32,
    /// The address.
    pub address: IpAddr,
    /// Leading bits of the address that its neighbours share.
    pub prefix: u32,
    /// Whether the interface is up.
    pub up: bool,
    /// Whether its addresses are good for callers on another host: neither loopback nor point to point.
    pub general: bool,
    /// Whether groups can be joined on the interface.
    pub multicast: bool,
}

/// A call that asks for an address.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// Where the call came from, unless over a Unix socket.
    pub from: Option<SocketAddr>,
    /// The address of ours that it came to, where the transport tells.
    pub at: Option<IpAddr>,
}

/// The address to tell a caller about a service registered at `uaddr`.
///
/// `None` where none can be made: the hint makes no sense, or `uaddr` does not. GETADDR then tells `uaddr`
/// itself, and GETADDRLIST leaves the service out.
///
/// The interfaces are asked for only where they are needed, which is rare: a hint is nearly always the
/// address that was asked.
pub fn merge<I: AsRef<[Interface]>>(
    uaddr: &Address,
    hint: &[u8],
    asked: Asked,
    interfaces: impl FnOnce() -> I,
) -> Option<XdrString> {
    let from = asked.from?;
    let family = match from {
        SocketAddr::V4(_) => Family::Inet,
        SocketAddr::V6(_) => Family::Inet6,
    };
    let (is_wildcard, port) = match uaddr {
        Address::Wildcard { ipv6, port } if *ipv6 == from.is_ipv6() => (true, *port),
        Address::Wildcard { .. } => return None,
        Address::Text(text) => {
            let (host, port) = read(text, family)?;
            (host.is_unspecified(), port)
        }
    };
    let hint = match hint {
        [] | [0, ..] => None,
        hint => Some(read(hint, family)?.0),
    };
    if !is_wildcard {
        return Some(uaddr.text());
    }
    let at = asked
        .at
        .filter(|at| is_unicast(*at) && at.is_ipv4() == from.is_ipv4());
    let hint = hint.filter(|hint| !hint.is_unspecified());
    let address = match (hint, at) {
        (None, Some(at)) => Some(at),
        (Some(hint), Some(at)) if hint == at => Some(at),
        _ => choose(from, at, hint, interfaces().as_ref()),
    };
    match address {
        Some(address) => Some((&Uaddr::from(SocketAddr::new(address, port))).into()),
        None => Some(uaddr.text()),
    }
}

/// The best of our addresses: the one that the hint names, one of the hint's network, the one that was
/// asked, one of the caller's network, one that is good for anybody, any.
fn choose(
    from: SocketAddr,
    at: Option<IpAddr>,
    hint: Option<IpAddr>,
    interfaces: &[Interface],
) -> Option<IpAddr> {
    let scope = match from {
        SocketAddr::V4(_) => 0,
        SocketAddr::V6(v6) => v6.scope_id(),
    };
    // Link-local networks all look the same: only the one that the call came over will do.
    let on_link = |interface: &Interface| {
        !is_link_local(interface.address) || scope == 0 || interface.index == scope
    };
    let usable = |interface: &&Interface| {
        interface.up && interface.address.is_ipv4() == from.is_ipv4() && on_link(interface)
    };
    let first = |fits: &dyn Fn(&Interface) -> bool| {
        let mut usable = interfaces.iter().filter(usable);
        Some(usable.find(|interface| fits(interface))?.address)
    };
    hint.and_then(|hint| first(&|interface| interface.address == hint))
        .or_else(|| hint.and_then(|hint| first(&|interface| interface.is_neighbour(hint))))
        .or(at)
        .or_else(|| first(&|interface| interface.is_neighbour(from.ip())))
        .or_else(|| first(&|interface| interface.general))
        .or_else(|| first(&|_| true))
}

impl Interface {
    /// Whether an address is of the network that this interface is on.
    pub fn is_neighbour(&self, other: IpAddr) -> bool {
        let bits = |address| match address {
            IpAddr::V4(v4) => (u128::from(v4.to_bits()) << 96, 32),
            IpAddr::V6(v6) => (v6.to_bits(), 128),
        };
        let ((ours, width), (theirs, other_width)) = (bits(self.address), bits(other));
        let shared = (ours ^ theirs).leading_zeros();
        width == other_width && shared >= self.prefix.min(width)
    }
}

/// An address as rpcbind reads it, up to the first zero byte: strict about the host, while any text makes a port, of which
/// the low 8 bits of each half count.
pub fn read(uaddr: &[u8], family: Family) -> Option<(IpAddr, u16)> {
    // Nearly all are as they should be, and quickly read.
    if let Ok(Uaddr::Inet(address)) = Uaddr::parse(uaddr, family) {
        return Some((address.ip(), address.port()));
    }
    let (host, high, low) = split_port(up_to_zero(uaddr))?;
    let host = str::from_utf8(host).ok()?;
    let host = match family {
        Family::Inet => IpAddr::V4(host.parse().ok()?),
        Family::Inet6 => IpAddr::V6(host.parse().ok()?),
        Family::Loopback => return None,
    };
    // As C has it: parts that are no octets run into each other, and the low 16 bits are the port.
    let [low, high, ..] = ((high << 8) | low).to_le_bytes();
    Some((host, u16::from_le_bytes([low, high])))
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(_) => false,
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    }
}

fn is_unicast(address: IpAddr) -> bool {
    let broadcast = matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
    !address.is_unspecified() && !address.is_multicast() && !broadcast
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interfaces() -> Vec<Interface> {
        let interface = |index, address: &str, prefix, general| Interface {
            index,
            address: address.parse().unwrap(),
            prefix,
            up: true,
            general,
            multicast: general,
        };
        vec![
            interface(1, "127.0.0.1", 8, false),
            interface(5, "203.0.113.1", 32, false),
            Interface {
                up: false,
                ..interface(4, "203.0.113.129", 25, true)
            },
            interface(2, "198.51.100.1", 24, true),
            interface(3, "192.0.2.1", 24, true),
            interface(3, "192.0.2.2", 24, true),
            interface(1, "::1", 128, false),
            interface(2, "2001:db8:1::1", 64, true),
            interface(3, "2001:db8:2::1", 64, true),
            interface(2, "fe80::2", 64, true),
            interface(3, "fe80::3", 64, true),
        ]
    }

    fn told(uaddr: &str, hint: &str, from: &str, at: Option<&str>) -> Option<String> {
        let asked = Asked {
            from: Some(from.parse().unwrap()),
            at: at.map(|at| at.parse().unwrap()),
        };
        let uaddr = Address::of(&uaddr.into());
        let told = merge(&uaddr, hint.as_bytes(), asked, interfaces)?;
        Some(told.to_string())
    }

    #[test]
    fn the_hint_says_at_which_address_the_caller_reaches_us() {
        for (hint, expected) in [
            ("198.51.100.1.0.111", "198.51.100.1.8.1"),
            ("192.0.2.2.0.111", "192.0.2.2.8.1"),
            ("192.0.2.1.0.111x", "192.0.2.1.8.1"),
            ("192.0.2.1.x.y", "192.0.2.1.8.1"),
            ("192.0.2.77.0.111", "192.0.2.1.8.1"),
            ("127.5.5.5.0.111", "127.0.0.1.8.1"),
            // Of no network of ours (or of one that is down): the address that was asked.
            ("233.252.0.1.0.111", "192.0.2.2.8.1"),
            ("203.0.113.130.0.111", "192.0.2.2.8.1"),
            ("0.0.0.0.0.111", "192.0.2.2.8.1"),
            ("", "192.0.2.2.8.1"),
        ] {
            let told = told("0.0.0.0.8.1", hint, "203.0.113.9:700", Some("192.0.2.2"));
            assert_eq!(told.as_deref(), Some(expected), "{hint}");
        }
    }

    #[test]
    fn without_hint_and_asked_address_the_first_general_interface_is_told() {
        let caller = "203.0.113.9:700";
        for at in [
            None,
            Some("255.255.255.255"),
            Some("224.0.0.1"),
            Some("0.0.0.0"),
        ] {
            let told = told("0.0.0.0.8.1", "", caller, at);
            assert_eq!(told.as_deref(), Some("198.51.100.1.8.1"));
        }
        let asked = Asked {
            from: Some(caller.parse().unwrap()),
            at: None,
        };
        let uaddr = XdrString::from("0.0.0.0.8.1");
        let merged = |count| {
            let interfaces = || interfaces()[..count].to_vec();
            merge(&Address::of(&uaddr), b"", asked, interfaces)
        };
        assert_eq!(merged(0), Some(uaddr.clone()), "nothing to put in");
        assert_eq!(merged(1), Some("127.0.0.1.8.1".into()));
    }

    #[test]
    fn only_the_wildcard_is_replaced() {
        for (uaddr, expected) in [
            ("127.0.0.1.8.6", "127.0.0.1.8.6"),
            ("10.9.9.9.8.1", "10.9.9.9.8.1"),
            ("10.9.9.9.300.1", "10.9.9.9.300.1"),
            ("0.0.0.0.8.1", "192.0.2.1.8.1"),
            ("0.0.0.0.300.6", "192.0.2.1.44.6"),
            ("0.0.0.0.-1.6", "192.0.2.1.255.6"),
            ("0.0.0.0.8.", "192.0.2.1.8.0"),
            ("0.0.0.0.08.010x", "192.0.2.1.8.10"),
        ] {
            let told = told(uaddr, "", "203.0.113.5:9", Some("192.0.2.1"));
            assert_eq!(told.as_deref(), Some(expected), "{uaddr}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_not_merged() {
        for (uaddr, hint) in [
            ("junk", ""),
            ("", ""),
            ("0.8.1", ""),
            ("00.0.0.0.8.1", ""),
            (" 0.0.0.0.8.1", ""),
            ("::.8.1", ""),
            ("/tmp/x", ""),
            ("0.0.0.0.8.1", "junk"),
            ("0.0.0.0.8.1", "192.0.2.1"),
            ("0.0.0.0.8.1", "::1.0.111"),
            ("0.0.0.0.8.1", "/run/rpcbind.sock"),
        ] {
            let told = told(uaddr, hint, "192.0.2.9:9", Some("192.0.2.1"));
            assert_eq!(told, None, "{uaddr} {hint}");
        }
        let unix = Asked {
            from: None,
            at: None,
        };
        let path = XdrString::from("/run/x.sock");
        assert_eq!(
            merge(&Address::of(&path), path.as_bytes(), unix, interfaces),
            None
        );
    }

    #[test]
    fn ipv6_works_the_same_and_link_local_addresses_stay_on_their_link() {
        for (uaddr, hint, from, at, expected) in [
            (
                "::.8.1",
                "2001:db8:2::1.0.111",
                "[2001:db8:9::1]:9",
                None,
                "2001:db8:2::1.8.1",
            ),
            ("::0.8.1", "", "[2001:db8:9::1]:9", Some("::1"), "::1.8.1"),
            ("::.8.1", "", "[2001:db8:9::1]:9", None, "2001:db8:1::1.8.1"),
            (
                "::.8.1",
                "fe80::3.0.111",
                "[fe80::9%3]:9",
                None,
                "fe80::3.8.1",
            ),
            (
                "::.8.1",
                "fe80::77.0.111",
                "[fe80::9%3]:9",
                None,
                "fe80::3.8.1",
            ),
            (
                "::.8.1",
                "fe80::2.0.111",
                "[fe80::9%3]:9",
                None,
                "fe80::3.8.1",
            ),
            ("::1.8.1", "", "[2001:db8:9::1]:9", None, "::1.8.1"),
            // What was sent to a group does not say which address is best.
            (
                "::.8.1",
                "",
                "[fe80::9%3]:9",
                Some("ff02::202"),
                "fe80::3.8.1",
            ),
            ("::.8.1", "", "[2001:db8:2::9]:9", None, "2001:db8:2::1.8.1"),
        ] {
            let told = told(uaddr, hint, from, at);
            assert_eq!(told.as_deref(), Some(expected), "{uaddr} {hint} {from}");
        }
        for (uaddr, hint) in [
            ("::%lo.8.1", ""),
            ("::.8.1", "fe80::3%3.0.111"),
            ("0.0.0.0.8.1", ""),
        ] {
            assert_eq!(told(uaddr, hint, "[2001:db8:9::1]:9", None), None);
        }
    }
}
