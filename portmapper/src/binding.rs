//! The sockets of the daemon, bound while it still may.

use std::ffi::OsString;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixListener;
use std::path::Path;

use nix::errno::Errno;
use nix::sys::stat::{Mode, umask};
use oncrpc::netid::{Family, Netid};
use oncrpc::uaddr::Uaddr;
use oncrpc_server::Listen;
use oncrpc_transport::socket;
use oncrpc_xdr::XdrString;

/// A transport that the portmapper serves.
#[derive(Debug)]
pub struct Binding {
    /// Its name.
    pub netid: Netid,
    /// Where the portmapper says that it is found.
    pub uaddr: XdrString,
    /// Its sockets.
    pub sockets: Vec<Listen>,
}

/// An address of `-h` that cannot be bound; without it the daemon would be deaf where it was told to listen.
#[derive(Debug, thiserror::Error)]
#[error("cannot bind {address} on {netid}: {reason}")]
pub struct CannotBind {
    address: IpAddr,
    netid: Netid,
    reason: String,
}

/// Binds the Unix socket at `path`, open to all users, and beside it, if wanted, the abstract one of the same
/// name, which Linux and libtirpc try first.
pub fn local(netid: &Netid, path: &Path, and_abstract: bool) -> Option<Binding> {
    let before = umask(Mode::S_IXUSR | Mode::S_IXGRP | Mode::S_IXOTH);
    let bound = socket::unix(path);
    umask(before);
    let uaddr = path.as_os_str().as_bytes();
    let mut sockets = Vec::new();
    let mut add = |name: String, bound: io::Result<UnixListener>| match bound {
        Ok(socket) => sockets.push(Listen::UnixListener(socket)),
        Err(error) => log::error!("cannot bind {name}: {}", reason(&error)),
    };
    add(path.display().to_string(), bound);
    if and_abstract {
        add(format!("@{}", path.display()), socket::unix_abstract(uaddr));
    }
    (!sockets.is_empty()).then(|| Binding {
        netid: netid.clone(),
        uaddr: uaddr.into(),
        sockets,
    })
}

/// Binds TCP on all addresses of a family.
pub fn tcp(netid: &Netid, family: Family, port: u16) -> Option<Binding> {
    let address = SocketAddr::new(wildcard(family), port);
    match socket::tcp(address) {
        Ok(socket) => Some(Binding {
            netid: netid.clone(),
            uaddr: (&Uaddr::from(address)).into(),
            sockets: vec![Listen::TcpListener(socket)],
        }),
        Err(error) => {
            log::error!("cannot bind {netid}: {}", reason(&error));
            None
        }
    }
}

/// Binds UDP on these addresses of a family, or on all if there are none; the first is the one that is
/// announced.
pub fn udp(
    netid: &Netid,
    family: Family,
    port: u16,
    hosts: &Hosts,
) -> Result<Option<Binding>, CannotBind> {
    let addresses = hosts.of(family);
    let mut bound = Vec::new();
    for &(address, named) in &addresses {
        let reason = match socket::udp(SocketAddr::new(address, port)) {
            Ok(socket) => {
                bound.push((address, Listen::UdpSocket(socket)));
                continue;
            }
            Err(error) => reason(&error),
        };
        if named {
            let netid = netid.clone();
            return Err(CannotBind {
                address,
                netid,
                reason,
            });
        }
        log::error!("cannot bind {address} on {netid}: {reason}");
    }
    Ok(bound.first().map(|&(first, _)| first).map(|first| Binding {
        netid: netid.clone(),
        uaddr: (&Uaddr::from(SocketAddr::new(first, port))).into(),
        sockets: bound.into_iter().map(|(_, socket)| socket).collect(),
    }))
}

/// The addresses of `-h`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hosts {
    /// All: there was no `-h`, or `-h '*'`.
    All,
    /// These, and loopback.
    Named(Vec<IpAddr>),
}

impl Hosts {
    /// Looks the arguments of `-h` up; a name without an address is logged and passed over.
    pub fn look_up(arguments: &[OsString]) -> Self {
        if arguments.is_empty() || arguments.iter().any(|argument| argument == "*") {
            return Self::All;
        }
        let mut addresses = Vec::new();
        for argument in arguments {
            let name = argument.to_string_lossy();
            match (&*name, 0).to_socket_addrs() {
                Ok(found) => addresses.extend(found.map(|address| address.ip())),
                Err(error) => log::error!("cannot get an address for {name}: {error}"),
            }
        }
        Self::Named(addresses)
    }

    /// The addresses of a family, each once, and whether it was asked for by name.
    fn of(&self, family: Family) -> Vec<(IpAddr, bool)> {
        let Self::Named(addresses) = self else {
            return vec![(wildcard(family), false)];
        };
        let of_family = |address: &&IpAddr| address.is_ipv4() == (family == Family::Inet);
        let mut chosen: Vec<(IpAddr, bool)> = Vec::new();
        for &address in addresses.iter().filter(of_family) {
            if !chosen.iter().any(|&(there, _)| there == address) {
                chosen.push((address, true));
            }
        }
        let loopback = match family {
            Family::Inet6 => IpAddr::V6(Ipv6Addr::LOCALHOST),
            _ => IpAddr::V4(Ipv4Addr::LOCALHOST),
        };
        let has_loopback =
            |&(there, _): &(IpAddr, bool)| there == loopback || there.is_unspecified();
        if !chosen.iter().any(has_loopback) {
            chosen.push((loopback, false));
        }
        chosen
    }
}

fn wildcard(family: Family) -> IpAddr {
    match family {
        Family::Inet6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        _ => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    }
}

/// What went wrong, in the words of C's strerror.
pub fn reason(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(number) => Errno::from_raw(number).desc().to_owned(),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(arguments: &[&str], family: Family) -> Vec<String> {
        let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
        let chosen = Hosts::look_up(&arguments).of(family);
        let shown = chosen.iter().map(|(address, named)| match named {
            true => format!("{address}!"),
            false => address.to_string(),
        });
        shown.collect()
    }

    #[test]
    fn addresses_are_bound_once_and_loopback_always() {
        let both = ["192.0.2.1", "127.0.0.1", "192.0.2.1", "::1"];
        for (arguments, inet, inet6) in [
            (&[][..], &["0.0.0.0"][..], &["::"][..]),
            (&["*"], &["0.0.0.0"], &["::"]),
            (&["192.0.2.1", "*"], &["0.0.0.0"], &["::"]),
            (&["192.0.2.1"], &["192.0.2.1!", "127.0.0.1"], &["::1"]),
            (&["127.0.0.1"], &["127.0.0.1!"], &["::1"]),
            (&both, &["192.0.2.1!", "127.0.0.1!"], &["::1!"]),
            (&["0.0.0.0"], &["0.0.0.0!"], &["::1"]),
        ] {
            assert_eq!(chosen(arguments, Family::Inet), inet, "{arguments:?}");
            assert_eq!(chosen(arguments, Family::Inet6), inet6, "{arguments:?}");
        }
    }

    #[test]
    fn a_named_address_that_is_not_ours_is_an_error() {
        let hosts = Hosts::look_up(&["192.0.2.1".into()]);
        let error = udp(&Netid::Udp, Family::Inet, 0, &hosts).unwrap_err();
        let expected = "cannot bind 192.0.2.1 on udp: Cannot assign requested address";
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn reasons_are_in_the_words_of_c() {
        let error = io::Error::from(Errno::EADDRINUSE);
        assert_eq!(reason(&error), "Address already in use");
        let error = io::Error::from(Errno::EACCES);
        assert_eq!(reason(&error), "Permission denied");
    }
}
