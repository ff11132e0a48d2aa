//! The tries that a call has.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use oncrpc::CallError;
use oncrpc::call::carrier::Arguments;
use oncrpc::call::table::{Ended, NewCall};
use oncrpc_transport::Connection;
use oncrpc_transport::connection::random_xid;
use tokio::time::{Instant, sleep_until};

use crate::shared::Shared;

/// The tries that a call has within its time: a second one, if the connection had ended before the first could
/// be sent; as many as it takes, where the channel waits for its server; and one over TCP, if that is allowed, where
/// no datagram holds the call.
pub(crate) struct Tries<'a> {
    shared: &'a Arc<Shared>,
    deadline: Instant,
    timeout: Duration,
    /// Tries that were never sent.
    unsent: u32,
}

/// One try: on what connection, and how long it may take.
pub(crate) struct Try {
    pub(crate) connection: Connection,
    pub(crate) timeout: Duration,
}

impl<'a> Tries<'a> {
    /// The tries of a call whose time is `timeout` in all, and begins now if it is not known when it is up.
    pub(crate) fn new(
        shared: &'a Arc<Shared>,
        timeout: Duration,
        deadline: Option<Instant>,
    ) -> Self {
        Self {
            shared,
            deadline: deadline.unwrap_or_else(|| Instant::now() + timeout),
            timeout,
            unsent: 0,
        }
    }

    /// Makes a call of which the first try failed like this, or that has to be connected first.
    pub(crate) async fn carry(
        shared: &Arc<Shared>,
        call: &NewCall<'_, impl Arguments>,
        failed: Option<Box<Ended>>,
    ) -> Result<Bytes, CallError> {
        let deadline = failed.as_ref().and_then(|ended| ended.deadline);
        let mut tries = Tries::new(shared, call.timeout, deadline.map(Instant::from_std));
        let mut failed = failed.map(CallError::from);
        loop {
            if let Some(error) = failed
                && !tries.another(&error).await
            {
                return Err(error.in_all(call.timeout));
            }
            let Try {
                connection,
                timeout,
            } = tries.next().await?;
            let call = NewCall { timeout, ..*call };
            match connection.make(&call).await {
                Ok(body) => return Ok(body),
                Err(ended) => failed = Some(ended.error),
            }
        }
    }

    /// The next try.
    pub(crate) async fn next(&mut self) -> Result<Try, CallError> {
        let connection = self.shared.connection(self.deadline, self.timeout).await?;
        Ok(Try {
            connection,
            timeout: self.deadline.saturating_duration_since(Instant::now()),
        })
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
}
