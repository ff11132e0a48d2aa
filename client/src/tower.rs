//! Callers behind the layers of the crate [tower](https://docs.rs/tower).

use std::error::Error;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use oncrpc::call::carrier::{Arguments, Carrier};
use oncrpc::{CallError, CallOptions, ProcedureId, RawCaller};
use tower_layer::Layer;

/// What a layer gives back when it gives a call up.
type LayerError = Box<dyn Error + Send + Sync>;

/// A call on its way through layers.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OutgoingCall {
    /// What is called.
    pub id: ProcedureId,
    /// Encoded arguments.
    pub args: Bytes,
    /// How the call is made, where it differs from what the caller does.
    pub options: CallOptions,
    /// Nobody waits for a reply; the results are no bytes.
    pub one_way: bool,
}

/// A caller behind a layer of tower's, or a stack of them: retries, limits of rate and concurrency, load balancing,
/// tracing. Generated clients call through it as through the caller itself.
///
/// The layers see each call as an [`OutgoingCall`], and encoded results or a [`CallError`] of it. What else they
/// give a call up by becomes [`CallError::Layer`]. Whether a call may be made again is for
/// [`CallError::is_retryable`] to say, which a policy of retries should ask.
///
/// ```
/// # async fn example(channel: oncrpc_client::Channel) -> Result<(), oncrpc::CallError> {
/// use oncrpc::proto::portmap::pmapprog::v2;
/// use oncrpc_client::layered;
/// use tower::ServiceBuilder;
///
/// let layers = ServiceBuilder::new().concurrency_limit(4).into_inner();
/// let portmap = v2::Client::new(layered(channel, layers));
/// println!("{:?}", portmap.dump().await?);
/// # Ok(())
/// # }
/// ```
pub fn layered<C: RawCaller + 'static, L: Layer<Calls>>(
    caller: C,
    layer: L,
) -> Layered<L::Service> {
    Layered(layer.layer(Calls(Arc::new(caller))))
}

/// A caller as tower has services: what stands behind all layers.
#[derive(Clone)]
pub struct Calls(Arc<dyn RawCaller>);

impl tower_service::Service<OutgoingCall> for Calls {
    type Response = Bytes;
    type Error = CallError;
    type Future = Pin<Box<dyn Future<Output = Result<Bytes, CallError>> + Send>>;

    /// Always: a call that has to wait does so itself, and its time runs meanwhile.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: OutgoingCall) -> Self::Future {
        let OutgoingCall {
            id,
            args,
            options,
            one_way,
        } = call;
        if !one_way {
            return self.0.call_raw(id, args, options);
        }
        let sent = self.0.send_raw(id, args, options);
        Box::pin(async move { sent.await.map(|()| Bytes::new()) })
    }
}

impl fmt::Debug for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Calls")
    }
}

/// What layers make of a caller; every service of tower's of the right shape is one.
pub trait Layers:
    tower_service::Service<OutgoingCall, Response = Bytes, Error: Into<LayerError>, Future: Send>
    + Clone
    + Send
    + Sync
{
}

impl<S> Layers for S where
    S: tower_service::Service<
            OutgoingCall,
            Response = Bytes,
            Error: Into<LayerError>,
            Future: Send,
        > + Clone
        + Send
        + Sync
{
}

/// A caller whose calls go through layers.
#[derive(Clone, Debug)]
pub struct Layered<S>(S);

impl<S: Layers> Carrier for Layered<S> {
    async fn carry(
        &self,
        id: ProcedureId,
        args: &impl Arguments,
        options: &CallOptions,
    ) -> Result<Bytes, CallError> {
        let call = outgoing(id, args, options, false)?;
        through(self.0.clone(), call).await
    }

    async fn carry_one_way(
        &self,
        id: ProcedureId,
        args: &impl Arguments,
        options: &CallOptions,
    ) -> Result<(), CallError> {
        let call = outgoing(id, args, options, true)?;
        through(self.0.clone(), call).await.map(|_| ())
    }
}

fn outgoing(
    id: ProcedureId,
    args: &impl Arguments,
    options: &CallOptions,
    one_way: bool,
) -> Result<OutgoingCall, CallError> {
    Ok(OutgoingCall {
        id,
        args: args.to_bytes()?,
        options: options.clone(),
        one_way,
    })
}

/// Takes a call through the layers.
async fn through(mut layers: impl Layers, call: OutgoingCall) -> Result<Bytes, CallError> {
    let ready = poll_fn(|cx| layers.poll_ready(cx).map_err(Into::into)).await;
    let results: Result<_, LayerError> = match ready {
        Ok(()) => layers.call(call).await.map_err(Into::into),
        Err(error) => Err(error),
    };
    results.map_err(|error| match error.downcast::<CallError>() {
        Ok(error) => *error,
        Err(other) => CallError::Layer(other.into()),
    })
}
