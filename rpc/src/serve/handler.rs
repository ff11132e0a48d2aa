//! One procedure's handler, polled where its call was read.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use oncrpc_xdr::Writer;

use crate::call::caller::{Args, Procedure, Results};
use crate::serve::context::CallContext;
use crate::serve::reply::{Framing, Reject, Reply};
use crate::serve::service::Call;
use crate::serve::step::{Answer, Step};

/// A future's place on the heap, used again for the next call of the same procedure.
type Cell<F> = Pin<Box<Option<F>>>;

/// Runs the handler of procedure `P` of a server `S`: `make` makes its future of a call.
///
/// The future is polled once in place, with a waker that does nothing. Most handlers are ready then: their
/// results are encoded straight into the connection's output, and the future's place is used again, so that
/// such a call allocates nothing. A handler that waits is given away whole, to be polled by a task of its
/// own; that poll is the one whose waker counts. A handler that panics costs its caller a SYSTEM_ERR.
pub struct Handler<P, S, M, F> {
    server: Arc<S>,
    make: M,
    cell: Option<Cell<F>>,
    procedure: PhantomData<P>,
}

/// Bytes of a reply with its mark and header and a few results.
const SMALL_REPLY: usize = 128;

/// Largest future that keeps its place for the next call, in bytes.
const KEPT_CELL: usize = 4096;

impl<P, S, M, F> Handler<P, S, M, F>
where
    P: Procedure,
    M: Fn(Arc<S>, CallContext, Args<P>) -> F,
    F: Future<Output = Result<Results<P>, Reject>> + Send + 'static,
{
    /// A handler of `_procedure` for one dispatcher.
    pub fn new(_procedure: P, server: &Arc<S>, make: M) -> Self {
        Self {
            server: server.clone(),
            make,
            cell: None,
            procedure: PhantomData,
        }
    }

    /// Answers one call.
    pub fn call(&mut self, call: &Call<'_>, reply: &mut Reply<'_>) -> Step {
        let args = match call.args::<P::Args>() {
            Ok(args) => args,
            Err(error) => {
                log::debug!("{} from {}: {error}", P::INFO.name, call.context.peer());
                return reply.reject(Reject::GarbageArgs);
            }
        };
        let mut cell = self.cell.take().unwrap_or_else(|| Box::pin(None));
        let context = call.context.clone();
        let polled = guarded::<P, _>(|| {
            cell.set(Some((self.make)(self.server.clone(), context, args)));
            poll(&mut cell, &mut Context::from_waker(Waker::noop()))
        });
        match polled {
            Poll::Ready(outcome) => {
                cell.set(None);
                if size_of::<F>() <= KEPT_CELL {
                    self.cell = Some(cell);
                }
                reply.finish::<P::Results>(outcome)
            }
            Poll::Pending => Step::Later(Box::pin(Waiting::<P, F> {
                cell,
                framing: reply.framing(),
                xid: call.context.xid,
                procedure: PhantomData,
            })),
        }
    }
}

/// A handler that waits, on its way to a task of its own.
struct Waiting<P, F> {
    cell: Cell<F>,
    framing: Framing,
    xid: u32,
    procedure: PhantomData<fn() -> P>,
}

impl<P, F> Future for Waiting<P, F>
where
    P: Procedure,
    F: Future<Output = Result<Results<P>, Reject>>,
{
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer> {
        let Poll::Ready(outcome) = guarded::<P, _>(|| poll(&mut self.cell, cx)) else {
            return Poll::Pending;
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

/// Polls the future in `cell`.
fn poll<F: Future>(cell: &mut Cell<F>, cx: &mut Context<'_>) -> Poll<F::Output> {
    match cell.as_mut().as_pin_mut() {
        Some(future) => future.poll(cx),
        None => Poll::Pending,
    }
}

/// Runs a step of a handler; a panic becomes SYSTEM_ERR.
fn guarded<P: Procedure, T>(
    step: impl FnOnce() -> Poll<Result<T, Reject>>,
) -> Poll<Result<T, Reject>> {
    catch_unwind(AssertUnwindSafe(step)).unwrap_or_else(|panic| {
        log::error!(
            "the handler of {} panicked: {}",
            P::INFO.name,
            panic_message(&*panic)
        );
        Poll::Ready(Err(Reject::SystemErr))
    })
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
