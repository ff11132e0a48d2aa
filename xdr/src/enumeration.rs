//! Enums, which are numbers on the wire.

use crate::{Decode, DecodeError, Encode, EncodeError, Reader, Writer};

/// An `enum` that is open: a value that it does not list is kept, not refused.
///
/// Peers are of another age than we are and send what the .x file at hand does not list. So generated
/// enums have a member for it, whose [`Unknown`] cannot be made of a listed value. To implement this is to
/// be [`Encode`] and [`Decode`]; [`enumeration!`](crate::enumeration!) implements it.
pub trait Enumeration: Copy {
    /// The member that has this value, if one is listed.
    fn listed(value: i32) -> Option<Self>;

    /// The member that stands for all values that are not listed.
    fn unknown(value: Unknown) -> Self;

    /// The value on the wire.
    fn value(self) -> i32;

    /// The member of this value, listed or not.
    fn from_value(value: i32) -> Self {
        Self::listed(value).unwrap_or_else(|| Self::unknown(Unknown(value)))
    }
}

impl<E: Enumeration> Encode for E {
    #[inline]
    fn encoded_len(&self) -> usize {
        4
    }

    #[inline]
    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.i32(self.value());
        Ok(())
    }

    const FIXED: usize = 4;

    #[inline(always)]
    fn put(&self, out: &mut &mut [u8]) {
        self.value().put(out);
    }
}

impl<E: Enumeration> Decode for E {
    const MIN_LEN: usize = 4;

    #[inline]
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.i32().map(Self::from_value)
    }

    #[inline(always)]
    fn get(from: &mut &[u8]) -> Option<Self> {
        i32::get(from).map(Self::from_value)
    }
}

/// A value that an enum does not list.
///
/// Only [`Enumeration::from_value`] makes one, and decoding through it, so it is never a listed value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Unknown(i32);

impl Unknown {
    /// The value as it came.
    pub const fn value(self) -> i32 {
        self.0
    }
}

