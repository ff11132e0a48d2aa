//! What an observer hears of calls.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail it")]

use std::sync::Arc;
use std::time::Duration;

use oncrpc::proto::rpcb::Rpcb;
use oncrpc::proto::rpcb::rpcbprog::v4;
use oncrpc::{Call, CallContext, Refusal, Reject};
use oncrpc_client::{Channel, Endpoint};
use oncrpc_server::{Finished, Listen, Observer, Outcome, Running, Server};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

/// What is heard: that a procedure began, or how it ended and with how long a reply.
#[derive(Debug, PartialEq, Eq)]
enum Heard {
    Began(u32),
    Ended(u32, Outcome, usize),
}
use Heard::{Began, Ended};

/// Looks at the clock, or does not.
struct Ear {
    heard: UnboundedSender<Heard>,
    wants_time: bool,
}

impl Observer for Ear {
    fn started(&self, call: &Call<'_>) {
        let _ = self.heard.send(Began(call.procedure()));
    }

    fn finished(&self, call: &Finished<'_>) {
        let procedure = call.procedure.procedure;
        assert!(call.call_bytes >= 40, "{call:?}");
        assert_eq!(call.time.is_some(), self.wants_time);
        let _ = self
            .heard
            .send(Ended(procedure, call.outcome, call.reply_bytes));
    }

    fn wants_time(&self) -> bool {
        self.wants_time
    }
}

/// GETTIME waits for a permit, GETADDR does not.
struct Clock(Semaphore);

impl v4::Server for Clock {
    async fn gettime(&self, _: &CallContext) -> Result<u32, Reject> {
        self.0.acquire().await.unwrap().forget();
        Ok(42)
    }

    async fn getaddr(&self, _: &CallContext, _: Rpcb) -> Result<oncrpc_xdr::XdrString, Reject> {
        Err(Reject::SystemErr)
    }
}

async fn start() -> (
    Running,
    Arc<Clock>,
    v4::Client<Channel>,
    UnboundedReceiver<Heard>,
) {
    let (told, heard) = mpsc::unbounded_channel();
    let (deaf, _) = mpsc::unbounded_channel();
    let ear = |heard, wants_time| Ear { heard, wants_time };
    let clock = Arc::new(Clock(Semaphore::new(0)));
    let running = Server::new()
        .service(v4::service(clock.clone()))
        .listen(Listen::Tcp("127.0.0.1:0".parse().unwrap()))
        .observe(ear(told, true))
        .observe(ear(deaf, false))
        .start()
        .await
        .unwrap();
    let bound = &running.bound()[0];
    let channel = Channel::to(Endpoint::of(&bound.netid, &bound.uaddr).unwrap());
    (running, clock, v4::Client::new(channel), heard)
}

const NULL: u32 = 0;
const GETADDR: u32 = 3;
const GETTIME: u32 = 6;

#[tokio::test]
async fn it_hears_of_each_call_when_it_begins_and_when_it_ends() {
    let (_running, clock, client, mut heard) = start().await;
    client.null().await.unwrap();
    assert_eq!(heard.recv().await, Some(Began(NULL)));
    // A mark, six words of header, and no results.
    assert_eq!(heard.recv().await, Some(Ended(NULL, Outcome::Success, 28)));

    client.getaddr(&Rpcb::default()).await.unwrap_err();
    assert_eq!(heard.recv().await, Some(Began(GETADDR)));
    let refused = Outcome::Refused(Refusal::SystemErr);
    assert_eq!(heard.recv().await, Some(Ended(GETADDR, refused, 28)));

    let waiting = client.clone();
    let call = tokio::spawn(async move { waiting.gettime().await });
    assert_eq!(heard.recv().await, Some(Began(GETTIME)));
    assert!(heard.try_recv().is_err(), "it has not ended");
    clock.0.add_permits(1);
    assert_eq!(call.await.unwrap().unwrap(), 42);
    assert_eq!(
        heard.recv().await,
        Some(Ended(GETTIME, Outcome::Success, 32))
    );
}

#[tokio::test]
async fn a_call_whose_connection_ends_has_ended_too() {
    let (running, _clock, client, mut heard) = start().await;
    let call = tokio::spawn(async move { client.gettime().await });
    assert_eq!(heard.recv().await, Some(Began(GETTIME)));
    assert!(!running.shutdown(Duration::ZERO).await);
    assert_eq!(
        heard.recv().await,
        Some(Ended(GETTIME, Outcome::Abandoned, 0))
    );
    assert!(call.await.unwrap().is_err());
    assert_eq!(heard.recv().await, None, "once");
}
