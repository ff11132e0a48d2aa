//! A server that calls its clients on the connections that they made.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail it")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use oncrpc::proto::rpcb::rpcbprog::{v3, v4};
use oncrpc::{CallContext, CallError, CallOptions, Reject, ReverseCaller};
use oncrpc_client::{Channel, Endpoint, Target};
use oncrpc_server::{Bound, Listen, Running, Server, blocking};
use tokio::sync::mpsc;

/// Its time is one more than its client's; and it keeps whom it has heard of.
struct Later {
    clients: mpsc::UnboundedSender<ReverseCaller>,
}

impl v4::Server for Later {
    async fn gettime(&self, cx: &CallContext) -> Result<u32, Reject> {
        let reverse = cx.reverse().ok_or(Reject::SystemErr)?;
        self.clients.send(reverse.clone()).unwrap();
        let options = CallOptions::default().timeout(Duration::from_secs(5));
        let client = v3::Client::new(reverse).with_options(options);
        client
            .gettime()
            .await
            .map(|time| time + 1)
            .map_err(|_| Reject::SystemErr)
    }
}

/// A client's time.
struct Time(u32);

impl v3::Server for Time {
    async fn gettime(&self, _: &CallContext) -> Result<u32, Reject> {
        Ok(self.0)
    }
}

async fn start(listen: Listen) -> (Running, mpsc::UnboundedReceiver<ReverseCaller>) {
    let (sender, clients) = mpsc::unbounded_channel();
    let server = Server::new()
        .service(v4::service(Arc::new(Later { clients: sender })))
        .listen(listen);
    (server.start().await.unwrap(), clients)
}

fn endpoint(bound: &Bound) -> Endpoint {
    Endpoint::of(&bound.netid, &bound.uaddr).unwrap()
}

/// A channel whose own program says that it is `time`.
fn channel(at: &Endpoint, time: u32) -> Channel {
    let serving = |target| Channel::builder(target).serve(v3::service(Arc::new(Time(time))));
    match at {
        Endpoint::Tcp(at) => serving(Target::from(at.ip())).port(at.port()),
        Endpoint::Unix(path) => serving(Target::Unix(path.clone())).port(0),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn clients_are_called_back_on_their_own_connections() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("callbacks.sock");
    for listen in [
        Listen::Tcp("127.0.0.1:0".parse().unwrap()),
        Listen::Unix(path),
    ] {
        let (running, mut clients) = start(listen).await;
        let at = endpoint(&running.bound()[0]);
        let (first, second) = (channel(&at, 10), channel(&at, 20));
        assert_eq!(v4::Client::new(first.clone()).gettime().await.unwrap(), 11);
        assert_eq!(v4::Client::new(second.clone()).gettime().await.unwrap(), 21);
        // Each is kept apart, and reached long after its call.
        let (to_first, to_second) = (clients.recv().await.unwrap(), clients.recv().await.unwrap());
        assert_eq!(
            v3::Client::new(to_second.clone()).gettime().await.unwrap(),
            20
        );
        assert_eq!(
            v3::Client::new(to_first.clone()).gettime().await.unwrap(),
            10
        );
        drop(first);
        let gone = loop {
            if let Err(error) = v3::Client::new(to_first.clone()).gettime().await {
                break error;
            }
        };
        assert!(
            matches!(gone, CallError::Connect(_) | CallError::Disconnected(_)),
            "{gone}"
        );
        assert_eq!(v3::Client::new(to_second).gettime().await.unwrap(), 20);
        drop(second);
        assert!(running.shutdown(Duration::from_secs(5)).await);
    }
}

#[tokio::test]
async fn a_client_learns_that_no_callbacks_will_come_and_connects_again() {
    let (running, _clients) = start(Listen::Tcp("127.0.0.1:0".parse().unwrap())).await;
    let at = endpoint(&running.bound()[0]);
    let channel = channel(&at, 1);
    // Nothing to wait for yet.
    channel.disconnected().await;
    assert_eq!(v4::Client::new(channel.clone()).gettime().await.unwrap(), 2);
    let Endpoint::Tcp(address) = at else {
        panic!("{at}")
    };
    drop(running);
    channel.disconnected().await;
    let (running, mut clients) = start(Listen::Tcp(address)).await;
    assert_eq!(v4::Client::new(channel.clone()).gettime().await.unwrap(), 2);
    let reverse = clients.recv().await.unwrap();
    assert_eq!(v3::Client::new(reverse).gettime().await.unwrap(), 1);
    drop(running);
}

#[tokio::test]
async fn there_is_no_way_back_from_a_datagram() {
    let (running, _clients) = start(Listen::Udp("127.0.0.1:0".parse().unwrap())).await;
    let channel = Channel::to(endpoint(&running.bound()[0]));
    let error = v4::Client::new(channel).gettime().await.unwrap_err();
    assert!(error.to_string().contains("SYSTEM_ERR"), "{error}");
}

/// Its time is found out on another thread, or not at all.
struct Elsewhere(bool);

impl v4::Server for Elsewhere {
    async fn gettime(&self, _: &CallContext) -> Result<u32, Reject> {
        let (here, fails) = (std::thread::current().id(), self.0);
        let there = blocking(move || {
            assert!(!fails, "it was told to");
            std::thread::current().id()
        });
        Ok(u32::from(there.await? != here))
    }
}

#[tokio::test]
async fn work_that_blocks_is_done_elsewhere_and_its_panic_is_a_system_error() {
    for (fails, expected) in [(false, Some(1)), (true, None)] {
        let running = Server::new()
            .service(v4::service(Arc::new(Elsewhere(fails))))
            .listen(Listen::Tcp("127.0.0.1:0".parse().unwrap()))
            .start()
            .await
            .unwrap();
        let client = v4::Client::new(Channel::to(endpoint(&running.bound()[0])));
        assert_eq!(client.gettime().await.ok(), expected);
    }
}
