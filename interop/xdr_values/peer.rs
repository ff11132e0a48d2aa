//! Decodes and encodes values with Rust that our rpcgen made: the counterpart of `peer.c`, which says how it is asked.
//! An answer of 2 says that something does not hold of a value, in words; one of 0 says why it was refused.

use std::fmt::{Debug, Write as _};
use std::io::{self, BufReader, BufWriter, Read, Write};

use oncrpc_xdr::{Bytes, Reader, Wire, Writer};

// Modules of the generated types, and `exchange_case`, which knows them by number.
include!("cases.rs");

enum Answer {
    Refused(String),
    Value { taken: usize, again: Bytes },
    Wrong(String),
}

/// What holds of every type, held of one value.
fn exchange<W: Wire>(bytes: &Bytes) -> Answer
where
    W::Value: Clone + Debug + PartialEq,
{
    let mut reader = Reader::of(bytes);
    let value = match W::decode(&mut reader) {
        Ok(value) => value,
        Err(error) => return Answer::Refused(error.to_string()),
    };
    let taken = reader.offset();
    let mut writer = Writer::new();
    if let Err(error) = W::encode(&value, &mut writer) {
        return Answer::Wrong(format!("decoded, but cannot be encoded: {error}"));
    }
    let again = writer.into_bytes();
    let len = W::encoded_len(&value);
    if len != again.len() {
        return Answer::Wrong(format!("encoded_len is {len}, not {}", again.len()));
    }
    if W::MIN_LEN > taken {
        return Answer::Wrong(format!("MIN_LEN is {}, of {taken} bytes", W::MIN_LEN));
    }
    // A value that holds a NaN does not equal itself.
    let clone = value.clone();
    if (clone == value) != (value == value) {
        return Answer::Wrong("does not equal its clone".to_owned());
    }
    // The same from a slice that nobody shares, which copies what would be slices.
    match W::decode(&mut Reader::new(bytes)) {
        Ok(copy) if (copy == value) == (value == value) => {}
        other => return Answer::Wrong(format!("is {other:?} when nothing is shared")),
    }
    let mut printed = String::new();
    if write!(printed, "{value:?}").is_err() || printed.is_empty() {
        return Answer::Wrong("cannot be printed".to_owned());
    }
    Answer::Value { taken, again }
}

fn main() -> io::Result<()> {
    let mut input = BufReader::with_capacity(1 << 16, io::stdin().lock());
    let mut output = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let mut head = [0; 8];
    while input.read_exact(&mut head).is_ok() {
        let [a, b, c, d, e, f, g, h] = head;
        let case = u32::from_ne_bytes([a, b, c, d]);
        if case == FLUSH {
            output.flush()?;
            continue;
        }
        let mut bytes = vec![0; u32::from_ne_bytes([e, f, g, h]) as usize];
        input.read_exact(&mut bytes)?;
        let (verdict, taken, body) = match exchange_case(case, &bytes.into()) {
            Answer::Refused(why) => (0, 0, why.into()),
            Answer::Value { taken, again } => (1, taken as u32, again),
            Answer::Wrong(why) => (2, 0, why.into()),
        };
        for word in [verdict, taken, body.len() as u32] {
            output.write_all(&u32::to_ne_bytes(word))?;
        }
        output.write_all(&body)?;
    }
    Ok(())
}

const FLUSH: u32 = u32::MAX;
