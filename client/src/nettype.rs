//! Classes of transports, of which a client tries one after the other.

use std::fmt;
use std::fs;
use std::io;
use std::str::FromStr;

use oncrpc::netconfig::{self, NetworkConfig};
use oncrpc::netid::{Netid, Protocol, Semantics};

/// A class of transports, as `clnt_create(3)` is given one (`rpc(3)`): each of the class is tried, in its order,
/// until the server is reached.
///
/// Which transports there are, and in which order, is what `/etc/netconfig` says, or Debian's table where there is
/// none (`udp`, `tcp`, `udp6`, `tcp6`; `local` for whom names it). `NETPATH` in the environment names transports
/// in the order that a user wants: `NETPATH=tcp6:tcp`.
///
/// ```
/// use oncrpc_client::NetType;
///
/// assert_eq!("circuit_v".parse(), Ok(NetType::CircuitV));
/// assert_eq!(NetType::Tcp.to_string(), "tcp");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NetType {
    /// `netpath`: those of `NETPATH`, or what is visible if it is not set. C's default.
    Netpath,
    /// `visible`: those with the flag `v`.
    Visible,
    /// `circuit_v`: streams of those that are visible.
    CircuitV,
    /// `datagram_v`: datagrams of those that are visible.
    DatagramV,
    /// `circuit_n`: streams of `NETPATH`.
    CircuitN,
    /// `datagram_n`: datagrams of `NETPATH`.
    DatagramN,
    /// `tcp`: TCP, over IPv4 and IPv6.
    Tcp,
    /// `udp`: UDP, over IPv4 and IPv6.
    Udp,
}

/// Text that names no class of transports.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no class of transports, such as tcp, udp, netpath or visible")]
pub struct NetTypeError(String);

/// Every class, by its name in C.
const NAMES: [(NetType, &str); 8] = [
    (NetType::Netpath, "netpath"),
    (NetType::Visible, "visible"),
    (NetType::CircuitV, "circuit_v"),
    (NetType::DatagramV, "datagram_v"),
    (NetType::CircuitN, "circuit_n"),
    (NetType::DatagramN, "datagram_n"),
    (NetType::Tcp, "tcp"),
    (NetType::Udp, "udp"),
];

impl NetType {
    /// The transports of the class on this host, in the order to be tried.
    pub(crate) fn netids(self) -> Vec<Netid> {
        let table = match fs::read(netconfig::PATH) {
            Ok(table) => netconfig::parse(&String::from_utf8_lossy(&table)).0,
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    log::warn!("{}: {error}", netconfig::PATH);
                }
                netconfig::usual()
            }
        };
        let path = std::env::var("NETPATH").ok();
        self.of(&table, path.as_deref())
    }

    /// The transports of the class, of this table and with this `NETPATH`.
    ///
    /// A netid that this library does not know, or that is made of something else than its name says, is
    /// passed over: it could not be spoken.
    fn of(self, table: &[NetworkConfig], path: Option<&str>) -> Vec<Netid> {
        let by_path = matches!(self, Self::Netpath | Self::CircuitN | Self::DatagramN);
        let entries: Vec<&NetworkConfig> = match path {
            Some(path) if by_path => path
                .split(':')
                .filter_map(|name| table.iter().find(|entry| entry.netid == name.into()))
                .collect(),
            _ => table.iter().filter(|entry| self.shows(entry)).collect(),
        };
        let known = |entry: &&&NetworkConfig| entry.netid.transport() == Some(entry.transport);
        let of_class = entries.iter().filter(known).filter(|entry| self.has(entry));
        of_class.map(|entry| entry.netid.clone()).collect()
    }

    /// Whether an entry that no `NETPATH` names is there for the class.
    fn shows(self, entry: &NetworkConfig) -> bool {
        entry.visible || matches!(self, Self::Tcp | Self::Udp)
    }

    /// Whether a transport is of the kind that the class asks for.
    fn has(self, entry: &NetworkConfig) -> bool {
        let transport = entry.transport;
        let is_stream = matches!(transport.semantics, Semantics::Cots | Semantics::CotsOrd);
        match self {
            Self::Netpath | Self::Visible => true,
            Self::CircuitV | Self::CircuitN => is_stream,
            Self::DatagramV | Self::DatagramN => transport.semantics == Semantics::Clts,
            Self::Tcp => transport.protocol == Some(Protocol::Tcp),
            Self::Udp => transport.protocol == Some(Protocol::Udp),
        }
    }
}

