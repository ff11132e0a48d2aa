//! Calls as bytes, encoded once and sent again and again; and what their replies say.

/// A call to be made again and again: only its xid differs from one time to the next.
#[derive(Clone, Debug)]
pub struct Template {
    bytes: Vec<u8>,
    xid_at: usize,
}

/// What is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Called {
    /// The program's number.
    pub program: u32,
    /// Its version.
    pub version: u32,
    /// The procedure.
    pub procedure: u32,
}

impl Template {
    /// A call with AUTH_NONE and these arguments, which are XDR already, behind a record mark if it is `marked`, as it is on
    /// streams. `None` if a record cannot be as long.
    pub fn new(called: Called, arguments: &[u8], marked: bool) -> Option<Self> {
        let Called {
            program,
            version,
            procedure,
        } = called;
        let mut bytes = Vec::with_capacity(44 + arguments.len());
        let length = u32::try_from(HEADER + arguments.len()).ok();
        let length = length.filter(|length| length & LAST_FRAGMENT == 0)?;
        if marked {
            bytes.extend_from_slice(&(LAST_FRAGMENT | length).to_be_bytes());
        }
        let xid_at = bytes.len();
        // xid, CALL, RPC version, what is called, AUTH_NONE as credential and as verifier: RFC 5531 section 9.
        for word in [0, 0, 2, program, version, procedure, 0, 0, 0, 0] {
            bytes.extend_from_slice(&u32::to_be_bytes(word));
        }
        bytes.extend_from_slice(arguments);
        Some(Self { bytes, xid_at })
    }

    /// How many bytes it has.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Writes it behind what is there.
    pub fn append(&self, xid: u32, to: &mut Vec<u8>) {
        let at = to.len() + self.xid_at;
        to.extend_from_slice(&self.bytes);
        to[at..at + 4].copy_from_slice(&xid.to_be_bytes());
    }
}

/// What a reply says of its call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Done: results follow.
    Success,
    /// Accepted, but not done: the `accept_stat`.
    Refused(u32),
    /// Not accepted: the `reject_stat`.
    Denied(u32),
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // RFC 5531 section 9.
        match self {
            Self::Success => f.write_str("success"),
            Self::Refused(1) => f.write_str("the program is not there (PROG_UNAVAIL)"),
            Self::Refused(2) => f.write_str("not this version of the program (PROG_MISMATCH)"),
            Self::Refused(3) => f.write_str("the program has no such procedure (PROC_UNAVAIL)"),
            Self::Refused(4) => {
                f.write_str("the arguments do not fit the procedure (GARBAGE_ARGS)")
            }
            Self::Refused(5) => f.write_str("the server failed (SYSTEM_ERR)"),
            Self::Refused(other) => write!(f, "refused (accept_stat {other})"),
            Self::Denied(0) => f.write_str("not this version of RPC (RPC_MISMATCH)"),
            Self::Denied(1) => f.write_str("the server wants a credential (AUTH_ERROR)"),
            Self::Denied(other) => write!(f, "denied (reject_stat {other})"),
        }
    }
}

/// The xid of a reply and what it says, from its first bytes, of which [`HEAD`] are always enough; `None` if it is no reply.
pub fn verdict(reply: &[u8]) -> Option<(u32, Verdict)> {
    let word = |at: usize| {
        let word = reply.get(at..at + 4)?.first_chunk::<4>()?;
        Some(u32::from_be_bytes(*word))
    };
    if word(4)? != REPLY {
        return None;
    }
    let verdict = match word(8)? {
        0 => {
            let verifier = (word(16)? as usize).checked_next_multiple_of(4)?;
            match word(20usize.checked_add(verifier)?)? {
                0 => Verdict::Success,
                other => Verdict::Refused(other),
            }
        }
        1 => Verdict::Denied(word(12)?),
        _ => return None,
    };
    Some((word(0)?, verdict))
}

/// Bytes of a reply within which its verdict is: six words and a verifier, which RFC 5531 section 8.2 lets have 400.
pub const HEAD: usize = 24 + 400;

/// Bytes of a call before its arguments, without the record mark.
const HEADER: usize = 40;

/// In a record mark: no fragment follows. RFC 5531 section 11.
pub const LAST_FRAGMENT: u32 = 1 << 31;

/// The `msg_type` of a reply.
const REPLY: u32 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_differs_by_its_xid_alone() {
        let called = Called {
            program: 100_000,
            version: 4,
            procedure: 3,
        };
        let call = Template::new(called, &[0, 0, 0, 9], true).unwrap();
        let mut bytes = Vec::new();
        call.append(7, &mut bytes);
        call.append(8, &mut bytes);
        let (first, second) = bytes.split_at(48);
        assert_eq!(first[..8], [0x80, 0, 0, 44, 0, 0, 0, 7]);
        assert_eq!(second[..8], [0x80, 0, 0, 44, 0, 0, 0, 8]);
        assert_eq!(first[8..], second[8..]);
        assert_eq!(first[44..], [0, 0, 0, 9]);
    }

    #[test]
    fn what_a_reply_says_stands_behind_its_verifier() {
        let reply = |words: &[u32]| -> Vec<u8> {
            words.iter().flat_map(|word| word.to_be_bytes()).collect()
        };
        let cases = [
            (&[7, 1, 0, 0, 0, 0][..], Some((7, Verdict::Success))),
            (&[7, 1, 0, 1, 4, 99, 3], Some((7, Verdict::Refused(3)))),
            (&[7, 1, 1, 1, 5], Some((7, Verdict::Denied(1)))),
            (&[7, 0, 2, 0, 0, 0], None),
            (&[7, 1, 0, 0, u32::MAX, 0], None),
            (&[7, 1, 0, 0, 0], None),
            (&[], None),
        ];
        for (words, expected) in cases {
            assert_eq!(verdict(&reply(words)), expected, "{words:?}");
        }
    }
}
