//! Who may call.

use std::net::IpAddr;

use oncrpc::peer::{Address, Peer};
use oncrpc::proto::rpc_msg::AuthStat;
use oncrpc::{Call, CallContext, Reject};

use crate::intercept::Intercept;

/// Who may call: a condition on where a call comes from and in whose name.
///
/// Without any, everybody may. Conditions of different kinds have to hold together: [`local`](Self::local) and
/// [`network`](Self::network) say where from, of which one has to hold; [`flavor`](Self::flavor) with which
/// credential; [`uid`](Self::uid) in whose name. [`or`](Self::or) offers another way in. A call that may not is
/// answered AUTH_TOOWEAK ([RFC 5531 §9](https://www.rfc-editor.org/rfc/rfc5531#section-9): "rejected for
/// security reasons").
///
/// Procedure 0 asks for no name: clients call it with AUTH_NONE to learn whether anybody is there. Where it
/// comes from counts for it, too.
///
/// ```
/// use oncrpc_server::Access;
///
/// // Users 0 and 33 of this host, as the kernel knows them, and whoever is in the machine room.
/// let access = Access::everyone()
///     .uid(0)
///     .uid(33)
///     .or(Access::everyone().network("192.0.2.0".parse()?, 24));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// It is used with [`Server::intercept`](crate::Server::intercept) for all services, and with
/// [`intercepted`](crate::intercepted) for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// Ways in; one has to be open.
    ways: Vec<Way>,
}

/// The procedure by which clients learn whether anybody is there; by convention, every program has it.
const NULL: u32 = 0;

/// Conditions that have to hold together; an empty list is no condition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Way {
    places: Vec<Place>,
    flavors: Vec<u32>,
    uids: Vec<u32>,
    believes_claims: bool,
}

/// Where calls come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// This host.
    Local,
    /// An address that begins with these bits.
    Network { address: IpAddr, bits: u32 },
}

impl Access {
    /// Everybody may call.
    pub fn everyone() -> Self {
        Self {
            ways: vec![Way::default()],
        }
    }

    /// From this host: by a Unix socket, or from a loopback address to a loopback address. (Where the kernel
    /// lets loopback addresses in from outside, what they are sent to still is not one.)
    #[must_use]
    pub fn local(self) -> Self {
        self.with(|way| way.places.push(Place::Local))
    }

    /// From addresses whose first `bits` bits are those of `address`. An IPv4 address that came by an IPv6 socket
    /// is an IPv4 address.
    #[must_use]
    pub fn network(self, address: IpAddr, bits: u32) -> Self {
        let address = address.to_canonical();
        self.with(|way| way.places.push(Place::Network { address, bits }))
    }

    /// With a credential of this [flavor](oncrpc::auth::flavor); of several, any. AUTH_SYS by itself proves nothing.
    #[must_use]
    pub fn flavor(self, flavor: u32) -> Self {
        self.with(|way| way.flavors.push(flavor))
    }

    /// In the name of this user; of several, any. The kernel knows who calls by a Unix socket, and its word alone
    /// counts there. Elsewhere nobody knows: see [`believing_claims`](Self::believing_claims).
    #[must_use]
    pub fn uid(self, uid: u32) -> Self {
        self.with(|way| way.uids.push(uid))
    }

    /// Believes the uid that an AUTH_SYS credential claims where there is no Unix socket, as NFS servers have done
    /// from the beginning. Anybody who reaches the port can claim to be anyone.
    #[must_use]
    pub fn believing_claims(self) -> Self {
        self.with(|way| way.believes_claims = true)
    }

    /// Or else whoever may by `other`.
    #[must_use]
    pub fn or(mut self, mut other: Self) -> Self {
        self.ways.append(&mut other.ways);
        self
    }

    /// Changes the way in that was begun last.
    fn with(mut self, change: impl FnOnce(&mut Way)) -> Self {
        if let Some(way) = self.ways.last_mut() {
            change(way);
        }
        self
    }

