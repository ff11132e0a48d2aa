//! GETPORT, GETADDR and GETVERSADDR: where a service is.
//!
//! Nearly all calls are these, and none of them waits: they are answered where they stand, without a handler's future, and what
//! they ask is read where it lies.

use oncrpc::proto::portmap::Mapping;
use oncrpc::{Call, Reject, Reply, Step};
use oncrpc_xdr::{DecodeError, Reader, XdrString};

use crate::portmapper::Portmapper;
use crate::remembered::{Question, Remembered};

/// What is asked of version 3 or 4: an `rpcb`, of which the netid and the owner do not matter.
struct Arguments<'a> {
    service: (u32, u32),
    /// The address by which the caller has reached us, if it says so.
    hint: &'a [u8],
}

/// Answers GETPORT.
pub(super) fn port(
    portmapper: &Portmapper,
    remembered: &mut Remembered,
    call: &Call<'_>,
    reply: &mut Reply<'_>,
) -> Step {
    let mapping = match call.args::<Mapping>() {
        Ok(mapping) => mapping,
        Err(error) => return garbage(&error, call, reply),
    };
    let (log, peer) = (portmapper.log(), call.context().peer());
    log.request(peer, "getport/addr", Some(mapping.prog));
    let port = portmapper.port(remembered, (mapping.prog, mapping.vers), mapping.prot);
    reply.success::<u32>(&port)
}

/// Answers GETADDR, or GETVERSADDR if `exactly` this version will do.
pub(super) fn address(
    portmapper: &Portmapper,
    remembered: &mut Remembered,
    call: &Call<'_>,
    reply: &mut Reply<'_>,
    exactly: bool,
) -> Step {
    let asked = match Arguments::of(call) {
        Ok(asked) => asked,
        Err(error) => return garbage(&error, call, reply),
    };
    let procedure = if exactly {
        "getversaddr"
    } else {
        "getport/addr"
    };
    let (service, peer) = (asked.service, call.context().peer());
    portmapper.log().request(peer, procedure, Some(service.0));
    let question = Question {
        service,
        netid: &peer.netid,
        exactly,
    };
    let uaddr = portmapper.address(remembered, peer, question, asked.hint);
    reply.success::<XdrString>(&uaddr)
}

impl<'a> Arguments<'a> {
    fn of(call: &'a Call<'_>) -> Result<Self, DecodeError> {
        let mut r = call.reader()?;
        let service = (r.u32()?, r.u32()?);
        let [_netid, hint, _owner] = [text(&mut r)?, text(&mut r)?, text(&mut r)?];
        Ok(Self { service, hint })
    }
}

/// `string<>`
fn text<'a>(r: &mut Reader<'a>) -> Result<&'a [u8], DecodeError> {
    r.opaque_borrowed(u32::MAX)
}

#[cold]
fn garbage(error: &DecodeError, call: &Call<'_>, reply: &mut Reply<'_>) -> Step {
    let procedure = call.id();
    log::debug!("{procedure:?} from {}: {error}", call.context().peer());
    reply.reject(Reject::GarbageArgs)
}
