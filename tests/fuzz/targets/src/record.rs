//! A byte stream is the same records, however it is cut.

use oncrpc::record::{self, RecordError, RecordLimits, RecordReader};
use oncrpc_xdr::{Bytes, Writer};

/// Small enough for a fuzzer to meet.
const SMALL: RecordLimits = RecordLimits {
    record: 64,
    fragments: 5,
};

/// Any pieces of a stream give the records of the whole, or end in the same error; and these records written
/// out give themselves.
pub fn deframer(data: &[u8]) {
    let Some((lengths, stream)) = data.split_first_chunk::<8>() else {
        return;
    };
    for limits in [SMALL, RecordLimits::SERVER] {
        let whole = read(limits, [stream]);
        assert_eq!(read(limits, pieces(stream, lengths)), whole);
        assert_eq!(read(limits, stream.chunks(1)), whole);
        let taken: usize = whole.0.iter().map(Bytes::len).sum();
        assert!(taken <= stream.len());
        let written = write(&whole.0);
        assert_eq!(read(limits, [&written[..]]), (whole.0, None));
    }
}

/// A stream in pieces of these lengths, which begin anew at their end; 0 stands for 256.
fn pieces<'a>(mut stream: &'a [u8], lengths: &[u8]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    for length in lengths.iter().cycle() {
        let length = usize::from(length.wrapping_sub(1)) + 1;
        let (piece, rest) = stream.split_at(stream.len().min(length));
        pieces.push(piece);
        if rest.is_empty() {
            break;
        }
        stream = rest;
    }
    pieces
}

/// A message as a record whose fragments have these lengths, and the rest in one more.
pub(crate) fn record(mut message: &[u8], lengths: &[u8]) -> Vec<u8> {
    let mut stream = Vec::new();
    for length in lengths {
        let (fragment, rest) = message.split_at(message.len().min(usize::from(*length)));
        stream.extend((fragment.len() as u32).to_be_bytes());
        stream.extend(fragment);
        message = rest;
    }
    stream.extend((1 << 31 | message.len() as u32).to_be_bytes());
    stream.extend(message);
    stream
}

/// The records of a stream, and what ended it.
pub(crate) fn read<'a>(
    limits: RecordLimits,
    stream: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<Bytes>, Option<RecordError>) {
    let mut reader = RecordReader::new(limits);
    let mut records = Vec::new();
    for piece in stream {
        let mut input = Bytes::copy_from_slice(piece);
        loop {
            match reader.next_record(&mut input) {
                Ok(Some(record)) => {
                    assert!((1..=limits.record as usize).contains(&record.len()));
                    assert!(!reader.is_mid_record());
                    records.push(record);
                }
                Ok(None) => break,
                Err(error) => return (records, Some(error)),
            }
        }
        assert!(input.is_empty());
        assert!(reader.held() <= limits.record as usize);
        assert!(reader.held() == 0 || reader.is_mid_record());
    }
    (records, None)
}

fn write(records: &[Bytes]) -> Bytes {
    let mut w = Writer::new();
    for record in records {
        let start = record::begin(&mut w);
        w.raw(record);
        let finished = record::finish(&mut w, start);
        assert!(finished.is_ok(), "{finished:?}");
    }
    w.into_bytes()
}
