//! The two traits of an XDR type, and the types that every .x file starts from.

use alloc::vec::Vec;

use crate::{
    Bytes, DecodeError, DecodeFault, EncodeError, Reader, Wire, Writer, XdrString, fixed, run,
};

/// A value that can be written as XDR.
pub trait Encode {
    /// Exactly how many bytes [`encode`](Encode::encode) writes: a multiple of 4.
    fn encoded_len(&self) -> usize;

    /// Writes the value. After an error the writer holds a part of it; the caller truncates.
    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError>;

    /// Bytes that every value takes, if [`put`](Self::put) puts them; otherwise 0.
    #[doc(hidden)]
    const FIXED: usize = 0;

    /// Puts the value into a slice and leaves what is behind it, if all values take the same number of bytes.
    #[doc(hidden)]
    #[inline]
    fn put(&self, _: &mut &mut [u8]) {}

    /// Bytes that a run of values takes, one after the other.
    #[doc(hidden)]
    #[inline]
    fn run_len(run: &[Self]) -> usize
    where
        Self: Sized,
    {
        run.iter().map(Self::encoded_len).sum()
    }

    /// Writes a run of values, one after the other; numbers do it in bulk.
    #[doc(hidden)]
    #[inline]
    fn encode_run(run: &[Self], w: &mut Writer) -> Result<(), EncodeError>
    where
        Self: Sized,
    {
        run::encode_each(run, w, Self::encode)
    }
}

/// A value that can be read from XDR.
pub trait Decode: Sized {
    /// The fewest bytes that a value takes, by which a count is judged before anything is allocated.
    const MIN_LEN: usize;

    /// Reads one value.
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError>;

    /// Takes a value from a slice and leaves what is behind it, if all values take the same number of bytes and there is
    /// nothing that could be wrong with them.
    #[doc(hidden)]
    #[inline]
    fn get(_: &mut &[u8]) -> Option<Self> {
        None
    }

    /// Reads `count` values, one after the other; numbers do it in bulk.
    ///
    /// The caller has charged the memory and checked the count.
    #[doc(hidden)]
    #[inline]
    fn decode_run(r: &mut Reader<'_>, count: usize) -> Result<Vec<Self>, DecodeError> {
        run::decode_each(r, count, Self::decode)
    }

    /// Reads exactly `N` values, one after the other; numbers do it in bulk.
    #[doc(hidden)]
    #[inline]
    fn decode_fixed<const N: usize>(r: &mut Reader<'_>) -> Result<[Self; N], DecodeError> {
        run::decode_each_fixed(r, Self::decode)
    }
}

/// Encodes one value into one buffer of exactly its size.
pub fn to_bytes<T: Encode>(value: &T) -> Result<Bytes, EncodeError> {
    let mut w = Writer::contiguous(Vec::with_capacity(value.encoded_len()));
    value.encode(&mut w)?;
    Ok(w.into_bytes())
}

/// Decodes one value that must be the whole of `message`; opaque data and strings are slices of it.
pub fn from_bytes<T: Decode>(message: &Bytes) -> Result<T, DecodeError> {
    let mut r = Reader::of(message);
    let value = T::decode(&mut r)?;
    r.finish()?;
    Ok(value)
}

/// Bytes that pad `len` bytes to a multiple of 4.
#[inline]
pub(crate) const fn padding(len: usize) -> usize {
    len.wrapping_neg() & 3
}

/// Bytes that `opaque<>` of `len` bytes takes: length, data, padding.
#[inline]
pub(crate) const fn opaque_len(len: usize) -> usize {
    len.saturating_add(padding(len)).saturating_add(4)
}

