//! The portmapper as services: the procedures of versions 2, 3 and 4.
//!
//! Generated code decodes arguments and encodes results; `front` stands before it and does what every
//! version does the same way, look-ups (`look_up`) and calls for others (`callit`) among it.

mod callit;
mod front;
mod look_up;
mod v2;
mod v3;
mod v4;

use std::sync::Arc;

use oncrpc::peer::Peer;
use oncrpc::proto::rpc_msg::AuthStat;
use oncrpc::proto::rpcb::{Netbuf, Rpcb};
use oncrpc::proto::{portmap::pmapprog, rpcb::rpcbprog};
use oncrpc::{Reject, Service};
use oncrpc_xdr::XdrString;

use crate::policy::TooWeak;
use crate::portmapper::Portmapper;
use crate::statistics::Version;
use crate::taddr;

/// The three versions of the program, in front of one portmapper.
pub fn services(portmapper: &Arc<Portmapper>) -> [Arc<dyn Service>; 3] {
    let own = || portmapper.clone();
    let v2 = pmapprog::v2::service(Arc::new(v2::Portmap(own())));
    let v3 = rpcbprog::v3::service(Arc::new(v3::Rpcbind(own())));
    let v4 = rpcbprog::v4::service(Arc::new(v4::Rpcbind(own())));
    [
        front::before(v2, Version::V2, own()),
        front::before(v3, Version::V3, own()),
        front::before(v4, Version::V4, own()),
    ]
}

impl From<TooWeak> for Reject {
    fn from(_: TooWeak) -> Self {
        Self::Auth(AuthStat::Tooweak)
    }
}

// What versions 3 and 4 do alike.

fn set(portmapper: &Portmapper, by: Version, peer: &Peer, rpcb: &Rpcb) -> Result<bool, Reject> {
    let service = (rpcb.r_prog, rpcb.r_vers);
    let set = portmapper.set(by, peer, service, &rpcb.r_netid, &rpcb.r_addr)?;
    Ok(set)
}

fn unset(portmapper: &Portmapper, by: Version, peer: &Peer, rpcb: Rpcb) -> Result<bool, Reject> {
    let service = (rpcb.r_prog, rpcb.r_vers);
    Ok(portmapper.unset(by, peer, service, &[rpcb.r_netid])?)
}

fn time() -> u32 {
    let now = std::time::SystemTime::now();
    let since = now.duration_since(std::time::UNIX_EPOCH);
    // The protocol's 32 bits end in 2106; C's time_t is cut to them as well.
    #[expect(clippy::cast_possible_truncation, reason = "the protocol has 32 bits")]
    let seconds = since.map_or(0, |since| since.as_secs() as u32);
    seconds
}

fn socket_address(peer: &Peer, uaddr: &XdrString) -> Result<Netbuf, Reject> {
    let family = Portmapper::family(peer).ok_or(Reject::SystemErr)?;
    let address = taddr::from_uaddr(uaddr, family);
    Ok(Netbuf {
        maxlen: address.max,
        buf: address.bytes.into(),
    })
}

/// Longest room for a socket address that libtirpc lets a caller claim, in bytes: RPC_MAXDATASIZE.
const MAX_NETBUF: u32 = 9000;

/// Whether an address has the room that its sender says it has, which C's decoder looks at as well.
fn is_sound(address: &Netbuf) -> bool {
    let fits = usize::try_from(address.maxlen).is_ok_and(|max| address.buf.len() <= max);
    fits && address.maxlen <= MAX_NETBUF
}

fn universal_address(peer: &Peer, address: &Netbuf) -> Result<XdrString, Reject> {
    if !is_sound(address) {
        return Err(Reject::GarbageArgs);
    }
    let family = Portmapper::family(peer).ok_or(Reject::SystemErr)?;
    Ok(taddr::to_uaddr(&address.buf, family))
}
