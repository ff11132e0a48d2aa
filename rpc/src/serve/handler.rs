//! One procedure's handler, polled where its call was read.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use oncrpc_xdr::{DecodeError, Writer};
use pin_project_lite::pin_project;

use crate::call::caller::{Args, Procedure, Results};
use crate::serve::context::CallContext;
use crate::serve::reply::{Framing, Reject, Reply};
use crate::serve::service::Call;
use crate::serve::step::{Answer, Step};

pin_project! {
    /// A handler's future at its place on the heap, which is used again for the next call of the same procedure. What has ended
    /// stays in it until then: nothing is left in a future that was ready.
    ///
    /// If it waits, this is what is given away, with what its answer will need.
    struct Cell<P, F> {
        #[pin]
        future: F,
        // Of the call, once it waits: before that the answer goes where it is at hand.
        framing: Framing,
        xid: u32,
        procedure: PhantomData<fn() -> P>,
    }
}

/// What one call leaves to the next.
type Kept<P, S, F> = (Pin<Box<Cell<P, F>>>, Lent<S>);

/// Runs the handler of procedure `P` of a server `S`: `make` makes its future of a call.
///
/// The future is polled once in place, with a waker that does nothing. Most handlers are ready then: their
/// results are encoded straight into the connection's output, and the future's place and what it was lent are used
/// again, so that such a call allocates nothing and counts no references. A handler that waits is given away whole, to
/// be polled by a task of its own; that poll is the one whose waker counts. A handler that panics costs its caller a
/// SYSTEM_ERR.
pub struct Handler<P, S, M, F> {
    server: Arc<S>,
    make: M,
    /// What the last call has left, unless it was the first, or waits.
    kept: Option<Kept<P, S, F>>,
    procedure: PhantomData<P>,
}

/// What the future of a handler has of its server and its call, and gives back when it is ready.
///
/// It may go on after the call it was made of is forgotten, so it cannot borrow; and to count two references up and
/// down for each call would cost as much as all checks of the call together. It is handed on twice a call, so it is one
/// pointer: where its parts moved, they were read just after they were written in other sizes, for which a processor waits.
#[derive(Debug)]
pub struct Lent<S>(Box<(Arc<S>, CallContext)>);

impl<S> Lent<S> {
    fn new(server: Arc<S>, context: CallContext) -> Self {
        Self(Box::new((server, context)))
    }

    /// Whose handler it is.
    #[inline]
    pub fn server(&self) -> &Arc<S> {
        let (server, _) = &*self.0;
        server
    }

    /// What it may know of the call.
    #[inline]
    pub fn context(&self) -> &CallContext {
        let (_, context) = &*self.0;
        context
    }

    #[inline]
    fn context_mut(&mut self) -> &mut CallContext {
        let (_, context) = &mut *self.0;
        context
    }
}

/// Bytes of a reply with its mark and header and a few results.
const SMALL_REPLY: usize = 128;

/// Largest future that keeps its place for the next call, in bytes.
const KEPT_CELL: usize = 4096;

impl<P, S, M, F> Handler<P, S, M, F>
where
    P: Procedure,
    M: Fn(Lent<S>, Args<P>) -> F,
    F: Future<Output = Ready<P, S>> + Send + 'static,
    S: Send + Sync + 'static,
{
    /// A handler of `_procedure` for one dispatcher.
    pub fn new(_procedure: P, server: &Arc<S>, make: M) -> Self {
        Self {
            server: server.clone(),
            make,
            kept: None,
            procedure: PhantomData,
        }
    }

    /// Answers one call.
    pub fn call(&mut self, call: &Call<'_>, reply: &mut Reply<'_>) -> Step {
        let args = match call.args::<P::Args>() {
            Ok(args) => args,
            Err(error) => return garbage_args(P::INFO.name, &error, call, reply),
        };
        let mut cell = match self.kept.take() {
            Some((mut cell, mut lent)) => {
                lent.context_mut().become_like(call.context);
                cell.as_mut().project().future.set((self.make)(lent, args));
                cell
            }
            None => Cell::new((self.make)(self.lend(call.context), args), reply.framing()),
        };
        let Poll::Ready(ended) = cell
            .as_mut()
            .poll_future(&mut Context::from_waker(Waker::noop()))
        else {
            let place = cell.as_mut().project();
            (*place.framing, *place.xid) = (reply.framing(), call.context.xid);
            return Step::Later(cell);
        };
        match ended {
            Ok((lent, outcome)) => {
                if size_of::<F>() <= KEPT_CELL {
                    self.kept = Some((cell, lent));
                }
                reply.finish::<P::Results>(outcome)
            }
            Err(Panicked) => reply.reject(Reject::SystemErr),
        }
    }

    /// What a future is lent when the last one has kept what it had, or there was none.
    #[cold]
    fn lend(&self, context: &CallContext) -> Lent<S> {
        Lent::new(self.server.clone(), context.clone())
    }
}

#[cold]
fn garbage_args(
    procedure: &str,
    error: &DecodeError,
    call: &Call<'_>,
    reply: &mut Reply<'_>,
) -> Step {
    log::debug!("{procedure} from {}: {error}", call.context.peer());
    reply.reject(Reject::GarbageArgs)
}

/// What the future of a handler comes to: what it was lent, and its results.
pub type Ready<P, S> = (Lent<S>, Result<Results<P>, Reject>);

impl<P: Procedure, F: Future> Cell<P, F> {
    #[cold]
    fn new(future: F, framing: Framing) -> Pin<Box<Self>> {
        Box::pin(Self {
            future,
            framing,
            xid: 0,
            procedure: PhantomData,
        })
    }

    /// Polls the handler; a panic ends it.
    #[inline(always)]
    fn poll_future(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<F::Output, Panicked>> {
        match catch_unwind(AssertUnwindSafe(|| self.project().future.poll(cx))) {
            Ok(polled) => polled.map(Ok),
            Err(panic) => {
                log_panic(P::INFO.name, &*panic);
                Poll::Ready(Err(Panicked))
            }
        }
    }
}

/// A handler that waits, in a task of its own.
impl<P, S, F> Future for Cell<P, F>
where
    P: Procedure,
    F: Future<Output = Ready<P, S>>,
{
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer> {
        let Poll::Ready(ended) = self.as_mut().poll_future(cx) else {
            return Poll::Pending;
        };
        let outcome = match ended {
            Ok((_, outcome)) => outcome,
            Err(Panicked) => Err(Reject::SystemErr),
        };
        let mut out = Writer::from_vec(Vec::with_capacity(SMALL_REPLY));
        let step = Reply::new(&mut out, self.framing, self.xid).finish::<P::Results>(outcome);
        Poll::Ready(match step {
            Step::Done => Answer::Reply(out),
            Step::Silent | Step::Later(_) => Answer::Silent,
            Step::Close => Answer::Close,
        })
    }
}

/// A handler panicked, as the log says.
struct Panicked;

#[cold]
fn log_panic(procedure: &str, panic: &(dyn Any + Send)) {
    let message = panic_message(panic);
    log::error!("the handler of {procedure} panicked: {message}");
}

fn panic_message(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

impl<P: Procedure, S, M, F> fmt::Debug for Handler<P, S, M, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "handler of {}", P::INFO.name)
    }
}
