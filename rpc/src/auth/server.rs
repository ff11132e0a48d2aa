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
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuthVerdict {
    /// The call goes on, in this name; `None` is nobody in particular.
    Accept(Option<Arc<Identity>>),
    /// The call is answered MSG_DENIED, AUTH_ERROR.
    Deny(AuthStat),
    /// The call is not answered at all.
    Drop,
}

/// Judges the credential and verifier of each call.
pub trait ServerAuth: Send + Sync + 'static {
    /// Judges one call.
    fn accept(&self, call: &CallHeader<'_>) -> AuthVerdict;

    /// Whether the same credential and verifier are accepted in the same name whenever they come, so that this need not
    /// be asked again by a peer whose calls are alike. Of a judge that counts, or whose mind may change, it is not so.
    fn is_constant(&self) -> bool {
        false
    }
}

/// Accepts AUTH_NONE and AUTH_SYS.
///
/// The body of an AUTH_NONE credential and every verifier are ignored, as libtirpc does: RFC 5531 §8.2
/// leaves them undefined and old clients send what was in their memory. Other flavors are answered
/// AUTH_REJECTEDCRED, which is also how a client that probes for TLS learns that there is none.
#[derive(Clone, Copy, Debug, Default)]
pub struct StandardAuth;

impl ServerAuth for StandardAuth {
    fn accept(&self, call: &CallHeader<'_>) -> AuthVerdict {
        match call.credential.flavor {
            flavor::NONE => AuthVerdict::Accept(None),
            flavor::SYS => match sys(call.credential.body) {
                Some(identity) => AuthVerdict::Accept(Some(Arc::new(identity))),
                None => AuthVerdict::Deny(AuthStat::Badcred),
            },
            _ => AuthVerdict::Deny(AuthStat::Rejectedcred),
        }
    }

    fn is_constant(&self) -> bool {
        true
    }
}

/// Who the body of an AUTH_SYS credential names; `None` if it is malformed.
///
/// Bytes behind the last field are ignored, as libtirpc does.
fn sys(body: &[u8]) -> Option<Identity> {
    let parms = AuthsysParms::decode(&mut Reader::new(body)).ok()?;
    Some(Identity::Sys(parms))
}
