//! Records on a byte stream: [RFC 5531 §11](https://www.rfc-editor.org/rfc/rfc5531#section-11).
//!
//! A record is one message, sent as fragments; each fragment has a mark of 4 bytes before it, whose top
//! bit says whether it is the record's last and whose other 31 bits are its length. We send a record as
//! one fragment, because libtirpc's non-blocking mode, rpcbind among its users, resets a connection that
//! brings more; we accept any number within limits, because libtirpc's clients cut at 65,532 bytes.

use std::mem;
use std::ops::Range;

use bytes::buf::Limit;
use bytes::{Buf, BufMut, Bytes};
use oncrpc_xdr::{Mark, Writer};

/// The bit of a mark that says that its fragment is the last of the record.
const LAST: u32 = 1 << 31;

/// Bytes of a mark.
pub(crate) const MARK_LEN: usize = 4;

/// Bytes for which a record of which half has arrived does not grow twice more: a header's, before data of a power of two.
const REST: usize = 4 << 10;

/// What a record may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordLimits {
    /// Longest record, in bytes, without its marks.
    pub record: u32,
    /// Most fragments of one record, empty ones counted.
    pub fragments: u32,
}

impl RecordLimits {
    /// What a server accepts: 1 MiB of data and 4 KiB for the header around it, in 4,096 fragments.
    pub const SERVER: Self = Self {
        record: (1 << 20) + (4 << 10),
        fragments: 4096,
    };

    /// What a client accepts: 64 MiB.
    pub const CLIENT: Self = Self {
        record: 64 << 20,
        fragments: 4096,
    };
}

/// A stream that does not carry records within limits; it cannot be read any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The marks promise more than the limit; found before any of it was stored.
    #[error("record of {found} bytes and more, allowed are {allowed}")]
    TooLong {
        /// Length of the record up to the end of the fragment at hand.
        found: u64,
        /// [`RecordLimits::record`].
        allowed: u32,
    },
    /// More fragments than the limit.
    #[error("record of more than {allowed} fragments")]
    TooManyFragments {
        /// [`RecordLimits::fragments`].
        allowed: u32,
    },
    /// A record without a byte in it, which cannot be a message.
    #[error("empty record")]
    Empty,
}

/// A record, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// At these places of the input: it arrived in one piece.
    Within(Range<usize>),
    /// Put together of pieces.
    Gathered(Bytes),
}

/// Cuts a byte stream into records.
///
/// A record that lies whole in the bytes at hand is a slice of them. What is kept between two reads is
/// the part of a record that has arrived, never more, and nothing between records.
#[derive(Debug)]
pub struct RecordReader {
    limits: RecordLimits,
    /// Bytes of a mark of which only a part has arrived.
    mark: [u8; MARK_LEN],
    mark_len: usize,
    /// What has arrived of the record at hand, all fragments together.
    partial: Vec<u8>,
    /// Bytes that the fragment at hand still lacks.
    missing: usize,
    /// Whether the fragment at hand is the record's last.
    last: bool,
    /// Fragments of the record at hand, counted as their marks arrive.
    fragments: u32,
}

impl RecordReader {
    /// A reader at the start of a stream.
    pub fn new(limits: RecordLimits) -> Self {
        Self {
            limits,
            mark: [0; MARK_LEN],
            mark_len: 0,
            partial: Vec::new(),
            missing: 0,
            last: false,
            fragments: 0,
        }
    }

    /// Whether a part of a record has arrived and the rest has not.
    #[inline]
    pub fn is_mid_record(&self) -> bool {
        self.mark_len > 0 || self.fragments > 0
    }

    /// Bytes held for the record at hand.
    #[inline]
    pub fn held(&self) -> usize {
        self.partial.len()
    }

    /// Takes the next record off the front of `input`, or all of `input` if no record ends in it.
    pub fn next_record(&mut self, input: &mut Bytes) -> Result<Option<Bytes>, RecordError> {
        let mut at = 0;
        let record = self.next_in(input, &mut at)?.map(|record| match record {
            Record::Within(range) => input.slice(range),
            Record::Gathered(record) => record,
        });
        input.advance(at);
        Ok(record)
    }

    /// Finds the next record in `input` from `at` on, which moves behind it, or to the end if no record ends there.
    ///
    /// So that records which arrive together need not be taken apart: each is lent where it lies.
    #[inline]
    pub fn next_in(&mut self, input: &[u8], at: &mut usize) -> Result<Option<Record>, RecordError> {
        let Some(mut rest) = input.get(*at..) else {
            return Ok(None);
        };
        if !self.is_mid_record()
            && let Some(len) = self.whole_record(rest)
        {
            let start = at.saturating_add(MARK_LEN);
            *at = start.saturating_add(len);
            return Ok(Some(Record::Within(start..*at)));
        }
        if rest.is_empty() && (self.missing > 0 || !self.last) {
            return Ok(None);
        }
        let gathered = self.gathered_record(&mut rest)?;
        *at = input.len().saturating_sub(rest.len());
        Ok(gathered.map(Record::Gathered))
    }

