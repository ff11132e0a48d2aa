//! Errors that say where, what was found and what was allowed.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

/// One step on the way from a message's outermost value to the field at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Segment {
    /// A field of a struct or an arm of a union, by its name in the .x file.
    Field(&'static str),
    /// An element of an array or a list, counted from 0.
    Index(u32),
}

/// Why bytes are not a value of the type that was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeFault {
    /// The message ends before the value does.
    Truncated {
        /// Bytes that the value still needs.
        needed: usize,
        /// Bytes that remain.
        remaining: usize,
    },
    /// A length is over the bound that the protocol sets.
    TooLong {
        /// The length on the wire.
        found: u32,
        /// The bound.
        allowed: u32,
    },
    /// A count promises more elements than the rest of the message can hold.
    ///
    /// For elements that take no bytes: than [`Limits::MAX_EMPTY_ELEMENTS`](crate::Limits) leaves.
    CountExceedsInput {
        /// The count on the wire.
        found: u32,
        /// Most elements that there can be.
        allowed: u32,
    },
    /// Decoding would take more memory than [`Limits::memory`](crate::Limits::memory) grants.
    OverBudget {
        /// Bytes of memory that the value needs.
        needed: usize,
        /// Bytes of the budget that are left.
        left: usize,
    },
    /// Recursive types nest deeper than [`Limits::depth`](crate::Limits::depth).
    TooDeep {
        /// The limit.
        allowed: u32,
    },
    /// A bool that is neither 0 nor 1.
    BadBool {
        /// The value on the wire.
        found: u32,
    },
    /// A number that does not fit its type (`char`, `short` and their unsigned kin take 4 bytes on the wire).
    OutOfRange {
        /// The value on the wire.
        found: i64,
        /// The least value allowed.
        least: i64,
        /// The greatest value allowed.
        greatest: i64,
    },
    /// A value that a closed enum does not list.
    BadEnum {
        /// The value on the wire.
        found: i32,
    },
    /// A string that is not UTF-8, where it must be ([`Utf8`](crate::wire::Utf8)).
    NotUtf8 {
        /// Bytes that the string has.
        len: usize,
    },
    /// A discriminant for which the union has no arm.
    BadDiscriminant {
        /// The value on the wire.
        found: i64,
    },
    /// Padding that is not zero, where [`Padding::Reject`](crate::Padding::Reject) forbids it.
    BadPadding,
    /// Bytes behind the value, where it should have been the last.
    TrailingBytes {
        /// How many.
        found: usize,
    },
}

/// Why a value cannot be encoded: it breaks a rule of its own type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EncodeFault {
    /// A length is over the bound that the protocol sets.
    TooLong {
        /// The length of the value.
        found: usize,
        /// The bound.
        allowed: u32,
    },
    /// A default arm that holds a discriminant which has an arm of its own.
    ListedDiscriminant {
        /// The discriminant.
        found: i64,
    },
    /// Recursive types nest deeper than [`Limits::DEFAULT_DEPTH`](crate::Limits::DEFAULT_DEPTH).
    TooDeep {
        /// The limit.
        allowed: u32,
    },
}

/// Bytes that are not a value of the expected type: which field, at which byte, and why.
///
/// Boxed, so that a `Result` of a decoded number stays in registers.
#[derive(Clone, PartialEq, Eq)]
pub struct DecodeError(Box<Decoding>);

/// A value that cannot be encoded: which field, and why.
#[derive(Clone, PartialEq, Eq)]
pub struct EncodeError(Box<Encoding>);

#[derive(Clone, PartialEq, Eq)]
struct Decoding {
    fault: DecodeFault,
    offset: usize,
    path: Path,
}

#[derive(Clone, PartialEq, Eq)]
struct Encoding {
    fault: EncodeFault,
    path: Path,
}

impl DecodeError {
    /// A fault at byte `offset` of the message.
    #[cold]
    pub fn new(fault: DecodeFault, offset: usize) -> Self {
        Self(Box::new(Decoding {
            fault,
            offset,
            path: Path::default(),
        }))
    }

    /// What is wrong.
    pub fn fault(&self) -> DecodeFault {
        self.0.fault
    }

    /// Where it is wrong: bytes from the start of what the [`Reader`](crate::Reader) was given.
    pub fn offset(&self) -> usize {
        self.0.offset
    }

    /// The way to the value at fault, from the outside inwards: its last 32 segments, if it has more.
    pub fn path(&self) -> impl Iterator<Item = Segment> + '_ {
        self.0.path.segments()
    }
}

impl EncodeError {
    /// A fault of the value at hand.
    #[cold]
    pub fn new(fault: EncodeFault) -> Self {
        Self(Box::new(Encoding {
            fault,
            path: Path::default(),
        }))
    }

    /// What is wrong.
    pub fn fault(&self) -> EncodeFault {
        self.0.fault
    }

    /// The way to the value at fault, from the outside inwards: its last 32 segments, if it has more.
    pub fn path(&self) -> impl Iterator<Item = Segment> + '_ {
        self.0.path.segments()
    }
}

