//! Whom a user wants to talk to.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

/// Whom a user wants to talk to, as users write it: a host's name or address, `unix:/path` or `unix:@name`.
///
/// ```
/// use oncrpc_client::Target;
///
/// assert_eq!("unix:/run/rpcbind.sock".parse(), Ok(Target::Unix("/run/rpcbind.sock".into())));
/// assert_eq!("[::1]".parse(), Ok(Target::Address("::1".parse()?)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target {
    /// A host, by name: each of its addresses is tried.
    Host(String),
    /// A host, by address.
    Address(IpAddr),
    /// The path of a Unix socket on this host.
    Unix(PathBuf),
    /// The abstract name of a Unix socket on this host.
    Abstract(Vec<u8>),
}

/// Text that names no target.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// Nothing was given, or nothing behind `unix:`.
    #[error("no host and no socket in {0:?}")]
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
}

#[cfg(feature = "tokio")]
impl Target {
    /// Whether it means the host that we are on, by a name or address that is the same everywhere.
    pub(crate) fn is_this_host(&self) -> bool {
        match self {
            Self::Host(name) => name.eq_ignore_ascii_case("localhost"),
            Self::Address(address) => address.is_loopback(),
            Self::Unix(_) | Self::Abstract(_) => true,
        }
    }
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
        let address = text
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        if let Ok(address) = address.unwrap_or(text).parse() {
            return Ok(Self::Address(address));
        }
        let out_of_place = |c: &char| !c.is_alphanumeric() && !matches!(c, '.' | '-' | '_' | '%');
        match text.chars().find(out_of_place) {
            Some(found) => Err(TargetError::NotAHost {
                text: text.to_owned(),
                found,
            }),
            None if text.is_empty() => Err(TargetError::Empty(text.to_owned())),
            None => Ok(Self::Host(text.to_owned())),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(name) => name.fmt(f),
            Self::Address(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Abstract(name) => write!(f, "unix:@{}", name.escape_ascii()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_users_write_is_understood() {
        for (text, target) in [
            ("nfs.example", Target::Host("nfs.example".to_owned())),
            ("192.0.2.7", Target::Address(IpAddr::from([192, 0, 2, 7]))),
            ("::1", Target::Address("::1".parse().unwrap())),
            (
                "unix:@/run/rpcbind.sock",
                Target::Abstract(b"/run/rpcbind.sock".to_vec()),
            ),
        ] {
            assert_eq!(text.parse(), Ok(target), "{text}");
        }
    }

    #[test]
    fn what_is_no_target_says_why() {
        for (text, why) in [
            ("", "no host and no socket in \"\""),
            ("unix:", "no host and no socket in \"unix:\""),
            ("unix:@", "no host and no socket in \"unix:@\""),
            (
                "unix:run",
                "a socket is unix:/PATH or unix:@NAME, found \"unix:run\"",
            ),
            (
                "nfs.example:2049",
                "':' has no place in the host name \"nfs.example:2049\"",
            ),
        ] {
            assert_eq!(text.parse::<Target>().unwrap_err().to_string(), why);
        }
    }
}
