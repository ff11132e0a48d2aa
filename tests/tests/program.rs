//! A server and a client as programs put them together, with everything that there is to set.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail it")]

use std::sync::Arc;
use std::time::Duration;

use oncrpc::netid::Netid;
use oncrpc::proto::rpc_msg::AuthStat;
use oncrpc::{
    CallContext, CallError, CallOptions, OneWay, Procedure, Refusal, Reject, Retransmit, negotiate,
};
use oncrpc_client::{Channel, Endpoint, NetType, Reconnect, Target, auth_sys};
use oncrpc_server::{
    Access, DuplicatePolicy, Duplicates, Listen, Policy, RpcbindAt, Running, Server, ServerLimits,
    blocking, remembered,
};
use oncrpc_tests::hello::hello_program::{PROGRAM, v1};
use oncrpc_tests::hello::{HelloBlob, HelloName, Pair, SumResult};
use oncrpc_xdr::XdrString;

struct Hello;

impl v1::Server for Hello {
    async fn greet(&self, cx: &CallContext, name: HelloName) -> Result<XdrString, Reject> {
        // Who calls: what the credential claims, and where the call came from.
        if cx.auth_sys().is_none() {
            return Err(Reject::Auth(AuthStat::Tooweak));
        }
        let greeting = format!("Hello, {name}, by {}", cx.peer().netid);
        Ok(greeting.into())
    }

    async fn add(&self, _: &CallContext, pair: Pair) -> Result<SumResult, Reject> {
        Ok(SumResult::Ok(
            blocking(move || pair.left + pair.right).await?,
        ))
    }

    async fn echo(&self, _: &CallContext, blob: HelloBlob) -> Result<HelloBlob, Reject> {
        Ok(blob)
    }

    async fn wait(&self, cx: &CallContext, millis: u32) -> Result<u32, Reject> {
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(millis.into())) => Ok(millis),
            () = cx.gone() => Err(Reject::Silent),
        }
    }
}

async fn start() -> Running {
    let duplicates = Duplicates::new(DuplicatePolicy::default());
    let nowhere = RpcbindAt::Endpoint(Endpoint::Abstract(b"nobody listens here".into()));
    Server::new()
        .service(remembered(
            v1::service(Arc::new(Hello)),
            &duplicates,
            [v1::procedure::Add::INFO],
        ))
        .listen(Listen::Tcp("127.0.0.1:0".parse().unwrap()))
        .listen(Listen::Udp("127.0.0.1:0".parse().unwrap()))
        .intercept(Access::everyone().local())
        .limits(ServerLimits {
            connections: 100,
            ..ServerLimits::default()
        })
        .register(Policy::BestEffort, nowhere)
        .start()
        .await
        .unwrap()
}

/// A channel to where the server listens by this transport.
fn channel(running: &Running, netid: &Netid) -> Channel {
    let bound = running
        .bound()
        .iter()
        .find(|bound| bound.netid == *netid)
        .unwrap();
    let at = bound.uaddr.socket_addr().unwrap();
    Channel::builder(Target::from(at.ip()))
        .nettype(if *netid == Netid::Tcp {
            NetType::Tcp
        } else {
            NetType::Udp
        })
        .auth(Arc::new(auth_sys().unwrap()))
        .timeout(Duration::from_secs(20))
        .connect_timeout(Duration::from_secs(5))
        .retransmit(Retransmit::adaptive())
        .reconnect(Reconnect::default())
        .max_in_flight(64)
        .max_reply(4 << 20)
        .idle_timeout(Some(Duration::from_secs(60)))
        .keepalive(Some(Duration::from_secs(60)))
        .port(at.port())
}

#[tokio::test]
async fn a_program_of_today() {
    let running = start().await;
    for netid in [Netid::Tcp, Netid::Udp] {
        let channel = channel(&running, &netid);
        let hello = v1::Client::new(channel.clone());
        let greeting = hello.greet(&"world".into()).await.unwrap();
        assert_eq!(greeting.to_string(), format!("Hello, world, by {netid}"));

        // Any number of calls at once, by one connection; replies as they come.
        let slow = tokio::spawn({
            let hello = hello.clone();
            async move { hello.wait(100).await }
        });
        let sum = hello.add(&Pair { left: 1, right: 2 }).await.unwrap();
        assert_eq!(sum, SumResult::Ok(3));
        assert_eq!(slow.await.unwrap().unwrap(), 100);

        // A call with a time of its own, that ends with an error which says what may have happened.
        let hurried = CallOptions::default().timeout(Duration::from_millis(20));
        let error = hello
            .clone()
            .with_options(hurried)
            .wait(500)
            .await
            .unwrap_err();
        assert!(
            error.may_have_executed() && !error.is_retryable(),
            "{error}"
        );

        // Nobody in particular is not greeted.
        let nobody = CallOptions::default().auth(Arc::new(oncrpc::auth::AuthNone));
        let refused = hello
            .clone()
            .with_options(nobody)
            .greet(&"world".into())
            .await;
        let tooweak = Refusal::Auth(AuthStat::Tooweak);
        assert!(
            matches!(refused, Err(CallError::Refused(r)) if r == tooweak),
            "{refused:?}"
        );

        // One way, and then a call that shows that all before it has arrived.
        let options = CallOptions::default();
        for _ in 0..10 {
            channel
                .send::<v1::procedure::Null>(&(), &options)
                .await
                .unwrap();
        }
        hello.null().await.unwrap();

        let version = negotiate(&channel, PROGRAM, 1..=4, &options).await.unwrap();
        assert_eq!(version, v1::VERSION);
    }
    assert!(running.shutdown(Duration::from_secs(10)).await);
}

#[tokio::test]
async fn what_no_datagram_holds_goes_by_tcp_if_that_is_allowed() {
    let running = start().await;
    let tcp = running.bound()[0].uaddr.socket_addr().unwrap();
    let large = HelloBlob::from(vec![7; 100_000]);
    let by_datagram = v1::Client::new(channel(&running, &Netid::Udp));
    let error = by_datagram.echo(&large).await.unwrap_err();
    assert!(matches!(error, CallError::TooLarge { .. }), "{error}");
    // The same port for both, as most servers have it.
    let both = Server::new()
        .service(v1::service(Arc::new(Hello)))
        .listen(Listen::Udp(tcp))
        .start()
        .await
        .unwrap();
    let by_either = Channel::builder(Target::from(tcp.ip()))
        .netid(Netid::Udp)
        .tcp_if_large(true)
        .port(tcp.port());
    let hello = v1::Client::new(by_either);
    assert_eq!(hello.echo(&large).await.unwrap(), large);
    drop(both);
}
