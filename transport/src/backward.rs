//! The way back along a connection that serves.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Waker;

use oncrpc::{RawCaller, Reverse};

use crate::calls::{Calls, Driven};
use crate::connection::Handle;
use crate::{Connection, Limits, Stop};

/// The way back along a connection that serves: what its handlers share with its driver.
///
/// Calls back need a call table, which most connections never do: it is made when it is first asked for, and
/// the driver finds it at its next turn.
pub(crate) struct Backward {
    state: Mutex<State>,
    /// Whether there is something for the driver to attach.
    made: AtomicBool,
    limits: Arc<Limits>,
}

struct State {
    way: Way,
    /// Made, and not attached yet.
    detached: Option<Arc<Calls>>,
    driver: Option<Waker>,
    ended: bool,
    /// What tells those who wait for it that nothing more comes from the peer; nobody waits on most connections.
    gone: Option<Stop>,
    is_gone: bool,
}

/// Who makes the calls.
enum Way {
    /// Nobody yet.
    Unused,
    /// A connection made for it, which lasts as long as its driver.
    Made(Connection),
    /// Whoever calls on this connection anyhow, who decides how long it lasts.
    Shared(Weak<Handle>),
}

impl Backward {
    /// The way back from an end that calls through `handle` as well, or else has not called yet.
    pub(crate) fn new(handle: Option<Weak<Handle>>, limits: Arc<Limits>) -> Self {
        let state = State {
            way: handle.map_or(Way::Unused, Way::Shared),
            detached: None,
            driver: None,
            ended: false,
            gone: None,
            is_gone: false,
        };
        Self {
            state: Mutex::new(state),
            made: AtomicBool::new(false),
            limits,
        }
    }

    /// Whether there is something for the driver to carry.
    pub(crate) fn is_made(&self) -> bool {
        self.made.load(Ordering::Acquire)
    }

    /// What the driver has to carry, if that was made since it last asked.
    pub(crate) fn attach(&self) -> Option<Driven> {
        if !self.is_made() {
            return None;
        }
        self.made.store(false, Ordering::Relaxed);
        self.state().detached.take().map(Driven::new)
    }

    /// Remembers whom to wake when there is something to carry.
    pub(crate) fn register(&self, task: &Waker) {
        self.state().driver = Some(task.clone());
    }

    /// Says that nothing more comes from the peer.
    pub(crate) fn peer_gone(&self) {
        let mut state = self.state();
        state.is_gone = true;
        let gone = state.gone.take();
        drop(state);
        // That is what tells it.
        drop(gone);
    }

    /// Says that the connection has ended.
    pub(crate) fn end(&self) {
        self.peer_gone();
        let mut state = self.state();
        state.ended = true;
        // It would keep the memory of the driver's task for as long as anybody remembers this peer.
        state.driver = None;
        // Nobody will carry it.
        drop(state.detached.take().map(Driven::new));
    }

    fn connection(&self) -> Connection {
        let mut state = self.state();
        match &state.way {
            Way::Made(connection) => return connection.clone(),
            Way::Shared(handle) => {
                if let Some(connection) = Connection::upgrade(handle) {
                    return connection;
                }
            }
            Way::Unused if !state.ended => {
                let (connection, calls) = Connection::detached(&self.limits);
                state.way = Way::Made(connection.clone());
                state.detached = Some(calls);
                self.made.store(true, Ordering::Release);
                let driver = state.driver.take();
                drop(state);
                driver.into_iter().for_each(Waker::wake);
                return connection;
            }
            Way::Unused => {}
        }
        let (connection, calls) = Connection::detached(&self.limits);
        let ended = "the connection has ended";
        calls.end(&Err(io::Error::new(io::ErrorKind::NotConnected, ended)));
        connection
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reverse for Backward {
    fn caller(&self) -> Arc<dyn RawCaller> {
        Arc::new(self.connection())
    }

    fn gone(&self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let mut state = self.state();
        let gone = match state.is_gone {
            true => Stop::new().subscribe(),
            false => state.gone.get_or_insert_default().subscribe(),
        };
        Box::pin(gone)
    }
}

impl fmt::Debug for Backward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Backward")
    }
}
