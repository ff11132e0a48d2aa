//! What a channel grants its server.

use std::time::Duration;

use oncrpc::CallError;
use oncrpc::proto::rpcb::Rpcb;
use oncrpc::proto::rpcb::rpcbprog::v4;
use oncrpc_client::{Builder, Channel, Endpoint, RpcbindAt, Target};
use tokio::time::Instant;

use crate::fake::{Fake, Script, unique};

fn to(name: &str) -> Builder {
    Channel::builder(Target::Abstract(name.into()))
}

#[tokio::test(start_paused = true)]
async fn calls_beyond_those_in_flight_wait_for_their_turn() {
    let name = unique("in-flight");
    let fake = Fake::local(&name, Script::default(), &[4]);
    let channel = to(&name).max_in_flight(1).timeout(Duration::from_secs(5));
    let channel = channel.program(100_000, 4);
    channel.connect().await.unwrap();
    let client = v4::Client::new(channel);
    // None of these is answered before there is a permit; the second is not even sent.
    let (first, second) = tokio::join!(client.gettime(), client.dump());
    let sent = |result: CallError| match result {
        CallError::TimedOut { sent, .. } => sent,
        error => panic!("{error}"),
    };
    assert_eq!(sent(first.unwrap_err()), 1);
    assert_eq!(sent(second.unwrap_err()), 0);
    assert!(fake.script.asked().is_empty());
    assert_eq!(client.dump().await.unwrap(), []);
}

#[tokio::test]
async fn a_reply_that_is_too_long_ends_the_connection_and_not_the_channel() {
    let name = unique("max-reply");
    let list = vec![Rpcb {
        r_addr: "x".repeat(1000).into(),
        ..Rpcb::default()
    }];
    let script = Script {
        list,
        ..Script::default()
    };
    let _fake = Fake::local(&name, script, &[4]);
    let client = v4::Client::new(to(&name).max_reply(1000).program(100_000, 4));
    let error = client.dump().await.unwrap_err();
    let said = "the connection was lost: record of 1052 bytes and more, allowed are 1000";
    assert_eq!(error.to_string(), said);
    client.null().await.unwrap();
    let client = v4::Client::new(to(&name).max_reply(1052).program(100_000, 4));
    assert_eq!(client.dump().await.unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed_when_the_channel_says() {
    for (timeout, connections) in [
        (Some(Duration::from_secs(300)), 2),
        (Some(Duration::from_secs(302)), 1),
        (None, 1),
    ] {
        let name = unique("idle");
        let fake = Fake::local(&name, Script::default(), &[4]);
        let client = v4::Client::new(to(&name).idle_timeout(timeout).program(100_000, 4));
        client.null().await.unwrap();
        tokio::time::sleep(Duration::from_secs(301)).await;
        client.null().await.unwrap();
        assert_eq!(fake.accepted(), connections, "{timeout:?}");
        fake.end().await;
    }
}

#[tokio::test]
async fn keepalive_is_what_the_kernel_can_have() {
    let fake = Fake::start(Script::default(), &[4]).await;
    let ever = [Duration::ZERO, Duration::from_secs(60), Duration::MAX].map(Some);
    for silence in ever.into_iter().chain([None]) {
        let builder = Channel::builder(fake.address().into());
        let channel = builder
            .keepalive(silence)
            .idle_timeout(silence)
            .program(100_000, 4);
        channel.connect().await.unwrap();
    }
    assert_eq!(fake.accepted(), 4);
}

#[tokio::test(start_paused = true)]
async fn an_address_that_does_not_answer_has_the_time_to_connect_and_no_more() {
    // It takes connections, as the kernel does for whoever listens, and answers nothing.
    let name = unique("mute");
    let _mute = oncrpc_transport::socket::unix_abstract(name.as_bytes()).unwrap();
    let channel = Channel::builder("192.0.2.7".parse().unwrap())
        .rpcbind(RpcbindAt::Endpoint(Endpoint::Abstract(name.into())))
        .connect_timeout(Duration::from_secs(2))
        .program(100_000, 4);
    let start = Instant::now();
    let error = channel.connect().await.unwrap_err();
    assert_eq!(start.elapsed(), Duration::from_secs(2));
    let said = "cannot connect: program 100000 version 4 at tcp of 192.0.2.7: no answer within 2s";
    assert_eq!(error.to_string(), said);
}