    /// Bytes that the fragment at hand still lacks.
    #[inline]
    pub fn missing(&self) -> usize {
        self.missing
    }

    /// Lets `read` append to what has arrived of the record at hand, so that what is long is not copied together of
    /// pieces: what its fragment lacks, but no more than has arrived, so that memory at most doubles; but for a last 4 KiB it
    /// is not made to grow once more.
    pub fn read_on<T>(&mut self, read: impl FnOnce(&mut Limit<&mut Vec<u8>>) -> T) -> T {
        let before = self.partial.len();
        let room = match self.missing {
            missing if missing <= before.saturating_add(REST) => missing,
            _ => before,
        };
        self.make_room(room);
        let result = read(&mut (&mut self.partial).limit(room));
        let arrived = self.partial.len().saturating_sub(before);
        self.missing = self.missing.saturating_sub(arrived);
        result
    }

    /// Makes room for so many bytes of the fragment at hand, and for as many as there are, but for none behind the record.
    fn make_room(&mut self, bytes: usize) {
        let held = self.partial.len();
        if self.partial.capacity().saturating_sub(held) < bytes {
            let more = if self.last {
                self.missing.min(held)
            } else {
                held
            };
            self.partial.reserve_exact(bytes.max(more));
        }
    }

    /// A record that has not arrived in one piece, or is not in one fragment.
    #[inline(never)]
    fn gathered_record(&mut self, input: &mut &[u8]) -> Result<Option<Bytes>, RecordError> {
        loop {
            let arrived = input.get(..self.missing).unwrap_or(input);
            let len = arrived.len();
            self.make_room(len);
            self.partial.extend_from_slice(arrived);
            input.advance(len);
            self.missing = self.missing.saturating_sub(len);
            if self.missing > 0 {
                return Ok(None);
            }
            if self.last {
                self.fragments = 0;
                self.last = false;
                let record = Bytes::from(mem::take(&mut self.partial));
                return if record.is_empty() {
                    Err(RecordError::Empty)
                } else {
                    Ok(Some(record))
                };
            }
            if !self.next_fragment(input)? {
                return Ok(None);
            }
        }
    }

    /// The common case, one fragment of a legal length that has arrived whole: how long it is.
    #[inline]
    fn whole_record(&self, input: &[u8]) -> Option<usize> {
        let (mark, behind) = input.split_first_chunk::<MARK_LEN>()?;
        let mark = u32::from_be_bytes(*mark);
        let len = mark & !LAST;
        if mark & LAST == 0 || len == 0 || behind.len() < len as usize {
            return None;
        }
        (len <= self.limits.record).then_some(len as usize)
    }

    /// Reads the next mark, if all of it is there.
    fn next_fragment(&mut self, input: &mut &[u8]) -> Result<bool, RecordError> {
        while let Some(place) = self.mark.get_mut(self.mark_len)
            && let Some(&byte) = input.first()
        {
            *place = byte;
            input.advance(1);
            self.mark_len = self.mark_len.saturating_add(1);
        }
        if self.mark_len < MARK_LEN {
            return Ok(false);
        }
        self.mark_len = 0;
        let mark = u32::from_be_bytes(self.mark);
        self.check_len(mark & !LAST)?;
        if self.fragments == self.limits.fragments {
            return Err(RecordError::TooManyFragments {
                allowed: self.limits.fragments,
            });
        }
        self.fragments = self.fragments.saturating_add(1);
        self.missing = (mark & !LAST) as usize;
        self.last = mark & LAST != 0;
        Ok(true)
    }

    /// Refuses a fragment of `len` bytes that would make the record too long.
    #[inline]
    fn check_len(&self, len: u32) -> Result<(), RecordError> {
        let found = (self.partial.len() as u64).saturating_add(len.into());
        let allowed = self.limits.record;
        if found > allowed.into() {
            Err(RecordError::TooLong { found, allowed })
        } else {
            Ok(())
        }
    }
}

/// Starts a record of one fragment; [`finish`] writes its mark when the length is known.
#[inline]
pub fn begin(w: &mut Writer) -> Mark {
    let start = w.mark();
    w.u32(0);
    start
}

