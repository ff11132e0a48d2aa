//! The headers of calls and replies: [RFC 5531 §9](https://www.rfc-editor.org/rfc/rfc5531#section-9).
//!
//! [`proto::rpc_msg`](crate::proto::rpc_msg) has the same as types. What stands here reads a header in
//! place, without an allocation, and writes the few headers that there are.

use std::ops::{Deref, Range};

use bytes::Bytes;
use oncrpc_xdr::{DecodeError, Enumeration, Reader, Writer};

use crate::auth::{AuthRef, flavor};
use crate::call::caller::ProcedureId;
use crate::call::error::Refusal;
use crate::proto::rpc_msg::AuthStat;
use crate::serve::reply::Framing;

/// The version of RPC that RFC 5531 describes, and the only one there is.
pub const RPC_VERSION: u32 = 2;

/// `msg_type` of a call.
pub const CALL: u32 = 0;
/// `msg_type` of a reply.
pub const REPLY: u32 = 1;

const MSG_ACCEPTED: u32 = 0;
const MSG_DENIED: u32 = 1;

const SUCCESS: u32 = 0;
const PROG_UNAVAIL: u32 = 1;
const PROG_MISMATCH: u32 = 2;
const PROC_UNAVAIL: u32 = 3;
const GARBAGE_ARGS: u32 = 4;
const SYSTEM_ERR: u32 = 5;

const RPC_MISMATCH: u32 = 0;
const AUTH_ERROR: u32 = 1;

/// A message where it arrived: a part of a buffer that others are in, too.
///
/// It is lent, so that nobody counts who holds the buffer for calls that are answered at once; what is to stay [takes a
/// share](Self::to_bytes) of it.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    bytes: &'a [u8],
    buffer: &'a Bytes,
}

impl<'a> Message<'a> {
    /// The message at these places of a buffer; an empty one, which is none, where the buffer ends before.
    #[inline]
    pub fn within(buffer: &'a Bytes, places: Range<usize>) -> Self {
        match buffer.get(places) {
            Some(bytes) => Self { bytes, buffer },
            None => Self { bytes: &[], buffer },
        }
    }

    /// The message by itself, which holds on to the whole buffer.
    pub fn to_bytes(&self) -> Bytes {
        self.share(self.bytes)
    }

    /// The buffer that it lies in, and where: what [`within`](Self::within) makes the message of again.
    #[inline]
    pub fn place(&self) -> (&'a Bytes, Range<usize>) {
        let before = self.bytes.as_ptr().addr();
        let start = before.saturating_sub(self.buffer.as_ptr().addr());
        let end = start.saturating_add(self.bytes.len());
        (self.buffer, start..end)
    }

    /// A part of the message by itself, as [`to_bytes`](Self::to_bytes) has it.
    #[inline]
    pub(crate) fn share(&self, part: &[u8]) -> Bytes {
        match part {
            [] => Bytes::new(),
            part => self.buffer.slice_ref(part),
        }
    }

    /// Reads it from its beginning; opaque data and strings are slices of the buffer.
    #[inline]
    pub fn reader(&self) -> Reader<'a> {
        Reader::part_of(self.buffer, self.bytes)
    }
}

impl Deref for Message<'_> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.bytes
    }
}

/// A message that has a buffer of its own.
impl<'a> From<&'a Bytes> for Message<'a> {
    #[inline]
    fn from(message: &'a Bytes) -> Self {
        Self {
            bytes: message,
            buffer: message,
        }
    }
}

/// Which way a message goes; `None` if it is too short to say.
#[inline]
pub fn message_type(message: &[u8]) -> Option<u32> {
    let [_, _, _, _, message_type @ ..] = message.first_chunk::<8>()?;
    Some(u32::from_be_bytes(*message_type))
}

/// The header of a call, read in place.
#[derive(Clone, Copy, Debug)]
pub struct CallHeader<'a> {
    /// The caller's name for this call.
    pub xid: u32,
    /// The procedure that is called.
    pub procedure: ProcedureId,
    /// Who calls.
    pub credential: AuthRef<'a>,
    /// What proves it.
    pub verifier: AuthRef<'a>,
}

/// Why a message is not a call that can be looked at any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallFault {
    /// Not a call, or cut short: there is nobody and nothing to answer.
    NotACall,
    /// A call of another version of RPC, to be answered RPC_MISMATCH.
    RpcMismatch {
        /// The call's xid.
        xid: u32,
    },
    /// A credential or verifier over [`MAX_AUTH_BODY`](crate::auth::MAX_AUTH_BODY), to be answered AUTH_ERROR.
    Auth {
        /// The call's xid.
        xid: u32,
        /// Which of the two it was.
        stat: AuthStat,
    },
}

