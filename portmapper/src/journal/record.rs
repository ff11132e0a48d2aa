//! One record of the journal, and a whole one of a registry that is there already.

use std::borrow::Cow;

use oncrpc_xdr::wire::Text;
use oncrpc_xdr::{At, DecodeError, DecodeFault, EncodeError, Reader, Writer, XdrString};
use thiserror::Error;

use crate::registry::{
    Change, Entry, MAX_NETID, MAX_OWNER, MAX_UADDR, Owner, Registered, Registry,
};
use crate::state::{Condition, Fingerprint};

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// SET and UNSET: what happened to the registry.
    Change(Change<'static>),
    /// FILES: what rpcbind's own files are like, of which nothing more is to be learned.
    Files(Fingerprint),
}

/// Why there is no record where one should be.
#[derive(Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BadRecord {
    /// The journal ends before the record does.
    #[error("{needed} bytes needed, {remaining} remain")]
    Cut {
        /// The length of the record, or of its head if that is cut.
        needed: usize,
        /// How many of them are there.
        remaining: usize,
    },
    /// The length and its complement do not agree, or it is longer than any record.
    #[error("length {length} with complement {complement}")]
    Length {
        /// The length.
        length: u16,
        /// What should be its complement.
        complement: u16,
    },
    /// Something was changed since it was written.
    #[error("checksum {found:#010x}, expected {expected:#010x}")]
    Checksum {
        /// The checksum of what is there.
        found: u32,
        /// The checksum of what was written.
        expected: u32,
    },
    /// It is whole, and says something that we do not understand.
    #[error("{0}")]
    Body(#[from] DecodeError),
}

/// What every journal starts with; another format gets another number.
pub const MAGIC: &[u8] = b"rpcbind journal 1\n";

/// The record of a change, for this place of a journal in bytes from its start.
pub fn encode_change(change: &Change<'_>, at: u64) -> Vec<u8> {
    let mut w = empty_body();
    // INVARIANT: an entry keeps its texts within their bounds, and an UNSET names what entries name, on at most
    // the two transports of version 2.
    #[expect(clippy::expect_used, reason = "nothing is over its bound")]
    encode_change_body(change, &mut w).expect("bounded texts");
    framed(&w, at)
}

/// The record of what rpcbind's own files are like.
pub fn encode_files(files: Fingerprint, at: u64) -> Vec<u8> {
    let mut w = empty_body();
    w.u32(FILES);
    for condition in [files.rpcbind, files.portmap] {
        encode_condition(condition, &mut w);
    }
    framed(&w, at)
}

fn encode_change_body(change: &Change<'_>, w: &mut Writer) -> Result<(), EncodeError> {
    match change {
        Change::Set(entry) => {
            let service = (entry.program, entry.version);
            encode_set(
                service,
                [&entry.netid, &entry.uaddr, &entry.owner.to_text()],
                w,
            )
        }
        Change::Unset {
            program,
            version,
            netids,
        } => {
            w.u32(UNSET);
            w.u32(*program);
            w.u32(*version);
            w.array::<Text<NETID>>(netids, NETIDS)
        }
    }
}

fn encode_set(
    (program, version): (u32, u32),
    [netid, uaddr, owner]: [&XdrString; 3],
    w: &mut Writer,
) -> Result<(), EncodeError> {
    w.u32(SET);
    w.u32(program);
    w.u32(version);
    w.string(netid, NETID)?;
    w.string(uaddr, UADDR)?;
    w.string(owner, OWNER)
}

fn empty_body() -> Writer {
    Writer::from_vec(Vec::with_capacity(USUAL))
}

/// What is registered, as the body of a SET.
fn encode_registered(there: &Registered<'_>, w: &mut Writer) {
    let service = (there.program, there.version);
    let texts = [there.netid, &there.uaddr.text(), &there.owner.to_text()];
    // INVARIANT: it was an entry, which keeps its texts within their bounds.
    #[expect(clippy::expect_used, reason = "nothing is over its bound")]
    encode_set(service, texts, w).expect("bounded texts");
}

/// A record: the head and this body.
fn framed(body: &Writer, at: u64) -> Vec<u8> {
    // Nothing is chained in: it is one buffer.
    let body = body.as_slice().unwrap_or_default();
    #[expect(clippy::cast_possible_truncation, reason = "bodies keep MAX_BODY")]
    let length = body.len() as u16;
    let ([l0, l1], [c0, c1]) = (length.to_be_bytes(), (!length).to_be_bytes());
    let [s0, s1, s2, s3] = checksum(at, length, body).to_be_bytes();
    [&[l0, l1, c0, c1, s0, s1, s2, s3], body].concat()
}

