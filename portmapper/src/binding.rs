//! The sockets of the daemon, bound while it still may.

use std::ffi::OsString;
use std::io;
use std::net::ToSocketAddrs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixListener;
use std::path::Path;

use nix::errno::Errno;
use nix::sys::stat::{Mode, umask};
use oncrpc::netid::Protocol;
use oncrpc_server::Listen;
use oncrpc_transport::socket;

use crate::own_address::OwnAddress;
use crate::plan::{Addresses, At, Place, Why};

/// An address that was named cannot be bound; without it the daemon would be deaf where it was told to listen.
#[derive(Debug, thiserror::Error)]
#[error("cannot bind {place}: {reason}")]
pub struct CannotBind {
    place: String,
    reason: String,
}

impl CannotBind {
    /// A Unix socket of ours, such as that of the metrics.
    pub(crate) fn file(path: &Path, error: &io::Error) -> Self {
        let folder = path.parent().unwrap_or(path);
        Self {
            place: path.display().to_string(),
            reason: match error.kind() {
                io::ErrorKind::NotFound => format!("there is no directory {}", folder.display()),
                _ => reason(error),
            },
        }
    }

    /// A place that is at no address of this host.
    pub(crate) fn not_ours(place: &Place) -> Self {
        Self {
            place: in_words(place),
            reason: reason(&Errno::EADDRNOTAVAIL.into()),
        }
    }
}

/// Binds a place; `None` if that does not work and it is not needed, which is logged. It is needed if somebody named
/// it, or if we are to be strict. Over UDP each of so many threads has a socket of its own.
pub fn bind(place: Place, strict: bool, udp_threads: usize) -> Result<Option<Listen>, CannotBind> {
    let bound = match place.at {
        At::Passed(passed) => return Ok(Some(passed.socket)),
        At::Inet(Protocol::Tcp, address) => socket::tcp(address).map(Listen::TcpListener),
        At::Inet(Protocol::Udp, address) => {
            socket::udp_group(address, udp_threads).map(Listen::UdpSockets)
        }
        At::Path(ref path) => for_everybody(path).map(Listen::UnixListener),
        At::Abstract(ref name) => {
            socket::unix_abstract(name.as_os_str().as_bytes()).map(Listen::UnixListener)
        }
    };
    let error = match bound {
        Ok(socket) => return Ok(Some(socket)),
        Err(error) => CannotBind {
            place: in_words(&place),
            reason: reason(&error),
        },
    };
    if strict || matches!(place.why, Why::Named(_)) {
        return Err(error);
    }
    log::error!("{error}");
    Ok(None)
}

/// A Unix socket that all users may connect to.
fn for_everybody(path: &Path) -> io::Result<UnixListener> {
    let before = umask(Mode::S_IXUSR | Mode::S_IXGRP | Mode::S_IXOTH);
    let bound = socket::unix(path);
    umask(before);
    bound
}

/// `tcp`, `* on udp`, `192.0.2.1 on udp`, `/run/rpcbind.sock`: a place in rpcbind's words.
fn in_words(place: &Place) -> String {
    match (&place.at, place.address()) {
        (At::Inet(Protocol::Tcp, _), Some(address)) if address.ip().is_unspecified() => {
            place.netid.to_string()
        }
        (_, Some(address)) if address.ip().is_unspecified() => format!("* on {}", place.netid),
        (_, Some(address)) => format!("{} on {}", address.ip(), place.netid),
        (At::Abstract(name), None) => format!("@{}", name.display()),
        (At::Path(path), None) => path.display().to_string(),
        _ => place.to_string(),
    }
}

/// Looks the arguments of `-h` up; a name without an address is logged and passed over.
pub fn look_up(arguments: &[OsString]) -> Addresses {
    if arguments.is_empty() || arguments.iter().any(|argument| argument == "*") {
        return Addresses::All;
    }
    let mut addresses = Vec::new();
    for argument in arguments {
        let name = argument.to_string_lossy();
        match (&*name, 0).to_socket_addrs() {
            Ok(found) => addresses.extend(found),
            Err(error) => log::error!("cannot get an address for {name}: {error}"),
        }
    }
    Addresses::Udp(addresses)
}

/// The addresses of `--bind`, as they are now.
pub fn named(addresses: &[OwnAddress]) -> Result<Addresses, CannotBind> {
    let at = |address: &OwnAddress| {
        address.at(0).map_err(|error| CannotBind {
            place: address.to_string(),
            reason: reason(&error),
        })
    };
    let found: Result<_, _> = addresses.iter().map(at).collect();
    found.map(Addresses::Both)
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
    use oncrpc::netid::Netid;

    use super::*;

    #[test]
    fn a_star_among_the_addresses_is_all() {
        for all in [&[][..], &["*"], &["192.0.2.1", "*"]] {
            let arguments: Vec<OsString> = all.iter().map(OsString::from).collect();
            assert_eq!(look_up(&arguments), Addresses::All);
        }
        let both = ["::1".into(), "192.0.2.1".into()];
        let expected = ["[::1]:0", "192.0.2.1:0"].map(|text| text.parse().unwrap());
        assert_eq!(look_up(&both), Addresses::Udp(expected.to_vec()));
    }

    #[test]
    fn a_link_local_address_keeps_its_link() {
        let scoped = "fe80::1%lo".parse().unwrap();
        let at_lo = OwnAddress::at(&scoped, 0).unwrap();
        assert_eq!(named(&[scoped]).unwrap(), Addresses::Both(vec![at_lo]));
        assert_eq!(look_up(&["fe80::1%lo".into()]), Addresses::Udp(vec![at_lo]));
        let error = named(&["fe80::1".parse().unwrap()]).unwrap_err();
        let expected =
            "cannot bind fe80::1: every link has such addresses; that of eth0 is fe80::1%eth0";
        assert_eq!(error.to_string(), expected);
        let error = named(&["fe80::1%no-such-link".parse().unwrap()]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot bind fe80::1%no-such-link: No such device"
        );
    }

    #[test]
    fn a_named_address_that_is_not_ours_is_an_error() {
        let place = |why| Place {
            netid: Netid::Udp,
            at: At::Inet(Protocol::Udp, "192.0.2.1:0".parse().unwrap()),
            why,
        };
        let error = bind(place(Why::Named("-h")), false, 1).unwrap_err();
        let expected = "cannot bind 192.0.2.1 on udp: Cannot assign requested address";
        assert_eq!(error.to_string(), expected);
        assert!(
            bind(place(Why::Netconfig(None)), false, 1)
                .unwrap()
                .is_none()
        );
        assert!(
            bind(place(Why::Netconfig(None)), true, 1).is_err(),
            "if we are strict"
        );
    }

    #[test]
    fn places_that_cannot_be_bound_are_named_as_rpcbind_names_them() {
        let place = |netid, protocol, address: &str| Place {
            netid,
            at: At::Inet(protocol, address.parse().unwrap()),
            why: Why::Netconfig(None),
        };
        let tcp = place(Netid::Tcp, Protocol::Tcp, "0.0.0.0:111");
        assert_eq!(in_words(&tcp), "tcp");
        let udp = place(Netid::Udp6, Protocol::Udp, "[::]:111");
        assert_eq!(in_words(&udp), "* on udp6");
    }

    #[test]
    fn reasons_are_in_the_words_of_c() {
        let error = io::Error::from(Errno::EADDRINUSE);
        assert_eq!(reason(&error), "Address already in use");
        let error = io::Error::from(Errno::EACCES);
        assert_eq!(reason(&error), "Permission denied");
    }
}