impl<'a> CallHeader<'a> {
    /// Reads the header of a call, or says why there is none with which one could go on.
    #[inline]
    pub fn parse(message: &'a [u8]) -> Result<Self, CallFault> {
        Self::read(message).ok_or_else(|| CallFault::of(message))
    }

    /// Reads the header of a call. Where there is none, [`CallFault::of`] says why: what most messages have is not to
    /// be laid out beside what they may lack.
    #[inline]
    pub fn read(message: &'a [u8]) -> Option<Self> {
        let (xid, procedure, behind) = split_call(message)?;
        let (credential, behind) = AuthRef::split_first(behind)?;
        let (verifier, _) = AuthRef::split_first(behind)?;
        if credential.is_too_long() || verifier.is_too_long() {
            return None;
        }
        Some(Self {
            xid,
            procedure,
            credential,
            verifier,
        })
    }

    /// Everything from the xid through the credential, which a verifier may sign (RFC 2203 §5.3.1): so many bytes from
    /// the start of the message.
    #[inline]
    pub fn signed(&self) -> usize {
        self.credential.padded().saturating_add(AUTH_AT + 8)
    }

    /// Where the arguments start: bytes from the start of the message.
    #[inline]
    pub fn args(&self) -> usize {
        let verifier = self.verifier.padded().saturating_add(8);
        self.signed().saturating_add(verifier)
    }
}

impl CallFault {
    /// What is wrong with a message of which there is no [`CallHeader`], in the order that RFC 5531 checks it.
    #[cold]
    pub fn of(message: &[u8]) -> Self {
        let Some([xid, CALL, rpc_version]) = words(message) else {
            return Self::NotACall;
        };
        if rpc_version != RPC_VERSION {
            return Self::RpcMismatch { xid };
        }
        let behind = message.get(24..).unwrap_or_default();
        let Some((credential, behind)) = AuthRef::split_first(behind) else {
            return Self::NotACall;
        };
        if credential.is_too_long() {
            let stat = AuthStat::Badcred;
            return Self::Auth { xid, stat };
        }
        match AuthRef::split_first(behind) {
            Some((verifier, _)) if verifier.is_too_long() => Self::Auth {
                xid,
                stat: AuthStat::Badverf,
            },
            _ => Self::NotACall,
        }
    }
}

/// Where the credential of a call stands: bytes from the start of the message.
pub(crate) const AUTH_AT: usize = 24;

/// What stands before the credential of a call: its xid and procedure; and what is behind. `None` if it is no call of
/// this version of RPC.
///
/// Taken apart by hand, since this is where each call comes by: a reader keeps count of more than a header needs.
#[inline]
pub(crate) fn split_call(message: &[u8]) -> Option<(u32, ProcedureId, &[u8])> {
    let (head, behind) = message.split_first_chunk::<AUTH_AT>()?;
    let [xid, CALL, RPC_VERSION, program, version, procedure] = words(head)? else {
        return None;
    };
    let id = ProcedureId {
        program,
        version,
        procedure,
    };
    Some((xid, id, behind))
}

/// The first `N` words of a message.
#[inline]
pub(crate) fn words<const N: usize>(bytes: &[u8]) -> Option<[u32; N]> {
    let (words, _) = bytes.as_chunks::<4>();
    words
        .first_chunk::<N>()
        .map(|words| words.map(u32::from_be_bytes))
}

/// Writes a call's header up to the credential, which is [`ClientAuth`](crate::auth::ClientAuth)'s to write.
pub fn write_call(w: &mut Writer, xid: u32, id: ProcedureId) {
    write_words(
        w,
        [xid, CALL, RPC_VERSION, id.program, id.version, id.procedure],
    );
}

/// Writes words in one piece.
#[inline]
fn write_words<const N: usize>(w: &mut Writer, words: [u32; N]) {
    w.raw(words.map(u32::to_be_bytes).as_flattened());
}

/// Writes the header of a reply that carries results, behind the place of its record mark if it has one.
#[inline]
pub(crate) fn write_success(w: &mut Writer, framing: Framing, xid: u32) {
    let mut header = SUCCESS_HEADER;
    let [_, place, ..] = &mut header;
    *place = xid.to_be_bytes();
    match (framing, &header) {
        (Framing::Record, header) => w.raw(header.as_flattened()),
        (Framing::Datagram { .. }, [_, header @ ..]) => w.raw(header.as_flattened()),
    }
}

