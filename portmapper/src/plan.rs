//! Where the portmapper is to listen, and why.
//!
//! It is decided before anything is bound, from what was asked for, from /etc/netconfig and from what the
//! service manager has passed, so that `--check` tells what a start would do.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use oncrpc::netconfig::{NetworkConfig, PATH};
use oncrpc::netid::{Family, Netid, Protocol, Transport};
use oncrpc::uaddr::Uaddr;
use oncrpc_xdr::XdrString;

use crate::netconfig;
use crate::passed::Passed;

/// A place to listen at.
#[derive(Debug)]
pub struct Place {
    /// The transport.
    pub netid: Netid,
    /// Where it is.
    pub at: At,
    /// Why we listen there.
    pub why: Why,
}

/// Where a place is.
#[derive(Debug)]
pub enum At {
    /// An internet address, with the transport protocol.
    Inet(Protocol, SocketAddr),
    /// A Unix socket in the file system.
    Path(PathBuf),
    /// A Unix socket with an abstract name.
    Abstract(PathBuf),
    /// A socket that somebody else has bound.
    Passed(Passed),
}

/// Why we listen at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// The transport is served on this host: it is in the table of transports, in this line of it unless it is
    /// the built-in one.
    Netconfig(Option<usize>),
    /// The address was named by `-h` or `--bind`; without it there is no start.
    Named(&'static str),
    /// It is loopback, which `-h` and `--bind` leave to this host.
    Loopback(&'static str),
    /// The service manager has passed it, as this descriptor.
    Passed(usize),
}

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The addresses of TCP and UDP.
    pub addresses: Addresses,
    /// The Unix socket.
    pub socket: PathBuf,
    /// Whether the abstract socket of the same name is wanted, too.
    pub and_abstract: bool,
    /// Whether transports that the service manager has passed nothing for are served nevertheless.
    pub missing: bool,
}

/// The addresses that are wanted; their ports are not looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Addresses {
    /// All.
    All,
    /// `-h`: these for UDP, and loopback; all for TCP.
    Udp(Vec<SocketAddr>),
    /// `--bind`: these for UDP and TCP, and loopback.
    Both(Vec<SocketAddr>),
}

/// The service manager has passed a socket that `--bind` does not allow.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the service manager has passed {netid} {address}, which --bind does not allow")]
pub struct NotAllowed {
    netid: Netid,
    address: SocketAddr,
}

/// The places to listen at, in the order of the table of transports.
///
/// Of an activated daemon these are the sockets that it was passed, and no others: what a socket unit does
/// not name is meant to be closed. `--bind` adds its addresses, and [`Wanted::missing`] what is not there.
pub fn places(
    wanted: &Wanted,
    networks: &[NetworkConfig],
    port: impl Fn(Protocol) -> u16,
    passed: Vec<Passed>,
) -> Result<Vec<Place>, NotAllowed> {
    let networks = netconfig::served(networks);
    let activated = !passed.is_empty();
    let local = networks
        .first()
        .map_or(Netid::Local, |first| first.netid.clone());
    let mut places: Vec<Place> = passed
        .into_iter()
        .map(|passed| Place {
            netid: passed.netid().unwrap_or(local.clone()),
            why: Why::Passed(passed.descriptor),
            at: At::Passed(passed),
        })
        .collect();
    for place in &places {
        if let (Addresses::Both(named), Some(address)) = (&wanted.addresses, place.address())
            && !named.contains(&at_port(address, 0))
            && !address.ip().is_loopback()
        {
            let netid = place.netid.clone();
            return Err(NotAllowed { netid, address });
        }
    }
    for network in &networks {
        let is_there = places.iter().any(|place| place.netid == network.netid);
        let named = matches!(wanted.addresses, Addresses::Both(_))
            && network.transport.family != Family::Loopback;
        if !activated || named || (wanted.missing && !is_there) {
            let more = of_network(wanted, network, &port);
            for place in more {
                let address = place.address();
                let is_there = places.iter().any(|there| {
                    there.netid == place.netid && address.is_some() && there.address() == address
                });
                if !is_there {
                    places.push(place);
                }
            }
        }
    }
    let order = |place: &Place| {
        let place = networks
            .iter()
            .position(|network| network.netid == place.netid);
        place.unwrap_or(networks.len())
    };
    places.sort_by_key(order);
    Ok(places)
}

