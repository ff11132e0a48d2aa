//! The addresses by which this host's networks are asked.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use nix::ifaddrs::{InterfaceAddress, getifaddrs};
use nix::net::if_::{InterfaceFlags, if_nametoindex};
use nix::sys::socket::SockaddrStorage;

/// The group that rpcbinds join over IPv6, on each link: ff02::202, "SUN RPC" in IANA's list of IPv6 multicast
/// addresses and `RPCB_MULTICAST_ADDR` of libtirpc.
pub const RPCBIND_GROUP: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x202);

/// Where somebody is asked, or everybody on a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Destination {
    /// The address; an IPv6 group's says the interface, too.
    pub(super) address: SocketAddr,
    /// The interface that an IPv4 broadcast leaves by: several may have the same network, as they do where
    /// addresses are link-local, and the routes know one of them only.
    pub(super) interface: Option<u32>,
}

impl From<SocketAddr> for Destination {
    /// By whatever interface the routes say.
    fn from(address: SocketAddr) -> Self {
        let interface = None;
        Self { address, interface }
    }
}

/// Where to send what everybody on our networks shall hear; the port is left to be set.
pub(super) fn everybody() -> io::Result<Vec<Destination>> {
    Ok(destinations(getifaddrs()?, |name| {
        if_nametoindex(name).ok()
    }))
}

/// The same for these addresses of interfaces; `index` tells an interface's number.
fn destinations(
    addresses: impl IntoIterator<Item = InterfaceAddress>,
    index: impl Fn(&str) -> Option<u32>,
) -> Vec<Destination> {
    let mut destinations = Vec::new();
    for address in addresses {
        // Several addresses of one interface come to the same.
        if let Some(to) = destination(&address, &index)
            && !destinations.contains(&to)
        {
            destinations.push(to);
        }
    }
    destinations
}

/// Where all neighbours are asked whom this address of an interface is shared with.
fn destination(
    interface: &InterfaceAddress,
    index: impl Fn(&str) -> Option<u32>,
) -> Option<Destination> {
    let flags = interface.flags;
    if !flags.contains(InterfaceFlags::IFF_UP) {
        return None;
    }
    let own = inet(interface.address.as_ref()?)?;
    match own {
        _ if own.ip().is_loopback() => Some(SocketAddr::new(own.ip(), 0).into()),
        SocketAddr::V4(own) if flags.contains(InterfaceFlags::IFF_BROADCAST) => Some(Destination {
            address: (broadcast_address(interface, *own.ip())?, 0).into(),
            interface: Some(index(&interface.interface_name)?),
        }),
        SocketAddr::V6(_) if flags.contains(InterfaceFlags::IFF_MULTICAST) => {
            let scope = index(&interface.interface_name)?;
            let group = SocketAddrV6::new(RPCBIND_GROUP, 0, 0, scope);
            Some(SocketAddr::from(group).into())
        }
        _ => None,
    }
}

/// The broadcast address that was set, or else the last address of the network: iproute2 sets none unless told
/// to, and the kernel takes that one for a broadcast all the same. (glibc then has the interface's own address
/// in its place.)
fn broadcast_address(interface: &InterfaceAddress, address: Ipv4Addr) -> Option<Ipv4Addr> {
    let ipv4 = |address: &Option<SockaddrStorage>| match inet(address.as_ref()?)? {
        SocketAddr::V4(address) if !address.ip().is_unspecified() => Some(*address.ip()),
        _ => None,
    };
    if let Some(set) = ipv4(&interface.broadcast).filter(|set| *set != address) {
        return Some(set);
    }
    let hosts = !ipv4(&interface.netmask)?.to_bits();
    // A network of one or two addresses has none to spare (RFC 3021).
    (hosts > 1).then(|| Ipv4Addr::from_bits(address.to_bits() | hosts))
}

