//! Credentials: each is judged by its own bytes.

use std::sync::Arc;

use oncrpc::auth::MAX_AUTH_BODY;
use oncrpc::proto::rpc_msg::{AuthStat, AuthsysParms};
use oncrpc::{Call, Ladder, Refusal, Reply, Services, Session, service};
use oncrpc_xdr::{Bytes, Decode, Reader, Writer, to_bytes};

use crate::peers::{Answered, PROGRAM, answer, call_words, echo, nobody};

/// An AUTH_SYS credential is what it says or malformed, whatever came before it on the same connection.
pub fn sys(data: &[u8]) {
    let Some((cut, bodies)) = data.split_first() else {
        return;
    };
    let (first, second) = bodies.split_at(bodies.len().min(usize::from(*cut)));
    let (mut ladder, mut session) = (who_am_i(), Session::new(nobody()));
    for body in [first, second, second, first] {
        let expected = match AuthsysParms::decode(&mut Reader::new(body)) {
            Ok(parms) if body.len() <= MAX_AUTH_BODY as usize => {
                assert!(parms.machinename.as_bytes().len() <= 255 && parms.gids.len() <= 16);
                let encoded = to_bytes(&parms).unwrap_or_default();
                assert!((20..=body.len()).contains(&encoded.len()));
                Answered::Results(encoded)
            }
            _ => Answered::Refused(Refusal::Auth(AuthStat::Badcred)),
        };
        let call = call(SYS, body, NONE, &[]);
        assert_eq!(answer(&mut ladder, &mut session, &call), expected);
    }
}

/// A ladder whose one program answers as whom it was called.
fn who_am_i() -> Ladder {
    let service = service(PROGRAM, 1, &[], Arc::new(()), |_| {
        Box::new(|call: &Call<'_>, reply: &mut Reply<'_>| {
            let parms = call.context().auth_sys().map(to_bytes);
            reply.success_raw(&parms.and_then(Result::ok).unwrap_or_default())
        })
    });
    Ladder::new(Arc::new(Services::new([service])))
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