/// The places of one transport, where nobody has bound anything.
fn of_network(
    wanted: &Wanted,
    network: &NetworkConfig,
    port: impl Fn(Protocol) -> u16,
) -> Vec<Place> {
    let Transport {
        family, protocol, ..
    } = network.transport;
    let place = |at, why| Place {
        netid: network.netid.clone(),
        at,
        why,
    };
    let usual = || Why::Netconfig(network.line);
    match protocol {
        _ if family == Family::Loopback => {
            let mut places = vec![place(At::Path(wanted.socket.clone()), usual())];
            if wanted.and_abstract {
                places.push(place(At::Abstract(wanted.socket.clone()), usual()));
            }
            places
        }
        Some(protocol) => {
            let addresses = wanted.addresses.of(family, protocol);
            let place = |(address, why): (SocketAddr, Option<Why>)| {
                let address = at_port(address, port(protocol));
                place(At::Inet(protocol, address), why.unwrap_or_else(usual))
            };
            addresses.into_iter().map(place).collect()
        }
        None => Vec::new(),
    }
}

/// A transport and an address on it that callers can be told.
#[derive(Debug)]
pub struct Telling {
    netid: Netid,
    uaddr: XdrString,
    /// How well callers can do without it: 0 for an address that all can use.
    rank: u8,
}

/// Where the portmapper says that it is found: one address of each transport, the one that most callers can use.
pub fn announced(tellings: Vec<Telling>) -> Vec<(Netid, XdrString)> {
    let mut best: Vec<Telling> = Vec::new();
    for telling in tellings {
        match best.iter_mut().find(|there| there.netid == telling.netid) {
            Some(there) if telling.rank < there.rank => *there = telling,
            Some(_) => {}
            None => best.push(telling),
        }
    }
    let told = best.into_iter();
    told.map(|Telling { netid, uaddr, .. }| (netid, uaddr))
        .collect()
}

impl Place {
    /// Its internet address.
    pub fn address(&self) -> Option<SocketAddr> {
        match &self.at {
            At::Inet(_, address) => Some(*address),
            At::Passed(passed) => passed.address(),
            At::Path(_) | At::Abstract(_) => None,
        }
    }

    fn uaddr(&self) -> XdrString {
        match &self.at {
            At::Inet(_, address) => (&Uaddr::from(*address)).into(),
            At::Path(path) => path_bytes(path).into(),
            At::Abstract(name) => [b"@", path_bytes(name)].concat().into(),
            At::Passed(passed) => passed.uaddr(),
        }
    }

    /// What callers can be told of it, over each of its transports.
    pub fn telling(&self) -> Vec<Telling> {
        let uaddr = self.uaddr();
        let rank = match self.address() {
            Some(address) if address.ip().is_unspecified() => 0,
            Some(address) if address.ip().is_loopback() => 2,
            Some(_) => 1,
            None => u8::from(uaddr.as_bytes().starts_with(b"@")),
        };
        let netid = self.netid.clone();
        let mut tellings = vec![Telling { netid, uaddr, rank }];
        if let At::Passed(passed) = &self.at
            && let Some((netid, address)) = passed.ipv4_side()
        {
            let uaddr = (&Uaddr::from(address)).into();
            tellings.push(Telling { netid, uaddr, rank });
        }
        tellings
    }
}

/// `tcp 0.0.0.0:111`, `local @/run/rpcbind.sock`: as people write addresses.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address() {
            Some(address) => write!(f, "{} {address}", self.netid),
            None => write!(f, "{} {}", self.netid, self.uaddr()),
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Netconfig(Some(line)) => write!(f, "{PATH} line {line}"),
            Self::Netconfig(None) => write!(f, "built in: there is no {PATH}"),
            Self::Named(option) => f.write_str(option),
            Self::Loopback(option) => write!(f, "loopback, beside {option}"),
            Self::Passed(descriptor) => {
                write!(f, "passed by the service manager, descriptor {descriptor}")
            }
        }
    }
}

impl Addresses {
    /// The addresses of a family, each once, and why if that is not the transport alone.
    fn of(&self, family: Family, protocol: Protocol) -> Vec<(SocketAddr, Option<Why>)> {
        let (named, option) = match (self, protocol) {
            (Self::Both(named), _) => (named, "--bind"),
            (Self::Udp(named), Protocol::Udp) => (named, "-h"),
            _ => return vec![((wildcard(family), 0).into(), None)],
        };
        let of_family = |address: &&SocketAddr| address.is_ipv4() == (family == Family::Inet);
        let mut chosen: Vec<(SocketAddr, Option<Why>)> = Vec::new();
        for &address in named.iter().filter(of_family) {
            if !chosen.iter().any(|&(there, _)| there == address) {
                chosen.push((address, Some(Why::Named(option))));
            }
        }
        let loopback = match family {
            Family::Inet6 => IpAddr::V6(Ipv6Addr::LOCALHOST),
            _ => IpAddr::V4(Ipv4Addr::LOCALHOST),
        };
        let is_loopback = |there: IpAddr| there == loopback || there.is_unspecified();
        if !chosen.iter().any(|(there, _)| is_loopback(there.ip())) {
            chosen.push(((loopback, 0).into(), Some(Why::Loopback(option))));
        }
        chosen
    }
}

