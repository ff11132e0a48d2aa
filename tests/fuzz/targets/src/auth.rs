//! Credentials: each is judged by its own bytes.

use oncrpc::auth::{AuthCache, AuthVerdict, Identity, MAX_AUTH_BODY, ServerAuth, StandardAuth};
use oncrpc::message::CallHeader;
use oncrpc::proto::rpc_msg::{AuthStat, AuthsysParms};
use oncrpc::{Refusal, Session};
use oncrpc_xdr::{Bytes, Decode, Reader, Writer, to_bytes};

use crate::peers::{Answered, answer, call_words, echo, nobody};

/// An AUTH_SYS credential is what it says or malformed, whatever came before it on the same connection.
pub fn sys(data: &[u8]) {
    let Some((cut, bodies)) = data.split_first() else {
        return;
    };
    let (first, second) = bodies.split_at(bodies.len().min(usize::from(*cut)));
    let mut cache = AuthCache::default();
    for body in [first, second, second, first] {
        let call = call(SYS, body, NONE, &[]);
        let Ok(header) = CallHeader::parse(&call) else {
            assert!(body.len() > MAX_AUTH_BODY as usize);
            continue;
        };
        let expected = match AuthsysParms::decode(&mut Reader::new(body)) {
            Ok(parms) => {
                assert!(parms.machinename.as_bytes().len() <= 255 && parms.gids.len() <= 16);
                let encoded = to_bytes(&parms).map(|bytes| bytes.len());
                assert!(encoded.is_ok_and(|len| len <= body.len()));
                Some(Identity::Sys(parms))
            }
            Err(_) => None,
        };
        match StandardAuth.accept(&header, &mut cache) {
            AuthVerdict::Accept(identity) => {
                assert_eq!(identity.map(|identity| &**identity), expected.as_ref());
            }
            other => {
                assert_eq!(other, AuthVerdict::Deny(AuthStat::Badcred));
                assert_eq!(expected, None);
            }
        }
    }
}

/// Any credential and verifier are answered once: who is nobody or says who it is gets results.
pub fn other(data: &[u8]) {
    let Some((&[a, b, c, d, verifier, cut, more], bodies)) = data.split_first_chunk::<7>() else {
        return;
    };
    let flavor = u32::from_be_bytes([a, b, c, d]);
    let cut = usize::from(cut) + usize::from(more);
    let (credential, proof) = bodies.split_at(bodies.len().min(cut));
    let call = call(flavor, credential, u32::from(verifier), proof);
    let answered = answer(&mut echo(), &mut Session::new(nobody()), &call);
    let denied = |stat| Answered::Refused(Refusal::Auth(stat));
    let too_long = |body: &[u8]| body.len() > MAX_AUTH_BODY as usize;
    let expected = match flavor {
        _ if too_long(credential) => denied(AuthStat::Badcred),
        _ if too_long(proof) => denied(AuthStat::Badverf),
        NONE => Answered::Results(Bytes::new()),
        SYS if AuthsysParms::decode(&mut Reader::new(credential)).is_ok() => {
            Answered::Results(Bytes::new())
        }
        SYS => denied(AuthStat::Badcred),
        _ => denied(AuthStat::Rejectedcred),
    };
    assert_eq!(answered, expected);
}

const NONE: u32 = 0;
const SYS: u32 = 1;

/// A call without arguments, with credentials of any length.
fn call(flavor: u32, body: &[u8], verifier: u32, proof: &[u8]) -> Bytes {
    let mut w = Writer::new();
    w.raw(&call_words(7, 0));
    for (flavor, body) in [(flavor, body), (verifier, proof)] {
        w.u32(flavor);
        let written = w.opaque_borrowed(body, u32::MAX);
        assert!(written.is_ok(), "{written:?}");
    }
    w.into_bytes()
}
