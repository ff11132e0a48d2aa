//! A cursor over the bytes of one message.

use alloc::vec::Vec;
use core::mem;

use bytes::Bytes;

use crate::{At, DecodeError, DecodeFault, Limits, Padding, Wire, XdrString, codec};

/// Walks the bytes of one message and hands out values.
///
/// Made from a [`Bytes`] ([`Reader::of`]) it hands out opaque data and strings as slices of it, without a
/// copy; such a slice keeps the whole message alive. Made from a plain slice ([`Reader::new`]) it copies.
///
/// Nothing is allocated for a length or a count before that many bytes are known to be there.
///
/// ```
/// use oncrpc_xdr::{At, Bytes, Decode, Reader};
///
/// // struct { unsigned int port; string netid<64>; };
/// let message = Bytes::from_static(b"\0\0\0\x6f\0\0\0\x03tcp\0");
/// let mut r = Reader::of(&message);
/// assert_eq!(u32::decode(&mut r).at("port")?, 111);
/// assert_eq!(r.string(64).at("netid")?, "tcp");
/// r.finish()?;
///
/// let error = Reader::of(&message.slice(..9)).finish().unwrap_err();
/// assert_eq!(error.to_string(), "9 bytes behind the end at byte 0");
/// # Ok::<(), oncrpc_xdr::DecodeError>(())
/// ```
#[derive(Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
    /// Bytes of the whole message.
    len: usize,
    owner: Option<&'a Bytes>,
    /// Bytes of memory that decoded values may still take.
    memory: usize,
    /// Levels of recursive types that may still be entered.
    depth: u32,
    /// Elements without bytes on the wire that arrays may still have.
    empty_elements: u32,
    limits: Limits,
}

impl<'a> Reader<'a> {
    /// Reads from a slice, with the default limits; opaque data and strings are copied out of it.
    #[inline]
    pub fn new(message: &'a [u8]) -> Self {
        let limits = Limits::default();
        Self {
            rest: message,
            len: message.len(),
            owner: None,
            memory: limits.budget(message.len()),
            depth: limits.depth,
            empty_elements: Limits::MAX_EMPTY_ELEMENTS,
            limits,
        }
    }

    /// Reads from a shared buffer, with the default limits; opaque data and strings are slices of it.
    #[inline]
    pub fn of(message: &'a Bytes) -> Self {
        Self::part_of(message, message)
    }

    /// Reads from a part of a shared buffer, with the default limits; opaque data and strings are slices of the buffer.
    ///
    /// # Panics
    ///
    /// When it comes to opaque data, if `part` does not lie in `buffer`.
    #[inline]
    pub fn part_of(buffer: &'a Bytes, part: &'a [u8]) -> Self {
        Self {
            owner: Some(buffer),
            ..Self::new(part)
        }
    }

    /// The same reader with other limits, counted from here.
    pub fn with_limits(self, limits: Limits) -> Self {
        Self {
            memory: limits.budget(self.remaining()),
            depth: limits.depth,
            limits,
            ..self
        }
    }

    /// Bytes from the start of the message to the next value.
    pub fn offset(&self) -> usize {
        self.len.saturating_sub(self.rest.len())
    }

    /// Bytes that have not been read.
    pub fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// Everything that has not been read, as a slice of the message.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Goes on with this end of the message.
    #[inline]
    pub(crate) fn skip_to(&mut self, rest: &'a [u8]) {
        self.rest = rest;
    }

    /// Fails unless everything has been read.
    pub fn finish(&self) -> Result<(), DecodeError> {
        match self.remaining() {
            0 => Ok(()),
            found => Err(self.error(DecodeFault::TrailingBytes { found })),
        }
    }

    /// An error at the next value; for codecs written by hand.
    #[cold]
    pub fn error(&self, fault: DecodeFault) -> DecodeError {
        DecodeError::new(fault, self.offset())
    }

    /// An error at the 4-byte word just read, which is where a bad number is.
    #[cold]
    pub fn error_at_last_word(&self, fault: DecodeFault) -> DecodeError {
        DecodeError::new(fault, self.offset().saturating_sub(4))
    }

