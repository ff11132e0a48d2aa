//! What a handler may know of its call.

use std::sync::Arc;

use crate::auth::Identity;
use crate::peer::Peer;
use crate::proto::rpc_msg::AuthsysParms;

/// What a handler may know of its call beside the arguments: who calls, from where, by which xid.
#[derive(Clone, Debug)]
pub struct CallContext {
    pub(crate) peer: Arc<Peer>,
    pub(crate) identity: Option<Arc<Identity>>,
    pub(crate) xid: u32,
}

impl CallContext {
    /// A call of `peer`; for tests of services without a server.
    pub fn new(peer: Arc<Peer>, identity: Option<Arc<Identity>>, xid: u32) -> Self {
        Self {
            peer,
            identity,
            xid,
        }
    }

    /// Where the call came from, and to which of our addresses.
    pub fn peer(&self) -> &Peer {
        &self.peer
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
}
