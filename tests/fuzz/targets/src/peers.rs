//! A server without a socket: calls go up the ladder, replies are read.

use std::sync::Arc;

use oncrpc::message::ReplyHeader;
use oncrpc::netid::Netid;
use oncrpc::peer::Peer;
use oncrpc::{Call, Framing, Ladder, Refusal, Reply, Services, Session, Step, service};
use oncrpc_xdr::{Bytes, Writer};

/// The program that is called.
pub(crate) const PROGRAM: u32 = 0x2000_0001;

/// Whom nothing is known of.
pub(crate) fn nobody() -> Peer {
    Peer::local(Netid::Local)
}

/// A ladder whose one program, in versions 1 and 3, gives arguments back.
pub(crate) fn echo() -> Ladder {
    let version = |version| {
        service(PROGRAM, version, &[], Arc::new(()), |_| {
            Box::new(|call: &Call<'_>, reply: &mut Reply<'_>| reply.success_raw(&call.raw_args()))
        })
    };
    Ladder::new(Arc::new(Services::new([version(1), version(3)])))
}

/// A call behind which the credential stands, and the rest.
pub(crate) fn call_words(xid: u32, procedure: u32) -> Vec<u8> {
    let words = [xid, 0, 2, PROGRAM, 1, procedure];
    words.map(u32::to_be_bytes).concat()
}

/// What became of a call.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answered {
    Results(Bytes),
    Refused(Refusal),
    /// The connection would end.
    Closed,
}

/// Takes a message up the ladder: the answer is one well-formed reply to its xid, or the end.
pub(crate) fn answer(ladder: &mut Ladder, session: &mut Session, message: &Bytes) -> Answered {
    let mut out = Writer::new();
    let framing = Framing::Datagram { max: usize::MAX };
    match ladder.answer(session, message, framing, &mut out) {
        Step::Done => {}
        Step::Close => {
            assert!(out.is_empty());
            return Answered::Closed;
        }
        other => panic!("{other:?}"),
    }
    let reply = out.into_bytes();
    let header = ReplyHeader::parse(&reply).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(header.xid.to_be_bytes(), message[..4]);
    match header.outcome {
        Ok(body) => Answered::Results(reply.slice(body.body..)),
        Err(refusal) => Answered::Refused(refusal),
    }
}
