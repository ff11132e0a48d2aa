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
    CountExceedsInput {
        /// The count on the wire.
        found: u32,
        /// Most elements that the remaining bytes can hold.
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
#[derive(Clone, PartialEq, Eq)]
pub struct DecodeError(Box<Located<DecodeFault>>);

/// A value that cannot be encoded: which field, and why.
#[derive(Clone, PartialEq, Eq)]
pub struct EncodeError(Box<Located<EncodeFault>>);

/// Boxed, so that a `Result` of a decoded number stays in registers.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Located<F> {
    fault: F,
    offset: usize,
    /// From the innermost segment outwards, as they are met on the way up.
    path: Vec<Segment>,
}

impl DecodeError {
    /// A fault at byte `offset` of the message.
    #[cold]
    pub fn new(fault: DecodeFault, offset: usize) -> Self {
        Self(Box::new(Located {
            fault,
            offset,
            path: Vec::new(),
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

    /// The field at fault, from the outermost value inwards.
    pub fn path(&self) -> impl Iterator<Item = Segment> + '_ {
        self.0.path.iter().rev().copied()
    }
}

impl EncodeError {
    /// A fault of the value at hand.
    #[cold]
    pub fn new(fault: EncodeFault) -> Self {
        Self(Box::new(Located {
            fault,
            offset: 0,
            path: Vec::new(),
        }))
    }

    /// What is wrong.
    pub fn fault(&self) -> EncodeFault {
        self.0.fault
    }

    /// The field at fault, from the outermost value inwards.
    pub fn path(&self) -> impl Iterator<Item = Segment> + '_ {
        self.0.path.iter().rev().copied()
    }
}

/// Names the field that a result belongs to; costs nothing unless it is an error.
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
            #[cold]
            fn within(mut self, segment: Segment) -> Self {
                self.0.path.push(segment);
                self
            }
        }

        impl core::error::Error for $error {}

        impl fmt::Debug for $error {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    };
}

impl_at!(DecodeError);
impl_at!(EncodeError);

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_path(f, &self.0.path)?;
        write!(f, "{} at byte {}", self.0.fault, self.0.offset)
    }
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_path(f, &self.0.path)?;
        self.0.fault.fmt(f)
    }
}

/// Writes `exports[2].ex_dir: `, or nothing for a value that is the whole message.
fn write_path(f: &mut fmt::Formatter<'_>, path: &[Segment]) -> fmt::Result {
    for (i, segment) in path.iter().rev().enumerate() {
        match segment {
            Segment::Field(name) if i == 0 => f.write_str(name)?,
            Segment::Field(name) => write!(f, ".{name}")?,
            Segment::Index(index) => write!(f, "[{index}]")?,
        }
    }
    if path.is_empty() {
        Ok(())
    } else {
        f.write_str(": ")
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
