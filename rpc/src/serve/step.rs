//! What became of a call.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use oncrpc_xdr::Writer;

/// What became of a call.
#[must_use = "an answer that takes time has to be waited for"]
pub enum Step {
    /// The reply is written.
    Done,
    /// There is none.
    Silent,
    /// There is none, and the connection ends.
    Close,
    /// It takes time: this future comes to it.
    Later(Pin<Box<dyn Future<Output = Answer> + Send>>),
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Done => "Done",
            Self::Silent => "Silent",
            Self::Close => "Close",
            Self::Later(_) => "Later",
        })
    }
}

/// What became of a call that took time.
#[derive(Debug)]
pub enum Answer {
    /// The reply, framed.
    Reply(Writer),
    /// There is none.
    Silent,
    /// There is none, and the connection ends.
    Close,
}
