//! Version 2: the portmapper, RFC 1833 §3.

use std::sync::Arc;

use oncrpc::proto::portmap::Mapping;
use oncrpc::proto::portmap::pmapprog::v2::Server;
use oncrpc::{CallContext, Reject};
use oncrpc_xdr::XdrString;

use crate::portmapper::Portmapper;
use crate::state::wildcard;
use crate::statistics::Version;
use oncrpc::netid::Protocol;

/// Version 2, but for its [look-up](super::look_up). It knows TCP and UDP over IPv4 only, over whatever transport it is
/// asked.
#[derive(Debug)]
pub(super) struct Portmap(pub(super) Arc<Portmapper>);

impl Server for Portmap {
    async fn set(&self, cx: &CallContext, mapping: Mapping) -> Result<bool, Reject> {
        let Some(protocol) = Protocol::from_number(mapping.prot) else {
            // Nobody can register what has no name here; who may register nothing is told that.
            return Ok(self.0.set_nowhere(cx.peer(), mapping.prog)?);
        };
        let netid = XdrString::from_static(protocol.name());
        let service = (mapping.prog, mapping.vers);
        let uaddr = wildcard(mapping.port);
        Ok(self
            .0
            .set(Version::V2, cx.peer(), service, &netid, &uaddr)?)
    }

    async fn unset(&self, cx: &CallContext, mapping: Mapping) -> Result<bool, Reject> {
        let netids = [XdrString::from_static("tcp"), XdrString::from_static("udp")];
        let service = (mapping.prog, mapping.vers);
        Ok(self.0.unset(Version::V2, cx.peer(), service, &netids)?)
    }
}
