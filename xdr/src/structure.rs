//! How a struct is coded, in one line for each field.

/// Makes a struct [`Encode`](crate::Encode) and [`Decode`](crate::Decode): its fields, one after the other.
///
/// Each field stands with its [shape](crate::wire) on the wire, in the order of the wire. Errors call a field by
/// its name, or by the one that follows `as` where the .x file has another.
///
/// ```
/// use oncrpc_xdr::{Bytes, XdrString, structure, wire};
///
/// /// `struct file { string name<255>; unsigned int type; opaque head<4>; };`
/// #[derive(Debug, PartialEq)]
/// struct File {
///     name: XdrString,
///     r#type: u32,
///     head: Bytes,
/// }
///
/// structure!(File: {
///     name: wire::Text<255>,
///     r#type: u32 as "type",
///     head: wire::Opaque<4>,
/// });
///
/// let file = File { name: "core".into(), r#type: 1, head: Bytes::from_static(b"\x7fELF") };
/// let wire = oncrpc_xdr::to_bytes(&file)?;
/// assert_eq!(&wire[..], b"\0\0\0\x04core\0\0\0\x01\0\0\0\x04\x7fELF");
/// assert_eq!(oncrpc_xdr::from_bytes::<File>(&wire)?, file);
///
/// let error = oncrpc_xdr::from_bytes::<File>(&wire.slice(..9)).unwrap_err();
/// assert_eq!(error.to_string(), "type: 4 bytes needed, 1 remain at byte 8");
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
///
/// Where each field is a number, an open enum or such a struct, `fixed` says so: the struct is then coded with one check of the
/// space for all of it.
///
/// ```
/// use oncrpc_xdr::structure;
///
/// /// `struct instant { unsigned int seconds; unsigned int nanoseconds; };`
/// struct Instant {
///     seconds: u32,
///     nanoseconds: u32,
/// }
///
/// structure!(Instant: fixed { seconds: u32, nanoseconds: u32 });
///
/// let instant = Instant { seconds: 1, nanoseconds: 2 };
/// assert_eq!(&oncrpc_xdr::to_bytes(&instant)?[..], b"\0\0\0\x01\0\0\0\x02");
/// # Ok::<(), oncrpc_xdr::EncodeError>(())
/// ```
#[macro_export]
macro_rules! structure {
    (@name $field:ident) => { ::core::stringify!($field) };
    (@name $field:ident $name:literal) => { $name };

    ($type:ty: { $($field:ident: $shape:ty $(as $name:literal)?),* $(,)? }) => {
        impl $crate::Encode for $type {
            #[inline]
            fn encoded_len(&self) -> usize {
                0_usize $(+ <$shape as $crate::Wire>::encoded_len(&self.$field))*
            }

            #[allow(unused_variables, reason = "there are structs without fields")]
            #[inline]
            fn encode(
                &self,
                writer: &mut $crate::Writer,
            ) -> ::core::result::Result<(), $crate::EncodeError> {
                $(if let ::core::result::Result::Err(error) =
                    <$shape as $crate::Wire>::encode(&self.$field, writer)
                {
                    return error.fail($crate::structure!(@name $field $($name)?));
                })*
                ::core::result::Result::Ok(())
            }
        }

        impl $crate::Decode for $type {
            const MIN_LEN: usize = 0_usize $(+ <$shape as $crate::Wire>::MIN_LEN)*;

            #[allow(unused_variables, reason = "there are structs without fields")]
            #[inline]
            fn decode(
                reader: &mut $crate::Reader<'_>,
            ) -> ::core::result::Result<Self, $crate::DecodeError> {
                $crate::structure!(@fields reader { $($field: $shape $(as $name)?),* })
            }
        }
    };

    ($type:ty: fixed { $($field:ident: $shape:ty $(as $name:literal)?),* $(,)? }) => {
        impl $crate::Encode for $type {
            #[inline]
            fn encoded_len(&self) -> usize {
                <Self as $crate::Encode>::FIXED
            }

            #[inline]
            fn encode(
                &self,
                writer: &mut $crate::Writer,
            ) -> ::core::result::Result<(), $crate::EncodeError> {
                const FIXED: usize = <$type as $crate::Encode>::FIXED;
                writer.fixed::<FIXED>(|out| $crate::Encode::put(self, out));
                ::core::result::Result::Ok(())
            }

            const FIXED: usize = $crate::fixed::sum(&[$(<$shape as $crate::Wire>::FIXED),*]);

            #[inline(always)]
            fn put(&self, out: &mut &mut [u8]) {
                $(<$shape as $crate::Wire>::put(&self.$field, out);)*
            }
        }

        impl $crate::Decode for $type {
            const MIN_LEN: usize = <Self as $crate::Encode>::FIXED;

            #[inline]
            fn decode(
                reader: &mut $crate::Reader<'_>,
            ) -> ::core::result::Result<Self, $crate::DecodeError> {
                let value = reader.fixed(
                    <Self as $crate::Encode>::FIXED,
                    <Self as $crate::Decode>::get,
                );
                if let ::core::option::Option::Some(value) = value {
                    return ::core::result::Result::Ok(value);
                }
                // Field by field, which says what is missing.
                $crate::structure!(@fields reader { $($field: $shape $(as $name)?),* })
            }

            #[inline(always)]
            fn get(from: &mut &[u8]) -> ::core::option::Option<Self> {
                ::core::option::Option::Some(Self {
                    $($field: <$shape as $crate::Wire>::get(from)?,)*
                })
            }
        }
    };

    (@fields $reader:ident { $($field:ident: $shape:ty $(as $name:literal)?),* }) => {
        ::core::result::Result::Ok(Self {
            $($field: match <$shape as $crate::Wire>::decode($reader) {
                ::core::result::Result::Ok(value) => value,
                ::core::result::Result::Err(error) => {
                    return error.fail($crate::structure!(@name $field $($name)?));
                }
            },)*
        })
    };
}