/// The same address, on the same link, at another port.
fn at_port(mut address: SocketAddr, port: u16) -> SocketAddr {
    address.set_port(port);
    address
}

fn wildcard(family: Family) -> IpAddr {
    match family {
        Family::Inet6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        _ => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    }
}

fn path_bytes(path: &Path) -> &[u8] {
    use std::os::unix::ffi::OsStrExt;
    path.as_os_str().as_bytes()
}

#[cfg(test)]
mod tests {
    use std::net::{SocketAddrV6, TcpListener, UdpSocket};
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr as UnixAddr, UnixListener};

    use oncrpc_server::Listen;

    use super::*;

    fn wanted(addresses: Addresses) -> Wanted {
        Wanted {
            addresses,
            socket: "/run/rpcbind.sock".into(),
            and_abstract: true,
            missing: false,
        }
    }

    fn planned(wanted: &Wanted, passed: Vec<Passed>) -> Vec<Place> {
        let (networks, _) = netconfig::read(Path::new("/nonexistent/netconfig")).unwrap();
        places(wanted, &networks, |_| 111, passed).unwrap()
    }

    fn shown(places: &[Place]) -> Vec<String> {
        places.iter().map(ToString::to_string).collect()
    }

    fn addresses(named: &[&str]) -> Vec<SocketAddr> {
        let address = |text: &&str| (text.parse::<IpAddr>().unwrap(), 0).into();
        named.iter().map(address).collect()
    }

    /// Sockets as a service manager passes them, with their addresses.
    fn passed(listen: Vec<Listen>) -> Vec<Passed> {
        let numbered = listen.into_iter().enumerate();
        numbered
            .map(|(at, listen)| Passed::new(3 + at, listen).unwrap())
            .collect()
    }

    #[test]
    fn by_itself_it_listens_on_every_transport_of_the_table() {
        let places = planned(&wanted(Addresses::All), Vec::new());
        let expected = [
            "local /run/rpcbind.sock",
            "local @/run/rpcbind.sock",
            "udp 0.0.0.0:111",
            "tcp 0.0.0.0:111",
            "udp6 [::]:111",
            "tcp6 [::]:111",
        ];
        assert_eq!(shown(&places), expected);
        let tellings = places.iter().flat_map(Place::telling).collect();
        let announced: Vec<_> = announced(tellings)
            .into_iter()
            .map(|(netid, uaddr)| format!("{netid} {uaddr}"))
            .collect();
        let expected = [
            "local /run/rpcbind.sock",
            "udp 0.0.0.0.0.111",
            "tcp 0.0.0.0.0.111",
            "udp6 ::.0.111",
            "tcp6 ::.0.111",
        ];
        assert_eq!(announced, expected);
    }

    #[test]
    fn addresses_are_bound_once_and_loopback_always() {
        let chosen = |named: &[&str], family| {
            let chosen = Addresses::Udp(addresses(named)).of(family, Protocol::Udp);
            let shown = chosen.iter().map(|(address, why)| match why {
                Some(Why::Named(_)) => format!("{}!", address.ip()),
                _ => address.ip().to_string(),
            });
            shown.collect::<Vec<_>>()
        };
        let both = ["192.0.2.1", "127.0.0.1", "192.0.2.1", "::1"];
        for (named, inet, inet6) in [
            (&["192.0.2.1"][..], &["192.0.2.1!", "127.0.0.1"][..], "::1"),
            (&["127.0.0.1"], &["127.0.0.1!"], "::1"),
            (&both, &["192.0.2.1!", "127.0.0.1!"], "::1!"),
            (&["0.0.0.0"], &["0.0.0.0!"], "::1"),
            (&[], &["127.0.0.1"], "::1"),
        ] {
            assert_eq!(chosen(named, Family::Inet), inet, "{named:?}");
            assert_eq!(chosen(named, Family::Inet6), [inet6], "{named:?}");
        }
    }

    #[test]
    fn h_restricts_udp_and_bind_everything() {
        let named = addresses(&["192.0.2.1"]);
        let udp = ["udp 192.0.2.1:111", "udp 127.0.0.1:111"];
        let h = planned(&wanted(Addresses::Udp(named.clone())), Vec::new());
        let expected = [
            &udp[..],
            &["tcp 0.0.0.0:111", "udp6 [::1]:111", "tcp6 [::]:111"],
        ]
        .concat();
        assert_eq!(shown(&h)[2..], expected);
        let bind = planned(&wanted(Addresses::Both(named)), Vec::new());
        let tcp = ["tcp 192.0.2.1:111", "tcp 127.0.0.1:111"];
        let expected = [&udp[..], &tcp, &["udp6 [::1]:111", "tcp6 [::1]:111"]].concat();
        assert_eq!(shown(&bind)[2..], expected);
    }

    #[test]
    fn a_link_local_address_is_one_on_each_link() {
        let on = |link| SocketAddr::V6(SocketAddrV6::new("fe80::1".parse().unwrap(), 0, 0, link));
        let places = planned(
            &wanted(Addresses::Both(vec![on(2), on(3), on(2)])),
            Vec::new(),
        );
        let tcp6 = [
            "tcp6 [fe80::1%2]:111",
            "tcp6 [fe80::1%3]:111",
            "tcp6 [::1]:111",
        ];
        let shown = shown(&places);
        assert_eq!(shown[shown.len() - 3..], tcp6);
        let announced = announced(places.iter().flat_map(Place::telling).collect());
        let (netid, uaddr) = announced.last().unwrap();
        assert_eq!(
            format!("{netid} {uaddr}"),
            "tcp6 fe80::1.0.111",
            "without its link"
        );
    }

    #[test]
    fn activated_it_serves_what_it_was_passed_and_no_more() {
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let name = format!("oncrpc-plan-{}", std::process::id());
        let unix = UnixListener::bind_addr(&UnixAddr::from_abstract_name(&name).unwrap()).unwrap();
        let expected = [
            format!("local @{name}"),
            format!("udp {}", udp.local_addr().unwrap()),
            format!("tcp {}", tcp.local_addr().unwrap()),
        ];
        let sockets = passed(vec![
            Listen::TcpListener(tcp),
            Listen::UdpSocket(udp),
            Listen::UnixListener(unix),
        ]);
        let places = planned(&wanted(Addresses::Udp(addresses(&["192.0.2.1"]))), sockets);
        assert_eq!(shown(&places), expected);
        let why: Vec<_> = places.iter().map(|place| place.why.clone()).collect();
        assert_eq!(why, [Why::Passed(5), Why::Passed(4), Why::Passed(3)]);
    }

    #[test]
    fn what_was_not_passed_is_bound_on_request_alone() {
        let tcp = || TcpListener::bind("127.0.0.1:0").unwrap();
        let one = || passed(vec![Listen::TcpListener(tcp())]);
        let missing = Wanted {
            missing: true,
            ..wanted(Addresses::All)
        };
        let places = planned(&missing, one());
        assert_eq!(places.len(), 6, "{:?}", shown(&places));
        let with_bind = planned(&wanted(Addresses::Both(addresses(&["192.0.2.1"]))), one());
        // The socket on another port does not stand for 127.0.0.1:111.
        let tcp: Vec<_> = shown(&with_bind);
        assert_eq!(tcp.len(), 7, "{tcp:?}");
        assert!(
            !tcp.iter().any(|place| place.starts_with("local")),
            "{tcp:?}"
        );
    }

    #[test]
    fn a_socket_that_bind_does_not_allow_is_an_error() {
        let all = UdpSocket::bind("0.0.0.0:0").unwrap();
        let address = all.local_addr().unwrap();
        let (networks, _) = netconfig::read(Path::new("/nonexistent/netconfig")).unwrap();
        let error = places(
            &wanted(Addresses::Both(addresses(&["192.0.2.1"]))),
            &networks,
            |_| 111,
            passed(vec![Listen::UdpSocket(all)]),
        )
        .unwrap_err();
        let expected =
            format!("the service manager has passed udp {address}, which --bind does not allow");
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn of_several_addresses_the_most_useful_is_announced() {
        let tcp = |address: &str| Listen::TcpListener(TcpListener::bind(address).unwrap());
        let sockets = passed(vec![tcp("0.0.0.0:0"), tcp("127.0.0.1:0")]);
        let everywhere = sockets[0].address().unwrap();
        let places = planned(&wanted(Addresses::All), sockets);
        let expected = (Netid::Tcp, (&Uaddr::from(everywhere)).into());
        let tellings = places.iter().flat_map(Place::telling).collect();
        assert_eq!(announced(tellings), [expected]);
    }
}
