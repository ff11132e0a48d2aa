//! XDR: what is decoded is encoded as it was.

use oncrpc_xdr::wire::{Array, Boxed, Fixed, List, Nested, Opaque, Optional, Text};
use oncrpc_xdr::{Bytes, DecodeError, Limits, Padding, Quadruple, Reader, Wire, Writer};

use everything as every;

/// The types of `rpcgen/tests/golden/everything.x`.
pub mod everything {
    include!(concat!(env!("OUT_DIR"), "/everything.rs"));
}

/// Decodes a value and encodes it again.
type Through = fn(&mut Reader<'_>, &mut Writer) -> Result<(), DecodeError>;

const SHAPES: [Through; 29] = [
    through::<i32>,
    through::<u32>,
    through::<i64>,
    through::<u64>,
    through::<f32>,
    through::<f64>,
    through::<Quadruple>,
    through::<bool>,
    through::<i8>,
    through::<u8>,
    through::<i16>,
    through::<u16>,
    through::<()>,
    through::<[u8; 5]>,
    through::<[i32; 3]>,
    through::<[u64; 2]>,
    through::<Bytes>,
    through::<Opaque<7>>,
    through::<Text<5>>,
    through::<Array<u32, 4>>,
    through::<Array<Text<3>, 8>>,
    through::<Array<(), 100>>,
    through::<Vec<f64>>,
    through::<Vec<Vec<bool>>>,
    through::<Fixed<Opaque<3>, 2>>,
    through::<Optional<Text<9>>>,
    through::<Nested<Boxed<u64>>>,
    through::<List<u32>>,
    through::<List<Array<i16, 3>>>,
];

const TYPES: [Through; 22] = [
    through::<every::Numbers>,
    through::<every::Sequences>,
    through::<every::Handle>,
    through::<every::Color>,
    through::<every::Picture>,
    through::<every::Number>,
    through::<every::Maybe>,
    through::<every::Strict>,
    through::<every::Entry>,
    through::<List<every::Entry>>,
    through::<every::Tree>,
    through::<every::Parent>,
    through::<every::Type>,
    through::<every::Result>,
    through::<every::Encode>,
    through::<every::Variables>,
    through::<every::MoreVariables>,
    through::<Array<every::Row, 3>>,
    through::<Vec<every::Numbers>>,
    through::<Vec<every::Tree>>,
    through::<Vec<every::Picture>>,
    through::<Vec<every::Parent>>,
];

/// Any shapes, one after the other, are encoded as they were decoded; whether the reader copies or shares.
pub fn primitives(data: &[u8]) {
    let Some((count, rest)) = data.split_first() else {
        return;
    };
    let (shapes, message) = rest.split_at(rest.len().min(usize::from(count % 16)));
    let message = Bytes::copy_from_slice(message);
    let (mut sharing, mut copying) = (
        Reader::of(&message).with_limits(STRICT),
        Reader::new(&message).with_limits(STRICT),
    );
    let (mut shared, mut copied) = (Writer::new(), Writer::new());
    for shape in shapes {
        let through = SHAPES[usize::from(*shape) % SHAPES.len()];
        let (one, other) = (
            through(&mut sharing, &mut shared),
            through(&mut copying, &mut copied),
        );
        let said =
            |result: &Result<(), DecodeError>| result.as_ref().err().map(ToString::to_string);
        assert_eq!(said(&one), said(&other));
        assert_eq!(sharing.offset(), copying.offset());
        if one.is_err() {
            return;
        }
    }
    let shared = shared.into_bytes();
    assert_eq!(shared, message[..sharing.offset()]);
    assert_eq!(copied.into_bytes(), shared);
}

/// A type made by rpcgen: what is decoded is encoded as it was, but for padding, which becomes zero.
pub fn typed(data: &[u8]) {
    let Some((ty, message)) = data.split_first() else {
        return;
    };
    let through = TYPES[usize::from(*ty) % TYPES.len()];
    let message = Bytes::copy_from_slice(message);
    let mut r = Reader::of(&message);
    let mut once = Writer::new();
    if through(&mut r, &mut once).is_err() {
        return;
    }
    let once = once.into_bytes();
    assert_eq!(once.len(), r.offset());
    let mut strict = Reader::of(&message).with_limits(STRICT);
    if through(&mut strict, &mut Writer::new()).is_ok() {
        assert_eq!(once, message[..r.offset()]);
    }
    // The message may have paid for more memory with what stands behind the value.
    let mut again = Reader::of(&once).with_limits(Limits {
        memory: 1 << 20,
        ..STRICT
    });
    let mut twice = Writer::new();
    let said = through(&mut again, &mut twice).and_then(|()| again.finish());
    assert!(said.is_ok(), "{said:?}");
    assert_eq!(twice.into_bytes(), once);
}

fn through<W: Wire>(r: &mut Reader<'_>, w: &mut Writer) -> Result<(), DecodeError> {
    let value = W::decode(r)?;
    let start = w.mark();
    let encoded = W::encode(&value, w);
    assert!(encoded.is_ok(), "{encoded:?}");
    assert_eq!(w.len_since(start), W::encoded_len(&value));
    Ok(())
}

/// Nothing is decoded that would not be encoded so.
const STRICT: Limits = Limits {
    depth: Limits::DEFAULT_DEPTH,
    memory: Limits::DEFAULT_MEMORY,
    padding: Padding::Reject,
};
