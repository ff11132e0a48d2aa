//! Calls that are looked at before their service does.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail it")]

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex};

use oncrpc::proto::rpc_msg::AuthStat;
use oncrpc::proto::rpcb::rpcbprog::{v3, v4};
use oncrpc::{Call, CallContext, CallError, Refusal, Reject};
use oncrpc_client::{Channel, Endpoint};
use oncrpc_server::{Access, Listen, Running, Server, intercepted};

/// Answers GETTIME with 42.
struct Clock;

impl v4::Server for Clock {
    async fn gettime(&self, _: &CallContext) -> Result<u32, Reject> {
        Ok(42)
    }
}

impl v3::Server for Clock {
    async fn gettime(&self, _: &CallContext) -> Result<u32, Reject> {
        Ok(42)
    }
}

fn socket(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// Starts a server of TCP and Unix sockets, and connects to both.
async fn start(server: Server, name: &str) -> (Running, [Channel; 2]) {
    let running = server
        .listen(Listen::Tcp("127.0.0.1:0".parse().unwrap()))
        .listen(Listen::Unix(socket(name)))
        .start()
        .await
        .unwrap();
    let channels = [0, 1].map(|listener| {
        let bound = &running.bound()[listener];
        Channel::to(Endpoint::of(&bound.netid, &bound.uaddr).unwrap())
    });
    (running, channels)
}

/// What GETTIME of version 4 is answered.
async fn gettime(channel: &Channel) -> Result<u32, Refusal> {
    match v4::Client::new(channel.clone()).gettime().await {
        Ok(time) => Ok(time),
        Err(CallError::Refused(refusal)) => Err(refusal),
        Err(error) => panic!("{error}"),
    }
}

const TOO_WEAK: Result<u32, Refusal> = Err(Refusal::Auth(AuthStat::Tooweak));

#[tokio::test]
async fn who_may_not_is_answered_auth_tooweak_and_keeps_its_connection() {
    let uid = std::fs::metadata("/proc/self").unwrap().uid();
    let access = Access::everyone().uid(uid);
    let server = Server::new().service(v4::service(Arc::new(Clock)));
    let (_running, [tcp, unix]) = start(server.intercept(access), "uid.sock").await;
    assert_eq!(gettime(&unix).await, Ok(42), "the kernel knows who it is");
    assert_eq!(gettime(&tcp).await, TOO_WEAK, "it could be anyone");
    v4::Client::new(tcp).null().await.unwrap();
}

#[tokio::test]
async fn a_service_may_have_a_rule_of_its_own() {
    let nobody = Access::everyone().uid(u32::MAX);
    let server = Server::new()
        .service(intercepted(v4::service(Arc::new(Clock)), nobody))
        .service(v3::service(Arc::new(Clock)));
    let (_running, [tcp, unix]) = start(server, "own.sock").await;
    assert_eq!(gettime(&unix).await, TOO_WEAK);
    assert_eq!(v3::Client::new(tcp).gettime().await.unwrap(), 42);
}

#[tokio::test]
async fn interceptors_are_asked_in_order_until_one_refuses() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let intercept = |name: &'static str, result: Result<(), Reject>| {
        let asked = asked.clone();
        move |call: &Call<'_>| {
            asked.lock().unwrap().push((name, call.procedure()));
            result
        }
    };
    let server = Server::new()
        .intercept(intercept("first", Ok(())))
        .service(v4::service(Arc::new(Clock)))
        .intercept(intercept("second", Err(Reject::SystemErr)))
        .intercept(intercept("third", Ok(())));
    let (_running, [tcp, _]) = start(server, "order.sock").await;
    assert_eq!(gettime(&tcp).await, Err(Refusal::SystemErr));
    assert_eq!(*asked.lock().unwrap(), [("first", 6), ("second", 6)]);
}
