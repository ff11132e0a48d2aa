//! What a handler may know of its call.

use std::sync::Arc;

use crate::auth::Identity;
use crate::peer::Peer;
use crate::proto::rpc_msg::AuthsysParms;
use crate::serve::reverse::{Origin, ReverseCaller};

/// What a handler may know of its call beside the arguments: who calls, from where, by which xid.
#[derive(Clone, Debug)]
pub struct CallContext {
    pub(crate) origin: Arc<Origin>,
    pub(crate) identity: Option<Arc<Identity>>,
    pub(crate) xid: u32,
}

impl CallContext {
    /// A call from `origin`, which may be just a [`Peer`]; for tests of services without a server.
    pub fn new(origin: impl Into<Origin>, identity: Option<Arc<Identity>>, xid: u32) -> Self {
        Self {
            origin: Arc::new(origin.into()),
            identity,
            xid,
        }
    }

    /// Makes this one like `other`, which mostly is of the same peer, whose references need not be counted again.
    #[inline]
    pub(crate) fn become_like(&mut self, other: &Self) {
        if !Arc::ptr_eq(&self.origin, &other.origin) {
            self.origin.clone_from(&other.origin);
        }
        if self.identity.as_ref().map(Arc::as_ptr) != other.identity.as_ref().map(Arc::as_ptr) {
            self.identity.clone_from(&other.identity);
        }
        self.xid = other.xid;
    }

    /// Where the call came from, and to which of our addresses.
    pub fn peer(&self) -> &Peer {
        self.origin.peer()
    }

    /// Whether the call went to others as well: to a group, or to all of a network. Who has nothing to say to it had
    /// better be silent ([`Reject::Silent`](crate::Reject::Silent)), since all the others may have nothing to say, too.
    pub fn is_for_many(&self) -> bool {
        self.origin.is_for_many()
    }

    /// Who the credential names; `None` for AUTH_NONE.
    pub fn identity(&self) -> Option<&Identity> {
        self.identity.as_deref()
    }

    /// What an AUTH_SYS credential claims, if there is one.
    pub fn auth_sys(&self) -> Option<&AuthsysParms> {
        match self.identity()? {
            Identity::Sys(parms) => Some(parms),
        }
    }

    /// The caller's name for this call; the same for each of its transmissions.
    pub fn xid(&self) -> u32 {
        self.xid
    }

    /// The way back: calls the programs that the caller itself serves on this connection. `None` for datagrams.
    ///
    /// A caller that serves nothing refuses these calls, or does not answer them: a
    /// [`timeout`](crate::CallOptions::timeout) is in order. Calls both ways go on at once, so a handler may wait
    /// for what it asks its caller. What is kept of it outlives the handler, not the connection.
    pub fn reverse(&self) -> Option<ReverseCaller> {
        self.origin.reverse().cloned().map(ReverseCaller::new)
    }

    /// Ends when nothing more comes from the caller: it has closed its end, or the connection is lost. It never
    /// ends for datagrams, of whose senders nobody knows.
    ///
    /// A handler that nobody may be waiting for can give up by it. When the connection itself has ended, which
    /// for a lost one is at once, handlers are given up where they wait, whether they look at this or not (those
    /// alone go on whose calls are remembered for when they come again). A caller that has closed no more than its
    /// sending end still reads replies, so what has begun to change things should come to its end.
    pub async fn gone(&self) {
        match self.origin.reverse() {
            Some(reverse) => reverse.gone().await,
            None => std::future::pending().await,
        }
    }
}
