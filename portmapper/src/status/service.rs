//! Status over RPC: who may ask, and how it is answered.

use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::time::Instant;

use nix::unistd::geteuid;
use oncrpc::{CallContext, Reject};
use oncrpc_server::{Access, Listen, Running, Server, ServerLimits, StartError};
use oncrpc_transport::Limits;

use super::proto::rpcbind_status::v1;
use super::proto::{Page, Status};
use super::view::View;

/// Most connections at once; operators are few.
const CONNECTIONS: usize = 8;

/// Answers whoever may ask, until what this gives back is dropped.
pub async fn start(view: Arc<View>, socket: UnixListener) -> Result<Running, StartError> {
    let limits = ServerLimits {
        connection: Limits::SERVER,
        unix_connection: Limits {
            in_flight: 1,
            ..Limits::SERVER
        },
        connections: CONNECTIONS,
        reserved: 0,
        bytes: 1 << 20,
        ..ServerLimits::default()
    };
    // The mode of the socket says the same; this holds if somebody has changed it.
    let access = Access::everyone().uid(0).uid(geteuid().as_raw());
    Server::new()
        .service(v1::service(Arc::new(Operator(view))))
        .intercept(access)
        .limits(limits)
        .listen(Listen::UnixListener(socket))
        .start()
        .await
}

struct Operator(Arc<View>);

impl v1::Server for Operator {
    async fn now(&self, _: &CallContext) -> Result<Status, Reject> {
        Ok(self.0.status(Instant::now()))
    }

    async fn registrations(&self, _: &CallContext, from: i64) -> Result<Page, Reject> {
        Ok(self.0.page(from, Instant::now()))
    }
}
