//! What is kept of a peer between its calls.

use std::sync::Arc;

use crate::auth::Identity;
use crate::serve::context::CallContext;
use crate::serve::reverse::Origin;

/// Bytes of the shortest credential and verifier: two flavors, and two lengths that are zero.
const LEAST_AUTH: usize = 16;

/// What is kept of a peer between its calls.
#[derive(Debug)]
pub struct Session {
    /// That of the call at hand, and of the last one when there is none.
    pub(crate) context: CallContext,
    /// The credential and verifier by which the last call was let in, as they stand in it; empty if that says nothing
    /// about other calls.
    auth: Vec<u8>,
}

impl Session {
    /// A peer that has not called yet.
    pub fn new(origin: impl Into<Origin>) -> Self {
        Self {
            context: CallContext::new(origin, None, 0),
            auth: Vec::new(),
        }
    }

    /// Makes it that of another peer, at no cost unless somebody still holds on to where the last call came from. What
    /// was learned of credentials holds for every peer.
    pub fn pass_to(&mut self, origin: Origin) {
        match Arc::get_mut(&mut self.context.origin) {
            Some(last) => *last = origin,
            None => self.context.origin = Arc::new(origin),
        }
    }

    /// Where its calls come from.
    pub fn origin(&self) -> &Arc<Origin> {
        &self.context.origin
    }

    /// How many bytes the credential and verifier have that stand at the front of these, if a call with the same ones
    /// was let in before: this one is, too, in the same name.
    ///
    /// Nearly all calls of a peer are alike, and to compare is less than to read and judge. Those of AUTH_NONE are compared
    /// in place; a call of `memcmp` would cost three times as much.
    #[inline]
    pub(crate) fn lets_in(&self, auth_and_args: &[u8]) -> Option<usize> {
        let is_known = match <&[u8; LEAST_AUTH]>::try_from(self.auth.as_slice()) {
            Ok(known) => auth_and_args.first_chunk() == Some(known),
            Err(_) => !self.auth.is_empty() && auth_and_args.starts_with(&self.auth),
        };
        is_known.then_some(self.auth.len())
    }

    /// Takes note of a call that was let in: in whose name, and by which credential and verifier, if those let in every
    /// call that comes with them.
    pub(crate) fn let_in(&mut self, identity: Option<Arc<Identity>>, auth: Option<&[u8]>) {
        self.context.identity = identity;
        self.auth.clear();
        self.auth.extend_from_slice(auth.unwrap_or_default());
    }
}