macro_rules! number {
    ($($type:ty),*) => {$(
        impl Encode for $type {
            #[inline]
            fn encoded_len(&self) -> usize {
                size_of::<Self>()
            }

            #[inline]
            fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
                w.raw(&self.to_be_bytes());
                Ok(())
            }

            const FIXED: usize = size_of::<Self>();

            #[inline(always)]
            fn put(&self, out: &mut &mut [u8]) {
                fixed::put(self.to_be_bytes(), out);
            }

            #[inline]
            fn run_len(run: &[Self]) -> usize {
                size_of_val(run)
            }

            fn encode_run(run: &[Self], w: &mut Writer) -> Result<(), EncodeError> {
                run::encode_bulk(run, w, Self::to_ne_bytes);
                Ok(())
            }
        }

        impl Decode for $type {
            const MIN_LEN: usize = size_of::<Self>();

            #[inline]
            fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
                Ok(Self::from_be_bytes(*r.take_array()?))
            }

            #[inline(always)]
            fn get(from: &mut &[u8]) -> Option<Self> {
                fixed::get(from).map(Self::from_be_bytes)
            }

            fn decode_run(r: &mut Reader<'_>, count: usize) -> Result<Vec<Self>, DecodeError> {
                run::decode_bulk(r, count, Self::from_ne_bytes)
            }

            #[inline]
            fn decode_fixed<const N: usize>(r: &mut Reader<'_>) -> Result<[Self; N], DecodeError> {
                run::decode_bulk_fixed(r, |bytes| Self::from_be_bytes(*bytes))
            }
        }

        /// `T x[N]` of numbers: one bounds check for all of them.
        impl<const N: usize> Encode for [$type; N] {
            #[inline]
            fn encoded_len(&self) -> usize {
                size_of_val(self)
            }

            #[inline]
            fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
                w.array_fixed::<$type, N>(self)
            }
        }

        /// `T x[N]` of numbers: one bounds check for all of them.
        impl<const N: usize> Decode for [$type; N] {
            const MIN_LEN: usize = size_of::<Self>();

            #[inline]
            fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
                r.array_fixed::<$type, N>()
            }
        }
    )*};
}

number!(i32, u32, i64, u64, f32, f64);

/// `char`, `short` and their unsigned kin: 4 bytes on the wire, checked against the type's range.
macro_rules! small_number {
    ($($type:ty),*) => {$(
        impl Encode for $type {
            #[inline]
            fn encoded_len(&self) -> usize {
                4
            }

            #[inline]
            fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
                w.i32((*self).into());
                Ok(())
            }
        }

        impl Decode for $type {
            const MIN_LEN: usize = 4;

            #[inline]
            fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
                let found = r.i32()?;
                Self::try_from(found).map_err(|_| {
                    r.error_at_last_word(DecodeFault::OutOfRange {
                        found: found.into(),
                        least: Self::MIN.into(),
                        greatest: Self::MAX.into(),
                    })
                })
            }
        }
    )*};
}

small_number!(i8, u8, i16, u16);

impl Encode for bool {
    #[inline]
    fn encoded_len(&self) -> usize {
        4
    }

    #[inline]
    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.bool(*self);
        Ok(())
    }
}

impl Decode for bool {
    const MIN_LEN: usize = 4;

    #[inline]
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.bool()
    }
}

/// `void`.
impl Encode for () {
    #[inline]
    fn encoded_len(&self) -> usize {
        0
    }

    #[inline]
    fn encode(&self, _: &mut Writer) -> Result<(), EncodeError> {
        Ok(())
    }
}

/// `void`.
impl Decode for () {
    const MIN_LEN: usize = 0;

    #[inline]
    fn decode(_: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(())
    }
}

/// `quadruple` (RFC 4506 §4.8): 16 bytes of IEEE binary128, which Rust has no number for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Quadruple(
    /// Sign, exponent and fraction, most significant byte first.
    pub [u8; 16],
);

impl Encode for Quadruple {
    #[inline]
    fn encoded_len(&self) -> usize {
        16
    }

    #[inline]
    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.opaque_fixed(&self.0);
        Ok(())
    }
}

impl Decode for Quadruple {
    const MIN_LEN: usize = 16;

    #[inline]
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.opaque_fixed().map(Self)
    }
}

