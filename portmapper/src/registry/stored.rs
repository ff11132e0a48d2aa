//! An entry as the registry keeps it: a full registry has 65,536 of them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use oncrpc::netid::Family;
use oncrpc::uaddr::Uaddr;
use oncrpc_xdr::XdrString;

use super::entry::{self, Mapping, protocol};
use super::shared::Id;
use super::{Entry, Origin, Owner};

/// An entry in 48 bytes, where the [`Entry`](super::Entry) that it stands for takes 128 and its address.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) program: u32,
    pub(super) version: u32,
    /// The netid in the letters of the registrant.
    pub(super) netid: Id,
    pub(super) owner: Id,
    pub(super) uaddr: Address,
    pub(super) origin: Option<Origin>,
}

/// A registration where it stands: an [`Entry`] that nothing was copied for.
#[derive(Clone, Copy, Debug)]
pub struct Registered<'a> {
    /// The program number.
    pub program: u32,
    /// The version of the program.
    pub version: u32,
    /// The transport, in the letters of the registrant.
    pub netid: &'a XdrString,
    /// The universal address.
    pub uaddr: &'a Address,
    /// Who registered it.
    pub owner: &'a Owner,
    /// How it came to be there.
    pub origin: Option<Origin>,
}

impl Registered<'_> {
    /// The same as a value of its own.
    pub fn entry(&self) -> Entry {
        Entry {
            program: self.program,
            version: self.version,
            netid: self.netid.clone(),
            uaddr: self.uaddr.text(),
            owner: self.owner.clone(),
            origin: self.origin,
        }
    }

    /// What version 2 sees, see [`Entry::mapping`].
    pub fn mapping(&self) -> Option<Mapping> {
        Some(Mapping {
            program: self.program,
            version: self.version,
            protocol: protocol(self.netid.as_bytes())?,
            port: self.uaddr.port()?,
        })
    }
}

/// A universal address as it is kept: two for the same text are the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// What nearly all services have, `0.0.0.0` or `::` and a port, written as usual.
    Wildcard {
        /// Whether it is `::`.
        ipv6: bool,
        /// The port.
        port: u16,
    },
    /// Any other text.
    Text(Box<[u8]>),
}

impl Address {
    /// This text as it is kept.
    pub fn of(uaddr: &XdrString) -> Self {
        let bytes = uaddr.as_bytes();
        // The address of IPv6 has other texts, which come back as they were.
        let family = match bytes.starts_with(b"::.") {
            true => Family::Inet6,
            false => Family::Inet,
        };
        let address = Uaddr::parse(bytes, family).ok();
        match address.and_then(|address| address.socket_addr()) {
            Some(address) if address.ip().is_unspecified() => Self::Wildcard {
                ipv6: address.is_ipv6(),
                port: address.port(),
            },
            _ => Self::Text(bytes.into()),
        }
    }

    /// The port as rpcbind reads it, see [`port`](entry::port()).
    pub fn port(&self) -> Option<u32> {
        match self {
            Self::Wildcard { port, .. } => Some((*port).into()),
            Self::Text(text) => entry::port(text),
        }
    }

    /// The text.
    pub fn text(&self) -> XdrString {
        match self {
            Self::Wildcard { ipv6, port } => {
                let host = if *ipv6 {
                    IpAddr::V6(Ipv6Addr::UNSPECIFIED)
                } else {
                    IpAddr::V4(Ipv4Addr::UNSPECIFIED)
                };
                (&Uaddr::from(SocketAddr::new(host, *port))).into()
            }
            Self::Text(text) => text[..].into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_small() {
        assert_eq!(size_of::<Stored>(), 48);
    }

    #[test]
    fn every_text_comes_back_as_it_was() {
        for text in [
            "0.0.0.0.8.1",
            "0.0.0.0.255.255",
            "0.0.0.0.0.0",
            "::.8.1",
            "::.255.0",
            "",
            "junk",
            "a.b.c",
            "0.0.0.0.08.1",
            "0.0.0.0.+8.1",
            "0.0.0.0.8.1 ",
            "0.0.0.0.256.1",
            "0.0.0.0.-1.1",
            "0.0.0.0.8",
            "0.0.0.0.1.2.3",
            "0.0.0.0.8.1.",
            "0.0.0.0.1000.1",
            "0.0.0.0.00.1",
            "0.0.0.0.x.1",
            "0.0.0.0..01",
            "0.0.0.0.01.",
            "0:0::.8.1",
            "127.0.0.1.8.1",
            "/run/p.sock",
        ] {
            let text = XdrString::from(text);
            let kept = Address::of(&text);
            assert_eq!(kept.text(), text);
            assert_eq!(kept.port(), entry::port(text.as_bytes()), "{text}");
        }
        let port = 2049;
        for (text, ipv6) in [("0.0.0.0.8.1", false), ("::.8.1", true)] {
            let wildcard = Address::of(&text.into());
            assert_eq!(wildcard, Address::Wildcard { ipv6, port });
        }
    }
}
