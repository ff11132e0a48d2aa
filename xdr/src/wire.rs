//! How a type stands on the wire, where the Rust type alone does not say it.
//!
//! `typedef string dirpath<1024>` is an [`XdrString`] in Rust; that it is at most 1024 bytes long is a
//! fact of the protocol, not of the type. Where such a type is an argument, a result or an element, the
//! generated code names its shape: [`Text<1024>`](Text). A type that codes itself is its own shape.

use core::marker::PhantomData;
use core::str;

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use crate::{
    At, Bytes, DecodeError, DecodeFault, EncodeError, Reader, Writer, XdrString, codec, run,
};

/// The shape of a value on the wire.
///
/// Every type that is [`Encode`](crate::Encode) and [`Decode`](crate::Decode) is its own shape; as their
/// methods have the same names, import those two or this one.
///
/// ```
/// use oncrpc_xdr::{Reader, Wire, Writer, XdrString, wire::{Array, Text}};
///
/// // typedef string name<8>;  name names<2>;
/// type Names = Array<Text<8>, 2>;
///
/// let names = vec![XdrString::from("tcp"), XdrString::from("udp")];
/// let mut w = Writer::new();
/// Names::encode(&names, &mut w)?;
/// assert_eq!(Names::encoded_len(&names), w.len());
/// let wire = w.into_bytes();
/// assert_eq!(Names::decode(&mut Reader::of(&wire))?, names);
///
/// let error = Array::<Text<8>, 1>::decode(&mut Reader::of(&wire)).unwrap_err();
/// assert_eq!(error.to_string(), "length 2 exceeds the bound 1 at byte 0");
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
pub trait Wire {
    /// The value as Rust holds it.
    type Value;

    /// The fewest bytes that a value takes.
    const MIN_LEN: usize;

    /// Exactly how many bytes [`encode`](Wire::encode) writes.
    fn encoded_len(value: &Self::Value) -> usize;

    /// Writes the value, within its bounds.
    fn encode(value: &Self::Value, w: &mut Writer) -> Result<(), EncodeError>;

    /// Reads a value, within its bounds.
    fn decode(r: &mut Reader<'_>) -> Result<Self::Value, DecodeError>;

    /// Bytes that every value takes, if [`put`](Self::put) puts them; otherwise 0.
    #[doc(hidden)]
    const FIXED: usize = 0;

    /// Puts a value into a slice and leaves what is behind it, if all values take the same number of bytes.
    #[doc(hidden)]
    #[inline]
    fn put(_: &Self::Value, _: &mut &mut [u8]) {}

    /// Takes a value from a slice and leaves what is behind it, if all values take the same number of bytes and there is
    /// nothing that could be wrong with them.
    #[doc(hidden)]
    #[inline]
    fn get(_: &mut &[u8]) -> Option<Self::Value> {
        None
    }

    /// Bytes that a run of values takes.
    #[doc(hidden)]
    #[inline]
    fn run_len(run: &[Self::Value]) -> usize {
        run.iter().map(Self::encoded_len).sum()
    }

    /// Writes a run of values, one after the other.
    #[doc(hidden)]
    #[inline]
    fn encode_run(run: &[Self::Value], w: &mut Writer) -> Result<(), EncodeError> {
        run::encode_each(run, w, Self::encode)
    }

    /// Reads `count` values, one after the other; memory and count have been checked.
    #[doc(hidden)]
    #[inline]
    fn decode_run(r: &mut Reader<'_>, count: usize) -> Result<Vec<Self::Value>, DecodeError> {
        run::decode_each(r, count, Self::decode)
    }

    /// Reads exactly `N` values, one after the other.
    #[doc(hidden)]
    #[inline]
    fn decode_fixed<const N: usize>(r: &mut Reader<'_>) -> Result<[Self::Value; N], DecodeError> {
        run::decode_each_fixed(r, Self::decode)
    }
}

/// `string<MAX>`.
#[derive(Debug)]
pub enum Text<const MAX: u32> {}

/// `string<MAX>` as a [`String`]: what is not UTF-8 is refused.
#[derive(Debug)]
pub enum Utf8<const MAX: u32> {}

/// `opaque<MAX>`.
#[derive(Debug)]
pub enum Opaque<const MAX: u32> {}

/// `opaque<MAX>` as a [`Vec`], which is a copy of its own.
#[derive(Debug)]
pub enum OpaqueVec<const MAX: u32> {}

/// `T x<MAX>`.
#[derive(Debug)]
pub struct Array<W, const MAX: u32>(PhantomData<W>);

/// `T x[N]`.
#[derive(Debug)]
pub struct Fixed<W, const N: usize>(PhantomData<W>);

/// `T *x`.
#[derive(Debug)]
pub struct Optional<W>(PhantomData<W>);

/// A value of a type that can contain itself: on the heap, one level deeper.
#[derive(Debug)]
pub struct Boxed<W>(PhantomData<W>);

/// An array or a list that leads back to what holds it: one level deeper.
#[derive(Debug)]
pub struct Nested<W>(PhantomData<W>);

/// A chain of structs, each linked to the next by its last field.
#[derive(Debug)]
pub struct List<W>(PhantomData<W>);

impl<const MAX: u32> Wire for Text<MAX> {
    type Value = XdrString;
    const MIN_LEN: usize = 4;

