//! Network identifiers, [RFC 5665 §5.1](https://www.rfc-editor.org/rfc/rfc5665#section-5.1): the names
//! by which rpcbind tells transports apart.

use std::fmt;

use oncrpc_xdr::XdrString;

/// The name of a transport. Names that this library does not know are kept as they came.
///
/// ```
/// use oncrpc::netid::{Family, Netid};
///
/// assert_eq!(Netid::from("tcp6"), Netid::Tcp6);
/// assert_eq!(Netid::Tcp6.transport().map(|t| t.family), Some(Family::Inet6));
/// assert_eq!(Netid::from("sctp").transport(), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Netid {
    /// `udp`: datagrams over IPv4.
    Udp,
    /// `tcp`: a stream over IPv4.
    Tcp,
    /// `udp6`: datagrams over IPv6.
    Udp6,
    /// `tcp6`: a stream over IPv6.
    Tcp6,
    /// `local`: a stream over a Unix socket.
    Local,
    /// `unix`: an older name of `local`.
    Unix,
    /// A name that is none of the above.
    Other(XdrString),
}

/// What a transport is made of, in the terms of `/etc/netconfig`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Transport {
    /// How it delivers.
    pub semantics: Semantics,
    /// How it addresses.
    pub family: Family,
    /// The protocol that carries it, if it has one.
    pub protocol: Option<Protocol>,
}

/// How a transport delivers; the numbers are those of `rpcb_entry` ([RFC 1833 §2.1]).
///
/// [RFC 1833 §2.1]: https://www.rfc-editor.org/rfc/rfc1833#section-2.1
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Semantics {
    /// `tpi_clts`: datagrams.
    Clts = 1,
    /// `tpi_cots`: a stream that closes at once.
    Cots = 2,
    /// `tpi_cots_ord`: a stream that closes in order.
    CotsOrd = 3,
    /// `tpi_raw`: within one process.
    Raw = 4,
}

/// How a transport addresses: which form its universal addresses have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// `inet`: IPv4.
    Inet,
    /// `inet6`: IPv6.
    Inet6,
    /// `loopback`: paths of Unix sockets.
    Loopback,
}

/// The protocols that version 2 of the portmapper knows, by their numbers in IP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Protocol {
    /// TCP, `IPPROTO_TCP`.
    Tcp = 6,
    /// UDP, `IPPROTO_UDP`.
    Udp = 17,
}

impl Netid {
    /// The name as bytes, which is what is on the wire.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Udp => b"udp",
            Self::Tcp => b"tcp",
            Self::Udp6 => b"udp6",
            Self::Tcp6 => b"tcp6",
            Self::Local => b"local",
            Self::Unix => b"unix",
            Self::Other(name) => name.as_bytes(),
        }
    }

    /// What the transport is made of, if this library knows it.
    pub fn transport(&self) -> Option<Transport> {
        let stream = |family, protocol| Transport {
            semantics: Semantics::CotsOrd,
            family,
            protocol,
        };
        let datagram = |family| Transport {
            semantics: Semantics::Clts,
            family,
            protocol: Some(Protocol::Udp),
        };
        match self {
            Self::Udp => Some(datagram(Family::Inet)),
            Self::Tcp => Some(stream(Family::Inet, Some(Protocol::Tcp))),
            Self::Udp6 => Some(datagram(Family::Inet6)),
            Self::Tcp6 => Some(stream(Family::Inet6, Some(Protocol::Tcp))),
            Self::Local | Self::Unix => Some(stream(Family::Loopback, None)),
            Self::Other(_) => None,
        }
    }

    /// The name of a protocol over an address family; `None` for TCP or UDP over Unix sockets.
    pub fn of(family: Family, protocol: Option<Protocol>) -> Option<Self> {
        match (family, protocol) {
            (Family::Inet, Some(Protocol::Udp)) => Some(Self::Udp),
            (Family::Inet, Some(Protocol::Tcp)) => Some(Self::Tcp),
            (Family::Inet6, Some(Protocol::Udp)) => Some(Self::Udp6),
            (Family::Inet6, Some(Protocol::Tcp)) => Some(Self::Tcp6),
            (Family::Loopback, None) => Some(Self::Local),
            _ => None,
        }
    }
}

