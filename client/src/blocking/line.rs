//! The connection of a channel, made when it is needed.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use oncrpc::record::RecordLimits;
use oncrpc::{CallError, CallTable, Retransmit};

use super::connection::Connection;
use super::socket::Socket;
use crate::Endpoint;

/// Where a channel leads to, and its connection.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) endpoint: Endpoint,
    pub(super) terms: Terms,
    /// The last attempt to connect.
    attempt: Mutex<Option<Arc<Attempt>>>,
}

/// What holds for a connection as long as it lasts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    pub(super) retransmit: Retransmit,
    pub(super) limits: RecordLimits,
    pub(super) busy_poll: Duration,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            retransmit: Retransmit::default(),
            limits: RecordLimits::CLIENT,
            busy_poll: Duration::ZERO,
        }
    }
}

/// An attempt to connect, made by one thread for all that wait.
#[derive(Debug, Default)]
struct Attempt {
    outcome: Mutex<Outcome>,
    ended: Condvar,
}

#[derive(Clone, Debug, Default)]
enum Outcome {
    #[default]
    Pending,
    Connected(Arc<Connection>),
    Failed(Arc<io::Error>),
    /// The thread that made it had no more time; others may.
    OutOfTime,
}

impl Line {
    /// A line that is not connected yet.
    pub(super) fn new(endpoint: Endpoint, terms: Terms) -> Self {
        Self {
            endpoint,
            terms,
            attempt: Mutex::default(),
        }
    }

    /// The connection, made if there is none, by `deadline`; `timeout` is what the caller was given.
    pub(super) fn connection(
        &self,
        deadline: Instant,
        timeout: Duration,
    ) -> Result<Arc<Connection>, CallError> {
        loop {
            let (attempt, is_mine) = self.attempt();
            if is_mine {
                attempt.end(self.connect(deadline));
            }
            match attempt.outcome_by(deadline) {
                Outcome::Connected(connection) => return Ok(connection),
                Outcome::Failed(error) => return Err(CallError::Connect(error)),
                Outcome::OutOfTime if !is_mine => {}
                Outcome::OutOfTime | Outcome::Pending => {
                    let (after, sent) = (timeout, 0);
                    return Err(CallError::TimedOut { after, sent });
                }
            }
        }
    }

    /// The attempt that still goes on or has a connection to give; otherwise a new one, which the caller has to
    /// make.
    fn attempt(&self) -> (Arc<Attempt>, bool) {
        let mut last = self.attempt.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(attempt) = &*last
            && attempt.is_good()
        {
            return (attempt.clone(), false);
        }
        let attempt = Arc::new(Attempt::default());
        *last = Some(attempt.clone());
        (attempt, true)
    }

    fn connect(&self, deadline: Instant) -> Outcome {
        let left = deadline.saturating_duration_since(Instant::now());
        let Terms {
            retransmit,
            limits,
            busy_poll,
        } = self.terms;
        match Socket::connect(&self.endpoint, left.min(CONNECT_TIMEOUT), busy_poll) {
            Ok(socket) => {
                let table = CallTable::new((RandomState::new().hash_one(()) >> 32) as u32);
                let table = match socket.is_stream() {
                    true => table,
                    false => table.with_retransmit(retransmit),
                };
                let connection = Connection::new(socket, table, limits);
                Outcome::Connected(Arc::new(connection))
            }
            Err(error) if error.kind() == io::ErrorKind::TimedOut && left < CONNECT_TIMEOUT => {
                Outcome::OutOfTime
            }
            Err(error) => {
                let error = io::Error::new(error.kind(), format!("{}: {error}", self.endpoint));
                Outcome::Failed(Arc::new(error))
            }
        }
    }
}

impl Attempt {
    fn outcome(&self) -> MutexGuard<'_, Outcome> {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it may give a connection on which there will be more calls.
    fn is_good(&self) -> bool {
        match &*self.outcome() {
            Outcome::Pending => true,
            Outcome::Connected(connection) => !connection.is_over(),
            Outcome::Failed(_) | Outcome::OutOfTime => false,
        }
    }

    fn end(&self, outcome: Outcome) {
        *self.outcome() = outcome;
        self.ended.notify_all();
    }

    /// What it came to; pending if it still goes on at `deadline`.
    fn outcome_by(&self, deadline: Instant) -> Outcome {
        let mut outcome = self.outcome();
        loop {
            if !matches!(*outcome, Outcome::Pending) {
                return outcome.clone();
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Outcome::Pending;
            }
            let woken = self.ended.wait_timeout(outcome, left);
            outcome = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// Time that connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
