//! The addresses of this host, as the kernel tells them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use nix::ifaddrs::{InterfaceAddress, getifaddrs};
use nix::net::if_::{InterfaceFlags, if_nametoindex};
use nix::sys::socket::{SockaddrLike, SockaddrStorage};

use crate::merge::Interface;

/// The addresses of this host now, in the kernel's order.
pub fn read() -> nix::Result<Vec<Interface>> {
    Ok(getifaddrs()?
        .filter_map(|entry| interface(&entry))
        .collect())
}

fn interface(entry: &InterfaceAddress) -> Option<Interface> {
    let address = ip(entry.address.as_ref()?)?;
    let prefix = match entry.netmask.as_ref().and_then(ip) {
        Some(IpAddr::V4(mask)) => mask.to_bits().leading_ones(),
        Some(IpAddr::V6(mask)) => mask.to_bits().leading_ones(),
        None if address.is_ipv4() => Ipv4Addr::BITS,
        None => Ipv6Addr::BITS,
    };
    let special = InterfaceFlags::IFF_LOOPBACK | InterfaceFlags::IFF_POINTOPOINT;
    Some(Interface {
        index: if_nametoindex(entry.interface_name.as_str()).unwrap_or(0),
        address,
        prefix,
        up: entry.flags.contains(InterfaceFlags::IFF_UP),
        general: !entry.flags.intersects(special),
    })
}

fn ip(address: &SockaddrStorage) -> Option<IpAddr> {
    address.family()?;
    let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
    v4.or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_address_is_there_and_is_not_for_others() {
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let interfaces = read().unwrap();
        if let Some(found) = interfaces.iter().find(|i| i.address == loopback) {
            assert_eq!((found.prefix, found.general), (8, false));
            assert!(found.index > 0);
        }
    }
}