/// `opaque<>`, without a bound of its own.
impl Encode for Bytes {
    #[inline]
    fn encoded_len(&self) -> usize {
        opaque_len(self.len())
    }

    #[inline]
    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.opaque(self, u32::MAX)
    }
}

/// `opaque<>`, without a bound of its own.
impl Decode for Bytes {
    const MIN_LEN: usize = 4;

    #[inline]
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.opaque(u32::MAX)
    }
}

/// `string<>`, without a bound of its own.
impl Encode for XdrString {
    #[inline]
    fn encoded_len(&self) -> usize {
        opaque_len(self.as_bytes().len())
    }

    #[inline]
    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.string(self, u32::MAX)
    }
}

/// `string<>`, without a bound of its own.
impl Decode for XdrString {
    const MIN_LEN: usize = 4;

    #[inline]
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.string(u32::MAX)
    }
}

/// `opaque[N]`.
impl<const N: usize> Encode for [u8; N] {
    #[inline]
    fn encoded_len(&self) -> usize {
        <Self as Decode>::MIN_LEN
    }

    #[inline]
    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.opaque_fixed(self);
        Ok(())
    }
}

/// `opaque[N]`.
impl<const N: usize> Decode for [u8; N] {
    const MIN_LEN: usize = N + padding(N);

    #[inline]
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.opaque_fixed()
    }
}

/// `T *x`.
impl<T: Encode + Decode> Encode for Option<T> {
    #[inline]
    fn encoded_len(&self) -> usize {
        let held = self.as_ref().map_or(0, Encode::encoded_len);
        held.saturating_add(4)
    }

    #[inline]
    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.optional::<T>(self.as_ref())
    }
}

/// `T *x`.
impl<T: Encode + Decode> Decode for Option<T> {
    const MIN_LEN: usize = 4;

    #[inline]
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.optional::<T>()
    }
}

/// `T x<>`, without a bound of its own.
///
/// So `Vec<u8>` is `unsigned char x<>`, four bytes on the wire for each; `opaque<>` is [`Bytes`].
impl<T: Encode + Decode> Encode for Vec<T> {
    #[inline]
    fn encoded_len(&self) -> usize {
        T::run_len(self).saturating_add(4)
    }

    #[inline]
    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.array::<T>(self, u32::MAX)
    }
}

/// `T x<>`, without a bound of its own.
impl<T: Encode + Decode> Decode for Vec<T> {
    const MIN_LEN: usize = 4;

    #[inline]
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.array::<T>(u32::MAX)
    }
}

/// Every type that codes itself is its own wire shape.
impl<T: Encode + Decode> Wire for T {
    type Value = T;
    const MIN_LEN: usize = T::MIN_LEN;
    const FIXED: usize = <T as Encode>::FIXED;

    #[inline(always)]
    fn put(value: &T, out: &mut &mut [u8]) {
        value.put(out);
    }

    #[inline(always)]
    fn get(from: &mut &[u8]) -> Option<T> {
        <T as Decode>::get(from)
    }

    #[inline]
    fn encoded_len(value: &T) -> usize {
        value.encoded_len()
    }

    #[inline]
    fn encode(value: &T, w: &mut Writer) -> Result<(), EncodeError> {
        value.encode(w)
    }

    #[inline]
    fn decode(r: &mut Reader<'_>) -> Result<T, DecodeError> {
        T::decode(r)
    }

    #[inline]
    fn run_len(run: &[T]) -> usize {
        T::run_len(run)
    }

    #[inline]
    fn encode_run(run: &[T], w: &mut Writer) -> Result<(), EncodeError> {
        T::encode_run(run, w)
    }

    #[inline]
    fn decode_run(r: &mut Reader<'_>, count: usize) -> Result<Vec<T>, DecodeError> {
        T::decode_run(r, count)
    }

    #[inline]
    fn decode_fixed<const N: usize>(r: &mut Reader<'_>) -> Result<[T; N], DecodeError> {
        T::decode_fixed(r)
    }
}
