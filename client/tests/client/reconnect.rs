//! A server that cannot be reached: how often it is asked, and what becomes of calls meanwhile.

use std::time::Duration;

use oncrpc::CallError;
use oncrpc::netid::Netid;
use oncrpc::proto::rpcb::rpcbprog::v4;
use oncrpc_client::{Builder, Channel, Endpoint, Reconnect, RpcbindAt, Target};
use tokio::io::AsyncReadExt;
use tokio::net::UnixListener;
use tokio::time::Instant;

use crate::fake::{Fake, Script, unique};

const PROGRAM: u32 = 0x2000_0001;

/// The waits of [`Reconnect`]'s default, without jitter.
const EVEN: Reconnect = Reconnect {
    first: Duration::from_millis(100),
    cap: Duration::from_secs(30),
    jitter: 0,
};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn local() -> Builder {
    Channel::builder("localhost".parse().unwrap())
        .netid(Netid::Local)
        .reconnect(EVEN)
}

/// A channel to a program that this rpcbind does not know: each question is an attempt to connect.
fn nowhere(rpcbind: &Fake) -> Builder {
    local().rpcbind(rpcbind.at())
}

/// Makes a call every 10 ms, and gives back the milliseconds at which rpcbind was asked.
async fn attempts(rpcbind: &Fake, client: &v4::Client<Channel>, until: Duration) -> Vec<u128> {
    let start = Instant::now();
    let mut attempts = Vec::new();
    while start.elapsed() < until {
        let before = rpcbind.script.asked().len();
        let error = client.null().await.unwrap_err();
        assert!(matches!(error, CallError::NotRegistered { .. }), "{error}");
        match rpcbind.script.asked().len() - before {
            0 => {}
            1 => attempts.push(start.elapsed().as_millis()),
            many => panic!("{many} attempts for one call"),
        }
        tokio::time::advance(ms(10)).await;
    }
    attempts
}

#[tokio::test(start_paused = true)]
async fn calls_do_not_storm_a_server_that_cannot_be_reached() {
    let rpcbind = Fake::local(&unique("storm"), Script::default(), &[4]);
    let client = v4::Client::new(nowhere(&rpcbind).program(PROGRAM, 4));
    let attempts = attempts(&rpcbind, &client, Duration::from_secs(120)).await;
    let doubled = [
        0, 100, 300, 700, 1500, 3100, 6300, 12_700, 25_500, 51_100, 81_100, 111_100,
    ];
    assert_eq!(attempts, doubled);
}

#[tokio::test(start_paused = true)]
async fn whoever_connects_by_name_does_not_wait_for_the_next_attempt() {
    let rpcbind = Fake::local(&unique("by-name"), Script::default(), &[4]);
    let channel = nowhere(&rpcbind).program(PROGRAM, 4);
    for _ in 0..3 {
        assert!(channel.connect().await.is_err());
    }
    assert_eq!(rpcbind.script.asked().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn the_first_connection_ends_the_waits() {
    let name = unique("ends-the-waits");
    let channel = Channel::builder(Target::Abstract(name.clone().into()))
        .reconnect(EVEN)
        .program(PROGRAM, 4);
    let client = v4::Client::new(channel);
    for wait in [100, 200] {
        let down = client.dump().await.unwrap_err();
        assert!(matches!(down, CallError::Connect(_)), "{down}");
        tokio::time::advance(ms(wait)).await;
    }
    let server = Fake::local(&name, Script::default(), &[4]);
    assert_eq!(client.dump().await.unwrap(), []);
    server.end().await;
    assert!(client.dump().await.is_err());
    tokio::time::advance(ms(100)).await;
    let _server = Fake::local(&name, Script::default(), &[4]);
    assert!(client.dump().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn calls_that_wait_for_the_server_share_each_attempt_and_get_through() {
    let name = unique("get-through");
    let channel = Channel::builder(Target::Abstract(name.clone().into()))
        .reconnect(EVEN)
        .wait_for_server(true)
        .program(PROGRAM, 4);
    let client = v4::Client::new(channel);
    let start = Instant::now();
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.dump().await })
        })
        .collect();
    tokio::time::sleep(ms(500)).await;
    let server = Fake::local(&name, Script::default(), &[4]);
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap(), []);
    }
    // Attempts were made at 0, 100 and 300 ms, and this one.
    assert_eq!(start.elapsed(), ms(700));
    assert_eq!(server.accepted(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waited_in_vain_says_what_it_waited_for() {
    let rpcbind = Fake::local(&unique("in-vain"), Script::default(), &[4]);
    let channel = nowhere(&rpcbind)
        .wait_for_server(true)
        .timeout(ms(1000))
        .program(PROGRAM, 4);
    let start = Instant::now();
    let error = v4::Client::new(channel).null().await.unwrap_err();
    let said = "program 536870913 version 4 is not registered for local";
    assert_eq!(error.to_string(), said);
    assert_eq!(start.elapsed(), ms(1000));
    assert_eq!(rpcbind.script.asked().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn what_no_time_heals_is_not_waited_for() {
    let channel = Channel::builder("192.0.2.7".parse().unwrap())
        .netid(Netid::Local)
        .wait_for_server(true)
        .program(PROGRAM, 4);
    let start = Instant::now();
    let error = v4::Client::new(channel).null().await.unwrap_err();
    let said = "cannot connect: transport local cannot be used here";
    assert_eq!(error.to_string(), said);
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn calls_with_less_time_than_connecting_takes_share_the_attempts() {
    // It takes connections, as the kernel does for whoever listens, and answers nothing.
    let name = unique("mute");
    let mute = oncrpc_transport::socket::unix_abstract(name.as_bytes()).unwrap();
    let channel = local()
        .rpcbind(RpcbindAt::Endpoint(Endpoint::Abstract(name.into())))
        .connect_timeout(ms(2000))
        .timeout(ms(100))
        .wait_for_server(true)
        .program(PROGRAM, 4);
    let client = v4::Client::new(channel);
    for _ in 0..50 {
        client.null().await.unwrap_err();
    }
    let attempts = std::iter::from_fn(|| mute.accept().ok()).count();
    // At 0 s, at 2.1 s and at 4.3 s.
    assert_eq!(attempts, 3);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_ends_with_its_channel() {
    let name = unique("ends-with-channel");
    let mute = oncrpc_transport::socket::unix_abstract(name.as_bytes()).unwrap();
    let mute = UnixListener::from_std(mute).unwrap();
    let channel = local()
        .rpcbind(RpcbindAt::Endpoint(Endpoint::Abstract(name.into())))
        .program(PROGRAM, 4);
    let start = Instant::now();
    let (mut stream, _) = tokio::select! {
        result = channel.connect() => panic!("{result:?}"),
        accepted = mute.accept() => accepted.unwrap(),
    };
    drop(channel);
    stream.read_to_end(&mut Vec::new()).await.unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO);
}
