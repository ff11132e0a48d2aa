//! The duplicate request cache: a call that is sent twice is executed once.
//!
//! Over UDP a client sends its call again when the reply is late, and after a connection broke, over TCP, too. For
//! most procedures it does no harm to execute such a call again. For one that is not idempotent it does: the
//! second REMOVE of a file finds none. So calls of these are noted while they are executed, and what they came to
//! is kept for a while, to be said again.
//!
//! [`DuplicateCache::begin`] says what is to be done about a call; [`finish`](DuplicateCache::finish) or
//! [`forget`](DuplicateCache::forget) ends what was to be executed. What is kept is what a call came to and not
//! the reply's bytes: it is framed, and held to what a datagram may have, anew each time.

mod key;
mod shard;

use std::fmt;
use std::hash::RandomState;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

pub use shard::{MAX_RESULTS, MAX_WAITING};

use crate::serve::answered::Answered;
use crate::serve::reply::Framing;
use crate::serve::service::Call;
use key::CallKey;
use shard::Shard;

/// Calls are spread over at most this many parts, each behind a lock of its own, so that cores seldom meet.
const SHARDS: usize = 32;

/// Fewest bytes of a part, so that everybody's share of it is room for the longest results.
const SHARD_BYTES: usize = 256 * 1024;

/// What a [`DuplicateCache`] keeps, and how it tells calls apart.
#[derive(Clone, Copy, Debug)]
pub struct DuplicatePolicy {
    /// Bytes that it may hold in all, its own bookkeeping included. Default 8 MiB, which is room for 20,000 short
    /// replies. Nobody holds more than an eighth of it: neither an IPv4 address, nor an IPv6 /64, nor a user of
    /// this host. With less than 3 KiB there is no room for a call, and nothing is remembered.
    pub bytes: usize,
    /// How long a reply is kept. Default 120 s, as Linux's NFS server has it: longer than clients go on sending.
    pub ttl: Duration,
    /// Whether calls from another port of the same host are other calls. By default they are not, so that a
    /// client is known again when it has connected anew; its xid, its credential, its arguments and its address are
    /// the same. With programs about that begin to count their xids at the same number each time they are
    /// started, this is to be set: what they ask would otherwise be taken for what was asked before.
    pub by_port: bool,
}

impl Default for DuplicatePolicy {
    fn default() -> Self {
        Self {
            bytes: 8 << 20,
            ttl: Duration::from_secs(120),
            by_port: false,
        }
    }
}

/// What is to be done about a call.
#[derive(Debug)]
pub enum Begun<R> {
    /// It is executed, and then [`finish`](DuplicateCache::finish) or [`forget`](DuplicateCache::forget) is told.
    Execute(Ticket),
    /// It has been executed, and this is what it came to.
    Done(Answered),
    /// It is being executed for another connection, and here one waits for what it comes to.
    Wait(R),
    /// It is being executed for this very connection, or for whoever sent this datagram: nothing is to be done.
    Drop,
    /// It is executed as if there were no cache: there is no place to note it, or not for this peer.
    Full,
}

/// The proof that a call is noted as being executed, until it is given back.
#[derive(Debug)]
#[must_use = "the call would be taken for one that is being executed for ever"]
pub struct Ticket(CallKey);

/// Calls that are being executed, and what others came to. `W` is how somebody who waits for one is told.
pub struct DuplicateCache<W> {
    shards: Box<[Mutex<Shard<W>>]>,
    hasher: RandomState,
    by_port: bool,
}

impl<W> DuplicateCache<W> {
    /// An empty cache.
    pub fn new(policy: DuplicatePolicy) -> Self {
        let shards = (policy.bytes / SHARD_BYTES).clamp(1, SHARDS);
        let each = policy.bytes.checked_div(shards).unwrap_or_default();
        let shard = |_| Mutex::new(Shard::new(each, policy.ttl));
        Self {
            shards: (0..shards).map(shard).collect(),
            hasher: RandomState::new(),
            by_port: policy.by_port,
        }
    }

