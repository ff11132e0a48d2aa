//! What a call came to, before it is wrapped for a transport.

use bytes::Bytes;
use oncrpc_xdr::Writer;

use crate::call::error::Refusal;
use crate::message::ReplyHeader;
use crate::record;
use crate::serve::reply::{Framing, Reject, Reply};
use crate::serve::step::{Answer, Step};

/// What a call came to, before it is wrapped for a transport.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answered {
    /// Results, encoded.
    Results(Bytes),
    /// A refusal.
    Refused(Refusal),
    /// No reply.
    Silent,
    /// No reply, and the end of the connection.
    Close,
}

impl Answered {
    /// Reads back the one reply that was written to `written`, for `framing`. The results are copied, so that
    /// they keep nothing but themselves in memory.
    pub fn read(written: &Writer, framing: Framing) -> Self {
        let mark = match framing {
            Framing::Record => record::MARK_LEN,
            Framing::Datagram { .. } => 0,
        };
        let mut chunks = written.chunks();
        // A header is written in one piece, with its mark.
        let first = chunks.next().and_then(|chunk| chunk.get(mark..));
        let first = first.unwrap_or_default();
        match ReplyHeader::parse(first).map(|header| header.outcome) {
            Ok(Ok(body)) => {
                let before = mark.saturating_add(body.body);
                let mut results = Vec::with_capacity(written.len().saturating_sub(before));
                results.extend_from_slice(first.get(body.body..).unwrap_or_default());
                chunks.for_each(|chunk| results.extend_from_slice(chunk));
                Self::Results(results.into())
            }
            Ok(Err(refusal)) => Self::Refused(refusal),
            Err(error) => {
                log::error!("a reply of our own cannot be read: {error}");
                Self::Refused(Refusal::SystemErr)
            }
        }
    }

    /// Reads back what took time.
    pub fn of(answer: &Answer, framing: Framing) -> Self {
        match answer {
            Answer::Reply(written) => Self::read(written, framing),
            Answer::Silent => Self::Silent,
            Answer::Close => Self::Close,
        }
    }

    /// The answer to call `xid` that it makes after some time.
    pub fn later(&self, framing: Framing, xid: u32) -> Answer {
        let mut out = Writer::new();
        match self.answer(&mut Reply::new(&mut out, framing, xid)) {
            Step::Done => Answer::Reply(out),
            Step::Silent | Step::Later(_) => Answer::Silent,
            Step::Close => Answer::Close,
        }
    }

    /// Answers with it.
    pub fn answer(&self, reply: &mut Reply<'_>) -> Step {
        match self {
            Self::Results(results) => reply.success_raw(results),
            Self::Refused(refusal) => reply.refuse(refusal),
            Self::Silent => Step::Silent,
            Self::Close => Step::Close,
        }
    }

    /// Bytes of results.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Results(results) => results.len(),
            Self::Refused(_) | Self::Silent | Self::Close => 0,
        }
    }

    /// Whether the call has been executed, or would come to the same if it were again.
    pub(crate) fn is_final(&self) -> bool {
        match self {
            Self::Refused(refusal) => !matches!(refusal, Refusal::SystemErr | Refusal::Auth(_)),
            Self::Results(_) | Self::Silent => true,
            Self::Close => false,
        }
    }
}

impl From<Reject> for Answered {
    fn from(reject: Reject) -> Self {
        Self::Refused(match reject {
            Reject::ProcUnavail => Refusal::ProcUnavail,
            Reject::GarbageArgs => Refusal::GarbageArgs,
            Reject::SystemErr => Refusal::SystemErr,
            Reject::Auth(stat) => Refusal::Auth(stat),
            Reject::ProgUnavail => Refusal::ProgUnavail,
            Reject::ProgMismatch { low, high } => Refusal::ProgMismatch { low, high },
            Reject::Silent => return Self::Silent,
            Reject::Close => return Self::Close,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::rpc_msg::AuthStat;

    const FRAMINGS: [Framing; 2] = [Framing::Record, Framing::Datagram { max: 100 }];

    /// Writes a reply and reads it back.
    fn read(framing: Framing, write: impl FnOnce(&mut Reply<'_>) -> Step) -> Answered {
        let mut written = Writer::new();
        let _ = write(&mut Reply::new(&mut written, framing, 7));
        Answered::read(&written, framing)
    }

    #[test]
    fn what_is_said_again_is_what_was_said() {
        let mismatch = Refusal::ProgMismatch { low: 2, high: 4 };
        for framing in FRAMINGS {
            for answered in [
                Answered::Results(Bytes::new()),
                Answered::Results(Bytes::from_static(&[1, 2, 3, 4])),
                Answered::Refused(Refusal::GarbageArgs),
                Answered::Refused(mismatch),
                Answered::Refused(Refusal::Auth(AuthStat::Tooweak)),
            ] {
                let again = read(framing, |reply| answered.answer(reply));
                assert_eq!(again, answered);
            }
        }
    }

    #[test]
    fn results_in_several_pieces_are_read_in_one() {
        let large = Bytes::from(vec![3; 2 * Writer::CHAIN_FROM]);
        let results = read(Framing::Record, |reply| {
            reply.success::<(oncrpc_xdr::wire::Opaque<{ u32::MAX }>, u32)>(&(large.clone(), 5))
        });
        let Answered::Results(results) = results else {
            panic!("{results:?}");
        };
        assert_eq!(results.len(), 4 + large.len() + 4);
        assert_eq!(results[4..4 + large.len()], large);
    }

    #[test]
    fn what_is_too_long_for_one_datagram_may_be_said_in_another_framing() {
        let results = Answered::Results(vec![0; 200].into());
        let refused = Answered::Refused(Refusal::SystemErr);
        assert_eq!(read(FRAMINGS[1], |reply| results.answer(reply)), refused);
        assert_eq!(read(FRAMINGS[0], |reply| results.answer(reply)), results);
    }

    #[test]
    fn only_what_a_call_came_to_for_good_is_final() {
        let refused = |refusal| Answered::Refused(refusal).is_final();
        assert!(Answered::Results(Bytes::new()).is_final());
        assert!(Answered::Silent.is_final());
        assert!(refused(Refusal::GarbageArgs));
        assert!(!refused(Refusal::SystemErr));
        assert!(!refused(Refusal::Auth(AuthStat::Tooweak)));
        assert!(!Answered::Close.is_final());
    }
}
