//! The way back along a connection: calls to whoever calls us.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;

use crate::call::caller::{CallOptions, ProcedureId, RawCaller};
use crate::call::carrier::{Arguments, Carrier};
use crate::call::error::CallError;
use crate::peer::Peer;

/// The way back along the connection that a call came by; what drivers give to [`Origin`].
pub trait Reverse: Send + Sync {
    /// What calls the peer's own programs on this connection.
    fn caller(&self) -> Arc<dyn RawCaller>;

    /// Ends when nothing more comes from the peer.
    fn gone(&self) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// Where calls come from: the peer, whether they were for us alone, and the way back to the peer where a
/// connection leads there.
pub struct Origin {
    peer: Peer,
    for_many: bool,
    reverse: Option<Arc<dyn Reverse>>,
}

impl Origin {
    /// A peer that cannot be called, such as the sender of a datagram.
    pub fn new(peer: Peer) -> Self {
        Self {
            peer,
            for_many: false,
            reverse: None,
        }
    }

    /// The same peer, whose datagrams went to everybody on a network, or in a group.
    #[must_use]
    pub fn for_many(self) -> Self {
        Self {
            for_many: true,
            ..self
        }
    }

    /// The same peer, at the other end of a connection that carries calls both ways.
    #[must_use]
    pub fn with_reverse(self, reverse: Arc<dyn Reverse>) -> Self {
        Self {
            reverse: Some(reverse),
            ..self
        }
    }

    /// Who it is.
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// Whether its calls went to others as well: to a group, or to all of a network.
    pub fn is_for_many(&self) -> bool {
        self.for_many
    }

    /// Whether it is the same peer, neither of whom can be called.
    pub fn is_as(&self, other: &Self) -> bool {
        let cannot_be_called = self.reverse.is_none() && other.reverse.is_none();
        cannot_be_called && (&self.peer, self.for_many) == (&other.peer, other.for_many)
    }

    pub(crate) fn reverse(&self) -> Option<&Arc<dyn Reverse>> {
        self.reverse.as_ref()
    }
}

impl From<Peer> for Origin {
    fn from(peer: Peer) -> Self {
        Self::new(peer)
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Origin({})", self.peer)
    }
}

/// Calls the programs that a client serves on its own connection: callbacks.
///
/// A handler has it of [`CallContext::reverse`](crate::CallContext::reverse) and may keep it, to call for as long
/// as the connection lasts; after that every call fails. It is cheap to clone, and takes generated clients
/// (`Client::new(reverse)`) as any [`Caller`](crate::Caller) does.
#[derive(Clone)]
pub struct ReverseCaller {
    caller: Arc<dyn RawCaller>,
    reverse: Arc<dyn Reverse>,
}

impl ReverseCaller {
    pub(crate) fn new(reverse: Arc<dyn Reverse>) -> Self {
        let caller = reverse.caller();
        Self { caller, reverse }
    }

    /// Ends when nothing more comes from the peer: whoever keeps it for later learns by this that it is over.
    pub async fn gone(&self) {
        self.reverse.gone().await;
    }
}

impl Carrier for ReverseCaller {
    async fn carry(
        &self,
        id: ProcedureId,
        args: &impl Arguments,
        options: &CallOptions,
    ) -> Result<Bytes, CallError> {
        let args = args.to_bytes()?;
        self.caller.call_raw(id, args, options.clone()).await
    }

    async fn carry_one_way(
        &self,
        id: ProcedureId,
        args: &impl Arguments,
        options: &CallOptions,
    ) -> Result<(), CallError> {
        let args = args.to_bytes()?;
        self.caller.send_raw(id, args, options.clone()).await
    }
}

impl fmt::Debug for ReverseCaller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReverseCaller")
    }
}
