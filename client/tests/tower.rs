//! Callers behind layers of tower's.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail it")]

use std::future::{Future, Ready, ready};
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use oncrpc::proto::portmap::pmapprog::v2::{self, procedure};
use oncrpc::{CallError, CallOptions, OneWay, ProcedureId, RawCaller};
use oncrpc_client::{OutgoingCall, layered};
use tower::ServiceBuilder;
use tower::retry::{Policy, RetryLayer};

/// A server that is not there for some calls, and then answers GETPORT with 7.
#[derive(Default)]
struct Server {
    /// Calls that find nobody.
    absent: AtomicU32,
    called: AtomicU32,
    sent: Mutex<Vec<ProcedureId>>,
}

type Boxed<T> = Pin<Box<dyn Future<Output = Result<T, CallError>> + Send>>;

impl RawCaller for Server {
    fn call_raw(&self, _: ProcedureId, _: Bytes, _: CallOptions) -> Boxed<Bytes> {
        self.called.fetch_add(1, Ordering::Relaxed);
        let absent = self
            .absent
            .try_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(1)
            })
            .is_ok();
        Box::pin(ready(match absent {
            true => {
                let refused = io::ErrorKind::ConnectionRefused.into();
                Err(CallError::Connect(Arc::new(refused)))
            }
            false => Ok(Bytes::from_static(&[0, 0, 0, 7])),
        }))
    }

    fn send_raw(&self, id: ProcedureId, _: Bytes, _: CallOptions) -> Boxed<()> {
        self.sent.lock().unwrap().push(id);
        Box::pin(ready(Ok(())))
    }
}

/// What is handed to layers, and looked at afterwards.
#[derive(Clone, Default)]
struct Shared(Arc<Server>);

impl RawCaller for Shared {
    fn call_raw(&self, id: ProcedureId, args: Bytes, options: CallOptions) -> Boxed<Bytes> {
        self.0.call_raw(id, args, options)
    }

    fn send_raw(&self, id: ProcedureId, args: Bytes, options: CallOptions) -> Boxed<()> {
        self.0.send_raw(id, args, options)
    }
}

fn absent(calls: u32) -> Shared {
    let server = Shared::default();
    server.0.absent.store(calls, Ordering::Relaxed);
    server
}

/// Calls again while that is safe, so often.
#[derive(Clone)]
struct WhileSafe(u32);

impl Policy<OutgoingCall, Bytes, CallError> for WhileSafe {
    type Future = Ready<()>;

    fn retry(
        &mut self,
        _: &mut OutgoingCall,
        result: &mut Result<Bytes, CallError>,
    ) -> Option<Ready<()>> {
        let again = matches!(result, Err(error) if error.is_retryable()) && self.0 > 0;
        self.0 = self.0.saturating_sub(1);
        again.then(|| ready(()))
    }

    fn clone_request(&mut self, call: &OutgoingCall) -> Option<OutgoingCall> {
        Some(call.clone())
    }
}

#[tokio::test]
async fn a_call_is_made_again_where_that_is_safe() {
    for (calls, port) in [(0, Some(7)), (2, Some(7)), (3, None)] {
        let server = absent(calls);
        let layers = RetryLayer::new(WhileSafe(2));
        let client = v2::Client::new(layered(server.clone(), layers));
        assert_eq!(client.getport(&Default::default()).await.ok(), port);
        let called = server.0.called.load(Ordering::Relaxed);
        assert_eq!(called, (calls + 1).min(3));
    }
}

#[tokio::test]
async fn errors_of_the_caller_pass_unchanged_and_those_of_layers_are_named() {
    let client = v2::Client::new(layered(absent(1), tower::layer::util::Identity::new()));
    let error = client.getport(&Default::default()).await.unwrap_err();
    assert!(matches!(error, CallError::Connect(_)), "{error}");

    let layers = ServiceBuilder::new()
        .map_err(|_: CallError| io::Error::other("no more today"))
        .into_inner();
    let client = v2::Client::new(layered(absent(1), layers));
    let error = client.getport(&Default::default()).await.unwrap_err();
    assert!(matches!(error, CallError::Layer(_)), "{error:?}");
    assert_eq!(error.to_string(), "no more today");
    assert!(error.may_have_executed() && !error.is_retryable());
}

#[tokio::test]
async fn one_way_calls_go_through_layers_too() {
    let server = Shared::default();
    let layers = ServiceBuilder::new()
        .timeout(Duration::from_secs(5))
        .into_inner();
    let caller = layered(server.clone(), layers);
    let options = CallOptions::default();
    caller.send::<procedure::Null>(&(), &options).await.unwrap();
    let sent = server.0.sent.lock().unwrap().clone();
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].procedure, 0);
    assert_eq!(server.0.called.load(Ordering::Relaxed), 0);
}
