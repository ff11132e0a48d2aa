//! RFC 4506, read a second time and as plainly as can be: what a type's bytes look like.

/// A type of XDR, as far as its bytes tell.
pub enum Type {
    /// No bytes at all.
    Void,
    /// 4 bytes of which each value is legal: a number, or an enum that may grow.
    Word,
    /// 8 bytes of which each value is legal.
    Wide,
    /// 0 or 1.
    Bool,
    /// `opaque[n]`.
    Fixed(usize),
    /// `opaque<max>` and `string<max>`, whose bytes may be anything.
    Bytes(u32),
    /// A field after the other, by their names.
    Struct(&'static [(&'static str, Type)]),
    /// `T x<max>`.
    Array(u32, &'static Type),
    /// `T *x`.
    Optional(&'static Type),
    /// The same in `T` itself, which nests that way.
    Nested(&'static Type),
    /// Structs of which each links to the next by its last field.
    List(&'static Type),
    /// An arm for each of these discriminants, and none for others.
    Union(&'static [(u32, Type)]),
}

/// A length with no bound but that of its 32 bits.
pub const ANY: u32 = u32::MAX;

/// Levels that a type may nest in itself: `Limits::DEFAULT_DEPTH` of `oncrpc-xdr`.
pub const DEPTH: u32 = 128;

impl Type {
    /// Reads a value off the front of `rest`; gives back how it ought to have been written, with zeros where it is
    /// padded. `None` where there is none.
    pub fn read(&self, rest: &mut &[u8]) -> Option<Vec<u8>> {
        let mut canonical = Vec::new();
        self.read_into(rest, &mut canonical, DEPTH)?;
        Some(canonical)
    }

    fn read_into(&self, rest: &mut &[u8], out: &mut Vec<u8>, depth: u32) -> Option<()> {
        match self {
            Self::Void => {}
            Self::Word => out.extend(take(rest, 4)?),
            Self::Wide => out.extend(take(rest, 8)?),
            Self::Bool => {
                bool(rest, out)?;
            }
            Self::Fixed(len) => padded(rest, *len, out)?,
            Self::Bytes(max) => {
                let len = word(rest).filter(|len| len <= max)?;
                out.extend(len.to_be_bytes());
                padded(rest, len as usize, out)?;
            }
            Self::Struct(fields) => {
                for (_, field) in *fields {
                    field.read_into(rest, out, depth)?;
                }
            }
            Self::Array(max, element) => {
                let count = word(rest).filter(|count| count <= max)?;
                out.extend(count.to_be_bytes());
                for _ in 0..count {
                    element.read_into(rest, out, depth)?;
                }
            }
            Self::Optional(pointed_at) => {
                if bool(rest, out)? {
                    pointed_at.read_into(rest, out, depth)?;
                }
            }
            Self::Nested(itself) => {
                if bool(rest, out)? {
                    itself.read_into(rest, out, depth.checked_sub(1)?)?;
                }
            }
            Self::List(element) => {
                while bool(rest, out)? {
                    element.read_into(rest, out, depth)?;
                }
            }
            Self::Union(arms) => {
                let found = word(rest)?;
                out.extend(found.to_be_bytes());
                let (_, arm) = arms.iter().find(|(label, _)| *label == found)?;
                arm.read_into(rest, out, depth)?;
            }
        }
        Some(())
    }
}

/// The next word.
pub fn word(rest: &mut &[u8]) -> Option<u32> {
    let word = take(rest, 4)?.try_into().ok()?;
    Some(u32::from_be_bytes(word))
}

/// The next `len` bytes.
pub fn take<'a>(rest: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (taken, behind) = rest.split_at_checked(len)?;
    *rest = behind;
    Some(taken)
}

fn bool(rest: &mut &[u8], out: &mut Vec<u8>) -> Option<bool> {
    let found = word(rest).filter(|found| *found <= 1)?;
    out.extend(found.to_be_bytes());
    Some(found == 1)
}

/// Bytes, and behind them what makes them a multiple of 4, whatever it is.
fn padded(rest: &mut &[u8], len: usize, out: &mut Vec<u8>) -> Option<()> {
    out.extend(take(rest, len)?);
    let padding = take(rest, len.wrapping_neg() % 4)?;
    out.extend(padding.iter().map(|_| 0));
    Some(())
}
