//! A host, by name or address.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6, ToSocketAddrs};

use nix::net::if_::if_nametoindex;

/// A host, by name or address.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Host {
    /// Its name: each of its addresses is tried.
    Name(String),
    /// Its address.
    Address(IpAddr),
    /// Its address on the link of an interface of ours, such as `fe80::1%eth0`: every link has such addresses, and
    /// only the interface says which one is meant.
    Scoped {
        /// The address.
        address: Ipv6Addr,
        /// The interface's name, or its index.
        interface: String,
    },
}

impl Host {
    /// Whether it means the host that we are on, by a name or address that is the same everywhere.
    #[cfg(feature = "tokio")]
    pub(crate) fn is_this_host(&self) -> bool {
        match self {
            Self::Name(name) => name.eq_ignore_ascii_case("localhost"),
            Self::Address(address) => address.is_loopback(),
            Self::Scoped { address, .. } => address.is_loopback(),
        }
    }

    /// Its addresses, with a port. Looking a name up takes the thread's time.
    pub(crate) fn addresses(&self, port: u16) -> io::Result<Vec<SocketAddr>> {
        match self {
            Self::Name(name) => {
                let found = (name.as_str(), port).to_socket_addrs();
                let found = found.map_err(|error| failed_at(name, &error))?;
                Ok(found.collect())
            }
            Self::Address(IpAddr::V6(address)) if address.is_unicast_link_local() => {
                let message = format!("{address} is on many links, {address}%eth0 on that of eth0");
                Err(io::Error::new(io::ErrorKind::InvalidInput, message))
            }
            Self::Address(address) => Ok(vec![(*address, port).into()]),
            Self::Scoped { address, interface } => {
                let scope = index(interface).map_err(|error| failed_at(interface, &error))?;
                Ok(vec![SocketAddrV6::new(*address, port, 0, scope).into()])
            }
        }
    }
}

/// The index of an interface, which is what the kernel knows it by. It is asked for when it is needed: an interface
/// that was taken away and comes back has another one.
fn index(interface: &str) -> io::Result<u32> {
    match interface.parse() {
        Ok(index) => Ok(index),
        Err(_) => Ok(if_nametoindex(interface)?),
    }
}

fn failed_at(what: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{what}: {error}"))
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => name.fmt(f),
            Self::Address(address) => address.fmt(f),
            Self::Scoped { address, interface } => write!(f, "{address}%{interface}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_is_known_by_name_and_by_index() {
        let on = |interface: &str| Host::Scoped {
            address: "fe80::1".parse().unwrap(),
            interface: interface.to_owned(),
        };
        let index = if_nametoindex("lo").unwrap();
        let expected = SocketAddrV6::new("fe80::1".parse().unwrap(), 111, 0, index);
        for interface in ["lo".to_owned(), index.to_string()] {
            let found = on(&interface).addresses(111).unwrap();
            assert_eq!(found, [SocketAddr::from(expected)], "{interface}");
        }
        let error = on("no-such-link").addresses(111).unwrap_err();
        let said = "no-such-link: No such device (os error 19)";
        assert_eq!(error.to_string(), said);
        let error = Host::Address("fe80::1".parse().unwrap()).addresses(111);
        let said = "fe80::1 is on many links, fe80::1%eth0 on that of eth0";
        assert_eq!(error.unwrap_err().to_string(), said);
    }
}