    /// Whether a call may be answered.
    fn allows(&self, context: &CallContext, flavor: u32, procedure: u32) -> bool {
        self.ways.iter().any(|way| {
            way.comes_from(context.peer()) && (procedure == NULL || way.has_name(context, flavor))
        })
    }
}

impl Intercept for Access {
    fn before(&self, call: &Call<'_>) -> Result<(), Reject> {
        if self.allows(call.context(), call.flavor(), call.procedure()) {
            return Ok(());
        }
        log::debug!("{} refused to {}", call.id(), call.context().peer());
        Err(Reject::Auth(AuthStat::Tooweak))
    }
}

impl Way {
    fn comes_from(&self, peer: &Peer) -> bool {
        self.places.is_empty() || self.places.iter().any(|place| place.holds(peer))
    }

    fn has_name(&self, context: &CallContext, flavor: u32) -> bool {
        let has_flavor = self.flavors.is_empty() || self.flavors.contains(&flavor);
        has_flavor
            && (self.uids.is_empty()
                || self
                    .uid_of(context)
                    .is_some_and(|uid| self.uids.contains(&uid)))
    }

    fn uid_of(&self, context: &CallContext) -> Option<u32> {
        match (context.peer().unix(), context.auth_sys()) {
            (Some(peer), _) => Some(peer.uid),
            (None, Some(claim)) if self.believes_claims => Some(claim.uid),
            _ => None,
        }
    }
}

