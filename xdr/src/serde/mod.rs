//! serde's traits for the types of this crate, and for generated ones.
//!
//! Generated structs and unions derive them. Enums are names in formats for people and numbers in others, as
//! [`serde_enumeration!`](crate::serde_enumeration!) does it; arrays of more elements than serde knows are
//! `#[serde(with = "oncrpc_xdr::serde::long_arrays")]`.

use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Unexpected, Visitor};
use serde::ser::{Serialize, Serializer};

use crate::{Bytes, Quadruple, XdrString};

pub mod long_arrays;

#[doc(hidden)]
pub use ::serde as crate_;

/// Text where the bytes are UTF-8 and the format is for people, else bytes; neither loses anything.
impl Serialize for XdrString {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.to_str() {
            Ok(text) if serializer.is_human_readable() => serializer.serialize_str(text),
            _ => serializer.serialize_bytes(self.as_bytes()),
        }
    }
}

impl<'de> Deserialize<'de> for XdrString {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            deserializer.deserialize_any(TextOrBytes)
        } else {
            deserializer.deserialize_byte_buf(TextOrBytes)
        }
    }
}

struct TextOrBytes;

impl<'de> Visitor<'de> for TextOrBytes {
    type Value = XdrString;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text or bytes")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<XdrString, E> {
        Ok(text.into())
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<XdrString, E> {
        Ok(bytes.into())
    }

    fn visit_byte_buf<E: Error>(self, bytes: Vec<u8>) -> Result<XdrString, E> {
        Ok(bytes.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<XdrString, A::Error> {
        let mut bytes = Vec::new();
        while let Some(byte) = items.next_element()? {
            bytes.push(byte);
        }
        Ok(Bytes::from(bytes).into())
    }
}

/// 16 bytes, most significant first.
impl Serialize for Quadruple {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Quadruple {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Deserialize::deserialize(deserializer).map(Self)
    }
}

/// An enum as formats for people have it: the name of a member, or a number that none has.
#[doc(hidden)]
pub fn serialize<T: PartialEq, S: Serializer>(
    value: &T,
    number: i32,
    members: &[(&'static str, T)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let named = members.iter().find(|(_, member)| member == value);
    match named {
        Some((name, _)) if serializer.is_human_readable() => serializer.serialize_str(name),
        _ => serializer.serialize_i32(number),
    }
}

/// The same, read; a number may be that of a member, too.
#[doc(hidden)]
pub fn deserialize<'de, T: Copy, D: Deserializer<'de>>(
    members: &[(&'static str, T)],
    of_number: fn(i32) -> Option<T>,
    deserializer: D,
) -> Result<T, D::Error> {
    let visitor = Member {
        members,
        of_number,
        lifetime: PhantomData,
    };
    if deserializer.is_human_readable() {
        deserializer.deserialize_any(visitor)
    } else {
        deserializer.deserialize_i32(visitor)
    }
}

struct Member<'a, 'de, T> {
    members: &'a [(&'static str, T)],
    of_number: fn(i32) -> Option<T>,
    lifetime: PhantomData<&'de ()>,
}

impl<'de, T: Copy> Visitor<'de> for Member<'_, 'de, T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a member or a number of 32 bits")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        let member = self.members.iter().find(|(name, _)| *name == text);
        let unknown = || E::invalid_value(Unexpected::Str(text), &self);
        member.map(|(_, value)| *value).ok_or_else(unknown)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        let value = i32::try_from(number).ok().and_then(self.of_number);
        value.ok_or_else(|| E::invalid_value(Unexpected::Signed(number), &self))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        let value = i32::try_from(number).ok().and_then(self.of_number);
        value.ok_or_else(|| E::invalid_value(Unexpected::Unsigned(number), &self))
    }
}

/// Makes an enum that [`enumeration!`](crate::enumeration!) codes serde's, too: `Serialize` and `Deserialize`.
///
/// In formats for people a value is the name of its member, or a number if none has it; in others always a number.
/// However it is read, a listed value never becomes an unknown one.
///
/// ```
/// use oncrpc_xdr::{Enumeration, Unknown, enumeration, serde_enumeration};
///
/// #[derive(Clone, Copy, Debug, PartialEq)]
/// enum FileKind {
///     Text,
///     Unknown(Unknown),
/// }
///
/// enumeration!(FileKind { Text = 0 });
/// serde_enumeration!(FileKind { Text });
///
/// let kinds = [FileKind::Text, FileKind::from_value(7)];
/// assert_eq!(serde_json::to_string(&kinds)?, r#"["Text",7]"#);
/// assert_eq!(serde_json::from_str::<[FileKind; 2]>(r#"["Text",7]"#)?, kinds);
/// assert_eq!(serde_json::from_str::<FileKind>("0")?, FileKind::Text);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[macro_export]
macro_rules! serde_enumeration {
    (closed $type:ty { $($member:ident),* $(,)? }) => {
        $crate::serde_enumeration!(
            @impl $type { $($member),* } |number| <Self as ::core::convert::TryFrom<i32>>::try_from(number).ok()
        );
    };
    (newtype $type:ty { $($member:ident),* $(,)? }) => {
        $crate::serde_enumeration!(
            @impl $type { $($member),* } |number| ::core::option::Option::Some(Self(number))
        );
    };
    ($type:ty { $($member:ident),* $(,)? }) => {
        $crate::serde_enumeration!(
            @impl $type { $($member),* }
            |number| ::core::option::Option::Some(<Self as $crate::Enumeration>::from_value(number))
        );
    };
    (@impl $type:ty { $($member:ident),* } $of_number:expr) => {
        impl $crate::serde::crate_::Serialize for $type {
            fn serialize<S: $crate::serde::crate_::Serializer>(
                &self,
                serializer: S,
            ) -> ::core::result::Result<S::Ok, S::Error> {
                let number = $crate::union::Discriminant::number(*self) as i32;
                let members = &[$((::core::stringify!($member), Self::$member)),*];
                $crate::serde::serialize(self, number, members, serializer)
            }
        }

        impl<'de> $crate::serde::crate_::Deserialize<'de> for $type {
            fn deserialize<D: $crate::serde::crate_::Deserializer<'de>>(
                deserializer: D,
            ) -> ::core::result::Result<Self, D::Error> {
                let members = &[$((::core::stringify!($member), Self::$member)),*];
                $crate::serde::deserialize(members, $of_number, deserializer)
            }
        }
    };
}
