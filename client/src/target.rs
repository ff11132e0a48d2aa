//! Whom a user wants to talk to.

use std::ffi::OsString;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use crate::{Endpoint, Host};

/// Whom a user wants to talk to, as users write it.
///
/// | text | what it is |
/// |---|---|
/// | `nfs.example`, `192.0.2.7`, `2001:db8::7` | a host, whose rpcbind knows where its programs are |
/// | `fe80::7%eth0`, `fe80::7%2` | a host on the link of an interface, by its name or index |
/// | `nfs.example:2049`, `192.0.2.7:2049`, `[2001:db8::7]:2049` | a port of a host; rpcbind is not asked |
/// | `unix:/run/rpcbind.sock` | the path of a Unix socket |
/// | `unix:@/run/rpcbind.sock` | the abstract name of a Unix socket |
/// | `stdio:ssh nfs.example nfsd` | a command whose standard input and output are the connection |
///
/// ```
/// use oncrpc_client::{Host, Target};
///
/// assert_eq!("unix:/run/rpcbind.sock".parse(), Ok(Target::Unix("/run/rpcbind.sock".into())));
/// assert_eq!("[::1]:2049".parse(), Ok(Target::Port(Host::Address("::1".parse()?), 2049)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target {
    /// A host, whose rpcbind knows where its programs are.
    Host(Host),
    /// A port of a host, for which rpcbind is not asked.
    Port(Host, u16),
    /// The path of a Unix socket on this host.
    Unix(PathBuf),
    /// The abstract name of a Unix socket on this host.
    Abstract(Vec<u8>),
    /// A program that is started for each connection, serves on its standard input and output, and is killed when the
    /// connection ends. As text its words stand between blanks; there are no quotes, and no shell is asked.
    ///
    /// What needs an environment of its own, or is to live longer, is started by the caller, whose
    /// `tokio::io::join(stdout, stdin)` is a stream for [`Channel::over`](crate::Channel::over).
    Command {
        /// What is started.
        program: OsString,
        /// What it is started with.
        arguments: Vec<OsString>,
    },
}

/// Text that names no target.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// Nothing was given, or nothing behind `unix:` or `stdio:`.
    #[error("no host, socket or command in {0:?}")]
    Empty(String),
    /// What stands behind `unix:` is neither a path from the root nor `@` and a name.
    #[error("a socket is unix:/PATH or unix:@NAME, found {0:?}")]
    NotASocket(String),
    /// A host's name has only letters, digits, dots, hyphens and underscores.
    #[error("{found:?} has no place in the host name {text:?}")]
    NotAHost {
        /// The text.
        text: String,
        /// The first character that is out of place.
        found: char,
    },
    /// What stands in brackets, or before `%`, is no IPv6 address.
    #[error("{0:?} is no IPv6 address")]
    NotIpv6(String),
    /// What stands behind the last colon is no port.
    #[error("{0:?} is no port from 1 to 65535")]
    NotAPort(String),
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        if let Some(socket) = text.strip_prefix("unix:") {
            return match socket.strip_prefix('@') {
                Some("") => Err(TargetError::Empty(text.to_owned())),
                Some(name) => Ok(Self::Abstract(name.into())),
                None if socket.is_empty() => Err(TargetError::Empty(text.to_owned())),
                None if socket.starts_with('/') => Ok(Self::Unix(socket.into())),
                None => Err(TargetError::NotASocket(text.to_owned())),
            };
        }
        if let Some(words) = text.strip_prefix("stdio:") {
            let mut words = words.split_whitespace().map(OsString::from);
            return match words.next() {
                Some(program) => Ok(Self::Command {
                    program,
                    arguments: words.collect(),
                }),
                None => Err(TargetError::Empty(text.to_owned())),
            };
        }
        if let Some((host, port)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            let host = ipv6(host)?;
            return match port.strip_prefix(':') {
                Some(digits) => Ok(Self::Port(host, port_number(digits)?)),
                None if port.is_empty() => Ok(Self::Host(host)),
                None => Err(TargetError::NotAPort(port.to_owned())),
            };
        }
        match text.split_once(':') {
            // An IPv6 address without brackets; what follows its last colon belongs to it.
            Some((_, rest)) if rest.contains(':') => ipv6(text).map(Self::Host),
            Some((host, port)) => Ok(Self::Port(name_or_address(host)?, port_number(port)?)),
            None => name_or_address(text).map(Self::Host),
        }
    }
}

/// An IPv6 address, with or without an interface.
fn ipv6(text: &str) -> Result<Host, TargetError> {
    let address = |address: &str| {
        let parsed = address.parse::<Ipv6Addr>();
        parsed.map_err(|_| TargetError::NotIpv6(address.to_owned()))
    };
    match text.split_once('%') {
        Some((_, "")) => Err(TargetError::NotIpv6(text.to_owned())),
        Some((before, interface)) => Ok(Host::Scoped {
            address: address(before)?,
            interface: interface.to_owned(),
        }),
        None => Ok(Host::Address(address(text)?.into())),
    }
}

fn name_or_address(text: &str) -> Result<Host, TargetError> {
    if let Ok(address) = text.parse() {
        return Ok(Host::Address(address));
    }
    let out_of_place = |c: &char| !c.is_alphanumeric() && !matches!(c, '.' | '-' | '_');
    match text.chars().find(out_of_place) {
        Some(found) => Err(TargetError::NotAHost {
            text: text.to_owned(),
            found,
        }),
        None if text.is_empty() => Err(TargetError::Empty(text.to_owned())),
        None => Ok(Host::Name(text.to_owned())),
    }
}

