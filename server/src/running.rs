//! A server at work, and its end.

use std::time::Duration;

use oncrpc_client::Mapping;
use oncrpc_transport::Stop;
use tokio::task::JoinSet;

use crate::gate::Door;
use crate::listen::Bound;
use crate::registered::Registered;

/// Longest time to wait for rpcbind at the end: a service that stays registered is found out by whoever calls it,
/// one that does not end holds up its host.
const UNREGISTER: Duration = Duration::from_secs(2);

/// A server at work.
///
/// Dropping it ends it: what is registered is unregistered, listeners are closed, calls at hand are given
/// up. [`shutdown`](Self::shutdown) does the same and waits for what is at hand.
#[derive(Debug)]
#[must_use = "dropping it ends the server"]
pub struct Running {
    bound: Vec<Bound>,
    door: Door,
    /// First to be dropped: nobody is to be sent to a door that is closed.
    registered: Option<Box<dyn Registered>>,
    stop: Stop,
    /// One for each listener or connection that was handed over; each ends with its last connection.
    tasks: JoinSet<()>,
}

impl Running {
    pub(crate) fn new(
        bound: Vec<Bound>,
        door: Door,
        registered: Option<Box<dyn Registered>>,
        stop: Stop,
        tasks: JoinSet<()>,
    ) -> Self {
        Self {
            bound,
            door,
            registered,
            stop,
            tasks,
        }
    }

    /// Where the server listens, in the order of its listeners.
    pub fn bound(&self) -> &[Bound] {
        &self.bound
    }

    /// What tells how many connections there are and were.
    pub fn door(&self) -> &Door {
        &self.door
    }

    /// What is registered with rpcbind, as far as is known.
    pub fn registered(&self) -> Vec<Mapping> {
        let registered = self.registered.iter();
        registered.flat_map(|there| there.mappings()).collect()
    }

    /// Waits until nothing is left to be served: every connection that was handed over has ended. A server with a
    /// listener never comes to that.
    ///
    /// It can be dropped and called again, so that a signal may come first.
    pub async fn finished(&mut self) {
        while self.tasks.join_next().await.is_some() {}
    }

    /// Ends the server gracefully, in this order:
    ///
    /// 1. It unregisters, so that nobody is sent to a door that is about to close. An rpcbind that does not answer
    ///    is given up after 2 s. Calls are answered as ever meanwhile.
    /// 2. It closes its listeners. Connections that were made and not accepted yet are accepted now, and have 100 ms for
    ///    their first call to arrive; where the listener was handed over ([`Listen::TcpListener`](crate::Listen)), they are
    ///    left to whoever else holds it.
    /// 3. It reads from connections what has arrived by then, and no more, and answers that for up to `grace`.
    /// 4. Each connection ends when its last reply is written; the file of a Unix socket goes with its listener.
    ///
    /// Gives back whether everything at hand was answered within `grace`; what was not is given up.
    pub async fn shutdown(mut self, grace: Duration) -> bool {
        if let Some(registered) = self.registered.take() {
            let unregistered = tokio::time::timeout(UNREGISTER, registered.unregister());
            if unregistered.await.is_err() {
                log::warn!("not unregistered: no answer within {UNREGISTER:?}");
            }
        }
        self.stop.stop();
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        tokio::time::timeout(grace, ended).await.is_ok()
    }
}
