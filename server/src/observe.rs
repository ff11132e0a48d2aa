//! What becomes of calls, for whoever counts them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use oncrpc::message::ReplyHeader;
use oncrpc::peer::Peer;
use oncrpc::{Answer, Call, CallContext, Framing, ProcedureId, Refusal, Service, Step, around};
use oncrpc_xdr::Writer;

/// Hears of each call when it begins and when it ends, for metrics.
///
/// Each call that begins ends exactly once. Calls that have no service (an unknown program or version, a
/// credential that is not accepted) are answered before, and not heard of; those that an
/// [`Intercept`](crate::Intercept) refuses are. It is asked in the midst of a connection's work, by many threads at
/// once, and must not block. A server without an observer does nothing for it.
///
/// ```no_run
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// use oncrpc_server::{Finished, Observer, Outcome};
///
/// #[derive(Default)]
/// struct Failures(AtomicU64);
///
/// impl Observer for Failures {
///     fn finished(&self, call: &Finished<'_>) {
///         if call.outcome != Outcome::Success {
///             self.0.fetch_add(1, Ordering::Relaxed);
///         }
///     }
/// }
///
/// let server = oncrpc_server::Server::new().observe(Failures::default());
/// ```
pub trait Observer: Send + Sync + 'static {
    /// A call begins. Nothing is done about it unless this is written.
    fn started(&self, call: &Call<'_>) {
        let _ = call;
    }

    /// A call has ended.
    fn finished(&self, call: &Finished<'_>);

    /// Whether it wants to know how long calls take: then the clock is read when each begins and when it ends, which takes
    /// about as long as to answer a small one. It is asked once, when the server starts.
    fn wants_time(&self) -> bool {
        true
    }
}

/// A call that has ended.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Finished<'a> {
    /// What was called.
    pub procedure: ProcedureId,
    /// By whom.
    pub peer: &'a Peer,
    /// What became of it.
    pub outcome: Outcome,
    /// Bytes of the call, without record marks.
    pub call_bytes: usize,
    /// Bytes of the reply, with its record mark if it has one.
    pub reply_bytes: usize,
    /// Time from the call's arrival at its service to its reply, which then has yet to be sent; `None` for an observer that
    /// does not [want](Observer::wants_time) to know.
    pub time: Option<Duration>,
}

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It has results.
    Success,
    /// It was refused.
    Refused(Refusal),
    /// It is not answered, as its handler wanted.
    Silent,
    /// It is not answered, and its connection ends, as its handler wanted.
    Closed,
    /// Its connection ended before its handler did.
    Abandoned,
}

pub(crate) fn observed(service: Arc<dyn Service>, observer: Arc<dyn Observer>) -> Arc<dyn Service> {
    let wants_time = observer.wants_time();
    around(service, move |inner, call, reply| {
        let begun = Begun {
            procedure: call.id(),
            call_bytes: call.message_len(),
            at: wants_time.then(Instant::now),
        };
        observer.started(call);
        let before = reply.output_len();
        let step = inner.call(call, reply);
        let peer = call.context().peer();
        let outcome = match step {
            Step::Later(answer) => {
                let mut waiting = Waiting {
                    observer: observer.clone(),
                    context: call.context().clone(),
                    begun,
                    ended: (Outcome::Abandoned, 0),
                };
                let framing = reply.framing();
                return Step::Later(Box::pin(async move {
                    let answer = answer.await;
                    waiting.end(&answer, framing);
                    answer
                }));
            }
            Step::Done => reply.refusal().map_or(Outcome::Success, Outcome::Refused),
            Step::Silent => Outcome::Silent,
            Step::Close => Outcome::Closed,
        };
        let reply_bytes = reply.output_len() - before;
        observer.finished(&begun.finished(peer, outcome, reply_bytes));
        step
    })
}

/// A call that has begun.
#[derive(Clone, Copy)]
struct Begun {
    procedure: ProcedureId,
    call_bytes: usize,
    at: Option<Instant>,
}

impl Begun {
    fn finished(self, peer: &Peer, outcome: Outcome, reply_bytes: usize) -> Finished<'_> {
        Finished {
            procedure: self.procedure,
            peer,
            outcome,
            call_bytes: self.call_bytes,
            reply_bytes,
            time: self.at.map(|at| at.elapsed()),
        }
    }
}

/// A call whose handler waits; it has ended when this is dropped, with its answer or without.
struct Waiting {
    observer: Arc<dyn Observer>,
    context: CallContext,
    begun: Begun,
    ended: (Outcome, usize),
}

impl Waiting {
    /// Notes what became of the call.
    fn end(&mut self, answer: &Answer, framing: Framing) {
        self.ended = match answer {
            Answer::Reply(reply) => (read(reply, framing), reply.len()),
            Answer::Silent => (Outcome::Silent, 0),
            Answer::Close => (Outcome::Closed, 0),
        };
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let (outcome, reply_bytes) = self.ended;
        let peer = self.context.peer();
        self.observer
            .finished(&self.begun.finished(peer, outcome, reply_bytes));
    }
}

/// Reads what a reply of our own says; its header is never cut in two.
fn read(reply: &Writer, framing: Framing) -> Outcome {
    let mark = match framing {
        Framing::Record => 4,
        Framing::Datagram { .. } => 0,
    };
    let header = reply.chunks().next().and_then(|chunk| chunk.get(mark..));
    match header.map(ReplyHeader::parse) {
        Some(Ok(ReplyHeader {
            outcome: Err(refusal),
            ..
        })) => Outcome::Refused(refusal),
        _ => Outcome::Success,
    }
}