fn port_number(text: &str) -> Result<u16, TargetError> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(port @ 1..) if digits => Ok(port),
        _ => Err(TargetError::NotAPort(text.to_owned())),
    }
}

impl From<IpAddr> for Target {
    fn from(address: IpAddr) -> Self {
        Self::Host(Host::Address(address))
    }
}

/// The port of an address; of a link-local one, on its link.
impl From<SocketAddr> for Target {
    fn from(address: SocketAddr) -> Self {
        let host = match address {
            SocketAddr::V6(v6) if v6.scope_id() != 0 => Host::Scoped {
                address: *v6.ip(),
                interface: v6.scope_id().to_string(),
            },
            address => Host::Address(address.ip()),
        };
        Self::Port(host, address.port())
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(host) => host.fmt(f),
            Self::Port(host @ (Host::Scoped { .. } | Host::Address(IpAddr::V6(_))), port) => {
                write!(f, "[{host}]:{port}")
            }
            Self::Port(host, port) => write!(f, "{host}:{port}"),
            Self::Unix(path) => Endpoint::Unix(path.clone()).fmt(f),
            Self::Abstract(name) => Endpoint::Abstract(name.clone()).fmt(f),
            Self::Command { program, arguments } => {
                let (program, arguments) = (program.clone(), arguments.clone());
                Endpoint::Command { program, arguments }.fmt(f)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Host {
        Host::Address(text.parse().unwrap())
    }

    fn scoped(address: &str, interface: &str) -> Host {
        Host::Scoped {
            address: address.parse().unwrap(),
            interface: interface.to_owned(),
        }
    }

    fn command(program: &str, arguments: &[&str]) -> Target {
        Target::Command {
            program: program.into(),
            arguments: arguments.iter().map(OsString::from).collect(),
        }
    }

    #[test]
    fn what_users_write_is_understood_and_written_the_same() {
        let name = || Host::Name("nfs.example".to_owned());
        for (text, target) in [
            ("nfs.example", Target::Host(name())),
            ("nfs.example:2049", Target::Port(name(), 2049)),
            ("192.0.2.7", Target::Host(address("192.0.2.7"))),
            ("192.0.2.7:1", Target::Port(address("192.0.2.7"), 1)),
            ("::1", Target::Host(address("::1"))),
            ("::1:2049", Target::Host(address("::1:2049"))),
            ("[::1]:65535", Target::Port(address("::1"), 65_535)),
            ("fe80::1%eth0", Target::Host(scoped("fe80::1", "eth0"))),
            ("fe80::1%2", Target::Host(scoped("fe80::1", "2"))),
            (
                "[fe80::1%br-lan.7]:111",
                Target::Port(scoped("fe80::1", "br-lan.7"), 111),
            ),
            (
                "unix:/run/rpcbind.sock",
                Target::Unix("/run/rpcbind.sock".into()),
            ),
            (
                "unix:@/run/rpcbind.sock",
                Target::Abstract(b"/run/rpcbind.sock".to_vec()),
            ),
            ("stdio:nfsd", command("nfsd", &[])),
            (
                "stdio:ssh -C host nfsd",
                command("ssh", &["-C", "host", "nfsd"]),
            ),
        ] {
            assert_eq!(text.parse(), Ok(target.clone()), "{text}");
            assert_eq!(target.to_string(), text);
        }
        assert_eq!("[::1]".parse(), Ok(Target::Host(address("::1"))));
    }

    #[test]
    fn what_is_no_target_says_why() {
        for (text, why) in [
            ("", "no host, socket or command in \"\""),
            ("unix:", "no host, socket or command in \"unix:\""),
            ("unix:@", "no host, socket or command in \"unix:@\""),
            ("stdio: ", "no host, socket or command in \"stdio: \""),
            (
                "unix:run",
                "a socket is unix:/PATH or unix:@NAME, found \"unix:run\"",
            ),
            (":2049", "no host, socket or command in \"\""),
            (
                "nfs/example",
                "'/' has no place in the host name \"nfs/example\"",
            ),
            ("nfs%eth0", "'%' has no place in the host name \"nfs%eth0\""),
            ("nfs.example:nfs", "\"nfs\" is no port from 1 to 65535"),
            ("nfs.example:0", "\"0\" is no port from 1 to 65535"),
            ("nfs.example:+1", "\"+1\" is no port from 1 to 65535"),
            ("192.0.2.7:65536", "\"65536\" is no port from 1 to 65535"),
            ("[::1]:", "\"\" is no port from 1 to 65535"),
            ("[::1]2049", "\"2049\" is no port from 1 to 65535"),
            ("[192.0.2.7]:1", "\"192.0.2.7\" is no IPv6 address"),
            ("fe80::1%", "\"fe80::1%\" is no IPv6 address"),
            ("a:b:c", "\"a:b:c\" is no IPv6 address"),
        ] {
            assert_eq!(text.parse::<Target>().unwrap_err().to_string(), why);
        }
    }

    #[test]
    fn a_socket_address_keeps_its_scope() {
        let address: SocketAddr = "[fe80::1%7]:2049".parse().unwrap();
        let target = Target::Port(scoped("fe80::1", "7"), 2049);
        assert_eq!(Target::from(address), target);
        assert_eq!(target.to_string(), address.to_string());
    }
}