    #[inline]
    fn encoded_len(value: &XdrString) -> usize {
        codec::opaque_len(value.len())
    }

    #[inline]
    fn encode(value: &XdrString, w: &mut Writer) -> Result<(), EncodeError> {
        w.string(value, MAX)
    }

    #[inline]
    fn decode(r: &mut Reader<'_>) -> Result<XdrString, DecodeError> {
        r.string(MAX)
    }
}

impl<const MAX: u32> Wire for Opaque<MAX> {
    type Value = Bytes;
    const MIN_LEN: usize = 4;

    #[inline]
    fn encoded_len(value: &Bytes) -> usize {
        codec::opaque_len(value.len())
    }

    #[inline]
    fn encode(value: &Bytes, w: &mut Writer) -> Result<(), EncodeError> {
        w.opaque(value, MAX)
    }

    #[inline]
    fn decode(r: &mut Reader<'_>) -> Result<Bytes, DecodeError> {
        r.opaque(MAX)
    }
}

impl<const MAX: u32> Wire for Utf8<MAX> {
    type Value = String;
    const MIN_LEN: usize = 4;

    #[inline]
    fn encoded_len(value: &String) -> usize {
        codec::opaque_len(value.len())
    }

    #[inline]
    fn encode(value: &String, w: &mut Writer) -> Result<(), EncodeError> {
        w.opaque_borrowed(value.as_bytes(), MAX)
    }

    #[inline]
    fn decode(r: &mut Reader<'_>) -> Result<String, DecodeError> {
        let start = r.offset().saturating_add(4);
        let bytes = r.opaque_borrowed(MAX)?;
        match str::from_utf8(bytes) {
            Ok(text) => {
                r.charge(text.len())?;
                Ok(text.to_owned())
            }
            Err(error) => {
                let fault = DecodeFault::NotUtf8 { len: bytes.len() };
                let at = start.saturating_add(error.valid_up_to());
                Err(DecodeError::new(fault, at))
            }
        }
    }
}

impl<const MAX: u32> Wire for OpaqueVec<MAX> {
    type Value = Vec<u8>;
    const MIN_LEN: usize = 4;

    #[inline]
    fn encoded_len(value: &Vec<u8>) -> usize {
        codec::opaque_len(value.len())
    }

    #[inline]
    fn encode(value: &Vec<u8>, w: &mut Writer) -> Result<(), EncodeError> {
        w.opaque_borrowed(value, MAX)
    }

    #[inline]
    fn decode(r: &mut Reader<'_>) -> Result<Vec<u8>, DecodeError> {
        let bytes = r.opaque_borrowed(MAX)?;
        r.charge(bytes.len())?;
        Ok(bytes.to_vec())
    }
}

impl<W: Wire, const MAX: u32> Wire for Array<W, MAX> {
    type Value = Vec<W::Value>;
    const MIN_LEN: usize = 4;

    #[inline]
    fn encoded_len(value: &Self::Value) -> usize {
        W::run_len(value).saturating_add(4)
    }

    #[inline]
    fn encode(value: &Self::Value, w: &mut Writer) -> Result<(), EncodeError> {
        w.array::<W>(value, MAX)
    }

    #[inline]
    fn decode(r: &mut Reader<'_>) -> Result<Self::Value, DecodeError> {
        r.array::<W>(MAX)
    }
}

impl<W: Wire, const N: usize> Wire for Fixed<W, N> {
    type Value = [W::Value; N];
    const MIN_LEN: usize = N * W::MIN_LEN;

    #[inline]
    fn encoded_len(value: &Self::Value) -> usize {
        W::run_len(value)
    }

