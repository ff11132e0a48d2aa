//! Calls that are executed once, however often they are sent.

use std::sync::Arc;
use std::time::{Duration, Instant};

use oncrpc::serve::duplicates::{Begun, DuplicateCache, DuplicatePolicy, Ticket};
use oncrpc::{
    Answered, Call, Dispatch, Framing, ProcedureId, Refusal, Reply, Service, Step, around,
};
use oncrpc_xdr::Writer;
use tokio::sync::{Semaphore, oneshot, watch};

/// What procedures that are not idempotent came to, for calls that are sent again.
///
/// A client sends its call again when the reply is late, over UDP, or when its connection broke, over any transport.
/// That does no harm where executing it twice is as good as once; but the second `REMOVE` of a file finds none,
/// and the second `ADD` adds twice. A service of such procedures is [`remembered`]: a call of one that comes again
/// is not executed again but answered what it was answered before, and one that comes again while it is executed
/// waits for the first's results, or is dropped if the first's reply will be sent to the same place.
///
/// How calls are told apart, and how much is kept for how long, is the [`DuplicatePolicy`]'s to say. It is memory, so
/// it ends with the process, and what does not fit is executed twice after all: short results of calls that come
/// again soon are what it is made for. Results of more than 16 KiB, SYSTEM_ERR and AUTH_ERROR are not remembered.
///
/// Clones are the same cache. One may be used for all services of a server; servers that serve the same program,
/// but not the same things, want one each.
///
/// ```no_run
/// # mod counter {
/// #     pub mod procedure {
/// #         oncrpc::procedures!(program 0x2000_0001, version 1 => {
/// #             1 => Read() -> i32 as "READ",
/// #             2 => Add(i32) -> i32 as "ADD",
/// #             3 => Reset() -> () as "RESET",
/// #         });
/// #     }
/// # }
/// # fn example(service: std::sync::Arc<dyn oncrpc::Service>) {
/// use counter::procedure::{Add, Reset};
/// use oncrpc::Procedure;
/// use oncrpc_server::{Duplicates, Server, remembered};
///
/// let duplicates = Duplicates::default();
/// let server = Server::new().service(remembered(service, &duplicates, [Add::INFO, Reset::INFO]));
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Duplicates(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    cache: DuplicateCache<oneshot::Sender<Answered>>,
    /// Bytes of calls that may be executed to their end though their connections have ended.
    orphans: Semaphore,
    ttl: Duration,
}

impl Default for Duplicates {
    fn default() -> Self {
        Self::new(DuplicatePolicy::default())
    }
}

impl Duplicates {
    /// Nothing is remembered yet.
    pub fn new(policy: DuplicatePolicy) -> Self {
        Self(Arc::new(Shared {
            cache: DuplicateCache::new(policy),
            orphans: Semaphore::new(policy.bytes.min(Semaphore::MAX_PERMITS)),
            ttl: policy.ttl,
        }))
    }

    /// Bytes that are remembered.
    pub fn bytes(&self) -> usize {
        self.0.cache.bytes()
    }
}

/// A service that executes these procedures once for each call, however often the call is sent: see [`Duplicates`].
///
/// They are procedures of this service, which are not idempotent; those of other programs and versions are ignored,
/// so one list will do for several versions. Other procedures are executed as before, and cost what they did.
///
/// What looks at calls before their service does ([`Server::intercept`](crate::Server::intercept)) looks at those
/// that come again, too, and so do observers. A handler that waits is not given up when its connection ends, as
/// others are: its call has begun and is going to be sent again. It is when the server ends, or when it takes
/// longer than replies are kept, or when connections have left more behind than the cache may hold.
pub fn remembered<P: Into<ProcedureId>>(
    service: Arc<dyn Service>,
    duplicates: &Duplicates,
    procedures: impl IntoIterator<Item = P>,
) -> Arc<dyn Service> {
    let id = (service.program(), service.version());
    let procedures = procedures.into_iter().map(Into::into);
    let procedures = procedures.filter(|procedure| (procedure.program, procedure.version) == id);
    let once: Vec<u32> = procedures.map(|id| id.procedure).collect();
    let remembered = Remembered {
        shared: duplicates.0.clone(),
        ended: watch::Sender::default(),
    };
    around(service, move |inner, call, reply| {
        if once.contains(&call.procedure()) {
            remembered.call_once(inner, call, reply)
        } else {
            inner.call(call, reply)
        }
    })
}