    /// Takes exactly `N` bytes, without padding.
    #[inline]
    pub fn take_array<const N: usize>(&mut self) -> Result<&'a [u8; N], DecodeError> {
        match self.rest.split_first_chunk() {
            Some((chunk, rest)) => {
                self.rest = rest;
                Ok(chunk)
            }
            None => Err(self.truncated(N)),
        }
    }

    /// Takes exactly `len` bytes, without padding.
    #[inline]
    pub fn take(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        match self.rest.split_at_checked(len) {
            Some((bytes, rest)) => {
                self.rest = rest;
                Ok(bytes)
            }
            None => Err(self.truncated(len)),
        }
    }

    #[cold]
    pub(crate) fn truncated(&self, needed: usize) -> DecodeError {
        self.error(DecodeFault::Truncated {
            needed,
            remaining: self.remaining(),
        })
    }

    /// Takes the 0 to 3 bytes that pad `len` bytes to a multiple of 4.
    #[inline]
    fn padding(&mut self, len: usize) -> Result<(), DecodeError> {
        let start = self.offset();
        let padding = self.take(codec::padding(len))?;
        if self.limits.padding == Padding::Reject && padding.iter().any(|&byte| byte != 0) {
            return Err(DecodeError::new(DecodeFault::BadPadding, start));
        }
        Ok(())
    }

    /// `unsigned int`, and every other number of 4 bytes by conversion.
    #[inline]
    pub fn u32(&mut self) -> Result<u32, DecodeError> {
        Ok(u32::from_be_bytes(*self.take_array()?))
    }

    /// `int`, and the value of any `enum`.
    #[inline]
    pub fn i32(&mut self) -> Result<i32, DecodeError> {
        Ok(i32::from_be_bytes(*self.take_array()?))
    }

    /// `bool`: 0 or 1 and nothing else (RFC 4506 §4.4).
    #[inline]
    pub fn bool(&mut self) -> Result<bool, DecodeError> {
        match self.u32()? {
            0 => Ok(false),
            1 => Ok(true),
            found => Err(self.error_at_last_word(DecodeFault::BadBool { found })),
        }
    }

    /// `opaque[N]`.
    #[inline]
    pub fn opaque_fixed<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let bytes = *self.take_array()?;
        self.padding(N)?;
        Ok(bytes)
    }

    /// `opaque<max>`, borrowed from the message.
    #[inline]
    pub fn opaque_borrowed(&mut self, max: u32) -> Result<&'a [u8], DecodeError> {
        let found = self.u32()?;
        if found > max {
            return Err(self.error_at_last_word(DecodeFault::TooLong {
                found,
                allowed: max,
            }));
        }
        let bytes = self.take(found as usize)?;
        self.padding(bytes.len())?;
        Ok(bytes)
    }

    /// `opaque<max>`: a slice of the message where that is shared, a copy otherwise.
    #[inline]
    pub fn opaque(&mut self, max: u32) -> Result<Bytes, DecodeError> {
        let bytes = self.opaque_borrowed(max)?;
        self.own(bytes)
    }

    fn own(&mut self, bytes: &[u8]) -> Result<Bytes, DecodeError> {
        match self.owner {
            Some(owner) => Ok(owner.slice_ref(bytes)),
            None => {
                self.charge(bytes.len())?;
                Ok(Bytes::copy_from_slice(bytes))
            }
        }
    }

    /// `string<max>`: any bytes at all, as [`XdrString`] explains.
    #[inline]
    pub fn string(&mut self, max: u32) -> Result<XdrString, DecodeError> {
        let bytes = self.opaque_borrowed(max)?;
        match XdrString::in_place(bytes) {
            Some(string) => Ok(string),
            None => self.own(bytes).map(XdrString::from),
        }
    }

    /// `T x[N]`: exactly `N` elements.
    #[inline]
    pub fn array_fixed<W: Wire, const N: usize>(&mut self) -> Result<[W::Value; N], DecodeError> {
        W::decode_fixed(self)
    }

    /// `T x<max>`.
    #[inline]
    pub fn array<W: Wire>(&mut self, max: u32) -> Result<Vec<W::Value>, DecodeError> {
        let count = self.count(max, W::MIN_LEN)?;
        self.charge(count.saturating_mul(size_of::<W::Value>()))?;
        W::decode_run(self, count)
    }

    /// `T *x`.
    #[inline]
    pub fn optional<W: Wire>(&mut self) -> Result<Option<W::Value>, DecodeError> {
        Ok(if self.bool()? {
            Some(W::decode(self)?)
        } else {
            None
        })
    }

    /// A chain of structs, each linked to the next by its last field: `Vec`, in a loop, so that no
    /// length of chain can exhaust the stack. `W` is the struct without its link.
    pub fn list<W: Wire>(&mut self) -> Result<Vec<W::Value>, DecodeError> {
        let mut list = Vec::new();
        while self.bool()? {
            if list.len() == list.capacity() {
                // Grown by hand, so that no more is held than what is charged, nor for more nodes than the
                // rest of the message can hold: each has a link behind it.
                let holds = self.remaining().checked_div(W::MIN_LEN.saturating_add(4));
                let more = list.len().max(4).min(holds.unwrap_or(0)).max(1);
                self.charge(more.saturating_mul(size_of::<W::Value>()))?;
                list.reserve_exact(more);
            }
            let node = W::decode(self).at_index(list.len())?;
            list.push(node);
        }
        Ok(list)
    }

    /// Enters a type that can contain itself, one level deeper.
    pub fn nested<T>(
        &mut self,
        decode: impl FnOnce(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<T, DecodeError> {
        let Some(depth) = self.depth.checked_sub(1) else {
            return Err(self.error(DecodeFault::TooDeep {
                allowed: self.limits.depth,
            }));
        };
        let outer = mem::replace(&mut self.depth, depth);
        let value = decode(self);
        self.depth = outer;
        value
    }

    /// Charges `bytes` of memory to the message's budget.
    ///
    /// Whatever allocates charges first; codecs written by hand do so for what the methods here do not
    /// allocate, such as a `Box`.
    #[inline]
    pub fn charge(&mut self, bytes: usize) -> Result<(), DecodeError> {
        match self.memory.checked_sub(bytes) {
            Some(left) => {
                self.memory = left;
                Ok(())
            }
            None => Err(self.error(DecodeFault::OverBudget {
                needed: bytes,
                left: self.memory,
            })),
        }
    }

    /// Reads a count that the rest of the message can hold, of elements of `min_len` bytes and more.
    fn count(&mut self, max: u32, min_len: usize) -> Result<usize, DecodeError> {
        let found = self.u32()?;
        if found > max {
            return Err(self.error_at_last_word(DecodeFault::TooLong {
                found,
                allowed: max,
            }));
        }
        let allowed = match self.remaining().checked_div(min_len) {
            Some(holds) => u32::try_from(holds).unwrap_or(u32::MAX),
            None => self.empty_elements,
        };
        let Some(left) = allowed.checked_sub(found) else {
            return Err(self.error_at_last_word(DecodeFault::CountExceedsInput { found, allowed }));
        };
        if min_len == 0 {
            self.empty_elements = left;
        }
        Ok(found as usize)
    }
}