    /// Says what is to be done about a call. `wait` makes both ends of a way to be told, if that is what it is; of
    /// those who wait for one call, only the [last few](MAX_WAITING) are told, and the others' end is dropped.
    pub fn begin<R>(
        &self,
        call: &Call<'_>,
        framing: Framing,
        now: Instant,
        wait: impl FnOnce() -> (W, R),
    ) -> Begun<R> {
        let key = CallKey::of(call, self.by_port, &self.hasher);
        let datagram = matches!(framing, Framing::Datagram { .. });
        let origin = &call.context.origin;
        self.shard(&key).begin(key, origin, datagram, now, wait)
    }

    /// A call has been executed: keeps what it came to, if that is worth it, and gives back who is to be told.
    ///
    /// SYSTEM_ERR, refused credentials and [long](MAX_RESULTS) results are not kept: such a call is executed when it
    /// comes again.
    #[must_use = "somebody waits for it"]
    pub fn finish(&self, ticket: Ticket, answered: &Answered, now: Instant) -> Vec<W> {
        self.shard(&ticket.0).finish(ticket.0, answered, now)
    }

    /// A call that was to be executed has not been, or not to its end: it may be executed again. Those who waited
    /// for it are not told; their end is dropped.
    pub fn forget(&self, ticket: Ticket) {
        // They hear of it when the lock is free.
        let waiting = self.shard(&ticket.0).forget(ticket.0);
        drop(waiting);
    }

    /// Bytes that it holds, at most what the policy allows.
    pub fn bytes(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).bytes()).sum()
    }

    #[expect(
        clippy::arithmetic_side_effects,
        clippy::indexing_slicing,
        reason = "there is one shard at least, and the remainder is less than there are"
    )]
    fn shard(&self, key: &CallKey) -> MutexGuard<'_, Shard<W>> {
        lock(&self.shards[key.spread() % self.shards.len()])
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<W> fmt::Debug for DuplicateCache<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DuplicateCache({} bytes)", self.bytes())
    }
}

#[cfg(test)]
mod tests {
    use oncrpc_xdr::{Bytes, Writer};

    use super::*;
    use crate::call::caller::ProcedureId;
    use crate::message::{self, AUTH_AT};
    use crate::netid::Netid;
    use crate::peer::Peer;
    use crate::serve::context::CallContext;

    const ID: ProcedureId = ProcedureId {
        program: 100_003,
        version: 3,
        procedure: 12,
    };

    fn message(xid: u32) -> Bytes {
        let mut w = Writer::new();
        message::write_call(&mut w, xid, ID);
        w.raw(&[0; 16]);
        w.into_bytes()
    }

    #[test]
    fn what_calls_hold_is_counted_until_they_are_forgotten() {
        let cache = DuplicateCache::<()>::new(DuplicatePolicy::default());
        let tickets: Vec<_> = (0..10)
            .map(|xid| {
                let message = message(xid);
                let call = Call {
                    message: (&message).into(),
                    id: ID,
                    body: AUTH_AT + 16,
                    context: &CallContext::new(Peer::local(Netid::Local), None, xid),
                };
                match cache.begin(&call, Framing::Record, Instant::now(), || ((), ())) {
                    Begun::Execute(ticket) => ticket,
                    other => panic!("{other:?}"),
                }
            })
            .collect();
        assert_eq!(cache.bytes(), 10 * 384);
        assert_eq!(format!("{cache:?}"), "DuplicateCache(3840 bytes)");
        tickets.into_iter().for_each(|ticket| cache.forget(ticket));
        assert_eq!(cache.bytes(), 0);
    }

    #[test]
    fn a_cache_has_a_part_for_each_256_kib_up_to_32() {
        for (bytes, parts) in [
            (0, 1),
            (524_287, 1),
            (524_288, 2),
            (8 << 20, 32),
            (1 << 30, 32),
        ] {
            let policy = DuplicatePolicy {
                bytes,
                ..DuplicatePolicy::default()
            };
            assert_eq!(DuplicateCache::<()>::new(policy).shards.len(), parts);
        }
    }

    #[test]
    fn the_longest_results_that_are_kept_have_16_kib() {
        assert_eq!(MAX_RESULTS, 16_384);
    }
}