impl From<&[u8]> for Netid {
    fn from(name: &[u8]) -> Self {
        match name {
            b"udp" => Self::Udp,
            b"tcp" => Self::Tcp,
            b"udp6" => Self::Udp6,
            b"tcp6" => Self::Tcp6,
            b"local" => Self::Local,
            b"unix" => Self::Unix,
            other => Self::Other(XdrString::from(other)),
        }
    }
}

impl From<&str> for Netid {
    fn from(name: &str) -> Self {
        Self::from(name.as_bytes())
    }
}

impl From<&XdrString> for Netid {
    fn from(name: &XdrString) -> Self {
        Self::from(name.as_bytes())
    }
}

impl From<&Netid> for XdrString {
    fn from(netid: &Netid) -> Self {
        match netid {
            Netid::Udp => Self::from_static("udp"),
            Netid::Tcp => Self::from_static("tcp"),
            Netid::Udp6 => Self::from_static("udp6"),
            Netid::Tcp6 => Self::from_static("tcp6"),
            Netid::Local => Self::from_static("local"),
            Netid::Unix => Self::from_static("unix"),
            Netid::Other(name) => name.clone(),
        }
    }
}

/// The name with everything that is not printable ASCII escaped.
impl fmt::Display for Netid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes().escape_ascii().fmt(f)
    }
}

impl Semantics {
    /// The name in `/etc/netconfig`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Clts => "tpi_clts",
            Self::Cots => "tpi_cots",
            Self::CotsOrd => "tpi_cots_ord",
            Self::Raw => "tpi_raw",
        }
    }
}

impl Family {
    /// The name in `/etc/netconfig` and in the answers of GETADDRLIST.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Inet => "inet",
            Self::Inet6 => "inet6",
            Self::Loopback => "loopback",
        }
    }
}

impl Protocol {
    /// The name in `/etc/netconfig` and in the answers of GETADDRLIST.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }

    /// The protocol over IPv4, which is where version 2 of the portmapper has it.
    pub const fn netid(self) -> Netid {
        match self {
            Self::Tcp => Netid::Tcp,
            Self::Udp => Netid::Udp,
        }
    }

    /// The protocol with this number in IP.
    pub const fn from_number(number: u32) -> Option<Self> {
        match number {
            6 => Some(Self::Tcp),
            17 => Some(Self::Udp),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [Netid; 6] = [
        Netid::Udp,
        Netid::Tcp,
        Netid::Udp6,
        Netid::Tcp6,
        Netid::Local,
        Netid::Unix,
    ];

    #[test]
    fn every_known_netid_survives_the_wire() {
        for netid in KNOWN {
            let wire = XdrString::from(&netid);
            assert_eq!(wire.as_bytes(), netid.as_bytes());
            assert_eq!(Netid::from(&wire), netid);
            assert!(netid.transport().is_some());
        }
    }

    #[test]
    fn a_netid_follows_from_its_transport() {
        for netid in KNOWN.iter().filter(|&netid| *netid != Netid::Unix) {
            let transport = netid.transport().unwrap();
            assert_eq!(
                Netid::of(transport.family, transport.protocol).as_ref(),
                Some(netid)
            );
        }
        for protocol in [Protocol::Tcp, Protocol::Udp] {
            let netid = protocol.netid();
            assert_eq!(Netid::of(Family::Inet, Some(protocol)), Some(netid));
        }
        assert_eq!(Netid::of(Family::Loopback, Some(Protocol::Udp)), None);
        assert_eq!(Netid::of(Family::Inet, None), None);
    }

    #[test]
    fn other_names_are_kept_and_case_tells_names_apart() {
        for name in ["", "UDP", "sctp", "tcp4", "rdma6", "tcp "] {
            let netid = Netid::from(name);
            assert_eq!(netid, Netid::Other(name.into()));
            assert_eq!(netid.as_bytes(), name.as_bytes());
            assert_eq!(netid.transport(), None);
        }
        assert_eq!(
            Netid::from(&b"\xffudp"[..]).to_string(),
            r"\xffudp",
            "what a terminal shows is printable"
        );
    }

    #[test]
    fn numbers_and_names_are_those_of_netconfig_and_ip() {
        assert_eq!(Semantics::Clts as u32, 1);
        assert_eq!(Semantics::CotsOrd as u32, 3);
        for protocol in [Protocol::Tcp, Protocol::Udp] {
            assert_eq!(Protocol::from_number(protocol as u32), Some(protocol));
        }
        assert_eq!(Protocol::from_number(1), None);
    }
}
