//! Services behind layers of tower's.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail it")]

use std::future::{Ready, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use oncrpc::proto::rpc_msg::AuthStat;
use oncrpc::proto::rpcb::rpcbprog::v4;
use oncrpc::{Answered, CallContext, CallError, OwnedCall, Refusal, Reject, Service};
use oncrpc_client::{Channel, Endpoint};
use oncrpc_server::{Listen, Running, Server, layered};
use tokio::sync::Semaphore;
use tower::ServiceBuilder;

/// Answers GETTIME with the number of calls so far, when there is a permit.
struct Clock {
    calls: AtomicU32,
    at_once: AtomicU32,
    most_at_once: AtomicU32,
    permits: Semaphore,
}

impl Clock {
    fn new(permits: usize) -> Arc<Self> {
        Arc::new(Self {
            calls: AtomicU32::new(0),
            at_once: AtomicU32::new(0),
            most_at_once: AtomicU32::new(0),
            permits: Semaphore::new(permits),
        })
    }
}

impl v4::Server for Clock {
    async fn gettime(&self, _: &CallContext) -> Result<u32, Reject> {
        let at_once = 1 + self.at_once.fetch_add(1, Ordering::SeqCst);
        self.most_at_once.fetch_max(at_once, Ordering::SeqCst);
        // Others get their turn meanwhile, as many as there may be.
        for _ in 0..5 {
            tokio::task::yield_now().await;
        }
        self.permits.acquire().await.unwrap().forget();
        self.at_once.fetch_sub(1, Ordering::SeqCst);
        Ok(1 + self.calls.fetch_add(1, Ordering::SeqCst))
    }
}

async fn serve(service: Arc<dyn Service>) -> (Running, v4::Client<Channel>) {
    let running = Server::new()
        .service(service)
        .listen(Listen::Tcp("127.0.0.1:0".parse().unwrap()))
        .start()
        .await
        .unwrap();
    let bound = &running.bound()[0];
    let at = Endpoint::of(&bound.netid, &bound.uaddr).unwrap();
    (running, v4::Client::new(Channel::to(at)))
}

fn refusal(error: CallError) -> Refusal {
    match error {
        CallError::Refused(refusal) => refusal,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_limit_of_concurrency_holds_for_all_callers_together() {
    let clock = Clock::new(1000);
    let layers = ServiceBuilder::new().concurrency_limit(3).into_inner();
    let (_running, client) = serve(layered(v4::service(clock.clone()), layers)).await;
    let calls = (0..100).map(|_| {
        let client = client.clone();
        tokio::spawn(async move { client.gettime().await.unwrap() })
    });
    let mut answers = Vec::new();
    for call in calls.collect::<Vec<_>>() {
        answers.push(call.await.unwrap());
    }
    answers.sort_unstable();
    assert_eq!(answers, (1..=100).collect::<Vec<_>>());
    assert_eq!(clock.most_at_once.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn what_a_layer_gives_up_is_a_system_error() {
    let layers = ServiceBuilder::new()
        .timeout(Duration::from_millis(1))
        .into_inner();
    let (_running, client) = serve(layered(v4::service(Clock::new(0)), layers)).await;
    assert_eq!(
        refusal(client.gettime().await.unwrap_err()),
        Refusal::SystemErr
    );
    // What is ready in time passes, refusals of the service among it.
    client.null().await.unwrap();
    let unknown = client.getversaddr(&Default::default()).await.unwrap_err();
    assert_eq!(refusal(unknown), Refusal::ProcUnavail);
}

/// Lets nobody pass.
#[derive(Clone)]
struct Nobody;

impl tower::Service<OwnedCall> for Nobody {
    type Response = Answered;
    type Error = Reject;
    type Future = Ready<Result<Answered, Reject>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Reject>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: OwnedCall) -> Self::Future {
        ready(Err(Reject::Auth(AuthStat::Tooweak)))
    }
}

#[tokio::test]
async fn a_layer_says_how_a_call_is_refused() {
    let layer = tower::layer::layer_fn(|_| Nobody);
    let (_running, client) = serve(layered(v4::service(Clock::new(1)), layer)).await;
    let refused = refusal(client.gettime().await.unwrap_err());
    assert_eq!(refused, Refusal::Auth(AuthStat::Tooweak));
}