impl FromStr for NetType {
    type Err = NetTypeError;

    /// The class of this name, whatever the case of its letters, as in C.
    fn from_str(text: &str) -> Result<Self, NetTypeError> {
        let named = |(_, name): &&(Self, &str)| name.eq_ignore_ascii_case(text);
        let (class, _) = NAMES
            .iter()
            .find(named)
            .ok_or_else(|| NetTypeError(text.to_owned()))?;
        Ok(*class)
    }
}

impl fmt::Display for NetType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = NAMES.iter().find(|(class, _)| class == self);
        name.map_or(Ok(()), |(_, name)| f.write_str(name))
    }
}

/// Which transports a channel may use.
#[derive(Clone, Debug)]
pub(crate) enum Transports {
    Listed(Vec<Netid>),
    Class(NetType),
}

impl Transports {
    /// Their names, in the order to be tried.
    pub(crate) fn netids(&self) -> Vec<Netid> {
        match self {
            Self::Listed(netids) => netids.clone(),
            Self::Class(class) => class.netids(),
        }
    }
}

impl fmt::Display for Transports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listed(netids) => {
                let names: Vec<String> = netids.iter().map(ToString::to_string).collect();
                f.write_str(&names.join(", "))
            }
            Self::Class(class) => class.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(class: NetType, table: &[NetworkConfig], path: Option<&str>) -> String {
        let netids = class.of(table, path);
        let names: Vec<String> = netids.iter().map(ToString::to_string).collect();
        names.join(" ")
    }

    #[test]
    fn classes_have_the_names_that_c_gives_them() {
        for (class, name) in NAMES {
            assert_eq!(name.parse(), Ok(class));
            assert_eq!(name.to_uppercase().parse(), Ok(class));
            assert_eq!(class.to_string(), name);
        }
        let error = "tcp6".parse::<NetType>().unwrap_err().to_string();
        assert!(
            error.starts_with("\"tcp6\" is no class of transports"),
            "{error}"
        );
    }

    #[test]
    fn a_class_is_what_the_table_has_of_its_kind() {
        use NetType::*;
        let usual = netconfig::usual();
        for (class, path, expected) in [
            (Netpath, None, "udp tcp udp6 tcp6"),
            (Visible, None, "udp tcp udp6 tcp6"),
            (CircuitV, None, "tcp tcp6"),
            (DatagramV, None, "udp udp6"),
            (CircuitN, None, "tcp tcp6"),
            (DatagramN, None, "udp udp6"),
            (Tcp, None, "tcp tcp6"),
            (Udp, None, "udp udp6"),
            (Netpath, Some("local:tcp6:udp"), "local tcp6 udp"),
            (CircuitN, Some("local:tcp6:udp"), "local tcp6"),
            (DatagramN, Some("local:tcp6:udp"), "udp"),
            (Visible, Some("tcp6"), "udp tcp udp6 tcp6"),
            (Tcp, Some("udp"), "tcp tcp6"),
            (Netpath, Some("sctp::rawip:tcp"), "tcp"),
            (Netpath, Some(""), ""),
        ] {
            assert_eq!(names(class, &usual, path), expected, "{class} {path:?}");
        }
    }

    #[test]
    fn the_order_is_the_tables_and_what_cannot_be_spoken_is_left_out() {
        let table = "
            tcp6 tpi_cots_ord v inet6 tcp - -
            tcp  tpi_cots_ord - inet  tcp - -
            odd  tpi_cots_ord v inet  tcp - -
            udp  tpi_cots_ord v inet  tcp - -
            local tpi_cots_ord v loopback - - -
        ";
        let (table, _) = netconfig::parse(table);
        assert_eq!(names(NetType::Tcp, &table, None), "tcp6 tcp");
        assert_eq!(names(NetType::Visible, &table, None), "tcp6 local");
        assert_eq!(names(NetType::CircuitV, &table, None), "tcp6 local");
    }
}