/// The header of a reply that carries results: the places of its record mark and xid, and what is the same in all.
const SUCCESS_HEADER: [[u8; 4]; 7] = [
    [0; 4],
    [0; 4],
    REPLY.to_be_bytes(),
    MSG_ACCEPTED.to_be_bytes(),
    flavor::NONE.to_be_bytes(),
    [0; 4],
    SUCCESS.to_be_bytes(),
];

/// Writes a whole reply that says why there are no results.
pub fn write_refusal(w: &mut Writer, xid: u32, refusal: &Refusal) {
    match *refusal {
        Refusal::RpcMismatch { low, high } => {
            write_denied(w, xid, RPC_MISMATCH);
            w.u32(low);
            w.u32(high);
        }
        Refusal::Auth(stat) => {
            write_denied(w, xid, AUTH_ERROR);
            w.i32(stat.value());
        }
        Refusal::ProgUnavail => write_accepted(w, xid, PROG_UNAVAIL),
        Refusal::ProgMismatch { low, high } => {
            write_accepted(w, xid, PROG_MISMATCH);
            w.u32(low);
            w.u32(high);
        }
        Refusal::ProcUnavail => write_accepted(w, xid, PROC_UNAVAIL),
        Refusal::GarbageArgs => write_accepted(w, xid, GARBAGE_ARGS),
        Refusal::SystemErr => write_accepted(w, xid, SYSTEM_ERR),
        Refusal::Unknown(stat) => write_accepted(w, xid, stat),
    }
}

/// A verifier stands in accepted replies, and only there.
#[inline]
fn write_accepted(w: &mut Writer, xid: u32, accept_stat: u32) {
    // The verifier is AUTH_NONE, with no bytes in it.
    write_words(w, [xid, REPLY, MSG_ACCEPTED, flavor::NONE, 0, accept_stat]);
}

fn write_denied(w: &mut Writer, xid: u32, reject_stat: u32) {
    write_words(w, [xid, REPLY, MSG_DENIED, reject_stat]);
}

/// The header of a reply, read in place.
#[derive(Clone, Copy, Debug)]
pub struct ReplyHeader<'a> {
    /// The call that this answers.
    pub xid: u32,
    /// What became of the call.
    pub outcome: Result<ReplyBody<'a>, Refusal>,
}

/// A reply that carries results.
#[derive(Clone, Copy, Debug)]
pub struct ReplyBody<'a> {
    /// What proves who answers.
    pub verifier: AuthRef<'a>,
    /// Where the results start: bytes from the start of the message.
    pub body: usize,
}

impl<'a> ReplyHeader<'a> {
    /// The xid of a reply; `None` if the message is none.
    pub fn xid(message: &[u8]) -> Option<u32> {
        match words(message) {
            Some([xid, REPLY]) => Some(xid),
            _ => None,
        }
    }

    /// Reads the header of a reply.
    pub fn parse(message: &'a [u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(message);
        let xid = r.u32()?;
        expect(&mut r, REPLY)?;
        let outcome = match r.u32()? {
            MSG_ACCEPTED => {
                let verifier = AuthRef::read_bounded(&mut r)?;
                match r.u32()? {
                    SUCCESS => Ok(ReplyBody {
                        verifier,
                        body: r.offset(),
                    }),
                    PROG_UNAVAIL => Err(Refusal::ProgUnavail),
                    PROG_MISMATCH => Err(Refusal::ProgMismatch {
                        low: r.u32()?,
                        high: r.u32()?,
                    }),
                    PROC_UNAVAIL => Err(Refusal::ProcUnavail),
                    GARBAGE_ARGS => Err(Refusal::GarbageArgs),
                    SYSTEM_ERR => Err(Refusal::SystemErr),
                    other => Err(Refusal::Unknown(other)),
                }
            }
            MSG_DENIED => Err(match r.u32()? {
                RPC_MISMATCH => Refusal::RpcMismatch {
                    low: r.u32()?,
                    high: r.u32()?,
                },
                AUTH_ERROR => Refusal::Auth(AuthStat::from_value(r.i32()?)),
                found => return Err(bad_discriminant(&r, found)),
            }),
            found => return Err(bad_discriminant(&r, found)),
        };
        Ok(Self { xid, outcome })
    }
}

