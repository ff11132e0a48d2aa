//! Registered with an rpcbind that comes and goes.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail it")]

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use oncrpc::netid::Netid;
use oncrpc::proto::rpcb::Rpcb;
use oncrpc::proto::rpcb::rpcbprog::{v3, v4};
use oncrpc::uaddr::Uaddr;
use oncrpc::{CallContext, Reject};
use oncrpc_client::Endpoint;
use oncrpc_server::{Listen, Policy, RpcbindAt, Running, Server, StartError};
use tokio::sync::watch;

/// An rpcbind: what is registered, and how often it was asked to.
struct Rpcbind {
    registered: watch::Sender<BTreeSet<String>>,
    sets: watch::Sender<usize>,
}

impl v4::Server for Rpcbind {
    async fn set(&self, _: &CallContext, arg: Rpcb) -> Result<bool, Reject> {
        let name = format!("{} {} {}", arg.r_vers, arg.r_netid, arg.r_addr);
        let key = format!("{} {} ", arg.r_vers, arg.r_netid);
        let taken = |known: &String| known.starts_with(&key) && *known != name;
        let taken = self.registered.borrow().iter().any(taken);
        if !taken {
            self.registered.send_if_modified(|all| all.insert(name));
        }
        self.sets.send_modify(|sets| *sets += 1);
        Ok(!taken)
    }

    async fn unset(&self, _: &CallContext, arg: Rpcb) -> Result<bool, Reject> {
        let key = format!("{} {}", arg.r_vers, arg.r_netid);
        self.registered
            .send_modify(|all| all.retain(|known| !known.starts_with(&key)));
        Ok(true)
    }
}

impl Rpcbind {
    async fn start(at: &str) -> (Arc<Self>, Running, SocketAddr) {
        let rpcbind = Arc::new(Self {
            registered: watch::Sender::default(),
            sets: watch::Sender::default(),
        });
        let running = Server::new()
            .service(v4::service(rpcbind.clone()))
            .listen(Listen::Tcp(at.parse().unwrap()))
            .start()
            .await
            .unwrap();
        let Uaddr::Inet(address) = running.bound()[0].uaddr else {
            panic!("TCP has internet addresses");
        };
        (rpcbind, running, address)
    }

    async fn knows(&self, wanted: impl Fn(&BTreeSet<String>) -> bool) {
        self.registered.subscribe().wait_for(wanted).await.unwrap();
    }

    /// Waits until it has been asked to set this many more.
    async fn sets(&self, more: usize) {
        let mut sets = self.sets.subscribe();
        let now = *sets.borrow();
        sets.wait_for(|&sets| sets >= now + more).await.unwrap();
    }
}

/// What is served and registered.
struct Clock;

impl v3::Server for Clock {}

/// A server at two places.
fn server(policy: Policy, rpcbind: SocketAddr) -> Server {
    Server::new()
        .service(v3::service(Arc::new(Clock)))
        .listen(Listen::Tcp("127.0.0.1:0".parse().unwrap()))
        .listen(Listen::Udp("127.0.0.1:0".parse().unwrap()))
        .register(policy, RpcbindAt::Endpoint(Endpoint::Tcp(rpcbind)))
        .renew_every(Some(Duration::from_millis(1)))
}

const GRACE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn what_a_restarted_rpcbind_has_forgotten_is_registered_again() {
    let (first, running, at) = Rpcbind::start("127.0.0.1:0").await;
    let served = server(Policy::Require, at).start().await.unwrap();
    let before = first.registered.borrow().clone();
    assert_eq!(before.len(), 2, "{before:?}");
    running.shutdown(GRACE).await;

    let (second, _running, _) = Rpcbind::start(&at.to_string()).await;
    second.knows(|known| *known == before).await;
    assert!(served.shutdown(GRACE).await);
    assert!(second.registered.borrow().is_empty(), "unregistered there");
}

#[tokio::test]
async fn an_rpcbind_that_has_everything_is_not_changed() {
    let (rpcbind, _running, at) = Rpcbind::start("127.0.0.1:0").await;
    let served = server(Policy::Require, at).start().await.unwrap();
    let mut changes = rpcbind.registered.subscribe();
    let before = changes.borrow_and_update().clone();
    rpcbind.sets(10).await;
    assert_eq!(*changes.borrow(), before);
    assert_eq!(served.registered().len(), 2);
    served.shutdown(GRACE).await;
}

#[tokio::test]
async fn best_effort_is_registered_when_rpcbind_comes() {
    let (_, running, at) = Rpcbind::start("127.0.0.1:0").await;
    running.shutdown(GRACE).await;
    let served = server(Policy::BestEffort, at).start().await.unwrap();
    assert!(served.registered().is_empty());

    let (rpcbind, _running, _) = Rpcbind::start(&at.to_string()).await;
    rpcbind.knows(|known| known.len() == 2).await;
    served.shutdown(GRACE).await;
}

#[tokio::test]
async fn require_does_not_start_without_rpcbind() {
    let (_, running, at) = Rpcbind::start("127.0.0.1:0").await;
    running.shutdown(GRACE).await;
    let error = server(Policy::Require, at).start().await.unwrap_err();
    assert!(matches!(error, StartError::Register(_)), "{error}");
}

#[tokio::test]
async fn what_somebody_else_has_taken_meanwhile_is_left_alone_at_the_end() {
    let (rpcbind, _running, at) = Rpcbind::start("127.0.0.1:0").await;
    let served = server(Policy::Require, at).start().await.unwrap();
    let other = "3 tcp 127.0.0.1.8.1".to_owned();
    rpcbind.registered.send_modify(|all| {
        all.retain(|known| !known.starts_with("3 tcp "));
        all.insert(other.clone());
    });
    // One round may be under way, and have passed TCP; the one after it has seen it whole.
    rpcbind.sets(4).await;
    let registered = served.registered();
    assert_eq!(registered.len(), 1);
    assert_eq!(registered[0].netid, Netid::Udp);
    served.shutdown(GRACE).await;
    assert_eq!(*rpcbind.registered.borrow(), BTreeSet::from([other]));
}

#[tokio::test]
async fn without_a_policy_nothing_is_registered() {
    let running = Server::new()
        .service(v3::service(Arc::new(Clock)))
        .listen(Listen::Tcp("127.0.0.1:0".parse().unwrap()))
        .start()
        .await
        .unwrap();
    assert!(running.registered().is_empty());
}
