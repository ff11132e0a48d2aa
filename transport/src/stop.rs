//! A server's wish that its connections end.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Waker};

use tokio::sync::watch;

/// Waits until the end is wanted, or whoever could want it is gone.
pub async fn stopped(stop: &mut watch::Receiver<bool>) {
    // Either outcome means the end; the guard that comes with one must not live on.
    let _ = stop.wait_for(|&stop| stop).await;
}

/// Ends when the end is wanted.
type Wake = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A server's wish that its connections end.
pub(crate) struct Stop {
    wanted: watch::Receiver<bool>,
    /// Wakes the driver's task, and the task that it wakes.
    wake: Option<(Wake, Waker)>,
}

impl Stop {
    pub(crate) fn new(mut wanted: watch::Receiver<bool>) -> Self {
        // What was said before counts, too.
        wanted.mark_changed();
        Self { wanted, wake: None }
    }

    /// Whether the end is wanted, since it was last asked; a read of memory that hardly ever changes.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> bool {
        let known = self.wake.as_ref();
        if known.is_none_or(|(_, waker)| !waker.will_wake(cx.waker())) {
            let mut wanted = self.wanted.clone();
            let mut wake: Wake = Box::pin(async move { stopped(&mut wanted).await });
            let _ = wake.as_mut().poll(cx);
            self.wake = Some((wake, cx.waker().clone()));
        }
        match self.wanted.has_changed() {
            Ok(false) => false,
            Ok(true) => *self.wanted.borrow_and_update(),
            Err(_) => true,
        }
    }
}

impl fmt::Debug for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.wanted.fmt(f)
    }
}