/// Finishes the record that [`begin`] started; a record of 2 GiB and more cannot be one fragment.
#[inline]
pub fn finish(w: &mut Writer, start: Mark) -> Result<(), RecordError> {
    let (mark, found) = w.placeholder(start);
    match u32::try_from(found) {
        Ok(len) if len < LAST => {
            *mark = (LAST | len).to_be_bytes();
            Ok(())
        }
        _ => Err(RecordError::TooLong {
            found: found as u64,
            allowed: LAST - 1,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: RecordLimits = RecordLimits {
        record: 16,
        fragments: 4,
    };

    /// Every record of `stream`, given to the reader in pieces of `step` bytes.
    fn records(stream: &[u8], step: usize) -> Result<Vec<Vec<u8>>, RecordError> {
        let mut reader = RecordReader::new(LIMITS);
        let mut records = Vec::new();
        for piece in stream.chunks(step) {
            let mut input = Bytes::copy_from_slice(piece);
            while let Some(record) = reader.next_record(&mut input)? {
                records.push(record.to_vec());
            }
            assert!(input.is_empty());
        }
        Ok(records)
    }

    fn at_every_step(stream: &[u8], expected: &Result<Vec<Vec<u8>>, RecordError>) {
        for step in 1..=stream.len() {
            assert_eq!(&records(stream, step), expected, "in pieces of {step}");
        }
    }

    #[test]
    fn any_split_of_a_stream_gives_the_same_records() {
        let stream = b"\x80\0\0\x04abcd\x80\0\0\x01e\x80\0\0\x10................";
        let expected = vec![b"abcd".to_vec(), b"e".to_vec(), vec![b'.'; 16]];
        at_every_step(stream, &Ok(expected));
    }

    #[test]
    fn fragments_of_any_length_make_one_record() {
        let stream = b"\0\0\0\x03abc\0\0\0\0\0\0\0\x01d\x80\0\0\0\x80\0\0\x01e";
        at_every_step(stream, &Ok(vec![b"abcd".to_vec(), b"e".to_vec()]));
    }

    #[test]
    fn a_record_over_the_limit_is_refused_at_its_mark() {
        let error = RecordError::TooLong {
            found: 17,
            allowed: 16,
        };
        at_every_step(b"\x80\0\0\x11", &Err(error));
        at_every_step(b"\0\0\0\x01a\x80\0\0\x10", &Err(error));
        at_every_step(b"\x80\0\0\x11.................", &Err(error));
    }

    #[test]
    fn the_largest_length_is_refused_without_storing_a_byte() {
        let found = u64::from(u32::MAX >> 1);
        at_every_step(
            b"\xff\xff\xff\xff",
            &Err(RecordError::TooLong { found, allowed: 16 }),
        );
    }

    #[test]
    fn endless_empty_fragments_are_refused() {
        let expected = Err(RecordError::TooManyFragments { allowed: 4 });
        at_every_step(&[0; 20], &expected);
        at_every_step(
            b"\0\0\0\0\0\0\0\0\0\0\0\0\x80\0\0\x01a",
            &Ok(vec![b"a".to_vec()]),
        );
    }

    #[test]
    fn more_fragments_than_the_limit_are_refused_though_few_bytes_came() {
        let expected = Err(RecordError::TooManyFragments { allowed: 4 });
        at_every_step(&b"\0\0\0\x01a".repeat(5), &expected);
        let last = [&b"\0\0\0\x01a".repeat(3)[..], b"\x80\0\0\x01b"].concat();
        at_every_step(&last, &Ok(vec![b"aaab".to_vec()]));
    }

    #[test]
    fn an_empty_record_is_refused() {
        at_every_step(b"\x80\0\0\0", &Err(RecordError::Empty));
        at_every_step(b"\0\0\0\0\x80\0\0\0", &Err(RecordError::Empty));
    }

    #[test]
    fn nothing_is_kept_between_records() {
        let mut reader = RecordReader::new(LIMITS);
        let mut input = Bytes::from_static(b"\x80\0\0\x04abcd");
        assert!(!reader.is_mid_record());
        assert_eq!(
            reader.next_record(&mut input),
            Ok(Some(Bytes::from_static(b"abcd")))
        );
        assert!(!reader.is_mid_record());
        assert_eq!(
            reader.next_record(&mut Bytes::from_static(b"\x80\0")),
            Ok(None)
        );
        assert!(reader.is_mid_record());
        assert_eq!(
            reader.next_record(&mut Bytes::from_static(b"\0\x02a")),
            Ok(None)
        );
        assert!(reader.is_mid_record());
        assert_eq!(reader.held(), 1);
        let mut input = Bytes::from_static(b"b\x80\0\0\x03cd");
        let record = reader.next_record(&mut input);
        assert_eq!(record, Ok(Some(Bytes::from_static(b"ab"))));
        assert_eq!(reader.held(), 0);
        assert_eq!(reader.next_record(&mut input), Ok(None));
        assert_eq!(reader.held(), 2);
    }

    #[test]
    fn the_rest_of_a_fragment_is_read_to_its_place_no_more_than_has_arrived_at_once() {
        // A fragment of 40,000 bytes.
        let stream: Vec<u8> = (0..40_000).map(|at| (at % 251) as u8).collect();
        let mut reader = RecordReader::new(RecordLimits::SERVER);
        let mut input = Bytes::from([b"\x80\0\x9c\x40", &stream[..8_000]].concat());
        assert_eq!(reader.next_record(&mut input), Ok(None));
        let mut at = 8_000;
        // What is left when nearly all has arrived is part of the last step.
        for (room, read) in [
            (8_000, 8_000),
            (16_000, 1_999),
            (17_999 + 4_002, 20_000),
            (2_001, 2_001),
            (0, 0),
        ] {
            assert_eq!(reader.missing(), 40_000 - at);
            reader.read_on(|place| {
                assert_eq!(place.remaining_mut(), room);
                place.put_slice(&stream[at..at + read]);
            });
            at += read;
        }
        assert!(reader.is_mid_record());
        let record = reader.next_record(&mut Bytes::new());
        assert_eq!(record, Ok(Some(Bytes::from(stream))));
        assert!(!reader.is_mid_record());
    }

    #[test]
    fn a_record_that_came_in_pieces_has_no_more_memory_than_bytes() {
        for (len, step) in [(1 << 20, 65_536), (1 << 20, 1_000), (70_000, 9)] {
            let record = Bytes::from(vec![7; len]);
            let mut reader = RecordReader::new(RecordLimits::SERVER);
            let mark = (LAST | len as u32).to_be_bytes();
            assert_eq!(reader.next_record(&mut Bytes::from_owner(mark)), Ok(None));
            let mut gathered = Ok(None);
            for at in (0..len).step_by(step) {
                gathered = reader.next_record(&mut record.slice(at..len.min(at + step)));
                let held = reader.held();
                assert!(reader.partial.capacity() <= 2 * held + step, "at {at}");
            }
            let gathered = gathered.unwrap().unwrap();
            assert_eq!(gathered, record);
            assert_eq!(gathered.try_into_mut().unwrap().capacity(), len);
        }
    }

    #[test]
    fn a_server_accepts_1_mib_and_4_kib_and_a_client_64_mib() {
        for (limits, most) in [
            (RecordLimits::SERVER, 1_052_672),
            (RecordLimits::CLIENT, 67_108_864),
        ] {
            let read = |len: u32| {
                let mark = Bytes::copy_from_slice(&(LAST | len).to_be_bytes());
                RecordReader::new(limits).next_record(&mut mark.clone())
            };
            assert_eq!(read(most), Ok(None));
            let (found, allowed) = (u64::from(most) + 1, most);
            assert_eq!(read(most + 1), Err(RecordError::TooLong { found, allowed }));
        }
    }

    #[test]
    fn a_record_that_has_arrived_in_one_piece_is_not_copied() {
        for behind in [&b""[..], b"\x80", b"\x80\0\0\x01e"] {
            let stream = Bytes::from([&b"\x80\0\0\x04abcd"[..], behind].concat());
            let mut input = stream.clone();
            let record = RecordReader::new(LIMITS).next_record(&mut input);
            let record = record.unwrap().unwrap();
            assert_eq!((&record[..], &input[..]), (&b"abcd"[..], behind));
            assert_eq!(record.as_ptr(), stream[MARK_LEN..].as_ptr());
        }
    }

    #[test]
    fn a_record_is_written_if_one_fragment_can_have_its_length() {
        // 2 GiB of 16 MiB, which the writer shares.
        let data = Bytes::from(vec![0; 16 << 20]);
        let mut w = Writer::new();
        let start = begin(&mut w);
        for _ in 0..127 {
            w.raw_shared(&data);
        }
        w.raw_shared(&data.slice(1..));
        assert_eq!(finish(&mut w, start), Ok(()));
        assert_eq!(w.chunks().next(), Some(&[0xff; MARK_LEN][..]));
        w.raw(&[0]);
        let error = RecordError::TooLong {
            found: 1 << 31,
            allowed: (1 << 31) - 1,
        };
        assert_eq!(finish(&mut w, start), Err(error));
    }

    #[test]
    fn a_record_is_written_as_one_fragment() {
        let mut w = Writer::new();
        let start = begin(&mut w);
        w.raw(b"abcd");
        finish(&mut w, start).unwrap();
        assert_eq!(&w.into_bytes()[..], b"\x80\0\0\x04abcd");
    }
}
