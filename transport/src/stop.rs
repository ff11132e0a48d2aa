//! A server's wish that its connections end.

use std::fmt;
use std::pin::Pin;
use std::task::Context;

use tokio::sync::watch;

/// Waits until the end is wanted, or whoever could want it is gone.
pub async fn stopped(stop: &mut watch::Receiver<bool>) {
    // Either outcome means the end; the guard that comes with one must not live on.
    let _ = stop.wait_for(|&stop| stop).await;
}

/// A server's wish that its connections end.
pub(crate) struct Stop {
    wanted: watch::Receiver<bool>,
    /// Wakes the driver's task; polled once, because the task never changes.
    wake: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Stop {
    pub(crate) fn new(wanted: watch::Receiver<bool>) -> Self {
        Self { wanted, wake: None }
    }

    /// Whether the end is wanted; a read of memory that hardly ever changes.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> bool {
        if self.wake.is_none() {
            let mut wanted = self.wanted.clone();
            let mut wake: Pin<Box<dyn Future<Output = ()> + Send>> =
                Box::pin(async move { stopped(&mut wanted).await });
            let _ = wake.as_mut().poll(cx);
            self.wake = Some(wake);
        }
        *self.wanted.borrow() || self.wanted.has_changed().is_err()
    }
}

impl fmt::Debug for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.wanted.fmt(f)
    }
}
