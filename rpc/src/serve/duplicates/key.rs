//! What a call is known by when it comes again.

use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::net::IpAddr;

use crate::auth::Identity;
use crate::peer::Address;
use crate::serve::service::Call;

/// Bytes of the arguments that are looked at, as in Linux's NFS server: calls whose arguments are of the same
/// length and begin alike are the same, if everything else is.
const LOOKED_AT: usize = 256;

/// What a call is known by when it comes again.
///
/// That is who sent it (the address, for a Unix socket the process) and by which transport, the xid, program,
/// version and procedure, in whose name (the credential but for its stamp, which some clients make anew), and the
/// arguments: how long they are, and how they begin. All of it is in one hash, whose key nobody else knows: no peer
/// can find two calls that are taken for each other. The xid stands beside it once more, so that chance cannot
/// either.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct CallKey {
    pub(super) hash: u64,
    pub(super) xid: u32,
    pub(super) holder: Holder,
}

/// In whose share of the cache a call is: an address, as [`DuplicatePolicy`](super::DuplicatePolicy) counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Holder {
    V4(u32),
    /// A /64: whoever has one address of it has them all.
    V6(u64),
    User(u32),
    /// This process, or one that shares memory or pipes with it.
    Local,
}

impl CallKey {
    pub(super) fn of(call: &Call<'_>, by_port: bool, hasher: &RandomState) -> Self {
        let peer = call.context.peer();
        let args = call.args_in_place();
        let mut hash = hasher.build_hasher();
        peer.netid.hash(&mut hash);
        match peer.remote {
            Address::Inet(address) => {
                (address.ip(), by_port.then(|| address.port())).hash(&mut hash);
            }
            Address::Unix(peer) => (peer.uid, peer.gid, peer.pid).hash(&mut hash),
            Address::Local => {}
        }
        call.context.xid.hash(&mut hash);
        call.id.hash(&mut hash);
        call.flavor().hash(&mut hash);
        match call.context.identity() {
            Some(Identity::Sys(parms)) => {
                (&parms.machinename, parms.uid, parms.gid, &parms.gids).hash(&mut hash);
            }
            None => {}
        }
        args.len().hash(&mut hash);
        args.get(..LOOKED_AT).unwrap_or(args).hash(&mut hash);
        Self {
            xid: call.context.xid,
            hash: hash.finish(),
            holder: Holder::of(&peer.remote),
        }
    }

    /// A number by which calls are spread evenly.
    pub(super) fn spread(&self) -> usize {
        (self.hash >> 32) as u32 as usize
    }
}

