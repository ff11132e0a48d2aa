//! One attempt to connect, for everybody who waits for it.

use std::io;
use std::sync::Arc;

use oncrpc::CallError;
use oncrpc_transport::Connection;
use tokio::sync::watch;

/// What an attempt came to.
type Outcome = Result<Connection, CallError>;

/// One attempt to connect, for everybody who waits for it: they get the same connection, or the same error.
///
/// It is a task of its own, so that it does not end with the call that was the first to want it, nor with the last:
/// calls that are given less time than connecting takes would start one after the other, and never get through.
/// It ends with the channel, which holds on to it.
#[derive(Debug)]
pub(crate) struct Attempt {
    outcome: watch::Receiver<Option<Outcome>>,
}

impl Attempt {
    pub(crate) fn start(connecting: impl Future<Output = Outcome> + Send + 'static) -> Self {
        let (sender, outcome) = watch::channel(None);
        tokio::spawn(async move {
            tokio::select! {
                connected = connecting => {
                    sender.send_replace(Some(connected));
                }
                () = sender.closed() => {}
            }
        });
        Self { outcome }
    }

    /// Whether there is still something to come of it: its runtime has not ended before it.
    pub(crate) fn is_under_way(&self) -> bool {
        self.outcome.has_changed().is_ok()
    }

    /// Waits for what it comes to.
    pub(crate) async fn outcome(&self) -> Outcome {
        let mut watched = self.outcome.clone();
        let outcome = watched.wait_for(Option::is_some).await;
        outcome
            .ok()
            .and_then(|outcome| outcome.clone())
            .unwrap_or_else(|| {
                let ended = "the task that was connecting was ended";
                let error = io::Error::new(io::ErrorKind::ConnectionAborted, ended);
                Err(CallError::Connect(Arc::new(error)))
            })
    }
}
