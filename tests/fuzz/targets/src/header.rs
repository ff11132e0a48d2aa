//! Headers, read in place, are what the generated types read.

use oncrpc::auth::{AuthRef, MAX_AUTH_BODY};
use oncrpc::message::{CallFault, CallHeader, RPC_VERSION, ReplyHeader};
use oncrpc::proto::rpc_msg::{
    AuthStat, OpaqueAuth, RejectedReply, ReplyBody, ReplyData, RpcMsg, RpcMsgBody,
};
use oncrpc::{Refusal, Session};
use oncrpc_xdr::{Bytes, Decode, Enumeration, Reader};

use crate::peers::{Answered, PROGRAM, answer, echo, nobody};

/// The header of a call is read as the type of RFC 5531 is, and answered in its order.
pub fn call(data: &[u8]) {
    let message = Bytes::copy_from_slice(data);
    let mut r = Reader::of(&message);
    let typed = RpcMsg::decode(&mut r);
    let parsed = CallHeader::parse(&message);
    match (&parsed, &typed) {
        (
            Ok(header),
            Ok(RpcMsg {
                xid,
                body: RpcMsgBody::Call(body),
            }),
        ) => {
            let id = header.procedure;
            assert_eq!(header.xid, *xid);
            assert_eq!(body.rpcvers, RPC_VERSION);
            let called = (id.program, id.version, id.procedure);
            assert_eq!(called, (body.prog, body.vers, body.proc));
            assert!(is(&header.credential, &body.cred));
            assert!(is(&header.verifier, &body.verf));
            assert_eq!(header.args(), r.offset());
            let verifier = 8 + header.verifier.body.len().next_multiple_of(4);
            assert_eq!(header.signed(), r.offset() - verifier);
        }
        (Ok(header), other) => panic!("{header:?} of {other:?}"),
        (
            Err(CallFault::RpcMismatch { .. }),
            Ok(RpcMsg {
                body: RpcMsgBody::Call(body),
                ..
            }),
        ) => {
            assert_ne!(body.rpcvers, RPC_VERSION);
        }
        (
            Err(_),
            Ok(RpcMsg {
                body: RpcMsgBody::Call(body),
                ..
            }),
        ) => panic!("{body:?} refused"),
        (Err(_), _) => {}
    }
    let answered = answer(&mut echo(), &mut Session::new(nobody()), &message);
    match parsed {
        Err(CallFault::NotACall) => assert_eq!(answered, Answered::Closed),
        Err(CallFault::RpcMismatch { .. }) => {
            let refusal = Refusal::RpcMismatch { low: 2, high: 2 };
            assert_eq!(answered, Answered::Refused(refusal));
        }
        Err(CallFault::Auth { stat, .. }) => {
            assert!(message.len() > MAX_AUTH_BODY as usize);
            assert!(matches!(stat, AuthStat::Badcred | AuthStat::Badverf));
            assert_eq!(answered, Answered::Refused(Refusal::Auth(stat)));
        }
        Ok(header) => match answered {
            Answered::Refused(Refusal::Auth(_)) => assert_ne!(header.credential.flavor, 0),
            Answered::Refused(Refusal::ProgUnavail) => {
                assert_ne!(header.procedure.program, PROGRAM);
            }
            Answered::Refused(Refusal::ProgMismatch { low: 1, high: 3 }) => {
                assert!(![1, 3].contains(&header.procedure.version));
            }
            Answered::Results(results) => assert_eq!(results, message[header.args()..]),
            other => panic!("{header:?} answered {other:?}"),
        },
    }
}

/// The header of a reply is read as the type of RFC 5531 is.
pub fn reply(data: &[u8]) {
    let message = Bytes::copy_from_slice(data);
    let mut r = Reader::of(&message);
    let typed = RpcMsg::decode(&mut r);
    let header = match (ReplyHeader::parse(&message), typed) {
        (
            Ok(header),
            Ok(RpcMsg {
                xid,
                body: RpcMsgBody::Reply(body),
            }),
        ) => {
            assert_eq!((header.xid, ReplyHeader::xid(&message)), (xid, Some(xid)));
            (header.outcome, body)
        }
        (
            Err(_),
            Err(_)
            | Ok(RpcMsg {
                body: RpcMsgBody::Call(_),
                ..
            }),
        ) => return,
        other => panic!("{other:?}"),
    };
    match header {
        (Ok(success), ReplyBody::Accepted(accepted)) => {
            assert_eq!(accepted.reply_data, ReplyData::Success);
            assert!(is(&success.verifier, &accepted.verf));
            assert_eq!(success.body, r.offset());
        }
        (Err(refusal), ReplyBody::Accepted(accepted)) => {
            let expected = match accepted.reply_data {
                ReplyData::ProgMismatch(range) => Refusal::ProgMismatch {
                    low: range.low,
                    high: range.high,
                },
                ReplyData::Default(stat) => match stat.value() {
                    1 => Refusal::ProgUnavail,
                    3 => Refusal::ProcUnavail,
                    4 => Refusal::GarbageArgs,
                    5 => Refusal::SystemErr,
                    other => Refusal::Unknown(other.cast_unsigned()),
                },
                ReplyData::Success => panic!("{refusal:?} of a success"),
            };
            assert_eq!(refusal, expected);
        }
        (Err(refusal), ReplyBody::Denied(RejectedReply::RpcMismatch(range))) => {
            let (low, high) = (range.low, range.high);
            assert_eq!(refusal, Refusal::RpcMismatch { low, high });
        }
        (Err(refusal), ReplyBody::Denied(RejectedReply::AuthError(stat))) => {
            assert_eq!(refusal, Refusal::Auth(stat));
        }
        other => panic!("{other:?}"),
    }
}

fn is(read: &AuthRef<'_>, typed: &OpaqueAuth) -> bool {
    read.flavor == typed.flavor.value().cast_unsigned() && read.body == &typed.body[..]
}