/// The way from a message's outermost value to the one at fault.
///
/// It is as deep as the peer nests its message, so only the innermost segments are kept.
#[derive(Clone, Default, PartialEq, Eq)]
struct Path {
    /// From the innermost outwards, as they are met on the way up.
    segments: Vec<Segment>,
    /// Whether there were more.
    cut: bool,
}

impl Path {
    /// Most segments that are kept, enough to tell the place and short enough for a line of a log.
    const MAX: usize = 32;

    fn push(&mut self, segment: Segment) {
        if self.segments.len() < Self::MAX {
            self.segments.push(segment);
        } else {
            self.cut = true;
        }
    }

    fn segments(&self) -> impl Iterator<Item = Segment> + '_ {
        self.segments.iter().rev().copied()
    }
}

/// `exports[2].ex_dir: `, or nothing for a value that is the whole message.
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.segments.is_empty() {
            return Ok(());
        }
        if self.cut {
            f.write_str("..")?;
        }
        for (i, segment) in self.segments().enumerate() {
            match segment {
                Segment::Field(name) if i == 0 && !self.cut => f.write_str(name)?,
                Segment::Field(name) => write!(f, ".{name}")?,
                Segment::Index(index) => write!(f, "[{index}]")?,
            }
        }
        f.write_str(": ")
    }
}

/// Names the field that a result belongs to; costs nothing unless it is an error.
///
/// ```
/// use oncrpc_xdr::{At, Decode, Reader};
///
/// let mut r = Reader::new(&[0, 0, 0]);
/// let error = u32::decode(&mut r).at("port").at_index(2).at("maps").unwrap_err();
/// assert_eq!(error.to_string(), "maps[2].port: 4 bytes needed, 3 remain at byte 0");
/// ```
pub trait At: Sized {
    /// Says that the value is the field `name` of what is being coded.
    fn at(self, name: &'static str) -> Self;

    /// Says that the value is the element `index` of what is being coded.
    fn at_index(self, index: usize) -> Self;
}

macro_rules! impl_at {
    ($error:ty) => {
        impl<T> At for Result<T, $error> {
            #[inline]
            fn at(self, name: &'static str) -> Self {
                self.map_err(|error| error.within(Segment::Field(name)))
            }

            #[inline]
            fn at_index(self, index: usize) -> Self {
                let index = u32::try_from(index).unwrap_or(u32::MAX);
                self.map_err(|error| error.within(Segment::Index(index)))
            }
        }

        impl $error {
            /// Fails with it, of a value that is inside the field `name`: what [`At::at`] does, for the macros, with
            /// less to be compiled for each field.
            #[doc(hidden)]
            #[inline]
            pub fn fail<T>(self, name: &'static str) -> Result<T, Self> {
                Err(self.within(Segment::Field(name)))
            }

            #[cold]
            fn within(mut self, segment: Segment) -> Self {
                self.0.path.push(segment);
                self
            }
        }

        impl core::error::Error for $error {}

        impl fmt::Debug for $error {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($error), "({})"), self)
            }
        }
    };
}

impl_at!(DecodeError);
impl_at!(EncodeError);

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Decoding {
            fault,
            offset,
            path,
        } = &*self.0;
        write!(f, "{path}{fault} at byte {offset}")
    }
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Encoding { fault, path } = &*self.0;
        write!(f, "{path}{fault}")
    }
}

impl fmt::Display for DecodeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated { needed, remaining } => {
                write!(f, "{needed} bytes needed, {remaining} remain")
            }
            Self::TooLong { found, allowed } => {
                write!(f, "length {found} exceeds the bound {allowed}")
            }
            Self::CountExceedsInput { found, allowed } => {
                write!(
                    f,
                    "count {found}, but the rest of the message holds {allowed} at most"
                )
            }
            Self::OverBudget { needed, left } => {
                write!(
                    f,
                    "{needed} bytes of memory needed, {left} left of the message's budget"
                )
            }
            Self::TooDeep { allowed } => write!(f, "nested deeper than {allowed} levels"),
            Self::BadBool { found } => write!(f, "bool is {found}, allowed are 0 and 1"),
            Self::OutOfRange {
                found,
                least,
                greatest,
            } => {
                write!(f, "{found} is outside {least} to {greatest}")
            }
            Self::BadEnum { found } => write!(f, "enum has no value {found}"),
            Self::NotUtf8 { len } => write!(f, "string of {len} bytes is not UTF-8"),
            Self::BadDiscriminant { found } => write!(f, "union has no arm for {found}"),
            Self::BadPadding => f.write_str("padding is not zero"),
            Self::TrailingBytes { found } => write!(f, "{found} bytes behind the end"),
        }
    }
}

impl fmt::Display for EncodeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { found, allowed } => {
                write!(f, "length {found} exceeds the bound {allowed}")
            }
            Self::ListedDiscriminant { found } => {
                write!(
                    f,
                    "the default arm holds {found}, which has an arm of its own"
                )
            }
            Self::TooDeep { allowed } => write!(f, "nested deeper than {allowed} levels"),
        }
    }
}
