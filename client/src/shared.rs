//! What the clones of a channel share: the connection, and the way to the next one.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use oncrpc::CallError;
use oncrpc_transport::Connection;
use oncrpc_transport::connection::random_xid;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::attempt::Attempt;
use crate::callbacks::Callbacks;
use crate::place::Place;
use crate::reach::reach;
use crate::settings::Settings;

/// What the clones of a channel share.
pub(crate) struct Shared {
    pub(crate) setup: Arc<Setup>,
    /// The same for calls that no datagram holds; made for the first of them, if at all.
    over_tcp: OnceLock<Option<Arc<Self>>>,
    state: Mutex<State>,
}

/// What a channel is told once.
pub(crate) struct Setup {
    pub(crate) place: Place,
    pub(crate) settings: Settings,
    pub(crate) callbacks: Option<Callbacks>,
}

#[derive(Default)]
struct State {
    stage: Stage,
    /// Attempts in a row that failed.
    failures: u32,
}

/// How far the channel is.
#[derive(Default)]
enum Stage {
    #[default]
    Idle,
    Connecting(Arc<Attempt>),
    Connected(Connection),
    /// The last attempt failed; the server is left alone for a while.
    Resting {
        until: Instant,
        error: CallError,
    },
}

/// What a call finds.
enum Found {
    Connection(Connection),
    Attempt(Arc<Attempt>),
    Rest { until: Instant, error: CallError },
}

impl Shared {
    pub(crate) fn new(place: Place, settings: Settings) -> Self {
        let setup = Setup {
            place,
            callbacks: Callbacks::new(&settings.services),
            settings,
        };
        Self {
            setup: Arc::new(setup),
            over_tcp: OnceLock::new(),
            state: Mutex::default(),
        }
    }

    /// The same with a connection that is there already, and that cannot be made again.
    pub(crate) fn given(
        settings: Settings,
        callbacks: Option<Callbacks>,
        connection: Connection,
    ) -> Self {
        let state = State {
            stage: Stage::Connected(connection),
            failures: 0,
        };
        let setup = Setup {
            place: Place::Unknown,
            settings,
            callbacks,
        };
        Self {
            setup: Arc::new(setup),
            over_tcp: OnceLock::new(),
            state: Mutex::new(state),
        }
    }

    /// The connection, if there is one.
    pub(crate) fn connected(&self) -> Option<Connection> {
        match &self.state().stage {
            Stage::Connected(connection) if !connection.is_ended() => Some(connection.clone()),
            _ => None,
        }
    }

    /// The connection, made if there is none.
    ///
    /// Where the channel waits for its server, attempts are made until there is a connection or the time is
    /// up. The last one's error then says more than that there was no time left.
    pub(crate) async fn connection(
        self: &Arc<Self>,
        deadline: Instant,
        timeout: Duration,
    ) -> Result<Connection, CallError> {
        let mut failed = None;
        loop {
            let error = match self.find() {
                Found::Connection(connection) => return Ok(connection),
                Found::Attempt(attempt) => match timeout_at(deadline, attempt.outcome()).await {
                    Ok(Ok(connection)) => return Ok(connection),
                    Ok(Err(error)) => error,
                    Err(_) => return Err(failed.unwrap_or_else(|| out_of_time(timeout))),
                },
                Found::Rest { until, error } if self.waits_after(&error) => {
                    sleep_until(until.min(deadline)).await;
                    error
                }
                Found::Rest { error, .. } => return Err(error),
            };
            if !self.waits_after(&error) || Instant::now() >= deadline {
                return Err(error);
            }
            failed = Some(error);
        }
    }

    /// Waits until there is no connection; ready at once where there is none.
    pub(crate) async fn disconnected(&self) {
        let connection = match &self.state().stage {
            Stage::Connected(connection) => Some(connection.clone()),
            Stage::Idle | Stage::Connecting(_) | Stage::Resting { .. } => None,
        };
        if let Some(connection) = connection {
            connection.ended().await;
        }
    }

    /// What a call is made by that no datagram holds, if it may be made otherwise.
    pub(crate) fn over_tcp(&self) -> Option<&Arc<Self>> {
        let over_tcp = self.over_tcp.get_or_init(|| {
            let Setup {
                place, settings, ..
            } = &*self.setup;
            if !settings.tcp_if_large {
                return None;
            }
            let settings = Settings {
                tcp_if_large: false,
                // The server calls back where it would without the large ones, which is nowhere.
                services: Vec::new(),
                ..settings.clone()
            };
            Some(Arc::new(Self::new(place.over_tcp()?, settings)))
        });
        over_tcp.as_ref()
    }

    /// Makes the next call connect, whatever became of the attempt before.
    pub(crate) fn end_rest(&self) {
        let mut state = self.state();
        if let Stage::Resting { .. } = state.stage {
            state.stage = Stage::Idle;
        }
    }

    /// Whether a call waits for another attempt after one that failed like this.
    fn waits_after(&self, error: &CallError) -> bool {
        self.setup.settings.wait_for_server && may_pass(error)
    }

    /// The connection, if it has not ended; otherwise the attempt to make one, started if there is none and the
    /// server is not to be left alone.
    fn find(self: &Arc<Self>) -> Found {
        let mut state = self.state();
        match &state.stage {
            Stage::Connected(connection) if !connection.is_ended() => {
                return Found::Connection(connection.clone());
            }
            Stage::Connecting(attempt) if attempt.is_under_way() => {
                return Found::Attempt(attempt.clone());
            }
            Stage::Resting { until, error } if Instant::now() < *until => {
                let (until, error) = (*until, error.clone());
                return Found::Rest { until, error };
            }
            _ => {}
        }
        // The attempt does not keep the channel alive: it ends with it.
        let (setup, shared) = (self.setup.clone(), Arc::downgrade(self));
        let attempt = Arc::new(Attempt::start(async move {
            let outcome = reach(&setup).await;
            if let Some(shared) = shared.upgrade() {
                shared.state().note(&outcome, &setup.settings);
            }
            outcome
        }));
        state.stage = Stage::Connecting(attempt.clone());
        Found::Attempt(attempt)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Notes what an attempt came to.
    fn note(&mut self, outcome: &Result<Connection, CallError>, settings: &Settings) {
        match outcome {
            Ok(connection) => {
                self.failures = 0;
                self.stage = Stage::Connected(connection.clone());
            }
            Err(error) => {
                self.failures = self.failures.saturating_add(1);
                let wait = settings.reconnect.wait(self.failures, random_xid());
                self.stage = Stage::Resting {
                    until: Instant::now() + wait,
                    error: error.clone(),
                };
            }
        }
    }
}

/// Whether time may heal what an attempt failed at.
fn may_pass(error: &CallError) -> bool {
    match error {
        CallError::Connect(error) => !matches!(
            error.kind(),
            io::ErrorKind::Unsupported
                | io::ErrorKind::InvalidInput
                | io::ErrorKind::PermissionDenied
        ),
        CallError::Lookup { error, .. } => may_pass(error),
        CallError::NotRegistered { .. }
        | CallError::TimedOut { .. }
        | CallError::Disconnected(_) => true,
        _ => false,
    }
}

fn out_of_time(after: Duration) -> CallError {
    CallError::TimedOut { after, sent: 0 }
}