/// The internet address that the kernel's storage holds, if it is one.
fn inet(address: &SockaddrStorage) -> Option<SocketAddr> {
    match (address.as_sockaddr_in(), address.as_sockaddr_in6()) {
        (Some(ipv4), _) => Some(SocketAddr::V4((*ipv4).into())),
        (_, Some(ipv6)) => Some(SocketAddr::V6((*ipv6).into())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAN: InterfaceFlags = InterfaceFlags::IFF_UP
        .union(InterfaceFlags::IFF_BROADCAST)
        .union(InterfaceFlags::IFF_MULTICAST);

    fn address(name: &str, flags: InterfaceFlags, address: &str) -> InterfaceAddress {
        InterfaceAddress {
            interface_name: name.to_owned(),
            flags,
            address: storage(address),
            netmask: None,
            broadcast: None,
            destination: None,
        }
    }

    fn storage(address: &str) -> Option<SockaddrStorage> {
        let ip = address.parse().unwrap();
        Some(SocketAddr::new(ip, 0).into())
    }

    fn asked(addresses: impl IntoIterator<Item = InterfaceAddress>) -> Vec<String> {
        let index = |name: &str| name.strip_prefix("eth")?.parse().ok();
        let asked = destinations(addresses, index);
        let text = |to: &Destination| match to.interface {
            Some(interface) => format!("{} by {interface}", to.address.ip()),
            None => to.address.to_string(),
        };
        asked.iter().map(text).collect()
    }

    #[test]
    fn an_interface_is_asked_by_the_broadcast_address_that_was_set() {
        let eth = InterfaceAddress {
            broadcast: storage("192.0.2.63"),
            netmask: storage("255.255.255.0"),
            ..address("eth2", LAN, "192.0.2.7")
        };
        assert_eq!(asked([eth]), ["192.0.2.63 by 2"]);
    }

    #[test]
    fn where_none_was_set_it_is_the_last_of_the_network() {
        let with = |netmask, broadcast: Option<&str>| InterfaceAddress {
            netmask: storage(netmask),
            broadcast: broadcast.and_then(storage),
            ..address("eth2", LAN, "192.0.2.7")
        };
        assert_eq!(asked([with("255.255.252.0", None)]), ["192.0.3.255 by 2"]);
        for unset in ["0.0.0.0", "192.0.2.7"] {
            let unset = with("255.255.255.0", Some(unset));
            assert_eq!(asked([unset]), ["192.0.2.255 by 2"]);
        }
        for no_others in ["255.255.255.254", "255.255.255.255"] {
            assert!(asked([with(no_others, None)]).is_empty(), "{no_others}");
        }
    }

    #[test]
    fn a_network_on_two_interfaces_is_asked_on_both() {
        let eth = |name, ip| InterfaceAddress {
            netmask: storage("255.255.0.0"),
            ..address(name, LAN, ip)
        };
        let twice = eth("eth2", "169.254.7.9");
        let asked = asked([
            eth("eth2", "169.254.7.7"),
            twice,
            eth("eth3", "169.254.7.8"),
        ]);
        assert_eq!(asked, ["169.254.255.255 by 2", "169.254.255.255 by 3"]);
    }

    #[test]
    fn over_ipv6_each_interface_is_asked_once_by_the_group() {
        let addresses = ["2001:db8::7", "fe80::7"].map(|ip| address("eth2", LAN, ip));
        let other = address("eth3", LAN, "2001:db8:1::7");
        let asked = asked(addresses.into_iter().chain([other]));
        assert_eq!(asked, ["[ff02::202%2]:0", "[ff02::202%3]:0"]);
    }

    #[test]
    fn this_host_is_asked_by_loopback() {
        let flags = InterfaceFlags::IFF_UP | InterfaceFlags::IFF_LOOPBACK;
        let addresses = ["127.0.0.1", "::1", "198.51.100.9"].map(|ip| address("lo", flags, ip));
        assert_eq!(asked(addresses), ["127.0.0.1:0", "[::1]:0"]);
    }

    #[test]
    fn what_is_down_or_has_no_neighbours_is_left_out() {
        let down = LAN.difference(InterfaceFlags::IFF_UP);
        let tunnel = InterfaceFlags::IFF_UP | InterfaceFlags::IFF_POINTOPOINT;
        let nameless = InterfaceAddress {
            address: None,
            ..address("eth2", LAN, "192.0.2.7")
        };
        let left_out = [
            address("eth2", down, "192.0.2.7"),
            address("eth2", down, "2001:db8::7"),
            address("tun0", tunnel, "192.0.2.7"),
            address("tun0", tunnel, "2001:db8::7"),
            // It has gone since it was listed: it has no index any more.
            address("gone", LAN, "2001:db8::7"),
            InterfaceAddress {
                broadcast: storage("192.0.2.255"),
                ..address("gone", LAN, "192.0.2.7")
            },
            nameless,
        ];
        assert!(asked(left_out).is_empty());
    }
}
