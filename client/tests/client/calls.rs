//! Calls on a channel over a stream.

use std::future::{Future, poll_fn};
use std::task::Poll;
use std::time::Duration;

use oncrpc::proto::rpcb::rpcbprog::v4;
use oncrpc::{CallError, CallOptions};
use oncrpc_client::{Channel, Endpoint};

use crate::fake::{Fake, Script};

fn channel(fake: &Fake) -> Channel {
    Channel::to(Endpoint::Tcp(fake.address()))
}

/// Waits until the server has read the calls that were begun: one behind them on the same connection is
/// answered.
async fn until_read(client: &v4::Client<Channel>) {
    client.dump().await.unwrap();
}

#[tokio::test]
async fn many_calls_are_in_flight_at_once_and_answered_in_any_order() {
    let fake = Fake::start(Script::default(), &[4]).await;
    let client = v4::Client::new(channel(&fake));
    let waiting: Vec<_> = (0..50)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.gettime().await })
        })
        .collect();
    until_read(&client).await;
    fake.script.permits.0.add_permits(50);
    let mut xids = Vec::new();
    for call in waiting {
        xids.push(call.await.unwrap().unwrap());
    }
    // Each has got the reply to its own xid, of which no two are the same.
    xids.sort_unstable();
    xids.dedup();
    assert_eq!(xids.len(), 50);
}

#[tokio::test]
async fn each_channel_begins_with_an_xid_of_its_own() {
    let fake = Fake::start(Script::default(), &[4]).await;
    fake.script.permits.0.add_permits(2);
    // They are random: two of 32 bits are near each other once in a hundred million times.
    let first = v4::Client::new(channel(&fake)).gettime().await.unwrap();
    let second = v4::Client::new(channel(&fake)).gettime().await.unwrap();
    assert!(first.abs_diff(second) > 20, "{first} {second}");
}

#[tokio::test]
async fn a_call_that_is_dropped_leaves_the_others_alone() {
    let fake = Fake::start(Script::default(), &[4]).await;
    let client = v4::Client::new(channel(&fake));
    // Fewer than the server works on at once: it does not learn that nobody waits.
    for _ in 0..50 {
        let dropped = tokio::time::timeout(Duration::ZERO, client.gettime()).await;
        assert!(dropped.is_err());
        assert_eq!(client.dump().await.unwrap(), []);
    }
}

#[tokio::test]
async fn a_call_is_given_up_when_its_time_is_over() {
    let fake = Fake::start(Script::default(), &[4]).await;
    let client = v4::Client::new(channel(&fake));
    client.dump().await.unwrap();
    let options = CallOptions::default().timeout(Duration::from_millis(50));
    let error = client
        .clone()
        .with_options(options)
        .gettime()
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "no reply within 50ms (sent once)");
    assert!(error.may_have_executed());
    client.dump().await.unwrap();
}

#[tokio::test]
async fn a_call_may_be_given_all_the_time_in_the_world() {
    let fake = Fake::start(Script::default(), &[4]).await;
    let options = CallOptions::default().timeout(Duration::MAX);
    let client = v4::Client::new(channel(&fake)).with_options(options);
    client.dump().await.unwrap();
}

#[tokio::test]
async fn the_next_call_connects_anew() {
    let fake = Fake::start(Script::default(), &[4]).await;
    let client = v4::Client::new(channel(&fake));
    client.dump().await.unwrap();
    // A new connection of the server is told to end at once, too; so the stop is taken back.
    fake.stop();
    let waiting = client.gettime().await;
    assert!(
        matches!(
            waiting,
            Err(CallError::Connect(_) | CallError::Disconnected(_))
        ),
        "{waiting:?}"
    );
    fake.go_on();
    client.dump().await.unwrap();
}

#[tokio::test]
async fn a_call_in_flight_when_the_connection_ends_may_have_been_executed() {
    let fake = Fake::start(Script::default(), &[4]).await;
    let client = v4::Client::new(channel(&fake));
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { client.gettime().await }
    });
    until_read(&client).await;
    fake.end().await;
    let error = waiting.await.unwrap().unwrap_err();
    assert!(matches!(error, CallError::Disconnected(_)), "{error}");
    assert!(error.may_have_executed());
    let error = client.dump().await.unwrap_err();
    assert!(matches!(error, CallError::Connect(_)), "{error}");
    assert!(!error.may_have_executed());
}

#[tokio::test]
async fn nobody_at_the_address_is_a_connect_error_that_names_it() {
    let fake = Fake::start(Script::default(), &[4]).await;
    let (channel, address) = (channel(&fake), fake.address());
    fake.end().await;
    let error = channel.connect().await.unwrap_err();
    let said = format!("cannot connect: tcp {address}: Connection refused (os error 111)");
    assert_eq!(error.to_string(), said);
}

#[tokio::test]
async fn callers_share_one_attempt_to_connect() {
    let fake = Fake::start(Script::default(), &[4]).await;
    let client = v4::Client::new(channel(&fake));
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.dump().await })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap(), []);
    }
    assert_eq!(fake.accepted(), 1);
}

#[tokio::test]
async fn whoever_wanted_the_connection_first_may_leave() {
    let fake = Fake::start(Script::default(), &[4]).await;
    let client = v4::Client::new(channel(&fake));
    let (mut first, mut second) = (Box::pin(client.dump()), Box::pin(client.dump()));
    let begun = poll_fn(|cx| Poll::Ready((first.as_mut().poll(cx), second.as_mut().poll(cx))));
    assert!(matches!(begun.await, (Poll::Pending, Poll::Pending)));
    drop(first);
    assert_eq!(second.await.unwrap(), []);
    assert_eq!(fake.accepted(), 1);
}
