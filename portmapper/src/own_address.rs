//! An address of this host, as the administrator writes it.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::str::FromStr;

use nix::net::if_::if_nametoindex;

/// An IP address to listen at: `192.0.2.1`, or, since every link has such addresses, `fe80::1%eth0`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnAddress {
    ip: IpAddr,
    /// The name or the index of the interface that has it.
    interface: Option<String>,
}

/// What is no IP address, with or without an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAnAddress;

impl OwnAddress {
    /// The address as sockets have it, at this port.
    ///
    /// # Errors
    ///
    /// It does not say on which link it is, or there is no such interface.
    pub fn at(&self, port: u16) -> io::Result<SocketAddr> {
        match (self.ip, &self.interface) {
            (IpAddr::V6(ip), Some(interface)) => {
                Ok(SocketAddrV6::new(ip, port, 0, index(interface)?).into())
            }
            (IpAddr::V6(ip), None) if ip.is_unicast_link_local() => {
                let message = format!("every link has such addresses; that of eth0 is {ip}%eth0");
                Err(io::Error::new(io::ErrorKind::InvalidInput, message))
            }
            (ip, _) => Ok(SocketAddr::new(ip, port)),
        }
    }
}

fn index(interface: &str) -> nix::Result<u32> {
    match interface.parse() {
        Ok(index) => Ok(index),
        Err(_) => if_nametoindex(interface),
    }
}

impl FromStr for OwnAddress {
    type Err = NotAnAddress;

    fn from_str(text: &str) -> Result<Self, NotAnAddress> {
        let (ip, interface) = match text.split_once('%') {
            None => (text.parse().map_err(|_| NotAnAddress)?, None),
            Some((_, "")) => return Err(NotAnAddress),
            Some((ip, interface)) => {
                let ip: Ipv6Addr = ip.parse().map_err(|_| NotAnAddress)?;
                (ip.into(), Some(interface.to_owned()))
            }
        };
        Ok(Self { ip, interface })
    }
}

impl fmt::Display for OwnAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.interface {
            Some(interface) => write!(f, "{}%{interface}", self.ip),
            None => self.ip.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_name_its_interface_and_a_link_local_one_has_to() {
        let at = |text: &str| {
            let own: OwnAddress = text.parse().unwrap();
            assert_eq!(own.to_string(), text);
            let at = own.at(111).map(|at| at.to_string());
            at.map_err(|error| error.to_string())
        };
        let index = if_nametoindex("lo").unwrap();
        let scoped = Ok(format!("[fe80::1%{index}]:111"));
        assert_eq!(at("192.0.2.1"), Ok("192.0.2.1:111".to_owned()));
        assert_eq!(at("::1"), Ok("[::1]:111".to_owned()));
        assert_eq!(at("fe80::1%lo"), scoped);
        assert_eq!(at(&format!("fe80::1%{index}")), scoped);
        let said = "every link has such addresses; that of eth0 is fe80::1%eth0";
        assert_eq!(at("fe80::1"), Err(said.to_owned()));
        assert!(at("fe80::1%no-such-link").is_err());
        for text in [
            "",
            "localhost",
            "192.0.2.1%lo",
            "fe80::1%",
            "[::1]",
            "::1/64",
        ] {
            assert_eq!(text.parse::<OwnAddress>(), Err(NotAnAddress), "{text}");
        }
    }
}
