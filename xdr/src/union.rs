//! How a union is coded, in one line for each arm.

use crate::{DecodeError, DecodeFault, EncodeError, EncodeFault, Enumeration, Reader, Writer};

/// What decides which arm a union is.
pub trait Discriminant {
    /// The value on the wire, as errors show it.
    fn number(self) -> i64;

    /// Writes it: a number, so nothing can be wrong with it.
    fn write(self, w: &mut Writer);
}

macro_rules! number {
    ($($number:ty: $wire:ident),*) => {$(
        impl Discriminant for $number {
            fn number(self) -> i64 {
                self.into()
            }

            #[inline]
            fn write(self, w: &mut Writer) {
                w.$wire(self.into());
            }
        }
    )*};
}

number!(i8: i32, u8: u32, i16: i32, u16: u32, i32: i32, u32: u32, bool: bool);

impl Discriminant for i64 {
    fn number(self) -> i64 {
        self
    }

    #[inline]
    fn write(self, w: &mut Writer) {
        w.raw(&self.to_be_bytes());
    }
}

impl Discriminant for u64 {
    fn number(self) -> i64 {
        self.cast_signed()
    }

    #[inline]
    fn write(self, w: &mut Writer) {
        w.raw(&self.to_be_bytes());
    }
}

impl<E: Enumeration> Discriminant for E {
    fn number(self) -> i64 {
        self.value().into()
    }

    #[inline]
    fn write(self, w: &mut Writer) {
        w.i32(self.value());
    }
}

/// A union whose default arm holds a discriminant that has an arm of its own.
#[cold]
pub fn listed(found: impl Discriminant) -> EncodeError {
    let found = found.number();
    EncodeError::new(EncodeFault::ListedDiscriminant { found })
}

/// A discriminant, just read, for which a union has no arm.
#[cold]
pub fn no_arm(reader: &Reader<'_>, found: impl Discriminant) -> DecodeError {
    let found = found.number();
    reader.error_at_last_word(DecodeFault::BadDiscriminant { found })
}

/// The least of the arms' lengths.
pub const fn least(lens: &[usize]) -> usize {
    let Some((&first, mut rest)) = lens.split_first() else {
        return 0;
    };
    let mut least = first;
    while let Some((&len, others)) = rest.split_first() {
        if len < least {
            least = len;
        }
        rest = others;
    }
    least
}