impl Holder {
    fn of(remote: &Address) -> Self {
        match remote {
            Address::Inet(address) => match address.ip().to_canonical() {
                IpAddr::V4(ip) => Self::V4(ip.to_bits()),
                IpAddr::V6(ip) => Self::V6((ip.to_bits() >> 64) as u64),
            },
            Address::Unix(peer) => Self::User(peer.uid),
            Address::Local => Self::Local,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::Arc;

    use oncrpc_xdr::Writer;

    use super::*;
    use crate::call::caller::ProcedureId;
    use crate::message::{self, AUTH_AT};
    use crate::netid::Netid;
    use crate::peer::{Peer, UnixPeer};
    use crate::proto::rpc_msg::AuthsysParms;
    use crate::serve::context::CallContext;

    /// A call as it arrives.
    #[derive(Clone)]
    struct Sent {
        netid: Netid,
        remote: Address,
        xid: u32,
        id: ProcedureId,
        flavor: u32,
        identity: Option<AuthsysParms>,
        args: Vec<u8>,
    }

    fn sent() -> Sent {
        Sent {
            netid: Netid::Tcp,
            remote: inet("192.0.2.1:700"),
            xid: 7,
            id: ProcedureId {
                program: 100_003,
                version: 3,
                procedure: 12,
            },
            flavor: 1,
            identity: Some(AuthsysParms {
                stamp: 1,
                machinename: "host".into(),
                uid: 1000,
                gid: 100,
                gids: vec![1, 2],
            }),
            args: vec![1; 300],
        }
    }

    fn inet(address: &str) -> Address {
        Address::Inet(address.parse().unwrap())
    }

    fn unix(uid: u32, pid: i32) -> Address {
        Address::Unix(UnixPeer {
            uid,
            gid: 0,
            pid: Some(pid),
        })
    }

    impl Sent {
        fn but(change: impl FnOnce(&mut Self)) -> Self {
            let mut other = sent();
            change(&mut other);
            other
        }

        fn parms(&mut self) -> &mut AuthsysParms {
            self.identity.as_mut().unwrap()
        }

        fn key(&self, by_port: bool, hasher: &RandomState) -> CallKey {
            let mut w = Writer::new();
            message::write_call(&mut w, self.xid, self.id);
            // The credential's body is the identity's to say.
            w.raw([self.flavor, 0, 0, 0].map(u32::to_be_bytes).as_flattened());
            w.raw(&self.args);
            let message = w.into_bytes();
            let identity = self.identity.clone().map(Identity::Sys).map(Arc::new);
            let peer = Peer {
                netid: self.netid.clone(),
                remote: self.remote.clone(),
                local: Address::Local,
                interface: None,
            };
            let call = Call {
                message: (&message).into(),
                id: self.id,
                body: AUTH_AT + 16,
                context: &CallContext::new(peer, identity, self.xid),
            };
            CallKey::of(&call, by_port, hasher)
        }
    }

    #[test]
    fn each_thing_that_makes_a_call_another_does() {
        let mut calls = vec![
            sent(),
            Sent::but(|s| s.netid = Netid::Udp),
            Sent::but(|s| s.remote = inet("192.0.2.2:700")),
            Sent::but(|s| s.remote = inet("[2001:db8::1]:700")),
            Sent::but(|s| s.remote = inet("[2001:db8::2]:700")),
            Sent::but(|s| s.remote = unix(0, 1)),
            Sent::but(|s| s.remote = unix(0, 2)),
            Sent::but(|s| s.remote = unix(1, 1)),
            Sent::but(|s| s.remote = Address::Local),
            Sent::but(|s| s.xid = 8),
            Sent::but(|s| s.id.program += 1),
            Sent::but(|s| s.id.version += 1),
            Sent::but(|s| s.id.procedure += 1),
            Sent::but(|s| s.flavor = 6),
            Sent::but(|s| s.identity = None),
            Sent::but(|s| s.parms().machinename = "guest".into()),
            Sent::but(|s| s.parms().uid = 0),
            Sent::but(|s| s.parms().gid = 0),
            Sent::but(|s| s.parms().gids = vec![1]),
            Sent::but(|s| s.args = vec![1; 304]),
            Sent::but(|s| s.args[0] = 2),
            Sent::but(|s| s.args[LOOKED_AT - 1] = 2),
            Sent::but(|s| s.args.clear()),
        ];
        assert_all_differ(&calls, false);
        calls.push(Sent::but(|s| s.remote = inet("192.0.2.1:701")));
        assert_all_differ(&calls, true);
    }

    #[test]
    fn calls_are_spread_over_all_parts() {
        let hasher = RandomState::new();
        let call = |xid| Sent::but(|s| s.xid = xid).key(false, &hasher);
        let parts: HashSet<_> = (0..2_000).map(|xid| call(xid).spread() % 32).collect();
        assert_eq!(parts.len(), 32);
    }

    fn assert_all_differ(calls: &[Sent], by_port: bool) {
        let hasher = RandomState::new();
        let keys: Vec<_> = calls
            .iter()
            .map(|call| call.key(by_port, &hasher))
            .collect();
        for (index, key) in keys.iter().enumerate() {
            assert!(!keys[..index].contains(key), "{index}");
        }
    }

    #[test]
    fn what_changes_from_transmission_to_transmission_does_not_make_it_another() {
        let hasher = RandomState::new();
        let key = sent().key(false, &hasher);
        for again in [
            sent(),
            Sent::but(|s| s.remote = inet("192.0.2.1:701")),
            Sent::but(|s| s.parms().stamp = 2),
            Sent::but(|s| s.args[LOOKED_AT] = 2),
        ] {
            assert_eq!(again.key(false, &hasher), key);
        }
    }

    #[test]
    fn a_share_is_for_an_address_a_slash_64_or_a_user() {
        let holder = |remote| Holder::of(&remote);
        assert_eq!(holder(inet("192.0.2.1:1")), holder(inet("192.0.2.1:2")));
        assert_eq!(
            holder(inet("192.0.2.1:1")),
            holder(inet("[::ffff:192.0.2.1]:2"))
        );
        assert_ne!(holder(inet("192.0.2.1:1")), holder(inet("192.0.2.2:1")));
        assert_eq!(
            holder(inet("[2001:db8::1]:1")),
            holder(inet("[2001:db8::2]:1"))
        );
        assert_ne!(
            holder(inet("[2001:db8::1]:1")),
            holder(inet("[2001:db8:0:1::1]:1"))
        );
        assert_eq!(holder(unix(0, 1)), holder(unix(0, 2)));
        assert_ne!(holder(unix(0, 1)), holder(unix(1, 1)));
    }
}