/// Makes an enum [`Encode`](crate::Encode) and [`Decode`](crate::Decode): open, closed, or a number with a name.
///
/// An open enum has a member that holds an [`Unknown`](crate::Unknown) for all values that are not listed, and
/// becomes an [`Enumeration`](crate::Enumeration).
///
/// ```
/// use oncrpc_xdr::{Bytes, Enumeration, Unknown, enumeration, from_bytes};
///
/// /// `enum filekind { TEXT = 0, DATA = 1, EXEC = 2 };`
/// #[derive(Clone, Copy, Debug, PartialEq)]
/// enum FileKind {
///     Text,
///     Data,
///     Exec,
///     Unknown(Unknown),
/// }
///
/// enumeration!(FileKind { Text = 0, Data = 1, Exec = 2 });
///
/// let kind: FileKind = from_bytes(&Bytes::from_static(&[0, 0, 0, 2]))?;
/// assert_eq!(kind, FileKind::Exec);
/// let kind: FileKind = from_bytes(&Bytes::from_static(&[0, 0, 0, 7]))?;
/// assert_eq!(kind.value(), 7);
/// # Ok::<(), oncrpc_xdr::DecodeError>(())
/// ```
///
/// A closed one has no such member: other values are refused, by `TryFrom<i32>`, too.
///
/// ```
/// use oncrpc_xdr::{Bytes, DecodeFault, enumeration, from_bytes};
///
/// #[derive(Clone, Copy, Debug, PartialEq)]
/// enum FileKind {
///     Text,
///     Data,
/// }
///
/// enumeration!(closed FileKind { Text = 0, Data = 1 });
///
/// assert_eq!(FileKind::try_from(1), Ok(FileKind::Data));
/// let error = from_bytes::<FileKind>(&Bytes::from_static(&[0, 0, 0, 7])).unwrap_err();
/// assert_eq!(error.fault(), DecodeFault::BadEnum { found: 7 });
/// ```
///
/// And a struct of a number has constants for the values that are listed, and takes all.
///
/// ```
/// use oncrpc_xdr::{enumeration, to_bytes};
///
/// #[derive(Clone, Copy, Debug, PartialEq, Eq)]
/// struct FileKind(i32);
///
/// impl FileKind {
///     const TEXT: Self = Self(0);
/// }
///
/// enumeration!(newtype FileKind);
///
/// assert_eq!(&to_bytes(&FileKind(7))?[..], &[0, 0, 0, 7]);
/// assert_eq!(FileKind::from(0), FileKind::TEXT);
/// # Ok::<(), oncrpc_xdr::EncodeError>(())
/// ```
#[macro_export]
macro_rules! enumeration {
    (closed $type:ty { $($member:ident = $value:literal),* $(,)? }) => {
        impl ::core::convert::TryFrom<i32> for $type {
            type Error = $crate::DecodeFault;

            fn try_from(found: i32) -> ::core::result::Result<Self, $crate::DecodeFault> {
                match found {
                    $($value => ::core::result::Result::Ok(Self::$member),)*
                    _ => ::core::result::Result::Err($crate::DecodeFault::BadEnum { found }),
                }
            }
        }

        impl ::core::convert::From<$type> for i32 {
            fn from(value: $type) -> Self {
                match value {
                    $(<$type>::$member => $value,)*
                }
            }
        }

        impl $crate::Decode for $type {
            const MIN_LEN: usize = 4;

            #[inline]
            fn decode(
                reader: &mut $crate::Reader<'_>,
            ) -> ::core::result::Result<Self, $crate::DecodeError> {
                <Self as ::core::convert::TryFrom<i32>>::try_from(reader.i32()?)
                    .map_err(|fault| reader.error_at_last_word(fault))
            }
        }

        $crate::enumeration!(@number $type);
    };

    (newtype $type:ty) => {
        impl ::core::convert::From<i32> for $type {
            fn from(value: i32) -> Self {
                Self(value)
            }
        }

        impl ::core::convert::From<$type> for i32 {
            fn from(value: $type) -> Self {
                value.0
            }
        }

        impl $crate::Decode for $type {
            const MIN_LEN: usize = 4;

            #[inline]
            fn decode(
                reader: &mut $crate::Reader<'_>,
            ) -> ::core::result::Result<Self, $crate::DecodeError> {
                reader.i32().map(Self)
            }
        }

        $crate::enumeration!(@number $type);
    };

    // What becomes an `i32` by itself.
    (@number $type:ty) => {
        impl $crate::Encode for $type {
            #[inline]
            fn encoded_len(&self) -> usize {
                4
            }

            #[inline]
            fn encode(
                &self,
                writer: &mut $crate::Writer,
            ) -> ::core::result::Result<(), $crate::EncodeError> {
                writer.i32(::core::convert::From::from(*self));
                ::core::result::Result::Ok(())
            }
        }

        impl $crate::union::Discriminant for $type {
            fn number(self) -> i64 {
                <i32 as ::core::convert::From<Self>>::from(self).into()
            }

            #[inline]
            fn write(self, writer: &mut $crate::Writer) {
                writer.i32(::core::convert::From::from(self));
            }
        }
    };

    ($type:ty { $($member:ident = $value:literal),* $(,)? }) => {
        impl $crate::Enumeration for $type {
            #[inline]
            fn listed(value: i32) -> ::core::option::Option<Self> {
                match value {
                    $($value => ::core::option::Option::Some(Self::$member),)*
                    _ => ::core::option::Option::None,
                }
            }

            #[inline]
            fn unknown(value: $crate::Unknown) -> Self {
                Self::Unknown(value)
            }

            #[inline]
            fn value(self) -> i32 {
                match self {
                    $(Self::$member => $value,)*
                    Self::Unknown(value) => value.value(),
                }
            }
        }
    };
}