struct Remembered {
    shared: Arc<Shared>,
    /// Ends what is executed for connections that have ended, by being dropped.
    ended: watch::Sender<()>,
}

impl Remembered {
    fn call_once(&self, inner: &mut dyn Dispatch, call: &Call<'_>, reply: &mut Reply<'_>) -> Step {
        let cache = &self.shared.cache;
        match cache.begin(call, reply.framing(), now(), oneshot::channel) {
            Begun::Execute(ticket) => {
                let execution = Execution {
                    shared: self.shared.clone(),
                    ticket: Some(ticket),
                };
                self.execute(execution, inner, call, reply)
            }
            Begun::Done(answered) => answered.answer(reply),
            Begun::Wait(answered) => later(answered, reply),
            Begun::Drop => Step::Silent,
            Begun::Full => {
                log::debug!(
                    "{} from {}: not remembered",
                    call.id(),
                    call.context().peer()
                );
                inner.call(call, reply)
            }
        }
    }

    fn execute(
        &self,
        execution: Execution,
        inner: &mut dyn Dispatch,
        call: &Call<'_>,
        reply: &mut Reply<'_>,
    ) -> Step {
        // What cannot be sent is remembered all the same: it has been executed.
        let framing = match reply.framing() {
            Framing::Record => Framing::Record,
            Framing::Datagram { .. } => Framing::Datagram { max: usize::MAX },
        };
        let mut written = Writer::new();
        let step = inner.call(
            call,
            &mut Reply::new(&mut written, framing, call.context().xid()),
        );
        let answered = match step {
            Step::Done => Answered::read(&written, framing),
            Step::Silent => Answered::Silent,
            Step::Close => Answered::Close,
            Step::Later(answer) => {
                let (tell, told) = oneshot::channel();
                let answered = async move { Answered::of(&answer.await, framing) };
                let (len, ended) = (call.message_len(), self.ended.subscribe());
                tokio::spawn(execution.run(answered, tell, len, ended));
                return later(told, reply);
            }
        };
        execution.end(&answered);
        answered.answer(reply)
    }
}

/// A call that is being executed; when this is dropped, it is no more, and may be executed again.
struct Execution {
    shared: Arc<Shared>,
    ticket: Option<Ticket>,
}

impl Execution {
    /// Executes a call whose handler waits, to its end if there is one, and tells who sent it first.
    async fn run(
        self,
        answered: impl Future<Output = Answered>,
        mut tell: oneshot::Sender<Answered>,
        len: usize,
        mut ended: watch::Receiver<()>,
    ) {
        let answered = tokio::select! {
            answered = answered => answered,
            () = self.shared.outlived(&mut tell, len) => return,
            _ = ended.changed() => return,
        };
        self.end(&answered);
        let _ = tell.send(answered);
    }

    fn end(mut self, answered: &Answered) {
        let Some(ticket) = self.ticket.take() else {
            return;
        };
        for waiting in self.shared.cache.finish(ticket, answered, now()) {
            let _ = waiting.send(answered.clone());
        }
    }
}

impl Drop for Execution {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.shared.cache.forget(ticket);
        }
    }
}

impl Shared {
    /// Ready when a call of so many bytes whose connection has ended has been executed for long enough.
    async fn outlived(&self, tell: &mut oneshot::Sender<Answered>, len: usize) {
        tell.closed().await;
        let len = u32::try_from(len).unwrap_or(u32::MAX);
        if let Ok(_place) = self.orphans.try_acquire_many(len) {
            tokio::time::sleep(self.ttl).await;
        }
    }
}

/// The reply to a call that is being executed by somebody else: what it comes to, or SYSTEM_ERR if it is given up.
fn later(answered: oneshot::Receiver<Answered>, reply: &Reply<'_>) -> Step {
    reply.later(async move {
        let answered = answered.await;
        answered.unwrap_or(Answered::Refused(Refusal::SystemErr))
    })
}

/// The time as tokio has it, so that tests can move it.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
