//! The addresses of this host, as the kernel tells them.
//!
//! Asking costs more than all else that an answer may need, and they rarely change: they are kept, and asked
//! for again when the kernel has said that something is new ([`Changes`]).

mod changes;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use nix::ifaddrs::{InterfaceAddress, getifaddrs};
use nix::net::if_::{InterfaceFlags, if_nametoindex};
use nix::sys::socket::{SockaddrLike, SockaddrStorage};

pub use changes::Changes;

use crate::merge::Interface;

/// The addresses of this host, kept for as long as they stay the same; every clone is the same list.
///
/// As long as nobody says when that is, the kernel is asked each time.
#[derive(Clone, Debug, Default)]
pub struct Interfaces(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
enum Known {
    /// Nobody would tell if they changed.
    #[default]
    Nothing,
    /// They have changed, or were never asked for.
    Outdated,
    Current(Arc<[Interface]>),
}

impl Interfaces {
    /// The addresses, in the kernel's order.
    pub fn list(&self) -> Arc<[Interface]> {
        // A panic while this was open left it as it was: each change is one step.
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Known::Current(list) = &*known {
            return list.clone();
        }
        let list: Arc<[Interface]> = match read() {
            Ok(list) => list.into(),
            Err(error) => {
                log::warn!("cannot read the interfaces: {error}");
                return Arc::new([]);
            }
        };
        if let Known::Outdated = *known {
            *known = Known::Current(list.clone());
        }
        list
    }

    /// Takes note that the addresses have changed, or may have. Whoever says so once says so each time.
    pub fn changed(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Known::Outdated;
    }

    /// Takes note that nobody will say so any more.
    pub fn no_longer_followed(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Known::Nothing;
    }
}

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
        multicast: entry.flags.contains(InterfaceFlags::IFF_MULTICAST),
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

    #[test]
    fn the_kernel_is_asked_again_once_there_was_a_change() {
        let interfaces = Interfaces::default();
        let same = |a: &Arc<[Interface]>, b: &Arc<[Interface]>| Arc::ptr_eq(a, b);
        let unfollowed = interfaces.list();
        assert!(!same(&interfaces.list(), &unfollowed));
        interfaces.changed();
        let first = interfaces.list();
        assert!(same(&interfaces.clone().list(), &first));
        interfaces.changed();
        let second = interfaces.list();
        assert!(!same(&second, &first) && same(&second, &interfaces.list()));
        interfaces.no_longer_followed();
        assert!(!same(&interfaces.list(), &second));
    }
}