    #[inline]
    fn encode(value: &Self::Value, w: &mut Writer) -> Result<(), EncodeError> {
        w.array_fixed::<W, N>(value)
    }

    #[inline]
    fn decode(r: &mut Reader<'_>) -> Result<Self::Value, DecodeError> {
        r.array_fixed::<W, N>()
    }
}

impl<W: Wire> Wire for Optional<W> {
    type Value = Option<W::Value>;
    const MIN_LEN: usize = 4;

    #[inline]
    fn encoded_len(value: &Self::Value) -> usize {
        let held = value.as_ref().map_or(0, W::encoded_len);
        held.saturating_add(4)
    }

    #[inline]
    fn encode(value: &Self::Value, w: &mut Writer) -> Result<(), EncodeError> {
        w.optional::<W>(value.as_ref())
    }

    #[inline]
    fn decode(r: &mut Reader<'_>) -> Result<Self::Value, DecodeError> {
        r.optional::<W>()
    }
}

impl<W: Wire> Wire for Boxed<W> {
    type Value = Box<W::Value>;
    const MIN_LEN: usize = W::MIN_LEN;

    #[inline]
    fn encoded_len(value: &Self::Value) -> usize {
        W::encoded_len(value)
    }

    #[inline]
    fn encode(value: &Self::Value, w: &mut Writer) -> Result<(), EncodeError> {
        w.nested(|w| W::encode(value, w))
    }

    #[inline]
    fn decode(r: &mut Reader<'_>) -> Result<Self::Value, DecodeError> {
        r.charge(size_of::<W::Value>())?;
        r.nested(|r| W::decode(r).map(Box::new))
    }
}

impl<W: Wire> Wire for Nested<W> {
    type Value = W::Value;
    const MIN_LEN: usize = W::MIN_LEN;

    #[inline]
    fn encoded_len(value: &Self::Value) -> usize {
        W::encoded_len(value)
    }

    #[inline]
    fn encode(value: &Self::Value, w: &mut Writer) -> Result<(), EncodeError> {
        w.nested(|w| W::encode(value, w))
    }

    #[inline]
    fn decode(r: &mut Reader<'_>) -> Result<Self::Value, DecodeError> {
        r.nested(|r| W::decode(r))
    }
}

impl<W: Wire> Wire for List<W> {
    type Value = Vec<W::Value>;
    const MIN_LEN: usize = 4;

    #[inline]
    fn encoded_len(value: &Self::Value) -> usize {
        // A link before each and one behind the last.
        let links = value.len().saturating_add(1).saturating_mul(4);
        W::run_len(value).saturating_add(links)
    }

    #[inline]
    fn encode(value: &Self::Value, w: &mut Writer) -> Result<(), EncodeError> {
        w.list::<W>(value)
    }

    #[inline]
    fn decode(r: &mut Reader<'_>) -> Result<Self::Value, DecodeError> {
        r.list::<W>()
    }
}

/// Several arguments of one procedure, one after the other.
macro_rules! tuple {
    ($($wire:ident $value:ident $index:tt),+) => {
        impl<$($wire: Wire),+> Wire for ($($wire,)+) {
            type Value = ($($wire::Value,)+);
            const MIN_LEN: usize = 0 $(+ $wire::MIN_LEN)+;

            #[inline]
            fn encoded_len(value: &Self::Value) -> usize {
                0 $(+ $wire::encoded_len(&value.$index))+
            }

            #[inline]
            fn encode(value: &Self::Value, w: &mut Writer) -> Result<(), EncodeError> {
                $($wire::encode(&value.$index, w).at_index($index)?;)+
                Ok(())
            }

            #[inline]
            fn decode(r: &mut Reader<'_>) -> Result<Self::Value, DecodeError> {
                $(let $value = $wire::decode(r).at_index($index)?;)+
                Ok(($($value,)+))
            }
        }
    };
}

tuple!(A a 0, B b 1);
tuple!(A a 0, B b 1, C c 2);
tuple!(A a 0, B b 1, C c 2, D d 3);
tuple!(A a 0, B b 1, C c 2, D d 3, E e 4);
tuple!(A a 0, B b 1, C c 2, D d 3, E e 4, F f 5);
tuple!(A a 0, B b 1, C c 2, D d 3, E e 4, F f 5, G g 6);
tuple!(A a 0, B b 1, C c 2, D d 3, E e 4, F f 5, G g 6, H h 7);