impl Place {
    fn holds(self, peer: &Peer) -> bool {
        let ip = |address: &Address| match address {
            Address::Inet(address) => Some(address.ip().to_canonical()),
            _ => None,
        };
        match self {
            Self::Local => match (ip(&peer.remote), ip(&peer.local)) {
                (Some(remote), Some(local)) => remote.is_loopback() && local.is_loopback(),
                _ => matches!(peer.remote, Address::Unix(_) | Address::Local),
            },
            Self::Network { address, bits } => match (address, ip(&peer.remote)) {
                (IpAddr::V4(network), Some(IpAddr::V4(remote))) => {
                    let differ = network.to_bits() ^ remote.to_bits();
                    differ.leading_zeros() >= bits.min(32)
                }
                (IpAddr::V6(network), Some(IpAddr::V6(remote))) => {
                    let differ = network.to_bits() ^ remote.to_bits();
                    differ.leading_zeros() >= bits.min(128)
                }
                _ => false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::sync::Arc;

    use oncrpc::auth::{Identity, flavor};
    use oncrpc::netid::Netid;
    use oncrpc::peer::UnixPeer;
    use oncrpc::proto::rpc_msg::AuthsysParms;

    use super::*;

    /// A call from `remote` to `local`, with what it claims.
    fn call(remote: Address, local: Address, claim: Option<u32>) -> CallContext {
        let claim = claim.map(|uid| {
            Arc::new(Identity::Sys(AuthsysParms {
                stamp: 0,
                machinename: "test".into(),
                uid,
                gid: 0,
                gids: Vec::new(),
            }))
        });
        let peer = Peer {
            netid: Netid::Tcp,
            remote,
            local,
            interface: None,
        };
        CallContext::new(peer, claim, 1)
    }

    fn inet(remote: &str, local: &str, claim: Option<u32>) -> CallContext {
        let at = |ip: &str| Address::Inet(SocketAddr::new(ip.parse().unwrap(), 1000));
        call(at(remote), at(local), claim)
    }

    fn unix(uid: u32, claim: Option<u32>) -> CallContext {
        let (gid, pid) = (uid, None);
        let remote = Address::Unix(UnixPeer { uid, gid, pid });
        call(remote, Address::Local, claim)
    }

    fn allows(access: &Access, context: &CallContext, procedure: u32) -> bool {
        let flavor = match context.identity() {
            Some(_) => flavor::SYS,
            None => flavor::NONE,
        };
        access.allows(context, flavor, procedure)
    }

    #[test]
    fn everybody_may_call_unless_something_else_is_said() {
        let access = Access::everyone();
        assert!(allows(&access, &inet("192.0.2.1", "192.0.2.9", None), 1));
        assert!(allows(&access, &unix(1, None), 1));
    }

    #[test]
    fn local_is_a_unix_socket_or_loopback_at_both_ends() {
        let access = Access::everyone().local();
        for (remote, local, may) in [
            ("127.0.0.1", "127.0.0.1", true),
            ("::1", "::1", true),
            ("::ffff:127.0.0.1", "::ffff:127.0.0.1", true),
            ("127.0.0.1", "192.0.2.9", false),
            ("192.0.2.1", "192.0.2.9", false),
        ] {
            let context = inet(remote, local, None);
            assert_eq!(allows(&access, &context, 1), may, "{remote} to {local}");
            assert_eq!(allows(&access, &context, NULL), may, "{remote} to {local}");
        }
        assert!(allows(&access, &unix(1, None), 1));
    }

    #[test]
    fn a_network_is_as_many_bits_as_were_said() {
        for (network, bits, remote, may) in [
            ("192.0.2.0", 24, "192.0.2.255", true),
            ("192.0.2.0", 24, "192.0.3.0", false),
            ("192.0.2.0", 24, "::ffff:192.0.2.7", true),
            ("192.0.2.7", 32, "192.0.2.7", true),
            ("192.0.2.7", 32, "192.0.2.6", false),
            ("0.0.0.0", 0, "255.255.255.255", true),
            ("0.0.0.0", 0, "2001:db8::1", false),
            ("2001:db8::", 32, "2001:db8:ffff::1", true),
            ("2001:db8::", 32, "2001:db9::1", false),
        ] {
            let access = Access::everyone().network(network.parse().unwrap(), bits);
            let context = inet(remote, "192.0.2.9", None);
            assert_eq!(
                allows(&access, &context, 1),
                may,
                "{remote} of {network}/{bits}"
            );
            assert!(
                !allows(&access, &unix(0, None), 1),
                "no network has a Unix socket"
            );
        }
    }

    #[test]
    fn who_calls_by_a_unix_socket_is_who_the_kernel_says() {
        for access in [
            Access::everyone().uid(7),
            Access::everyone().uid(7).believing_claims(),
        ] {
            assert!(allows(&access, &unix(7, None), 1));
            assert!(allows(&access, &unix(7, Some(8)), 1));
            assert!(!allows(&access, &unix(8, Some(7)), 1));
        }
    }

    #[test]
    fn a_claim_counts_only_where_it_is_believed() {
        let claims = inet("192.0.2.1", "192.0.2.9", Some(7));
        assert!(!allows(&Access::everyone().uid(7), &claims, 1));
        let believing = Access::everyone().uid(7).believing_claims();
        assert!(allows(&believing, &claims, 1));
        assert!(!allows(
            &believing,
            &inet("192.0.2.1", "192.0.2.9", Some(8)),
            1
        ));
        assert!(!allows(
            &believing,
            &inet("192.0.2.1", "192.0.2.9", None),
            1
        ));
    }

    #[test]
    fn procedure_0_asks_for_no_name() {
        let access = Access::everyone().flavor(flavor::SYS).uid(7);
        let nobody = inet("192.0.2.1", "192.0.2.9", None);
        assert!(allows(&access, &nobody, NULL));
        assert!(!allows(&access, &nobody, 1));
    }

    #[test]
    fn a_flavor_is_asked_for() {
        let access = Access::everyone().flavor(flavor::SYS);
        assert!(allows(&access, &unix(7, Some(7)), 1));
        assert!(!allows(&access, &unix(7, None), 1));
    }

    #[test]
    fn one_way_in_is_enough_and_each_has_its_own_conditions() {
        let network = Access::everyone().network("192.0.2.0".parse().unwrap(), 24);
        let access = Access::everyone().local().uid(7).or(network);
        assert!(allows(&access, &unix(7, None), 1));
        assert!(!allows(&access, &unix(8, None), 1));
        assert!(allows(&access, &inet("192.0.2.1", "192.0.2.9", None), 1));
        assert!(!allows(&access, &inet("127.0.0.1", "127.0.0.1", None), 1));
    }
}
