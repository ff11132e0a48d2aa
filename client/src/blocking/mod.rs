//! Calls without an async runtime, by the same generated clients.
//!
//! Calls through a [`Channel`] are made by the threads that ask for them: no other thread is started, and any number
//! share a connection. The methods of generated clients are `async` all the same; [`Wait::wait`] gives what they
//! come to.
//!
//! ```no_run
//! use oncrpc::netid::Netid;
//! use oncrpc::proto::portmap::pmapprog::{PROGRAM, v2};
//! use oncrpc_client::blocking::{Channel, Wait};
//!
//! let channel = Channel::find(&"localhost".parse()?, &Netid::Tcp, PROGRAM, v2::VERSION)?;
//! let portmap = v2::Client::new(channel);
//! println!("{:?}", portmap.dump().wait()?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod channel;
mod connection;
mod find;
mod input;
mod line;
mod output;
mod socket;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

pub use channel::Channel;

/// Waits for a future in the thread at hand.
pub trait Wait: Future + Sized {
    /// What the future comes to.
    ///
    /// A call through a [`Channel`] of this module is made in here. Any other future that something else
    /// drives may be waited for as well; in a task of an async runtime that would hold up the others.
    fn wait(self) -> Self::Output {
        let mut future = pin!(self);
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut cx = Context::from_waker(&waker);
        loop {
            if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
                return output;
            }
            thread::park();
        }
    }
}

impl<F: Future> Wait for F {}

/// Wakes a thread that waits.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