/// Makes an enum [`Encode`](crate::Encode) and [`Decode`](crate::Decode) as a union, and gives it a method that
/// says its discriminant.
///
/// Behind the type stand the discriminant, which is the method's name, and its type. Then come the arms: a label,
/// the variant that it means and, in brackets, the [shape](crate::wire) of what that holds, which errors call by
/// the name that follows `as`. Without a default arm other discriminants are refused.
///
/// ```
/// use oncrpc_xdr::{Bytes, DecodeFault, union, wire};
///
/// /// `union answer switch (int status) { case 0: opaque data<8>; case -1: void; };`
/// #[derive(Debug, PartialEq)]
/// enum Answer {
///     Data(Bytes),
///     Nothing,
/// }
///
/// union!(Answer, status: i32 {
///     0 => Data(wire::Opaque<8>) as "data",
///     -1 => Nothing,
/// });
///
/// let answer = Answer::Data(Bytes::from_static(b"data"));
/// assert_eq!(answer.status(), 0);
/// let wire = oncrpc_xdr::to_bytes(&answer)?;
/// assert_eq!(&wire[..], b"\0\0\0\0\0\0\0\x04data");
/// assert_eq!(oncrpc_xdr::from_bytes::<Answer>(&wire)?, answer);
///
/// let error = oncrpc_xdr::from_bytes::<Answer>(&Bytes::from_static(b"\0\0\0\x07")).unwrap_err();
/// assert_eq!(error.fault(), DecodeFault::BadDiscriminant { found: 7 });
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
///
/// A default arm keeps the discriminant: alone if it is void, else beside what it holds. One that has an arm of
/// its own is refused there when it is encoded.
///
/// ```
/// use oncrpc_xdr::{EncodeFault, union};
///
/// /// `union size switch (bool known) { case TRUE: hyper bytes; default: void; };`
/// enum Size {
///     Bytes(i64),
///     Default(bool),
/// }
///
/// union!(Size, known: bool { true => Bytes(i64) as "bytes" } default Default);
///
/// /// `union reply switch (unsigned kind) { case 0: void; default: int code; };`
/// enum Reply {
///     Done,
///     Default { kind: u32, code: i32 },
/// }
///
/// union!(Reply, kind: u32 { 0 => Done } default Default { kind, code: i32 });
///
/// let error = oncrpc_xdr::to_bytes(&Reply::Default { kind: 0, code: 1 }).unwrap_err();
/// assert_eq!(error.fault(), EncodeFault::ListedDiscriminant { found: 0 });
/// ```
#[macro_export]
macro_rules! union {
    // A label is a number or a bool, or else the path of a constant or of a member of an enum.
    (
        $type:ty, $kind:ident: $of:ty $(as $name:literal)? {
            $($label:literal => $variant:ident $(($shape:ty))? $(as $held:literal)?),* $(,)?
        } $($default:tt)*
    ) => {
        $crate::union!(
            @default ($($label)|*) $type, $kind: $of, $crate::structure!(@name $kind $($name)?),
            { $([$label] $variant [$($shape)?] $crate::structure!(@name $variant $($held)?),)* }
            $($default)*
        );
    };
    (
        $type:ty, $kind:ident: $of:ty $(as $name:literal)? {
            $($label:path => $variant:ident $(($shape:ty))? $(as $held:literal)?),* $(,)?
        } $($default:tt)*
    ) => {
        $crate::union!(
            @default ($($label)|*) $type, $kind: $of, $crate::structure!(@name $kind $($name)?),
            { $([$label] $variant [$($shape)?] $crate::structure!(@name $variant $($held)?),)* }
            $($default)*
        );
    };

    // What stands behind the arms: nothing, a void default arm, or one that holds something.
    (@default $labels:tt $type:ty, $kind:ident: $of:ty, $name:expr, $arms:tt) => {
        $crate::union!(@code $labels $type, $kind: $of, $name, $arms [] []);
    };
    (@default $labels:tt $type:ty, $kind:ident: $of:ty, $name:expr, $arms:tt default $other:ident) => {
        $crate::union!(@code $labels $type, $kind: $of, $name, $arms [$other] []);
    };
    (
        @default $labels:tt $type:ty, $kind:ident: $of:ty, $name:expr, $arms:tt
        default $other:ident { $own:ident, $field:ident: $shape:ty $(as $held:literal)? $(,)? }
    ) => {
        $crate::union!(
            @code $labels $type, $kind: $of, $name, $arms
            [] [$other $own $field [$shape] $crate::structure!(@name $field $($held)?)]
        );
    };

    (
        @code $labels:tt $type:ty, $kind:ident: $of:ty, $name:expr,
        { $([$($label:tt)+] $variant:ident [$($shape:ty)?] $held:expr,)* }
        [$($void:ident)?]
        [$($other:ident $own:ident $field:ident [$rest:ty] $rest_name:expr)?]
    ) => {
        impl $type {
            #[doc = ::core::concat!("The discriminant, `", $name, "`.")]
            #[inline]
            pub fn $kind(&self) -> $of {
                match self {
                    $(Self::$variant { .. } => $($label)+,)*
                    $(Self::$void(found) => *found,)?
                    $(Self::$other { $own: found, .. } => *found,)?
                }
            }
        }

        impl $crate::Encode for $type {
            #[inline]
            fn encoded_len(&self) -> usize {
                <$of as $crate::Decode>::MIN_LEN + match self {
                    $(Self::$variant $(($crate::union!(@bind value $shape)))? => {
                        0_usize $(+ <$shape as $crate::Wire>::encoded_len(value))?
                    })*
                    $(Self::$void(_) => 0,)?
                    $(Self::$other { $field: value, .. } => {
                        <$rest as $crate::Wire>::encoded_len(value)
                    })?
                }
            }

            #[inline]
            fn encode(
                &self,
                writer: &mut $crate::Writer,
            ) -> ::core::result::Result<(), $crate::EncodeError> {
                let found = Self::$kind(self);
                $($crate::union!(@unlisted self, $void, found, $labels, $name);)?
                $($crate::union!(@unlisted self, $other, found, $labels, $name);)?
                $crate::union::Discriminant::write(found, writer);
                match self {
                    $(Self::$variant $(($crate::union!(@bind value $shape)))? => {
                        $crate::union!(@encode $([$shape] value)? writer, $held)
                    })*
                    $(Self::$void(_) => $crate::union!(@encode writer, $name),)?
                    $(Self::$other { $field: value, .. } => {
                        $crate::union!(@encode [$rest] value writer, $rest_name)
                    })?
                }
            }
        }

        impl $crate::Decode for $type {
            const MIN_LEN: usize = <$of as $crate::Decode>::MIN_LEN + $crate::union::least(&[
                $(0_usize $(+ <$shape as $crate::Wire>::MIN_LEN)?,)*
                $($crate::union!(@zero $void),)?
                $(<$rest as $crate::Wire>::MIN_LEN,)?
            ]);

            #[inline]
            fn decode(
                reader: &mut $crate::Reader<'_>,
            ) -> ::core::result::Result<Self, $crate::DecodeError> {
                let found = match <$of as $crate::Decode>::decode(reader) {
                    ::core::result::Result::Ok(found) => found,
                    ::core::result::Result::Err(error) => return error.fail($name),
                };
                // The last arm is for where there is no default arm.
                #[allow(unreachable_patterns)]
                match found {
                    $($($label)+ => $crate::union!(
                        @decode reader, $held, $([$shape] value)? Self::$variant $((
                            $crate::union!(@bind value $shape)
                        ))?
                    ),)*
                    $(found => $crate::union!(@decode reader, $name, Self::$void(found)),)?
                    $(found => $crate::union!(
                        @decode reader, $rest_name, [$rest] value Self::$other {
                            $own: found,
                            $field: value,
                        }
                    ),)?
                    found => $crate::union::no_arm(reader, found).fail($name),
                }
            }
        }
    };

    // A default arm holds no discriminant that is listed: that has an arm of its own.
    (@unlisted $union:ident, $default:ident, $found:ident, (), $name:expr) => {};
    (@unlisted $union:ident, $default:ident, $found:ident, $labels:pat, $name:expr) => {
        if let Self::$default { .. } = $union
            && let $labels = $found
        {
            return $crate::union::listed($found).fail($name);
        }
    };

    // What an arm holds, behind the discriminant: nothing, or a value.
    (@encode $writer:ident, $name:expr) => { ::core::result::Result::Ok(()) };
    (@encode [$shape:ty] $value:ident $writer:ident, $name:expr) => {
        $crate::At::at(<$shape as $crate::Wire>::encode($value, $writer), $name)
    };
    (@decode $reader:ident, $name:expr, [$shape:ty] $value:ident $union:expr) => {
        match <$shape as $crate::Wire>::decode($reader) {
            ::core::result::Result::Ok($value) => ::core::result::Result::Ok($union),
            ::core::result::Result::Err(error) => error.fail($name),
        }
    };
    (@decode $reader:ident, $name:expr, $union:expr) => { ::core::result::Result::Ok($union) };

    // A variable, in a repetition that `$shape` alone stands for.
    (@bind $value:ident $shape:ty) => { $value };
    (@zero $void:ident) => { 0 };
}