/// The results of a reply that has any and whose verifier is `AUTH_NONE`; `None` if it is another one, which is for
/// [`ReplyHeader::parse`] to read.
///
/// Taken apart by hand, as [`split_call`] does and for the same reason.
#[inline]
pub(crate) fn results(message: &[u8]) -> Option<&[u8]> {
    let (head, results) = message.split_first_chunk::<24>()?;
    let [_, REPLY, MSG_ACCEPTED, flavor::NONE, 0, SUCCESS] = words(head)? else {
        return None;
    };
    Some(results)
}

fn expect(r: &mut Reader<'_>, word: u32) -> Result<(), DecodeError> {
    match r.u32()? {
        found if found == word => Ok(()),
        found => Err(bad_discriminant(r, found)),
    }
}

#[cold]
fn bad_discriminant(r: &Reader<'_>, found: u32) -> DecodeError {
    r.error_at_last_word(oncrpc_xdr::DecodeFault::BadDiscriminant {
        found: found.into(),
    })
}

#[cfg(test)]
mod tests {
    use oncrpc_xdr::DecodeFault;

    use super::*;

    #[test]
    fn a_message_says_which_way_it_goes_in_its_second_word() {
        assert_eq!(message_type(&[0, 0, 0, 7, 0, 0, 0, 0, 9]), Some(CALL));
        assert_eq!(message_type(&[0, 0, 0, 7, 0, 0, 0, 1]), Some(REPLY));
        assert_eq!(message_type(&[0, 0, 0, 7, 0, 0, 2, 1]), Some(0x201));
        assert_eq!(message_type(&[0, 0, 0, 7, 0, 0, 0]), None);
    }

    #[test]
    fn a_message_by_itself_is_a_share_of_its_buffer() {
        let buffer = Bytes::from_static(b"before\0\0\0\x07behind");
        let message = Message::within(&buffer, 6..10);
        assert_eq!(&message[..], [0, 0, 0, 7]);
        let mut r = message.reader();
        assert_eq!((r.u32(), r.offset(), r.remaining()), (Ok(7), 4, 0));
        let own = message.to_bytes();
        assert_eq!(own, message[..]);
        assert_eq!(own.as_ptr(), buffer[6..].as_ptr());
        assert_eq!(message.share(&message[3..]).as_ptr(), buffer[9..].as_ptr());
        assert!(Message::within(&buffer, 6..100).is_empty());
    }

    #[test]
    fn what_is_wrong_with_a_call_is_told_in_the_order_of_its_fields() {
        let bytes = |words: &[u32]| words.iter().flat_map(|word| word.to_be_bytes()).collect();
        let of = |words: &[u32], rest: usize| {
            let message: Vec<u8> = [bytes(words), vec![0; rest]].concat();
            let fault = CallFault::of(&message);
            assert_eq!(CallHeader::parse(&message).err(), Some(fault));
            fault
        };
        let auth = |stat| CallFault::Auth { xid: 7, stat };
        let (badcred, badverf) = (auth(AuthStat::Badcred), auth(AuthStat::Badverf));
        //                xid type rpc prog vers proc cred     verf
        assert_eq!(of(&[7, 1, 2, 1, 1, 1, 0, 0, 0, 0], 0), CallFault::NotACall);
        assert_eq!(of(&[7, 0, 3], 0), CallFault::RpcMismatch { xid: 7 });
        assert_eq!(of(&[7, 0, 2, 1, 1, 1, 0, 401], 404), badcred);
        assert_eq!(of(&[7, 0, 2, 1, 1, 1, 0, 401], 403), CallFault::NotACall);
        assert_eq!(of(&[7, 0, 2, 1, 1, 1, 0, 0, 0, 401], 404), badverf);
        assert_eq!(of(&[7, 0, 2, 1, 1, 1, 0, 0, 0, 4], 3), CallFault::NotACall);
        // Nothing is wrong with this one that could be said.
        let good: Vec<u8> = bytes(&[7, 0, 2, 1, 1, 1, 0, 0, 0, 0]);
        assert_eq!(CallFault::of(&good), CallFault::NotACall);
    }

    #[test]
    fn a_call_is_not_read_as_a_reply() {
        //            xid         CALL        accepted    no verifier             success
        let message = [
            0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        ];
        let error = ReplyHeader::parse(&message).unwrap_err();
        assert_eq!(error.fault(), DecodeFault::BadDiscriminant { found: 0 });
        assert_eq!(error.offset(), 4);
        let mut reply = message;
        reply[7] = 1;
        assert!(ReplyHeader::parse(&reply).unwrap().outcome.is_ok());
    }
}
