//! The tries that a call has.

use std::sync::Arc;
use std::time::Duration;

use oncrpc::{CallError, CallOptions};
use oncrpc_transport::Connection;
use oncrpc_transport::connection::random_xid;
use tokio::time::{Instant, sleep_until};

use crate::shared::Shared;

/// The tries that a call has within its time: a second one, if the connection had ended before the first could
/// be sent; as many as it takes, where the channel waits for its server; and one over TCP, if that is allowed, where
/// no datagram holds the call.
pub(crate) struct Tries<'a> {
    shared: &'a Arc<Shared>,
    options: CallOptions,
    timeout: Duration,
    deadline: Instant,
    /// Tries that were never sent.
    unsent: u32,
    /// None of the time has passed yet.
    fresh: bool,
}

impl<'a> Tries<'a> {
    pub(crate) fn new(shared: &'a Arc<Shared>, options: &CallOptions) -> Self {
        let timeout = options.timeout_or(shared.setup.settings.timeout);
        Self {
            shared,
            options: options.clone(),
            timeout,
            deadline: Instant::now() + timeout,
            unsent: 0,
            fresh: true,
        }
    }

    /// A connection for the next try, and how to call on it.
    pub(crate) async fn next(&mut self) -> Result<(Connection, &CallOptions), CallError> {
        if std::mem::take(&mut self.fresh)
            && let Some(connection) = self.shared.connected()
        {
            self.options.timeout = Some(self.timeout);
            return Ok((connection, &self.options));
        }
        let connection = self.shared.connection(self.deadline, self.timeout).await?;
        self.options.timeout = Some(self.deadline.saturating_duration_since(Instant::now()));
        Ok((connection, &self.options))
    }

    /// Whether a call that failed is worth another try; waits until it is time for it.
    pub(crate) async fn another(&mut self, error: &CallError) -> bool {
        if let (CallError::TooLarge { .. }, Some(over_tcp)) = (error, self.shared.over_tcp()) {
            self.shared = over_tcp;
            self.unsent = 0;
            return true;
        }
        let in_time = Instant::now() < self.deadline;
        if !in_time || !matches!(error, CallError::Connect(_)) {
            return false;
        }
        self.unsent += 1;
        if self.unsent == 1 {
            return true;
        }
        let settings = &self.shared.setup.settings;
        if !settings.wait_for_server {
            return false;
        }
        // The server takes connections and closes them at once: that is no reason to make more of them.
        let wait = settings.reconnect.wait(self.unsent - 1, random_xid());
        sleep_until(self.deadline.min(Instant::now() + wait)).await;
        Instant::now() < self.deadline
    }

    /// The error as the caller sees it, who knows nothing of tries.
    pub(crate) fn whole(&self, error: CallError) -> CallError {
        error.in_all(self.timeout)
    }
}
