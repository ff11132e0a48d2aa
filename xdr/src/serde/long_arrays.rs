//! Arrays of more than the 32 elements that serde knows, alone or in a `Vec`, an `Option` or a `Box`.
//!
//! ```
//! #[derive(serde::Serialize, serde::Deserialize)]
//! struct Keys {
//!     #[serde(with = "oncrpc_xdr::serde::long_arrays")]
//!     keys: Vec<[u8; 64]>,
//! }
//!
//! let keys = Keys { keys: vec![[7; 64]] };
//! let text = serde_json::to_string(&keys)?;
//! assert!(text.starts_with(r#"{"keys":[[7,7,7,"#));
//! assert_eq!(serde_json::from_str::<Keys>(&text)?.keys, keys.keys);
//! # Ok::<(), serde_json::Error>(())
//! ```

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeTuple, Serializer};

/// Writes what `#[serde(with = …)]` stands at.
pub fn serialize<T: LongArrays, S: Serializer>(
    value: &T,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    value.write(serializer)
}

/// Reads what `#[serde(with = …)]` stands at.
pub fn deserialize<'de, T: ReadLongArrays<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    T::read(deserializer)
}

/// An array of any length, or something that holds such arrays.
pub trait LongArrays {
    /// Writes it.
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error>;
}

/// The same, to be read.
pub trait ReadLongArrays<'de>: Sized {
    /// Reads it.
    fn read<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error>;
}

impl<T: Serialize, const N: usize> LongArrays for [T; N] {
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut tuple = serializer.serialize_tuple(N)?;
        for element in self {
            tuple.serialize_element(element)?;
        }
        tuple.end()
    }
}

impl<'de, T: Deserialize<'de>, const N: usize> ReadLongArrays<'de> for [T; N] {
    fn read<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_tuple(N, Elements(PhantomData))
    }
}

struct Elements<T, const N: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const N: usize> Visitor<'de> for Elements<T, N> {
    type Value = [T; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{N} elements")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<[T; N], A::Error> {
        let mut elements = Vec::new();
        while elements.len() < N {
            let Some(element) = items.next_element()? else {
                return Err(A::Error::invalid_length(elements.len(), &self));
            };
            elements.push(element);
        }
        let len = elements.len();
        let array = elements.try_into();
        array.map_err(|_| A::Error::invalid_length(len, &self))
    }
}

impl<T: LongArrays> LongArrays for Vec<T> {
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(Written))
    }
}

impl<'de, T: ReadLongArrays<'de>> ReadLongArrays<'de> for Vec<T> {
    fn read<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = Vec::<Read<T>>::deserialize(deserializer)?;
        Ok(read.into_iter().map(|Read(element)| element).collect())
    }
}

impl<T: LongArrays> LongArrays for Option<T> {
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.as_ref().map(Written).serialize(serializer)
    }
}

impl<'de, T: ReadLongArrays<'de>> ReadLongArrays<'de> for Option<T> {
    fn read<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = Option::<Read<T>>::deserialize(deserializer)?;
        Ok(read.map(|Read(value)| value))
    }
}

impl<T: LongArrays> LongArrays for Box<T> {
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        T::write(self, serializer)
    }
}

impl<'de, T: ReadLongArrays<'de>> ReadLongArrays<'de> for Box<T> {
    fn read<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::read(deserializer).map(Self::new)
    }
}

/// As serde has it, for what holds it.
struct Written<'a, T>(&'a T);

impl<T: LongArrays> Serialize for Written<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.write(serializer)
    }
}

/// The same, read.
struct Read<T>(T);

impl<'de, T: ReadLongArrays<'de>> Deserialize<'de> for Read<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::read(deserializer).map(Self)
    }
}
