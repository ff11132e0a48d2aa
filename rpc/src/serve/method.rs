//! The methods of a server as handlers of its procedures.

use std::future::Future;
use std::sync::Arc;

use oncrpc_xdr::Wire;

use crate::call::caller::{Args, Procedure, Results};
use crate::serve::context::CallContext;
use crate::serve::handler::{Handler, Lent};
use crate::serve::reply::{Reject, Reply};
use crate::serve::service::{Call, Dispatch};

/// A method of a server `S` that answers procedure `P`, given the context of a call and its arguments `A`, one by one.
///
/// What its future borrows has the lifetime `'a`, which a bound of [`Fn`] alone could not say of all of them.
pub trait Method<'a, S, P: Procedure, A> {
    /// The future that it returns.
    type Answer: Future<Output = Result<Results<P>, Reject>> + Send;

    /// Calls it.
    fn answer(&self, server: &'a S, context: &'a CallContext, args: Args<P>) -> Self::Answer;
}

/// What answers the calls of `procedure` by `method`: a [`Handler`], made here and not in generated code, where each one
/// would have to be compiled by itself; its type is forgotten for the same reason.
pub fn handler<P, S, M, A: 'static>(
    procedure: P,
    server: &Arc<Arc<S>>,
    method: M,
) -> Box<dyn Dispatch>
where
    P: Procedure + Send,
    S: Send + Sync + 'static,
    M: for<'a> Method<'a, S, P, A> + Copy + Send + 'static,
{
    let make = move |lent: Lent<Arc<S>>, args| async move {
        let outcome = method.answer(lent.server(), lent.context(), args).await;
        (lent, outcome)
    };
    let mut handler = Handler::new(procedure, server, make);
    Box::new(move |call: &Call<'_>, reply: &mut Reply<'_>| handler.call(call, reply))
}

macro_rules! method {
    ($values:pat, $args:ty: $($value:ident $arg:ident),*) => {
        impl<'a, S: 'a, P, M, F, $($arg),*> Method<'a, S, P, ($($arg,)*)> for M
        where
            P: Procedure<Args: Wire<Value = $args>>,
            M: Fn(&'a S, &'a CallContext, $($arg),*) -> F,
            F: Future<Output = Result<Results<P>, Reject>> + Send,
        {
            type Answer = F;

            #[inline]
            fn answer(&self, server: &'a S, context: &'a CallContext, $values: $args) -> F {
                self(server, context, $($value),*)
            }
        }
    };
}

// As many as a tuple on the wire has.
method!((), ():);
method!(a, A: a A);
method!((a, b), (A, B): a A, b B);
method!((a, b, c), (A, B, C): a A, b B, c C);
method!((a, b, c, d), (A, B, C, D): a A, b B, c C, d D);
method!((a, b, c, d, e), (A, B, C, D, E): a A, b B, c C, d D, e E);
method!((a, b, c, d, e, f), (A, B, C, D, E, G): a A, b B, c C, d D, e E, f G);
method!((a, b, c, d, e, f, g), (A, B, C, D, E, G, H): a A, b B, c C, d D, e E, f G, g H);
method!((a, b, c, d, e, f, g, h), (A, B, C, D, E, G, H, I): a A, b B, c C, d D, e E, f G, g H, h I);
