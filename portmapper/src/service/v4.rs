//! Version 4: rpcbind with more procedures, RFC 1833 §2.

use std::sync::Arc;

use oncrpc::netid::Protocol;
use oncrpc::proto::rpcb::rpcbprog::v4::Server;
use oncrpc::proto::rpcb::{Netbuf, Rpcb, RpcbEntry, RpcbEntryList, RpcbEntryListPtr};
use oncrpc::{CallContext, Reject};
use oncrpc_xdr::XdrString;

use crate::portmapper::{Found, Portmapper};
use crate::statistics::Version::V4;

/// Version 4, but for its [look-ups](super::look_up).
#[derive(Debug)]
pub(super) struct Rpcbind(pub(super) Arc<Portmapper>);

impl Server for Rpcbind {
    async fn set(&self, cx: &CallContext, rpcb: Rpcb) -> Result<bool, Reject> {
        super::set(&self.0, V4, cx.peer(), &rpcb)
    }

    async fn unset(&self, cx: &CallContext, rpcb: Rpcb) -> Result<bool, Reject> {
        super::unset(&self.0, V4, cx.peer(), rpcb)
    }

    async fn gettime(&self, cx: &CallContext) -> Result<u32, Reject> {
        self.0.log().request(cx.peer(), "gettime", None);
        Ok(super::time())
    }

    async fn uaddr2taddr(&self, cx: &CallContext, uaddr: XdrString) -> Result<Netbuf, Reject> {
        self.0.log().request(cx.peer(), "uaddr2taddr", None);
        super::socket_address(cx.peer(), &uaddr)
    }

    async fn taddr2uaddr(&self, cx: &CallContext, address: Netbuf) -> Result<XdrString, Reject> {
        self.0.log().request(cx.peer(), "taddr2uaddr", None);
        super::universal_address(cx.peer(), &address)
    }

    async fn getaddrlist(&self, cx: &CallContext, rpcb: Rpcb) -> Result<RpcbEntryListPtr, Reject> {
        self.0.log().request(cx.peer(), "getaddrlist", None);
        let service = (rpcb.r_prog, rpcb.r_vers);
        let found = self.0.addresses(cx.peer(), service, &rpcb.r_addr);
        Ok(found.into_iter().map(entry).collect())
    }
}

fn entry(found: Found) -> RpcbEntryList {
    let transport = found.network.transport;
    RpcbEntryList {
        rpcb_entry_map: RpcbEntry {
            r_maddr: found.uaddr,
            r_nc_netid: (&found.network.netid).into(),
            r_nc_semantics: transport.semantics as u32,
            r_nc_protofmly: XdrString::from_static(transport.family.name()),
            r_nc_proto: XdrString::from_static(transport.protocol.map_or("-", Protocol::name)),
        },
    }
}
