//! A server at work, and its end.

use std::time::Duration;

use oncrpc_client::{Mapping, Registration};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::listen::Bound;

/// A server at work.
///
/// Dropping it ends it: what is registered is unregistered, listeners are closed, calls at hand are given
/// up. [`shutdown`](Self::shutdown) does the same and waits for what is at hand.
#[derive(Debug)]
#[must_use = "dropping it ends the server"]
pub struct Running {
    bound: Vec<Bound>,
    /// First to be dropped: nobody is to be sent to a door that is closed.
    registration: Option<Registration>,
    stop: watch::Sender<bool>,
    /// One for each listener; each ends with its last connection.
    tasks: JoinSet<()>,
}

impl Running {
    pub(crate) fn new(
        bound: Vec<Bound>,
        registration: Option<Registration>,
        stop: watch::Sender<bool>,
        tasks: JoinSet<()>,
    ) -> Self {
        Self {
            bound,
            registration,
            stop,
            tasks,
        }
    }

    /// Where the server listens, in the order of its listeners.
    pub fn bound(&self) -> &[Bound] {
        &self.bound
    }

    /// What is registered with rpcbind, as far as is known.
    pub fn registered(&self) -> Vec<Mapping> {
        self.registration
            .as_ref()
            .map(Registration::mappings)
            .unwrap_or_default()
    }

    /// Ends the server gracefully: unregisters, accepts and reads no more, answers the calls at hand.
    ///
    /// Gives back whether everything at hand was answered within `grace`; what was not is given up.
    pub async fn shutdown(mut self, grace: Duration) -> bool {
        let registration = self.registration.take();
        let ended = async {
            if let Some(registration) = registration {
                registration.unregister().await;
            }
            self.stop.send_replace(true);
            while self.tasks.join_next().await.is_some() {}
        };
        tokio::time::timeout(grace, ended).await.is_ok()
    }
}
