//! Several programs and versions at several places.

use std::sync::Arc;

use oncrpc::proto::rpcb::rpcbprog::{v3, v4};
use oncrpc::{CallContext, CallError, CallOptions, Caller, Refusal, Reject, Service};
use oncrpc_client::{Channel, Endpoint};
use oncrpc_server::{Listen, Server};

mod procedure {
    oncrpc::procedures!(program 0x2000_0001, version 2 => {
        0 => Null() -> () as "DOUBLE_NULL",
        1 => Double(i32) -> i32 as "DOUBLE",
    });
}

/// Answers for three services.
struct All;

trait Double: Send + Sync + 'static {
    fn null(&self, cx: &CallContext) -> impl Future<Output = Result<(), Reject>> + Send;
    fn double(&self, cx: &CallContext, n: i32) -> impl Future<Output = Result<i32, Reject>> + Send;
}

impl Double for All {
    async fn null(&self, _: &CallContext) -> Result<(), Reject> {
        Ok(())
    }

    async fn double(&self, _: &CallContext, n: i32) -> Result<i32, Reject> {
        n.checked_mul(2).ok_or(Reject::SystemErr)
    }
}

impl v3::Server for All {
    async fn gettime(&self, _: &CallContext) -> Result<u32, Reject> {
        Ok(3)
    }
}

impl v4::Server for All {
    async fn gettime(&self, _: &CallContext) -> Result<u32, Reject> {
        Ok(4)
    }
}

fn double(server: Arc<All>) -> Arc<dyn Service> {
    oncrpc::service!(0x2000_0001, 2, procedure, Double, server => {
        0 => Null: null(),
        1 => Double: double(n),
    })
}

#[tokio::test]
async fn every_version_of_every_program_is_at_every_place() {
    let all = Arc::new(All);
    let running = Server::new()
        .service(v3::service(all.clone()))
        .service(double(all.clone()))
        .service(v4::service(all))
        .listen(Listen::Tcp("127.0.0.1:0".parse().unwrap()))
        .listen(Listen::Tcp("[::1]:0".parse().unwrap()))
        .listen(Listen::Udp("127.0.0.1:0".parse().unwrap()))
        .listen(Listen::Abstract(
            format!("oncrpc-programs-{}", std::process::id()).into(),
        ))
        .start()
        .await
        .unwrap();
    for bound in running.bound() {
        let channel = match bound.uaddr.to_string().strip_prefix('@') {
            Some(name) => Channel::to(Endpoint::Abstract(name.into())),
            None => Channel::to(Endpoint::of(&bound.netid, &bound.uaddr).unwrap()),
        };
        // All of them by one connection, as all are of one server.
        let doubled = channel
            .call::<procedure::Double>(&21, &CallOptions::default())
            .await;
        assert_eq!(doubled.unwrap(), 42, "{bound}");
        assert_eq!(v3::Client::new(channel.clone()).gettime().await.unwrap(), 3);
        assert_eq!(v4::Client::new(channel.clone()).gettime().await.unwrap(), 4);
        let overflow = channel
            .call::<procedure::Double>(&i32::MAX, &CallOptions::default())
            .await;
        assert!(
            matches!(overflow, Err(CallError::Refused(Refusal::SystemErr))),
            "{overflow:?}"
        );
    }
}
