//! What stands before every version's procedures.
//!
//! It counts calls, answered or not. It answers DUMP and GETSTAT with bytes that are encoded already,
//! however many ask. It holds what a stranger is sent over UDP to a multiple of what the stranger sent. And
//! it answers the procedures that call others, because what they must not answer is known only here.

use std::sync::Arc;

use oncrpc::peer::Peer;
use oncrpc::proto::rpcb::RpcbRmtcallargs;
use oncrpc::{Call, Dispatch, Framing, ProcedureInfo, Reject, Reply, Service, Step};

use crate::policy::Caller;
use crate::portmapper::Portmapper;
use crate::statistics::Version;

/// A version's service behind its front.
struct Front {
    service: Arc<dyn Service>,
    version: Version,
    portmapper: Arc<Portmapper>,
}

/// Bytes sent to a stranger over UDP for each byte received, at most: QUIC's factor (RFC 9000 §8.1).
///
/// A sender's address is easily forged; whoever it belongs to shall not suffer much. Answers to GETPORT and
/// GETADDR are shorter than the questions, and rpcinfo asks for the long lists over TCP.
const AMPLIFICATION: usize = 3;

/// Longest reply to a stranger over UDP, in bytes.
const MAX_TO_STRANGERS: usize = 512;

// Procedures that are answered here.
const DUMP: u32 = 4;
/// CALLIT of versions 2 and 3, BCAST of version 4.
const CALLIT: u32 = 5;
const INDIRECT: u32 = 10;
const GETSTAT: u32 = 12;

/// Puts the front before a version's service.
pub(super) fn before(
    service: Arc<dyn Service>,
    version: Version,
    portmapper: Arc<Portmapper>,
) -> Arc<dyn Service> {
    Arc::new(Front {
        service,
        version,
        portmapper,
    })
}

impl Service for Front {
    fn program(&self) -> u32 {
        self.service.program()
    }

    fn version(&self) -> u32 {
        self.service.version()
    }

    fn procedures(&self) -> &'static [ProcedureInfo] {
        self.service.procedures()
    }

    fn open(self: Arc<Self>) -> Box<dyn Dispatch> {
        let mut procedures = self.service.clone().open();
        Box::new(move |call: &Call<'_>, reply: &mut Reply<'_>| {
            self.answer(call, reply, &mut *procedures)
        })
    }
}

impl Front {
    fn answer(
        &self,
        call: &Call<'_>,
        reply: &mut Reply<'_>,
        procedures: &mut dyn Dispatch,
    ) -> Step {
        let peer = call.context().peer();
        let mut known = self.procedures().iter();
        if known.any(|known| known.number == call.procedure()) {
            self.portmapper.called(self.version, call.procedure());
        }
        if is_stranger(peer) {
            let most = (call.message_len() * AMPLIFICATION).min(MAX_TO_STRANGERS);
            reply.bound_datagram(most);
        }
        match (self.version, call.procedure()) {
            (_, 0) => {
                self.portmapper.log().request(peer, "null", None);
                procedures.call(call, reply)
            }
            (version, DUMP) => {
                self.portmapper.log().request(peer, "dump", None);
                reply.success_raw(&self.portmapper.dump(version))
            }
            (Version::V4, GETSTAT) => {
                self.portmapper.log().request(peer, "getstat", None);
                reply.success_raw(&self.portmapper.statistics())
            }
            (_, CALLIT) => self.call_through(call, reply, false),
            (Version::V4, INDIRECT) => self.call_through(call, reply, true),
            _ => procedures.call(call, reply),
        }
    }

    /// CALLIT, BCAST and INDIRECT, as rpcbind answers them unless told to forward calls: not at all over
    /// streams; over UDP, AUTH_TOOWEAK for what it would not call for others either. The rest is silence for
    /// the first two, which are meant for many hosts, and an error for INDIRECT.
    fn call_through(&self, call: &Call<'_>, reply: &mut Reply<'_>, indirect: bool) -> Step {
        if reply.framing() == Framing::Record {
            return Step::Silent;
        }
        let Ok(target) = call.args::<RpcbRmtcallargs>() else {
            return reply.reject(if indirect {
                Reject::GarbageArgs
            } else {
                Reject::Silent
            });
        };
        let peer = call.context().peer();
        let policy = self.portmapper.policy();
        if let Err(too_weak) = policy.may_call_through(target.prog, target.proc) {
            let log = self.portmapper.log();
            log.not_called(peer, target.proc, target.prog);
            // What was sent to every host of a link is answered by those alone that have something to say.
            return reply.reject(if call.context().is_for_many() {
                Reject::Silent
            } else {
                too_weak.into()
            });
        }
        let procedure = ((target.prog, target.vers), target.proc);
        let portmapper = &self.portmapper;
        let found = portmapper.find_to_call(self.version, peer, procedure, indirect);
        reply.reject(match (indirect, found) {
            (false, _) => Reject::Silent,
            (true, Ok(())) => Reject::SystemErr,
            (true, Err(refusal)) => refusal,
        })
    }
}

/// Whether a caller is somewhere else, as far as we know.
fn is_stranger(peer: &Peer) -> bool {
    match Portmapper::caller(peer) {
        Some(Caller::Inet { over_loopback, .. }) => over_loopback != Some(true),
        _ => false,
    }
}
