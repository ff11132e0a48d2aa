//! Who is calling, and what they may do.
//!
//! A caller over the Unix socket is the user that the kernel says it is. Everybody else is an address:
//! what a credential claims is not believed, as rpcbind does not believe it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::registry::{Owner, Quota};

/// Who is calling, as far as the transport knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// A process on this host, over the Unix socket, with the user that it had when it connected.
    Unix {
        /// The user.
        uid: u32,
    },
    /// Somebody at an internet address.
    Inet {
        /// Where the call came from.
        from: SocketAddr,
        /// Whether the call came in through the loopback interface; `None` where the transport cannot
        /// tell, as TCP cannot. (A connection from 127.0.0.1 needs answers to reach 127.0.0.1, though.)
        over_loopback: Option<bool>,
    },
}

/// What the administrator allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// `-i`: SET and UNSET from any host, and calls to rpcbind itself through CALLIT.
    pub insecure: bool,
    /// Whether what belongs to the system is for the superuser to register. rpcbind lets every user do it.
    pub reserved_for_root: bool,
    /// How many registrations there may be.
    pub quota: Quota,
    /// What a stranger is sent over UDP.
    pub to_strangers: ReplyBound,
}

/// What is sent to somebody who may be somebody else.
///
/// A sender's address is easily forged; whoever it belongs to shall not suffer much. Answers to GETPORT and
/// GETADDR are shorter than the questions, and rpcinfo asks for the long lists over TCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplyBound {
    /// Bytes for each byte received, at most: QUIC's factor is 3 (RFC 9000 §8.1).
    pub factor: usize,
    /// Bytes of the longest reply.
    pub bytes: usize,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            insecure: false,
            reserved_for_root: false,
            quota: Quota::default(),
            to_strangers: ReplyBound {
                factor: 3,
                bytes: 512,
            },
        }
    }
}

/// Why a call is refused: the caller must be somebody better known, AUTH_TOOWEAK of RFC 5531.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooWeak;

/// First port that needs no privilege to be bound.
const FIRST_UNPRIVILEGED_PORT: u16 = 1024;

impl Caller {
    /// Whether this is a process on this host, over the Unix socket or from *the* loopback address.
    ///
    /// As in rpcbind, 127.0.0.2 is not, and neither is another address of this host. Beyond it, a loopback
    /// address counts only where it did not come from outside.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Unix { .. } => true,
            Self::Inet {
                from,
                over_loopback,
            } => is_loopback(from.ip()) && *over_loopback != Some(false),
        }
    }

    /// To whom the registrations of this caller belong.
    pub fn owner(&self) -> Owner {
        match self {
            Self::Unix { uid: 0 } => Owner::Superuser,
            Self::Unix { uid } => Owner::User(*uid),
            Self::Inet { from, .. } if self.is_local() && from.port() < FIRST_UNPRIVILEGED_PORT => {
                Owner::Superuser
            }
            Self::Inet { .. } => Owner::Unknown,
        }
    }
}

/// `127.0.0.1`, `::1` and `::ffff:127.0.0.1`, exactly.
fn is_loopback(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4 == Ipv4Addr::LOCALHOST,
        IpAddr::V6(v6) => {
            v6 == Ipv6Addr::LOCALHOST || v6.to_ipv4_mapped() == Some(Ipv4Addr::LOCALHOST)
        }
    }
}

impl Policy {
    /// Who SETs or UNSETs, if they may.
    pub fn may_change(self, caller: &Caller) -> Result<Owner, TooWeak> {
        if self.insecure || caller.is_local() {
            Ok(caller.owner())
        } else {
            Err(TooWeak)
        }
    }

    /// Whether an owner may register a program at a port. (It may well be told that it is registered.)
    pub fn may_register(self, owner: &Owner, program: u32, port: Option<u32>) -> bool {
        let low = port.is_some_and(|port| port < u32::from(FIRST_UNPRIVILEGED_PORT));
        let reserved = low || OF_THE_SYSTEM.contains(&program);
        !self.reserved_for_root || !reserved || *owner == Owner::Superuser
    }

    /// Whether a procedure may be called for somebody through CALLIT, BCAST or INDIRECT.
    ///
    /// The service would see this host as the caller, so what it gives to this host alone must not be had
    /// that way. Doing nothing (procedure 0) is free.
    pub fn may_call_through(self, program: u32, procedure: u32) -> Result<(), TooWeak> {
        let refused = match (program, procedure) {
            (_, 0) => false,
            (RPCBIND, _) => !self.insecure,
            (NFS | RQUOTA | YPPASSWD, _) => true,
            (MOUNT, MNT | UMNT) => true,
            (YPBIND, YPBIND_SETDOM) => true,
            (YPSERV, YP_MATCH | YP_FIRST | YP_NEXT | YP_ALL) => true,
            _ => false,
        };
        if refused { Err(TooWeak) } else { Ok(()) }
    }
}

