//! What a server may make of a message: RFC 5531, read a second time and as plainly as can be.

use super::program::{GARBAGE_ARGS, Program, Results, SYSTEM_ERR};
use super::types::{Type, take, word};

/// What a message may come to.
pub enum Outcome<'a> {
    /// It is no call: there is nobody to answer. A stream may end by it.
    NoCall,
    /// Something else than results, and nothing else than this.
    Refused(Refusal),
    /// The procedure is reached with these arguments, written as they ought to be; `None` if they are malformed.
    Reached(&'a Results, Option<Vec<u8>>),
}

/// What else than results there is to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// MSG_DENIED, RPC_MISMATCH.
    RpcMismatch(u32, u32),
    /// MSG_DENIED, AUTH_ERROR for this reason.
    Auth(u32),
    /// MSG_ACCEPTED, PROG_MISMATCH.
    ProgMismatch(u32, u32),
    /// MSG_ACCEPTED with this status.
    Accepted(u32),
}

const CALL: u32 = 0;
const REPLY: u32 = 1;
const RPC_VERSION: u32 = 2;
const PROG_UNAVAIL: u32 = 1;
const PROC_UNAVAIL: u32 = 3;
const AUTH_NONE: u32 = 0;
const AUTH_SYS: u32 = 1;
const AUTH_BADCRED: u32 = 1;
const AUTH_REJECTEDCRED: u32 = 2;
const AUTH_BADVERF: u32 = 3;
const AUTH_TOOWEAK: u32 = 5;

/// Longest body of a credential or verifier: RFC 5531 section 8.2.
pub const AUTH_BODY: usize = 400;

/// `struct authsys_parms`: RFC 5531 appendix A.
static AUTHSYS_PARMS: Type = Type::Struct(&[
    ("stamp", Type::Word),
    ("machinename", Type::Bytes(255)),
    ("uid", Type::Word),
    ("gid", Type::Word),
    ("gids", Type::Array(16, &Type::Word)),
]);

/// What a message comes to.
pub fn outcome<'a>(program: &'a Program, message: &[u8]) -> Outcome<'a> {
    let mut rest = message;
    match header(program, &mut rest) {
        None => Outcome::NoCall,
        Some(Err(refusal)) => Outcome::Refused(refusal),
        Some(Ok((_, 0))) => Outcome::Reached(&NULL_RESULTS, Some(Vec::new())),
        Some(Ok((version, number))) => match program.find(version, number) {
            None => Outcome::Refused(Refusal::Accepted(PROC_UNAVAIL)),
            // What stands behind the arguments is nobody's.
            Some(procedure) => Outcome::Reached(&procedure.results, procedure.args.read(&mut rest)),
        },
    }
}

static NULL_RESULTS: Results = Results::Of(Type::Void);

/// Reads the header of a call and judges it: version and procedure, or how it is refused; `None` if it is none.
fn header(program: &Program, rest: &mut &[u8]) -> Option<Result<(u32, u32), Refusal>> {
    let _xid = word(rest)?;
    word(rest).filter(|message_type| *message_type == CALL)?;
    if word(rest)? != RPC_VERSION {
        return Some(Err(Refusal::RpcMismatch(RPC_VERSION, RPC_VERSION)));
    }
    let [number, version, procedure] = [word(rest)?, word(rest)?, word(rest)?];
    let (flavor, credential) = opaque_auth(rest)?;
    if credential.len() > AUTH_BODY {
        return Some(Err(Refusal::Auth(AUTH_BADCRED)));
    }
    let (_, verifier) = opaque_auth(rest)?;
    if verifier.len() > AUTH_BODY {
        return Some(Err(Refusal::Auth(AUTH_BADVERF)));
    }
    let (low, high) = program.versions();
    let refusal = match flavor {
        AUTH_SYS if AUTHSYS_PARMS.read(&mut &credential[..]).is_none() => {
            Refusal::Auth(AUTH_BADCRED)
        }
        AUTH_NONE | AUTH_SYS => {
            if number != program.number {
                Refusal::Accepted(PROG_UNAVAIL)
            } else if !(low..=high).contains(&version) {
                Refusal::ProgMismatch(low, high)
            } else {
                return Some(Ok((version, procedure)));
            }
        }
        _ => Refusal::Auth(AUTH_REJECTEDCRED),
    };
    Some(Err(refusal))
}