impl Record {
    /// The record at the start of `bytes`, which stand at this place of a journal, and its length in bytes.
    pub fn decode(bytes: &[u8], at: u64) -> Result<(Self, usize), BadRecord> {
        let cut = |needed| BadRecord::Cut {
            needed,
            remaining: bytes.len(),
        };
        let Some((&[l0, l1, c0, c1, s0, s1, s2, s3], rest)) = bytes.split_first_chunk::<HEAD>()
        else {
            return Err(cut(HEAD));
        };
        let (length, complement) = (u16::from_be_bytes([l0, l1]), u16::from_be_bytes([c0, c1]));
        let body_len = usize::from(length);
        if length != !complement || body_len > MAX_BODY {
            return Err(BadRecord::Length { length, complement });
        }
        let len = HEAD + body_len;
        let body = rest.get(..body_len).ok_or_else(|| cut(len))?;
        let expected = u32::from_be_bytes([s0, s1, s2, s3]);
        let found = checksum(at, length, body);
        if found != expected {
            return Err(BadRecord::Checksum { found, expected });
        }
        let mut r = Reader::new(body);
        let record = Self::decode_body(&mut r)?;
        r.finish()?;
        Ok((record, len))
    }

    fn decode_body(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match r.u32().at("kind")? {
            SET => Self::Change(Change::Set(Cow::Owned(decode_entry(r)?))),
            UNSET => Self::Change(Change::Unset {
                program: r.u32().at("program")?,
                version: r.u32().at("version")?,
                netids: r.array::<Text<NETID>>(NETIDS).at("netids")?,
            }),
            FILES => Self::Files(Fingerprint {
                rpcbind: decode_condition(r).at("rpcbind.xdr")?,
                portmap: decode_condition(r).at("portmap.xdr")?,
            }),
            other => return Err(unknown(r, other)).at("kind"),
        })
    }
}

/// An entry, whose texts end at their first zero byte here as everywhere.
fn decode_entry(r: &mut Reader<'_>) -> Result<Entry, DecodeError> {
    let service = (r.u32().at("program")?, r.u32().at("version")?);
    let netid = r.opaque_borrowed(NETID).at("netid")?;
    let uaddr = r.opaque_borrowed(UADDR).at("address")?;
    let owner = Owner::from_text(r.opaque_borrowed(OWNER).at("owner")?);
    // INVARIANT: the bounds are those of the codec.
    #[expect(clippy::expect_used, reason = "nothing is over its bound")]
    let entry = Entry::of_texts(service, netid, uaddr, owner).expect("bounded texts");
    Ok(entry)
}

/// A journal of nothing but what is registered now, a record at a time.
pub fn snapshot(registry: &Registry, files: Fingerprint) -> impl Iterator<Item = Vec<u8>> {
    let mut at = MAGIC.len() as u64;
    let files = encode_files(files, at);
    at = at.saturating_add(files.len() as u64);
    let mut body = empty_body();
    let sets = registry.registered().map(move |there| {
        body.clear();
        encode_registered(&there, &mut body);
        let set = framed(&body, at);
        at = at.saturating_add(set.len() as u64);
        set
    });
    [MAGIC.to_vec(), files].into_iter().chain(sets)
}

/// The length of such a journal in bytes, at most.
pub fn snapshot_len(registry: &Registry) -> u64 {
    // A SET is a node of the answer to DUMP behind a head: both have a word before the five fields.
    let heads = registry.len().saturating_mul(HEAD) as u64;
    registry
        .dump_len()
        .saturating_add(heads)
        .saturating_add(START)
}

fn checksum(at: u64, length: u16, body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&at.to_be_bytes());
    hasher.update(&length.to_be_bytes());
    hasher.update(body);
    hasher.finalize()
}

fn encode_condition(condition: Condition, w: &mut Writer) {
    match condition {
        Condition::Missing => w.u32(MISSING),
        Condition::Refused => w.u32(REFUSED),
        Condition::Whole { length, checksum } => {
            w.u32(WHOLE);
            w.u32(length);
            w.u32(checksum);
        }
    }
}

fn decode_condition(r: &mut Reader<'_>) -> Result<Condition, DecodeError> {
    Ok(match r.u32()? {
        MISSING => Condition::Missing,
        REFUSED => Condition::Refused,
        WHOLE => Condition::Whole {
            length: r.u32().at("length")?,
            checksum: r.u32().at("checksum")?,
        },
        other => return Err(unknown(r, other)),
    })
}

fn unknown(r: &Reader<'_>, found: u32) -> DecodeError {
    r.error_at_last_word(DecodeFault::BadDiscriminant {
        found: found.into(),
    })
}

// The bounds of what bodies hold, for the codec.
const NETID: u32 = bound(MAX_NETID);
const UADDR: u32 = bound(MAX_UADDR);
const OWNER: u32 = bound(MAX_OWNER);

#[expect(clippy::cast_possible_truncation, reason = "it has been compared")]
const fn bound(max: usize) -> u32 {
    assert!(max <= u32::MAX as usize);
    max as u32
}

/// Most netids of one UNSET: version 2 removes from `tcp` and `udp` at once.
const NETIDS: u32 = 2;

/// Longest FILES with its head, in bytes.
const FILES_LEN: u64 = (HEAD + 4 + 2 * 12) as u64;

