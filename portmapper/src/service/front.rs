//! What stands before every version's procedures.
//!
//! It counts calls, answered or not, and what became of them. It answers DUMP and GETSTAT with bytes that are encoded already,
//! however many ask, and look-ups, which never wait. It holds what a stranger is sent over UDP to a multiple of what the stranger
//! sent. And it answers the procedures that call others, which no handler can: some of their replies are none.

use std::sync::Arc;

use oncrpc::peer::Peer;
use oncrpc::proto::portmap::Mapping;
use oncrpc::proto::rpcb::{Netbuf, Rpcb};
use oncrpc::{Call, Dispatch, Framing, Reject, Reply, Service, Step, instead};
use oncrpc_xdr::XdrString;

use super::{callit, look_up};
use crate::policy::{Caller, TooWeak};
use crate::portmapper::Portmapper;
use crate::remembered::Remembered;
use crate::statistics::Version;

/// What stands before a version's procedures, for one dispatcher.
struct Front {
    remembered: Remembered,
    portmapper: Arc<Portmapper>,
}

// Procedures that are answered here.
/// Of version 2; in later ones it is called GETADDR.
const GETPORT: u32 = 3;
const GETADDR: u32 = 3;
const DUMP: u32 = 4;
/// CALLIT of versions 2 and 3, BCAST of version 4.
const CALLIT: u32 = 5;
const GETVERSADDR: u32 = 9;
const INDIRECT: u32 = 10;
const GETSTAT: u32 = 12;

/// Puts the front before a version's service.
pub(super) fn before(
    service: Arc<dyn Service>,
    version: Version,
    portmapper: Arc<Portmapper>,
) -> Arc<dyn Service> {
    let behind = service.clone();
    instead(service, move || {
        let mut procedures = behind.clone().open();
        let mut front = Front {
            remembered: Remembered::new(portmapper.tally().sheet(version)),
            portmapper: portmapper.clone(),
        };
        move |call: &Call<'_>, reply: &mut Reply<'_>| {
            front.remembered.sheet().begun(call.procedure());
            let step = front.answer(call, reply, &mut *procedures);
            let sheet = front.remembered.sheet();
            sheet.ended(call.procedure(), step, reply)
        }
    })
}

impl Front {
    fn version(&self) -> Version {
        self.remembered.sheet().version()
    }

    fn answer(
        &mut self,
        call: &Call<'_>,
        reply: &mut Reply<'_>,
        procedures: &mut dyn Dispatch,
    ) -> Step {
        let peer = call.context().peer();
        if !self.portmapper.is_welcome(peer)
            && let Some(refusal) = self.turn_away(call)
        {
            return reply.reject(refusal);
        }
        if is_stranger(peer) {
            let bound = self.portmapper.policy().to_strangers;
            let most = call.message_len().saturating_mul(bound.factor);
            reply.bound_datagram(most.min(bound.bytes));
        }
        match (self.version(), call.procedure()) {
            (_, 0) => {
                self.portmapper.log().request(peer, "null", None);
                procedures.call(call, reply)
            }
            (version, DUMP) => {
                self.portmapper.log().request(peer, "dump", None);
                let room = match reply.framing() {
                    Framing::Datagram { max } => max,
                    Framing::Record => usize::MAX,
                };
                match self.portmapper.dump(version, room) {
                    Some(list) => reply.success_raw(&list),
                    None => reply.reject(Reject::SystemErr),
                }
            }
            (Version::V4, GETSTAT) => {
                self.portmapper.log().request(peer, "getstat", None);
                reply.success_raw(&self.portmapper.statistics())
            }
            (Version::V2, GETPORT) => {
                look_up::port(&self.portmapper, &mut self.remembered, call, reply)
            }
            (Version::V3 | Version::V4, GETADDR) => {
                look_up::address(&self.portmapper, &mut self.remembered, call, reply, false)
            }
            (Version::V4, GETVERSADDR) => {
                look_up::address(&self.portmapper, &mut self.remembered, call, reply, true)
            }
            (version, CALLIT) => callit::answer(&self.portmapper, version, call, reply, false),
            (version @ Version::V4, INDIRECT) => {
                callit::answer(&self.portmapper, version, call, reply, true)
            }
            _ => procedures.call(call, reply),
        }
    }

    /// How a host that may not call is answered; `None` for what is answered all the same: procedure 0, which
    /// does nothing, and what there is not. Calls for others are judged [elsewhere](callit).
    ///
    /// Arguments come first, as in rpcbind: malformed, they are GARBAGE_ARGS to everybody.
    fn turn_away(&self, call: &Call<'_>) -> Option<Reject> {
        let well_formed = |is: bool| is.then_some(None);
        let (procedure, program) = match (self.version(), call.procedure()) {
            (_, 0) => {
                let peer = call.context().peer();
                self.portmapper.log().denied(peer, "null", None);
                return None;
            }
            (version, asked @ 1..=3) => {
                let program = match version {
                    Version::V2 => call.args::<Mapping>().map(|mapping| mapping.prog).ok(),
                    Version::V3 | Version::V4 => call.args::<Rpcb>().map(|rpcb| rpcb.r_prog).ok(),
                };
                let names = ["set", "unset", "getport/addr"];
                (names[asked as usize - 1], program.map(Some))
            }
            (_, DUMP) => ("dump", Some(None)),
            (Version::V3 | Version::V4, 6) => ("gettime", Some(None)),
            (Version::V3 | Version::V4, 7) => {
                let address = call.args::<XdrString>();
                ("uaddr2taddr", well_formed(address.is_ok()))
            }
            (Version::V3 | Version::V4, 8) => {
                let address = call.args::<Netbuf>();
                let is_sound = address.is_ok_and(|address| super::is_sound(&address));
                ("taddr2uaddr", well_formed(is_sound))
            }
            (Version::V4, 9) => ("getversaddr", well_formed(call.args::<Rpcb>().is_ok())),
            (Version::V4, 11) => ("getaddrlist", well_formed(call.args::<Rpcb>().is_ok())),
            (Version::V4, GETSTAT) => ("getstat", Some(None)),
            _ => return None,
        };
        let Some(program) = program else {
            return Some(Reject::GarbageArgs);
        };
        let peer = call.context().peer();
        self.portmapper.log().denied(peer, procedure, program);
        Some(TooWeak.into())
    }
}

/// Whether a caller is somewhere else, as far as we know.
pub(super) fn is_stranger(peer: &Peer) -> bool {
    match Portmapper::caller(peer) {
        Some(Caller::Inet { over_loopback, .. }) => over_loopback != Some(true),
        _ => false,
    }
}