// Programs, and procedures of theirs, that are not called for others.
const RPCBIND: u32 = 100_000;
const NFS: u32 = 100_003;
const YPSERV: u32 = 100_004;
const YP_MATCH: u32 = 3;
const YP_FIRST: u32 = 4;
const YP_NEXT: u32 = 5;
const YP_ALL: u32 = 8;
const MOUNT: u32 = 100_005;
const MNT: u32 = 1;
const UMNT: u32 = 3;
const YPBIND: u32 = 100_007;
const YPBIND_SETDOM: u32 = 2;
const YPPASSWD: u32 = 100_009;
const RQUOTA: u32 = 100_011;

/// Programs that run as root wherever they run: the portmapper, NFS and NIS with all that is theirs.
const OF_THE_SYSTEM: &[u32] = &[
    RPCBIND, NFS, YPSERV, MOUNT, YPBIND, YPPASSWD, RQUOTA, NLOCKMGR, STATUS, YPXFRD, NFS_ACL,
];
const NLOCKMGR: u32 = 100_021;
const STATUS: u32 = 100_024;
const YPXFRD: u32 = 100_069;
const NFS_ACL: u32 = 100_227;

#[cfg(test)]
mod tests {
    use super::*;

    fn inet(from: &str, over_loopback: Option<bool>) -> Caller {
        let from = from.parse().unwrap();
        Caller::Inet {
            from,
            over_loopback,
        }
    }

    #[test]
    fn who_calls_decides_who_owns() {
        let loopback = Some(true);
        for (caller, may, insecure) in [
            (Caller::Unix { uid: 0 }, Some("superuser"), "superuser"),
            (Caller::Unix { uid: 1000 }, Some("1000"), "1000"),
            (Caller::Unix { uid: 4_294_967_294 }, Some("-2"), "-2"),
            (
                inet("127.0.0.1:1023", loopback),
                Some("superuser"),
                "superuser",
            ),
            (inet("127.0.0.1:1023", None), Some("superuser"), "superuser"),
            (inet("127.0.0.1:1024", loopback), Some("unknown"), "unknown"),
            (inet("[::1]:1", loopback), Some("superuser"), "superuser"),
            (inet("[::1]:50000", loopback), Some("unknown"), "unknown"),
            (
                inet("[::ffff:127.0.0.1]:1", loopback),
                Some("superuser"),
                "superuser",
            ),
            (inet("127.0.0.2:1", loopback), None, "unknown"),
            (inet("192.0.2.1:1", loopback), None, "unknown"),
            (inet("203.0.113.5:1", Some(false)), None, "unknown"),
            (inet("[2001:db8::1]:1", None), None, "unknown"),
            // A loopback address that comes from outside is a lie.
            (inet("127.0.0.1:1", Some(false)), None, "unknown"),
            (inet("[::1]:1", Some(false)), None, "unknown"),
        ] {
            let owner = |insecure| {
                let policy = Policy {
                    insecure,
                    ..Policy::default()
                };
                let owner = policy.may_change(&caller).ok()?;
                Some(owner.to_string())
            };
            assert_eq!(owner(false).as_deref(), may, "{caller:?}");
            assert_eq!(owner(true).as_deref(), Some(insecure), "{caller:?}");
        }
    }

    #[test]
    fn what_belongs_to_the_system_can_be_kept_for_root() {
        let kept = Policy {
            reserved_for_root: true,
            ..Policy::default()
        };
        for (program, port, by_user) in [
            (NFS, Some(2049), false),
            (400_000, Some(1023), false),
            (400_000, Some(0), false),
            (400_000, Some(1024), true),
            (400_000, None, true),
        ] {
            for owner in [Owner::User(1000), Owner::Unknown] {
                assert_eq!(
                    kept.may_register(&owner, program, port),
                    by_user,
                    "{program}"
                );
                assert!(Policy::default().may_register(&owner, program, port));
            }
            assert!(kept.may_register(&Owner::Superuser, program, port));
        }
    }

    #[test]
    fn what_is_given_to_this_host_alone_is_not_called_for_others() {
        let strict = Policy::default();
        for (program, allowed, refused) in [
            (RPCBIND, &[0][..], &[1, 3, 4, 12][..]),
            (NFS, &[0], &[1, 7]),
            (YPSERV, &[0, 1, 2, 6, 7, 9, 10, 11], &[3, 4, 5, 8]),
            (MOUNT, &[0, 2, 4, 5], &[1, 3]),
            (YPBIND, &[0, 1], &[2]),
            (YPPASSWD, &[0], &[1]),
            (RQUOTA, &[0], &[1, 2]),
            (400_000, &[0, 1, 2, 3, u32::MAX], &[]),
        ] {
            for &procedure in allowed {
                let answer = strict.may_call_through(program, procedure);
                assert_eq!(answer, Ok(()), "{program} {procedure}");
            }
            for &procedure in refused {
                let answer = strict.may_call_through(program, procedure);
                assert_eq!(answer, Err(TooWeak), "{program} {procedure}");
            }
        }
        let insecure = Policy {
            insecure: true,
            ..strict
        };
        assert_eq!(insecure.may_call_through(RPCBIND, 1), Ok(()));
        assert_eq!(insecure.may_call_through(NFS, 1), Err(TooWeak));
    }
}