/// Flavor and body, of any length that is there.
fn opaque_auth<'a>(rest: &mut &'a [u8]) -> Option<(u32, &'a [u8])> {
    let [flavor, len] = [word(rest)?, word(rest)?];
    let body = take(rest, len as usize)?;
    take(rest, body.len().wrapping_neg() % 4)?;
    Some((flavor, body))
}

/// A reply, read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply<'a> {
    /// What else than results it brings.
    Refused(Refusal),
    /// SUCCESS, and these results.
    Success(&'a [u8]),
}

/// Reads a reply to this xid; `None` if it is none, or brings more or less than such a reply has.
pub fn reply(message: &[u8], xid: u32) -> Option<Reply<'_>> {
    let mut rest = message;
    let rest = &mut rest;
    word(rest).filter(|found| *found == xid)?;
    word(rest).filter(|message_type| *message_type == REPLY)?;
    let read = match word(rest)? {
        0 => {
            let (_, verifier) = opaque_auth(rest)?;
            if verifier.len() > AUTH_BODY {
                return None;
            }
            match word(rest)? {
                0 => return Some(Reply::Success(rest)),
                2 => Refusal::ProgMismatch(word(rest)?, word(rest)?),
                status @ 1..=SYSTEM_ERR => Refusal::Accepted(status),
                _ => return None,
            }
        }
        1 => match word(rest)? {
            0 => Refusal::RpcMismatch(word(rest)?, word(rest)?),
            1 => Refusal::Auth(word(rest)?),
            _ => return None,
        },
        _ => return None,
    };
    rest.is_empty().then_some(Reply::Refused(read))
}

impl Outcome<'_> {
    /// Whether this reply is allowed.
    pub fn allows(&self, reply: Reply<'_>, datagram: bool) -> bool {
        let garbage = Reply::Refused(Refusal::Accepted(GARBAGE_ARGS));
        match (self, reply) {
            (Self::NoCall, _) => false,
            (Self::Refused(expected), _) => reply == Reply::Refused(*expected),
            (Self::Reached(Results::Forwarded, args), Reply::Refused(refusal)) => {
                let is_refusal = match args {
                    Some(_) => matches!(
                        refusal,
                        Refusal::Auth(AUTH_TOOWEAK)
                            | Refusal::Accepted(PROG_UNAVAIL | PROC_UNAVAIL | SYSTEM_ERR)
                    ),
                    None => reply == garbage,
                };
                datagram && is_refusal
            }
            (Self::Reached(Results::Forwarded, _), Reply::Success(_)) => false,
            (Self::Reached(_, None), _) => reply == garbage,
            (Self::Reached(Results::Echo, Some(args)), _) => reply == Reply::Success(args),
            (
                Self::Reached(Results::Of(of) | Results::OfOr(of, _), _),
                Reply::Success(mut results),
            ) => of.read(&mut results).is_some() && results.is_empty(),
            (
                Self::Reached(Results::OfOr(_, others), _),
                Reply::Refused(Refusal::Accepted(status)),
            ) => others.contains(&status),
            (Self::Reached(..), _) => false,
        }
    }

    /// Whether it may be met with silence.
    pub fn allows_silence(&self) -> bool {
        matches!(self, Self::NoCall | Self::Reached(Results::Forwarded, _))
    }

    /// Whether it may end its stream.
    pub fn allows_close(&self) -> bool {
        matches!(self, Self::NoCall)
    }
}
