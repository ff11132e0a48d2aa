//! Version 3: rpcbind, RFC 1833 §2.

use std::sync::Arc;

use oncrpc::proto::rpcb::rpcbprog::v3::Server;
use oncrpc::proto::rpcb::{Netbuf, Rpcb};
use oncrpc::{CallContext, Reject};
use oncrpc_xdr::XdrString;

use crate::portmapper::Portmapper;
use crate::statistics::Version::V3;

/// Version 3, but for its [look-ups](super::look_up).
#[derive(Debug)]
pub(super) struct Rpcbind(pub(super) Arc<Portmapper>);

impl Server for Rpcbind {
    async fn set(&self, cx: &CallContext, rpcb: Rpcb) -> Result<bool, Reject> {
        super::set(&self.0, V3, cx.peer(), &rpcb)
    }

    async fn unset(&self, cx: &CallContext, rpcb: Rpcb) -> Result<bool, Reject> {
        super::unset(&self.0, V3, cx.peer(), rpcb)
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
}
