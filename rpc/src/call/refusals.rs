//! Transmissions for which nobody listened.

use std::io;
use std::sync::Arc;

use crate::call::error::CallError;

/// What is known of the transmissions of one call for which nobody listened at the server's port.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    count: u32,
    /// Whether the last transmission is one of them.
    last: bool,
    /// Whether there was a time when all transmissions so far were.
    at_first: bool,
}

/// What to do about a refusal.
#[derive(Debug)]
pub(super) enum Verdict {
    /// The call goes on: the server was there before, and may come back.
    GoOn,
    /// The call is sent again soon: the server may just be started anew.
    SendAgain,
    /// The call ends.
    GiveUp(CallError),
}

impl Refusals {
    /// Takes note of a refusal, when the call has been sent `sent` times.
    pub(super) fn note(&mut self, sent: u32) -> Verdict {
        self.count = sent.min(self.count.saturating_add(1));
        self.last = true;
        self.at_first |= self.count == sent;
        match self.error(sent) {
            Some(_) if sent == 1 => Verdict::SendAgain,
            Some(error) if self.at_first => Verdict::GiveUp(error),
            _ => Verdict::GoOn,
        }
    }

    /// Takes note that the call is sent again.
    pub(super) fn resent(&mut self) {
        self.last = false;
    }

    /// Why a call that was sent `sent` times has no reply, if that is because nobody listens.
    pub(super) fn error(&self, sent: u32) -> Option<CallError> {
        let refused = || Arc::new(io::ErrorKind::ConnectionRefused.into());
        match self.last {
            false => None,
            true if self.count == sent => Some(CallError::Connect(refused())),
            // The server may have got one of the others; or the word of its refusal was lost.
            true => Some(CallError::Disconnected(refused())),
        }
    }
}