/// Longest start of a snapshot, before the first SET, in bytes.
const START: u64 = MAGIC.len() as u64 + FILES_LEN;

/// Length, complement and checksum, in bytes.
const HEAD: usize = 8;

/// Bytes in which nearly every body has room.
const USUAL: usize = 88;

/// Longest body, in bytes: a SET of the longest texts has 408.
const MAX_BODY: usize = 512;

// The kinds of bodies.
const SET: u32 = 1;
const UNSET: u32 = 2;
const FILES: u32 = 3;

// The conditions of files.
const MISSING: u32 = 0;
const REFUSED: u32 = 1;
const WHOLE: u32 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(record: &Record, at: u64) -> Vec<u8> {
        match record {
            Record::Change(change) => encode_change(change, at),
            Record::Files(files) => encode_files(*files, at),
        }
    }

    fn set() -> Record {
        let owner = Owner::User(1000);
        let entry = Entry::new((100_003, 3), &"tcp".into(), &"0.0.0.0.8.1".into(), owner);
        Record::Change(Change::Set(Cow::Owned(entry.unwrap())))
    }

    fn unset(netids: &[&str]) -> Record {
        Record::Change(Change::Unset {
            program: 100_003,
            version: 3,
            netids: netids.iter().map(|&netid| netid.into()).collect(),
        })
    }

    fn files() -> Record {
        Record::Files(Fingerprint {
            rpcbind: Condition::Whole {
                length: 500,
                checksum: 0x1234_5678,
            },
            portmap: Condition::Refused,
        })
    }

    #[test]
    fn records_are_a_head_and_a_body_in_xdr() {
        let record = encode(&set(), 18);
        let expected = b"\
            \0\x2c\xff\xd3????\
            \0\0\0\x01\0\x01\x86\xa3\0\0\0\x03\
            \0\0\0\x03tcp\0\0\0\0\x0b0.0.0.0.8.1\0\0\0\0\x041000";
        let mut shown = record.clone();
        shown[4..8].copy_from_slice(b"????");
        assert_eq!(
            shown.escape_ascii().to_string(),
            expected.escape_ascii().to_string()
        );
        let sum = crc32fast::hash(&[&[0, 0, 0, 0, 0, 0, 0, 18, 0, 0x2c], &record[8..]].concat());
        assert_eq!(record[4..8], sum.to_be_bytes());
    }

    #[test]
    fn what_is_written_is_read() {
        for record in [set(), unset(&[""]), unset(&["tcp", "udp"]), files()] {
            let bytes = encode(&record, 7);
            let longer = [&bytes[..], b"more"].concat();
            assert_eq!(Record::decode(&longer, 7), Ok((record, bytes.len())));
        }
    }

    #[test]
    fn every_cut_and_every_changed_byte_of_a_record_is_noticed() {
        for record in [set(), unset(&["tcp", "udp"]), files()] {
            let bytes = encode(&record, 7);
            for at in 0..bytes.len() {
                let cut = Record::decode(&bytes[..at], 7).unwrap_err();
                assert!(matches!(cut, BadRecord::Cut { .. }), "{at}: {cut}");
                for flip in 1..=u8::MAX {
                    let mut changed = bytes.clone();
                    changed[at] ^= flip;
                    assert!(Record::decode(&changed, 7).is_err(), "{at} ^ {flip}");
                }
            }
        }
    }

    #[test]
    fn a_record_in_another_place_is_not_the_same() {
        let moved = Record::decode(&encode(&set(), 18), 70);
        assert!(matches!(moved, Err(BadRecord::Checksum { .. })));
    }

    #[test]
    fn the_longest_record_keeps_the_bound() {
        let [netid, uaddr, owner] = [MAX_NETID, MAX_UADDR, MAX_OWNER].map(|len| "x".repeat(len));
        let owner = Owner::from_text(owner.as_bytes());
        let entry = Entry::new((1, 1), &netid.into(), &uaddr.into(), owner).unwrap();
        let record = Record::Change(Change::Set(Cow::Owned(entry)));
        let bytes = encode(&record, 0);
        assert_eq!(bytes.len(), HEAD + 408);
        assert_eq!(Record::decode(&bytes, 0), Ok((record, bytes.len())));
    }

    #[test]
    fn a_snapshot_is_no_longer_than_said() {
        let mut registry = Registry::new();
        for version in 0..100 {
            let owner = Owner::User(version * 1000);
            let uaddr = format!("127.0.0.1.8.{version}").into();
            registry.set(Entry::new((400_000, version), &"udp".into(), &uaddr, owner).unwrap());
            let Record::Files(files) = files() else {
                unreachable!()
            };
            let len: usize = snapshot(&registry, files).map(|part| part.len()).sum();
            let said = snapshot_len(&registry);
            assert!(
                (len as u64..len as u64 + 16).contains(&said),
                "{len}, {said}"
            );
        }
    }
}
