//! Calls for others: `-r`, CALLIT, BCAST and INDIRECT.
//!
//! Who does not know where a service is has its portmapper call it: that is how everybody on a network is
//! asked at once. The service sees this host as its caller. So a call is made only if `Portmapper::may_call` lets
//! it, and only on this host ([`service_at`]); there are so many in a second ([`PER_CALLER`], [`IN_ALL`]) and so many at once, each of
//! which has its [`DEADLINE`] (the [`Place`] that it has). Each has a socket of its own, gone with it: a reply
//! that comes too late finds nobody.

mod pending;
mod target;

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use oncrpc::auth::{AuthNone, AuthSys, ClientAuth};
use oncrpc::netid::Netid;
use oncrpc::proto::rpc_msg::AuthsysParms;
use oncrpc::{CallError, CallOptions, ProcedureId, RawCaller, Retransmit};
use oncrpc_client::{Channel, Target};
use oncrpc_transport::rates::{Bounds, Rate, Rates};
use oncrpc_xdr::Bytes;
use tokio::sync::oneshot;

pub use pending::{Asked, IN_FLIGHT};
pub use target::service_at;

use pending::Pending;

/// Time that a service has to answer.
///
/// Who broadcasts waits for some seconds in all (libtirpc asks again after 4 s), so what comes later is of
/// no use. rpcbind waits for 5 minutes, and a slow service then keeps its places from all others.
pub const DEADLINE: Duration = Duration::from_secs(5);

/// Calls of one caller.
///
/// A broadcast of libtirpc's comes as two, of versions 3 and 2, from each interface that the caller has with
/// us, and again after 4 s: ten programs can be asked for at once, five in each second.
pub const PER_CALLER: Rate = Rate {
    per_second: 10,
    at_once: 20,
};

/// Calls of all callers together.
///
/// A call costs 80 µs of processor time (user and system time of a release build in /proc over 2,000 calls, the
/// service's own not counted), so these are 4 % of a core. A network of 250 hosts may ask at the same moment, as
/// when they are all switched on.
pub const IN_ALL: Rate = Rate {
    per_second: 500,
    at_once: 500,
};

/// Callers that are remembered at most.
///
/// Those of whom anything has to be remembered cannot be as many: it is for 2 s, and in that time no more than 1,500
/// calls are admitted.
const CALLERS: usize = 2048;

/// What forwards calls, and holds them to their bounds.
#[derive(Debug)]
pub struct Forwarder {
    rates: Mutex<Rates>,
    pending: Arc<Mutex<Pending<oneshot::Sender<()>>>>,
    counts: Mutex<Counts>,
}

/// What became of calls for others since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Those that were made.
    pub called: u64,
    /// Those that were not, since they were at hand already.
    pub repeated: u64,
    /// Those that were not, since there were too many.
    pub too_many: u64,
    /// Those that were made and given up for later ones.
    pub given_up: u64,
}

/// A place among the calls that are forwarded at the moment; given back when it is dropped.
pub struct Place {
    number: u64,
    /// Resolves when the place is needed for another call.
    wanted: oneshot::Receiver<()>,
    pending: Arc<Mutex<Pending<oneshot::Sender<()>>>>,
}

impl Forwarder {
    /// Nothing has been forwarded yet.
    pub fn new() -> Self {
        Self::with_rates(PER_CALLER.per_second, IN_ALL.per_second)
    }

    /// The same with so many calls in a second of each caller, and of all together.
    pub fn with_rates(per_caller: u32, in_all: u32) -> Self {
        let bounds = Bounds {
            per_source: PER_CALLER.scaled_to(per_caller),
            in_all: IN_ALL.scaled_to(in_all),
            rows: CALLERS,
        };
        Self {
            rates: Mutex::new(Rates::new(bounds, Instant::now())),
            pending: Arc::default(),
            counts: Mutex::default(),
        }
    }

    /// Finds a place for a call; `None` if it is being forwarded already, or if there were too many.
    ///
    /// Who is on this host has no bound of its own: it can call the service itself. When all places are
    /// taken the oldest call is given up: a service that answers has long done so.
    pub fn place(&self, asked: Asked, by_stranger: bool) -> Option<Place> {
        // Nothing is waited for between the two: no other call comes between.
        if lock(&self.pending).has(&asked) {
            lock(&self.counts).repeated += 1;
            return None;
        }
        let caller = by_stranger.then(|| asked.from.ip());
        if !lock(&self.rates).admit(caller, Instant::now()) {
            log::debug!("too many calls to forward for {}", asked.from);
            lock(&self.counts).too_many += 1;
            return None;
        }
        lock(&self.counts).called += 1;
        let (sender, wanted) = oneshot::channel();
        let number = lock(&self.pending).begin(asked, sender);
        Some(Place {
            number,
            wanted,
            pending: self.pending.clone(),
        })
    }

    /// What became of calls since the start.
    pub fn counts(&self) -> Counts {
        let given_up = lock(&self.pending).given_up();
        Counts {
            given_up,
            ..*lock(&self.counts)
        }
    }

    /// Calls that are at hand.
    pub fn in_flight(&self) -> usize {
        lock(&self.pending).len()
    }
}

impl Default for Forwarder {
    fn default() -> Self {
        Self::new()
    }
}

impl Place {
    /// Calls a service of this host in the name of the original caller; `None` if the place was needed for
    /// another call.
    ///
    /// It is called once: who is waiting asks again, not we.
    pub async fn call(
        mut self,
        service: SocketAddr,
        procedure: ProcedureId,
        args: Bytes,
        caller: Option<AuthsysParms>,
    ) -> Option<Result<Bytes, CallError>> {
        let netid = match service {
            SocketAddr::V4(_) => Netid::Udp,
            SocketAddr::V6(_) => Netid::Udp6,
        };
        let channel = Channel::builder(Target::from(service.ip()))
            .netid(netid)
            .retransmit(Retransmit::fixed(DEADLINE))
            .port(service.port());
        let auth: Arc<dyn ClientAuth> = match caller.map(|caller| AuthSys::new(&caller)) {
            None => Arc::new(AuthNone),
            Some(Ok(caller)) => Arc::new(caller),
            Some(Err(error)) => return Some(Err(error.into())),
        };
        let options = CallOptions::default().timeout(DEADLINE).auth(auth);
        tokio::select! {
            outcome = channel.call_raw(procedure, args, options) => Some(outcome),
            _ = &mut self.wanted => None,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        lock(&self.pending).end(self.number);
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Place({})", self.number)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic while it was open left it as it was: each change is one step.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
