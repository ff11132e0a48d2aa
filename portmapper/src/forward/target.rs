//! Where on this host a service is called.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use oncrpc::netid::Family;
use oncrpc_xdr::XdrString;

use crate::merge::{Interface, read};
use crate::registry::c_string;

/// The address at which a service of this host that is registered at `uaddr` is called: by loopback if it listens
/// everywhere, otherwise where it listens.
///
/// `None` for an address of another host: anybody on this host can register that, and must not have us send
/// there what strangers ask. A link-local address says nothing without its interface.
pub fn service_at(
    uaddr: &XdrString,
    family: Family,
    interfaces: &[Interface],
) -> Option<SocketAddr> {
    let (host, port) = read(c_string(uaddr), family)?;
    let is_ours = |host| interfaces.iter().any(|interface| interface.address == host);
    let host = match host {
        IpAddr::V4(v4) if v4.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(v6) if v6.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        IpAddr::V6(v6) if v6.is_unicast_link_local() => return None,
        host if host.is_loopback() || is_ours(host) => host,
        _ => return None,
    };
    (port != 0).then(|| SocketAddr::new(host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_called_on_this_host_or_not_at_all() {
        let interfaces = ["192.0.2.1", "2001:db8::1", "fe80::1"].map(|address| Interface {
            index: 2,
            address: address.parse().unwrap(),
            prefix: 24,
            up: true,
            general: true,
            multicast: true,
        });
        for (family, uaddr, at) in [
            (Family::Inet, "0.0.0.0.8.1", Some("127.0.0.1:2049")),
            (Family::Inet, "127.0.0.1.8.1", Some("127.0.0.1:2049")),
            (Family::Inet, "127.5.5.5.8.1", Some("127.5.5.5:2049")),
            (Family::Inet, "192.0.2.1.8.1", Some("192.0.2.1:2049")),
            (Family::Inet, "192.0.2.2.8.1", None),
            (Family::Inet, "192.0.2.255.8.1", None),
            (Family::Inet, "255.255.255.255.8.1", None),
            (Family::Inet, "224.0.0.1.8.1", None),
            (Family::Inet, "0.0.0.0.0.0", None),
            (Family::Inet, "::.8.1", None),
            (Family::Inet, "junk", None),
            (Family::Inet, "", None),
            (Family::Inet6, "::.8.1", Some("[::1]:2049")),
            (Family::Inet6, "::1.8.1", Some("[::1]:2049")),
            (Family::Inet6, "2001:db8::1.8.1", Some("[2001:db8::1]:2049")),
            (Family::Inet6, "2001:db8::2.8.1", None),
            (Family::Inet6, "fe80::1.8.1", None),
            (Family::Inet6, "ff02::1.8.1", None),
            (Family::Inet6, "::ffff:192.0.2.2.8.1", None),
            (Family::Inet6, "0.0.0.0.8.1", None),
        ] {
            let called = service_at(&uaddr.into(), family, &interfaces);
            let at = at.map(|at| at.parse().unwrap());
            assert_eq!(called, at, "{uaddr}");
        }
    }
}
