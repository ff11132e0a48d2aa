//! Services behind the layers of the crate [tower](https://docs.rs/tower).

use std::error::Error;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use oncrpc::{Answered, Call, Dispatch, Framing, OwnedCall, Reject, Reply, Service, Step, instead};
use oncrpc_xdr::Writer;
use tower_layer::Layer;

/// What a layer gives back when it gives a call up.
type LayerError = Box<dyn Error + Send + Sync>;

/// What layers make of a service; every service of tower's of the right shape is one.
pub trait Layers:
    tower_service::Service<OwnedCall, Response = Answered, Error: Into<LayerError>, Future: Send>
    + Clone
    + Send
    + Sync
    + 'static
{
}

impl<S> Layers for S where
    S: tower_service::Service<
            OwnedCall,
            Response = Answered,
            Error: Into<LayerError>,
            Future: Send,
        > + Clone
        + Send
        + Sync
        + 'static
{
}

/// A service behind a layer of tower's, or a stack of them: limits of concurrency and rate, time limits, tracing,
/// load shedding, or what one has written for other protocols.
///
/// The layers see each call of the service as an [`OwnedCall`], and what it came to as [`Answered`]. A layer that
/// gives a call up has it answered by what [`Reject`] its error is, or else SYSTEM_ERR. Each call makes a clone of
/// what the layers made, so that has to be cheap to clone; where it cannot be cloned, `tower::buffer` can.
///
/// What is no more than a look at each call is lighter as an [`Intercept`](crate::Intercept).
///
/// ```
/// # fn example(hello: std::sync::Arc<dyn oncrpc::Service>) {
/// use std::time::Duration;
///
/// use oncrpc_server::{Server, layered};
/// use tower::ServiceBuilder;
///
/// let layers = ServiceBuilder::new()
///     .concurrency_limit(16)
///     .timeout(Duration::from_secs(5))
///     .into_inner();
/// let server = Server::new().service(layered(hello, layers));
/// # }
/// ```
pub fn layered<L: Layer<Dispatched>>(service: Arc<dyn Service>, layer: L) -> Arc<dyn Service>
where
    L::Service: Layers,
{
    let layers = layer.layer(Dispatched::new(service.clone()));
    instead(service, move || {
        let layers = layers.clone();
        move |call: &Call<'_>, reply: &mut Reply<'_>| {
            let mut answered = Box::pin(through(layers.clone(), OwnedCall::from(call)));
            // If it waits, the task that it is given to polls it again: that is the waker that counts.
            let mut cx = Context::from_waker(Waker::noop());
            match answered.as_mut().poll(&mut cx) {
                Poll::Ready(answered) => answered.answer(reply),
                Poll::Pending => reply.later(answered),
            }
        }
    })
}

/// A service as tower has them: what stands behind all layers.
#[derive(Clone)]
pub struct Dispatched {
    service: Arc<dyn Service>,
    /// Dispatchers that are not at work.
    idle: Arc<Mutex<Vec<Box<dyn Dispatch>>>>,
}

impl Dispatched {
    fn new(service: Arc<dyn Service>) -> Self {
        Self {
            service,
            idle: Arc::default(),
        }
    }

    /// Has a call answered, or begun.
    fn dispatch(&self, call: &OwnedCall, out: &mut Writer) -> Step {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let at_hand = idle().pop();
        let mut dispatch = at_hand.unwrap_or_else(|| self.service.clone().open());
        let mut reply = Reply::new(out, UNBOUNDED, call.context().xid());
        let step = call.answer(&mut *dispatch, &mut reply);
        idle().push(dispatch);
        step
    }
}

/// What the results are held to is for the transport to say, when they are there.
const UNBOUNDED: Framing = Framing::Datagram { max: usize::MAX };

impl tower_service::Service<OwnedCall> for Dispatched {
    type Response = Answered;
    type Error = Reject;
    type Future = Pin<Box<dyn Future<Output = Result<Answered, Reject>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Reject>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: OwnedCall) -> Self::Future {
        let dispatched = self.clone();
        // Nothing happens before the first poll, as with every future.
        Box::pin(async move {
            let mut out = Writer::new();
            Ok(match dispatched.dispatch(&call, &mut out) {
                Step::Done => Answered::read(&out, UNBOUNDED),
                Step::Silent => Answered::Silent,
                Step::Close => Answered::Close,
                Step::Later(answer) => Answered::of(&answer.await, UNBOUNDED),
            })
        })
    }
}

impl fmt::Debug for Dispatched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Dispatched").field(&self.service).finish()
    }
}

/// Takes a call through the layers.
async fn through(mut layers: impl Layers, call: OwnedCall) -> Answered {
    let id = call.id();
    let ready = poll_fn(|cx| layers.poll_ready(cx).map_err(Into::into)).await;
    let answered: Result<_, LayerError> = match ready {
        Ok(()) => layers.call(call).await.map_err(Into::into),
        Err(error) => Err(error),
    };
    answered.unwrap_or_else(|error| {
        let reject = error.downcast_ref::<Reject>().copied();
        Answered::from(reject.unwrap_or_else(|| {
            log::debug!("{id} is given up: {error}");
            Reject::SystemErr
        }))
    })
}
