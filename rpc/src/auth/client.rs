//! How a client says who it is.

use std::fmt;

use bytes::Bytes;
use oncrpc_xdr::{EncodeError, Writer, to_bytes};

use super::{AuthRef, flavor};
use crate::call::caller::ProcedureId;
use crate::call::carrier::Arguments;
use crate::call::error::CallError;
use crate::proto::rpc_msg::{AuthStat, AuthsysParms};

/// Writes the credential, verifier and arguments of each call, and opens each reply.
///
/// A call that is sent again is sealed again: a flavor with sequence numbers must not repeat one. So the
/// arguments that come here are never wrapped yet.
pub trait ClientAuth: Send + Sync + fmt::Debug {
    /// Writes credential, verifier and arguments behind the header of call `xid`, which `w` ends with. It is asked while the
    /// connection that sends the call is held, on which it must not call itself.
    ///
    /// Without a token there is nothing to check in the reply either: it is taken as it comes.
    fn seal(
        &self,
        xid: u32,
        id: ProcedureId,
        args: &dyn Arguments,
        w: &mut Writer,
    ) -> Result<Option<Token>, CallError>;

    /// Checks the verifier of a reply and unwraps its body; `sent` are the tokens of all transmissions, at least one.
    fn open(&self, sent: &[Token], verifier: AuthRef<'_>, body: Bytes) -> Result<Bytes, AuthError>;

    /// What to do when the server denied a call with AUTH_ERROR.
    fn refresh(&self, stat: AuthStat) -> Refresh;
}

/// What a flavor remembers of one transmission; AUTH_NONE and AUTH_SYS remember nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Token(
    /// The flavor's own, such as a sequence number.
    pub u64,
);

/// Whether a denied call is worth another try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refresh {
    /// No: the caller gets the refusal.
    GiveUp,
}

/// A call that cannot be sealed, or a reply that cannot be trusted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthError {
    /// The credential or verifier breaks its bound.
    #[error("the credential cannot be encoded: {0}")]
    Encode(#[from] EncodeError),
    /// The reply's verifier does not prove who answered.
    #[error("the reply's verifier is wrong")]
    BadVerifier,
}

/// `AUTH_NONE`: nobody in particular.
#[derive(Clone, Copy, Debug, Default)]
pub struct AuthNone;

/// Credential and verifier of `AUTH_NONE`: each a flavor and a length.
const NONE: [u8; 16] = [0; 16];

impl ClientAuth for AuthNone {
    fn seal(
        &self,
        _: u32,
        _: ProcedureId,
        args: &dyn Arguments,
        w: &mut Writer,
    ) -> Result<Option<Token>, CallError> {
        w.raw(&NONE);
        args.write(w)?;
        Ok(None)
    }

    fn open(&self, _: &[Token], _: AuthRef<'_>, body: Bytes) -> Result<Bytes, AuthError> {
        Ok(body)
    }

    fn refresh(&self, _: AuthStat) -> Refresh {
        Refresh::GiveUp
    }
}

/// `AUTH_SYS`: a host name, a user and groups, which the server may believe or not.
#[derive(Clone, Debug)]
pub struct AuthSys {
    /// Credential and verifier, as they stand in each call.
    encoded: Bytes,
}

impl AuthSys {
    /// A credential with these claims. RFC 5531 appendix A allows a name of 255 bytes and 16 groups.
    pub fn new(parms: &AuthsysParms) -> Result<Self, EncodeError> {
        let credential = AuthRef {
            flavor: flavor::SYS,
            body: &to_bytes(parms)?,
        };
        let mut w = Writer::new();
        credential.write(&mut w)?;
        AuthRef::NONE.write(&mut w)?;
        let encoded = w.into_bytes();
        Ok(Self { encoded })
    }
}

impl ClientAuth for AuthSys {
    fn seal(
        &self,
        _: u32,
        _: ProcedureId,
        args: &dyn Arguments,
        w: &mut Writer,
    ) -> Result<Option<Token>, CallError> {
        w.raw(&self.encoded);
        args.write(w)?;
        Ok(None)
    }

    /// Any verifier will do: RFC 5531 appendix A has the server send AUTH_NONE or AUTH_SHORT.
    fn open(&self, _: &[Token], _: AuthRef<'_>, body: Bytes) -> Result<Bytes, AuthError> {
        Ok(body)
    }

    fn refresh(&self, _: AuthStat) -> Refresh {
        Refresh::GiveUp
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_go_in_and_results_come_out_as_they_are() {
        let sys = AuthSys::new(&AuthsysParms::default()).unwrap();
        let verifier = AuthRef {
            flavor: flavor::SHORT,
            body: b"short",
        };
        let body = Bytes::from_static(b"results");
        let flavors: [&dyn ClientAuth; 2] = [&AuthNone, &sys];
        for auth in flavors {
            let opened = auth.open(&[], verifier, body.clone()).unwrap();
            assert_eq!(opened, body);
            assert_eq!(auth.refresh(AuthStat::Rejectedcred), Refresh::GiveUp);
            let (mut args, mut sealed) = (Writer::new(), Writer::new());
            args.u32(9);
            let id = ProcedureId {
                program: 1,
                version: 1,
                procedure: 1,
            };
            auth.seal(7, id, &args, &mut sealed).unwrap();
            let sealed = sealed.into_bytes();
            let (credential, behind) = AuthRef::split_first(&sealed).unwrap();
            let sent = (credential.flavor, credential.body.len());
            assert!([(flavor::NONE, 0), (flavor::SYS, 20)].contains(&sent));
            assert_eq!(behind, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9]);
        }
    }
}
