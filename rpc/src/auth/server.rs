//! How a server learns who calls.

use std::sync::Arc;

use oncrpc_xdr::{Decode, Reader};

use super::flavor;
use crate::message::CallHeader;
use crate::proto::rpc_msg::{AuthStat, AuthsysParms};

/// Who a caller is, or says it is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Identity {
    /// What an AUTH_SYS credential claims. A claim, never a proof: on a Unix socket believe
    /// [`Peer::unix`](crate::peer::Peer::unix) instead.
    Sys(AuthsysParms),
}

/// What the credential and verifier of a call are worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuthVerdict<'a> {
    /// The call goes on, in this name; `None` is nobody in particular. One that is the same as that of the call before
    /// is not counted again.
    Accept(Option<&'a Arc<Identity>>),
    /// The call is answered MSG_DENIED, AUTH_ERROR.
    Deny(AuthStat),
    /// The call is not answered at all.
    Drop,
}

/// Judges the credential and verifier of each call.
pub trait ServerAuth: Send + Sync + 'static {
    /// Judges one call. `cache` belongs to the connection the call came by.
    fn accept<'a>(&self, call: &CallHeader<'_>, cache: &'a mut AuthCache) -> AuthVerdict<'a>;
}

/// The last AUTH_SYS credential that a connection brought: nearly always the next one, too.
#[derive(Debug, Default)]
pub struct AuthCache {
    body: Vec<u8>,
    identity: Option<Arc<Identity>>,
}

/// Accepts AUTH_NONE and AUTH_SYS.
///
/// The body of an AUTH_NONE credential and every verifier are ignored, as libtirpc does: RFC 5531 §8.2
/// leaves them undefined and old clients send what was in their memory. Other flavors are answered
/// AUTH_REJECTEDCRED, which is also how a client that probes for TLS learns that there is none.
#[derive(Clone, Copy, Debug, Default)]
pub struct StandardAuth;

impl ServerAuth for StandardAuth {
    fn accept<'a>(&self, call: &CallHeader<'_>, cache: &'a mut AuthCache) -> AuthVerdict<'a> {
        match call.credential.flavor {
            flavor::NONE => AuthVerdict::Accept(None),
            flavor::SYS => match cache.identity(call.credential.body) {
                Some(identity) => AuthVerdict::Accept(Some(identity)),
                None => AuthVerdict::Deny(AuthStat::Badcred),
            },
            _ => AuthVerdict::Deny(AuthStat::Rejectedcred),
        }
    }
}

impl AuthCache {
    /// Who the body of an AUTH_SYS credential names; `None` if it is malformed.
    ///
    /// Bytes behind the last field are ignored, as libtirpc does.
    fn identity(&mut self, body: &[u8]) -> Option<&Arc<Identity>> {
        if self.identity.is_none() || self.body != body {
            self.read(body)?;
        }
        self.identity.as_ref()
    }

    /// Reads the body of an AUTH_SYS credential that is not that of the call before.
    #[cold]
    fn read(&mut self, body: &[u8]) -> Option<()> {
        let parms = AuthsysParms::decode(&mut Reader::new(body)).ok()?;
        self.body.clear();
        self.body.extend_from_slice(body);
        self.identity = Some(Arc::new(Identity::Sys(parms)));
        Some(())
    }
}
