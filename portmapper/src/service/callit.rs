//! CALLIT, BCAST and INDIRECT: calls for others.
//!
//! Over streams they are not answered at all. Over UDP, AUTH_TOOWEAK is for what is not called for others. The
//! rest of what goes wrong is silence for the first two, which are meant for many hosts, and an error for
//! INDIRECT. Without `-r`, what would be called goes wrong, too. What was sent to every host of a link is never
//! refused aloud: those alone answer that have something to say.

use oncrpc::netid::Family;
use oncrpc::proto::portmap::CallResult;
use oncrpc::proto::rpcb::{RpcbRmtcallargs, RpcbRmtcallres};
use oncrpc::{Answer, Call, CallError, Framing, ProcedureId, Reject, Reply, Step};
use oncrpc_xdr::{Bytes, Writer, XdrString};

use super::front::is_stranger;
use crate::forward::Asked;
use crate::merge::read;
use crate::portmapper::{OWN_PROGRAM, Portmapper};
use crate::registry::c_string;
use crate::statistics::Version;

/// Answers CALLIT of versions 2 and 3 and BCAST, or else INDIRECT.
pub(super) fn answer(
    portmapper: &Portmapper,
    version: Version,
    call: &Call<'_>,
    reply: &mut Reply<'_>,
    indirect: bool,
) -> Step {
    if reply.framing() == Framing::Record {
        return Step::Silent;
    }
    let context = call.context();
    let peer = context.peer();
    let alone = !context.is_for_many();
    let aloud = indirect && alone;
    let failed = move |refusal| if aloud { refusal } else { Reject::Silent };
    let Ok(target) = call.args::<RpcbRmtcallargs>() else {
        return reply.reject(failed(Reject::GarbageArgs));
    };
    if let Err(too_weak) = portmapper.may_call(peer, target.prog, target.proc) {
        let log = portmapper.log();
        log.not_called(peer, target.proc, target.prog);
        return reply.reject(if alone {
            too_weak.into()
        } else {
            Reject::Silent
        });
    }
    let procedure = ((target.prog, target.vers), target.proc);
    let uaddr = match portmapper.find_to_call(version, peer, procedure, indirect) {
        Ok(uaddr) => uaddr,
        Err(refusal) => return reply.reject(failed(refusal)),
    };
    let Some(forwarder) = portmapper.forwarder() else {
        return reply.reject(failed(Reject::SystemErr));
    };
    let Some(told) = portmapper
        .told(peer, &uaddr)
        .and_then(|uaddr| Told::new(version, uaddr))
    else {
        return reply.reject(failed(Reject::SystemErr));
    };
    if target.prog == OWN_PROGRAM {
        // It is us: procedure 0, the only one that passes, has no results.
        return told.success(Bytes::new(), reply);
    }
    let Some(service) = portmapper.service_at(peer, &uaddr) else {
        return reply.reject(failed(Reject::SystemErr));
    };
    let asked = peer.inet().map(|from| Asked {
        from,
        xid: context.xid(),
        version: call.id().version,
        procedure: call.procedure(),
    });
    let Some(place) = asked.and_then(|asked| forwarder.place(asked, is_stranger(peer))) else {
        return Step::Silent;
    };
    let (framing, xid) = (reply.framing(), context.xid());
    let caller = context.auth_sys().cloned();
    Step::Later(Box::pin(async move {
        let procedure = ProcedureId {
            program: target.prog,
            version: target.vers,
            procedure: target.proc,
        };
        let outcome = place.call(service, procedure, target.args, caller).await;
        let mut out = Writer::new();
        let mut reply = Reply::new(&mut out, framing, xid);
        let step = match outcome {
            Some(Ok(results)) => told.success(results, &mut reply),
            Some(Err(CallError::Refused(_))) => reply.reject(failed(Reject::SystemErr)),
            // Nobody knows whether it was executed; who asks again may be luckier.
            Some(Err(_)) | None => Step::Silent,
        };
        // Results that do not fit the reply are an error as any other.
        let is_error = reply.refusal().is_some();
        match step {
            Step::Done if aloud || !is_error => Answer::Reply(out),
            _ => Answer::Silent,
        }
    }))
}

/// What the caller is told of the service beside its results.
enum Told {
    /// Version 2: its port.
    Port(u16),
    /// Versions 3 and 4: its address.
    Uaddr(XdrString),
}

impl Told {
    /// `None` where there is nothing to tell: version 2 does not know IPv6.
    fn new(version: Version, uaddr: XdrString) -> Option<Self> {
        match version {
            Version::V2 => read(c_string(&uaddr), Family::Inet).map(|(_, port)| Self::Port(port)),
            Version::V3 | Version::V4 => Some(Self::Uaddr(uaddr)),
        }
    }

    fn success(self, results: Bytes, reply: &mut Reply<'_>) -> Step {
        match self {
            Self::Port(port) => reply.success::<CallResult>(&CallResult {
                port: port.into(),
                res: results,
            }),
            Self::Uaddr(addr) => reply.success::<RpcbRmtcallres>(&RpcbRmtcallres { addr, results }),
        }
    }
}
