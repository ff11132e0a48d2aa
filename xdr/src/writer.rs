//! The buffer that values are encoded into.

use alloc::vec::Vec;
use core::mem;

use bytes::{Buf, Bytes};

use crate::buffer::{AHEAD, Buffer};
use crate::{At, EncodeError, EncodeFault, Limits, Wire, XdrString, codec};

/// Collects encoded values in one buffer, with large [`Bytes`] chained in rather than copied.
///
/// What was written can be read back as slices in wire order ([`Writer::chunks`]), for a vectored write,
/// and a failure can be undone: take a [`Mark`] before, [`truncate`](Writer::truncate) to it after.
///
/// ```
/// use oncrpc_xdr::{Bytes, Writer};
///
/// let mut w = Writer::new();
/// let length = w.mark();
/// w.u32(0); // a placeholder
/// let body = w.mark();
/// w.opaque(&Bytes::from(vec![7; 32 * 1024]), u32::MAX)?;
/// let (word, behind) = w.placeholder(length);
/// *word = (behind as u32).to_be_bytes();
/// assert_eq!(w.chunks().count(), 2); // the data was not copied
///
/// w.truncate(body); // it was a mistake
/// assert_eq!(w.len(), 4);
/// # Ok::<(), oncrpc_xdr::EncodeError>(())
/// ```
#[derive(Debug)]
pub struct Writer {
    buf: Buffer,
    /// Chained data, in order, each with the position in `buf` that it comes before.
    chained: Vec<(usize, Bytes)>,
    chained_len: usize,
    /// Opaque data of this many bytes and more is chained in.
    chain_from: usize,
    /// Levels of recursive types that may still be entered.
    depth: u32,
}

/// A position in a [`Writer`], to go back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    buf: usize,
    chained: usize,
}

impl Writer {
    /// Opaque data of this many bytes and more is chained in, not copied.
    ///
    /// Below it, copying costs less than one more slice in a vectored write.
    pub const CHAIN_FROM: usize = 16 * 1024;

    /// An empty writer that owns no memory yet.
    pub const fn new() -> Self {
        Self::from_vec(Vec::new())
    }

    /// A writer that appends to `buf`.
    pub const fn from_vec(buf: Vec<u8>) -> Self {
        Self {
            buf: Buffer::of(buf),
            chained: Vec::new(),
            chained_len: 0,
            chain_from: Self::CHAIN_FROM,
            depth: Limits::DEFAULT_DEPTH,
        }
    }

    /// A writer that appends to `buf` and copies whatever is written, so that it stays one buffer.
    pub(crate) const fn contiguous(buf: Vec<u8>) -> Self {
        let mut w = Self::from_vec(buf);
        w.chain_from = usize::MAX;
        w
    }

    /// Bytes written so far, chained ones included.
    #[inline]
    pub fn len(&self) -> usize {
        // It cannot wrap: memory does not hold the list of so much chained data.
        self.buf.len().wrapping_add(self.chained_len)
    }

    /// Whether nothing has been written.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes written into the writer's own buffer: those that are not chained in.
    #[inline]
    pub fn own_len(&self) -> usize {
        self.buf.len()
    }

    /// Bytes of memory that the writer's own buffer holds on to, written or not.
    #[inline]
    pub fn capacity(&self) -> usize {
        self.buf.capacity()
    }

    /// Makes room for `additional` bytes in the writer's own buffer.
    pub fn reserve(&mut self, additional: usize) {
        self.buf.reserve(additional);
    }

    /// Forgets what was written and keeps the memory.
    pub fn clear(&mut self) {
        self.truncate(Mark { buf: 0, chained: 0 });
    }

    /// Forgets the first `len` bytes, once they are where they were to go: chained data is let go of, and what the own buffer
    /// holds behind them moves to its front.
    ///
    /// Marks that were taken before stand for nothing any more.
    pub fn forget_first(&mut self, len: usize) {
        let mut left = len;
        let mut own = 0_usize;
        let mut whole = 0_usize;
        for (at, data) in &mut self.chained {
            let before = at.saturating_sub(own).min(left);
            left = left.saturating_sub(before);
            own = own.saturating_add(before);
            let gone = left.min(data.len());
            left = left.saturating_sub(gone);
            self.chained_len = self.chained_len.saturating_sub(gone);
            data.advance(gone);
            if !data.is_empty() {
                break;
            }
            whole = whole.saturating_add(1);
        }
        own = own.saturating_add(left);
        self.chained.drain(..whole);
        for (at, _) in &mut self.chained {
            *at = at.saturating_sub(own);
        }
        self.buf.forget_first(own);
    }

    /// The position behind what has been written.
    #[inline]
    pub fn mark(&self) -> Mark {
        Mark {
            buf: self.buf.len(),
            chained: self.chained.len(),
        }
    }

    /// Forgets what was written since `mark` was taken.
    ///
    /// Nothing was, if the writer has been truncated to before `mark` since.
    #[inline]
    pub fn truncate(&mut self, mark: Mark) {
        if self.chained.len() > mark.chained {
            let chained = self.chained_since(mark);
            self.chained_len = self.chained_len.saturating_sub(chained);
            self.chained.truncate(mark.chained);
        }
        self.buf.truncate(mark.buf);
    }

    /// Bytes written since `mark` was taken.
    #[inline]
    pub fn len_since(&self, mark: Mark) -> usize {
        let own = self.buf.len().saturating_sub(mark.buf);
        own.saturating_add(self.chained_since(mark))
    }

    /// Chained bytes written since `mark` was taken.
    #[inline]
    fn chained_since(&self, mark: Mark) -> usize {
        match self.chained.get(mark.chained..) {
            None | Some([]) => 0,
            Some(chained) => chained.iter().map(|(_, data)| data.len()).sum(),
        }
    }

    /// The word at `mark`, which was written as a placeholder, and how many bytes have been written behind it.
    ///
    /// # Panics
    ///
    /// If it is not there, since the writer has been truncated to before it.
    #[inline]
    #[expect(
        clippy::expect_used,
        reason = "whoever asks has written the placeholder; to go on without would send a message that says nothing"
    )]
    pub fn placeholder(&mut self, mark: Mark) -> (&mut [u8; 4], usize) {
        let chained = self.chained_since(mark);
        let (word, behind) = self.buf.word(mark.buf).expect("a placeholder was written");
        (word, behind.saturating_add(chained))
    }

    /// What was written, if nothing is chained in: one slice, as it mostly is.
    #[inline]
    pub fn as_slice(&self) -> Option<&[u8]> {
        self.chained.is_empty().then_some(self.buf.written())
    }

    /// What was written, in wire order, in as few slices as it takes; none of them is empty.
    pub fn chunks(&self) -> impl Iterator<Item = &[u8]> {
        let written = self.buf.written();
        let mut start = 0;
        let own_and_chained = self.chained.iter().flat_map(move |(at, data)| {
            let own = written.get(mem::replace(&mut start, *at)..*at);
            [own.unwrap_or_default(), data]
        });
        let last = self.chained.last().map_or(0, |(at, _)| *at);
        own_and_chained
            .chain(written.get(last..))
            .filter(|chunk| !chunk.is_empty())
    }

    /// Moves everything that `other` holds behind what this one holds, and leaves `other` empty.
    pub fn append(&mut self, other: &mut Self) {
        let base = self.buf.len();
        self.raw(other.buf.written());
        other.buf.truncate(0);
        let moved = other.chained.drain(..);
        self.chained
            .extend(moved.map(|(at, data)| (base.saturating_add(at), data)));
        let moved = mem::take(&mut other.chained_len);
        self.chained_len = self.chained_len.saturating_add(moved);
    }

    /// Copies everything that `other` holds behind what this one holds; chained data is shared.
    pub fn extend_from(&mut self, other: &Self) {
        let base = self.buf.len();
        self.raw(other.buf.written());
        let shared = other.chained.iter();
        self.chained
            .extend(shared.map(|(at, data)| (base.saturating_add(*at), data.clone())));
        self.chained_len = self.chained_len.saturating_add(other.chained_len);
    }

    /// What was written as one contiguous buffer; copies if anything was chained in.
    pub fn into_bytes(mut self) -> Bytes {
        if self.chained.is_empty() {
            return Bytes::from(self.buf.into_vec());
        }
        if self.buf.len() == 0 && self.chained.len() == 1 {
            return self.chained.swap_remove(0).1;
        }
        let mut whole = Vec::with_capacity(self.len());
        self.chunks()
            .for_each(|chunk| whole.extend_from_slice(chunk));
        Bytes::from(whole)
    }

    /// Bytes as they are, without length or padding.
    #[inline]
    pub fn raw(&mut self, bytes: &[u8]) {
        if bytes.len() > AHEAD {
            return self.buf.append(bytes);
        }
        self.write(bytes.len(), |room| room.copy_from_slice(bytes));
    }

    /// The next `len` bytes, for `fill` to fill.
    #[inline]
    pub(crate) fn write(&mut self, len: usize, fill: impl FnOnce(&mut [u8])) {
        self.buf.write(len, fill);
    }

    /// Bytes that may be many, for `extend` to put behind the others.
    #[inline]
    pub(crate) fn extend(&mut self, extend: impl FnOnce(&mut Vec<u8>)) {
        self.buf.extend(extend);
    }

    /// Bytes that are encoded already, chained in if they are many.
    #[inline]
    pub fn raw_shared(&mut self, bytes: &Bytes) {
        if bytes.len() < self.chain_from {
            return self.raw(bytes);
        }
        self.chained.push((self.buf.len(), bytes.clone()));
        self.chained_len = self.chained_len.saturating_add(bytes.len());
    }

    /// `unsigned int`.
    #[inline]
    pub fn u32(&mut self, value: u32) {
        self.raw(&value.to_be_bytes());
    }

    /// `int`, and the value of any `enum`.
    #[inline]
    pub fn i32(&mut self, value: i32) {
        self.raw(&value.to_be_bytes());
    }

    /// `bool`.
    #[inline]
    pub fn bool(&mut self, value: bool) {
        self.u32(value.into());
    }

    /// `opaque[N]`.
    #[inline]
    pub fn opaque_fixed<const N: usize>(&mut self, bytes: &[u8; N]) {
        self.write(N.next_multiple_of(4), |room| padded(bytes, room));
    }

    /// `opaque<max>`, chained in if it is large.
    #[inline]
    pub fn opaque(&mut self, bytes: &Bytes, max: u32) -> Result<(), EncodeError> {
        if bytes.len() > AHEAD {
            return self.opaque_shared(bytes, max);
        }
        self.opaque_short(bytes, max)
    }

    /// `opaque<max>`, copied.
    #[inline]
    pub fn opaque_borrowed(&mut self, bytes: &[u8], max: u32) -> Result<(), EncodeError> {
        if bytes.len() > AHEAD {
            return self.opaque_long(bytes, max);
        }
        self.opaque_short(bytes, max)
    }

    #[inline]
    fn opaque_short(&mut self, bytes: &[u8], max: u32) -> Result<(), EncodeError> {
        let len = bounded(bytes.len(), max)?;
        self.write(codec::opaque_len(bytes.len()), |room| {
            if let Some((word, data)) = room.split_first_chunk_mut() {
                *word = len.to_be_bytes();
                padded(bytes, data);
            }
        });
        Ok(())
    }

    fn opaque_long(&mut self, bytes: &[u8], max: u32) -> Result<(), EncodeError> {
        let len = bounded(bytes.len(), max)?;
        self.reserve(codec::opaque_len(bytes.len()));
        self.u32(len);
        self.raw(bytes);
        self.padding(bytes.len());
        Ok(())
    }

    fn opaque_shared(&mut self, bytes: &Bytes, max: u32) -> Result<(), EncodeError> {
        if bytes.len() < self.chain_from {
            return self.opaque_long(bytes, max);
        }
        self.u32(bounded(bytes.len(), max)?);
        self.raw_shared(bytes);
        self.padding(bytes.len());
        Ok(())
    }

    /// `string<max>`, chained in if it is large.
    #[inline]
    pub fn string(&mut self, string: &XdrString, max: u32) -> Result<(), EncodeError> {
        match string.as_shared() {
            Some(bytes) if bytes.len() > AHEAD => self.opaque_shared(bytes, max),
            _ => self.opaque_short(string.as_bytes(), max),
        }
    }

    /// `T x[N]`: exactly `N` elements.
    pub fn array_fixed<W: Wire, const N: usize>(
        &mut self,
        elements: &[W::Value; N],
    ) -> Result<(), EncodeError> {
        W::encode_run(elements, self)
    }

    /// `T x<max>`.
    #[inline]
    pub fn array<W: Wire>(&mut self, elements: &[W::Value], max: u32) -> Result<(), EncodeError> {
        let len = bounded(elements.len(), max)?;
        self.u32(len);
        W::encode_run(elements, self)
    }

    /// `T *x`.
    #[inline]
    pub fn optional<W: Wire>(&mut self, value: Option<&W::Value>) -> Result<(), EncodeError> {
        self.bool(value.is_some());
        value.map_or(Ok(()), |value| W::encode(value, self))
    }

    /// A chain of structs, each linked to the next by its last field; `W` is the struct without its link.
    pub fn list<W: Wire>(&mut self, list: &[W::Value]) -> Result<(), EncodeError> {
        for (index, node) in list.iter().enumerate() {
            self.bool(true);
            W::encode(node, self).at_index(index)?;
        }
        self.bool(false);
        Ok(())
    }

    /// Enters a type that can contain itself, one level deeper.
    pub fn nested(
        &mut self,
        encode: impl FnOnce(&mut Self) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        let Some(depth) = self.depth.checked_sub(1) else {
            let fault = EncodeFault::TooDeep {
                allowed: Limits::DEFAULT_DEPTH,
            };
            return Err(EncodeError::new(fault));
        };
        let outer = mem::replace(&mut self.depth, depth);
        let inner = Nested { w: self, outer };
        encode(inner.w)
    }

    /// The zeros that pad `len` bytes to a multiple of 4.
    fn padding(&mut self, len: usize) {
        self.write(codec::padding(len), |room| room.fill(0));
    }
}

/// A writer within a type that can contain itself; it is out of it again however that ends, since others may write on.
struct Nested<'a> {
    w: &'a mut Writer,
    outer: u32,
}

impl Drop for Nested<'_> {
    #[inline]
    fn drop(&mut self) {
        self.w.depth = self.outer;
    }
}

impl Default for Writer {
    fn default() -> Self {
        Self::new()
    }
}

/// Puts bytes into room for them and for the zeros that pad them.
#[inline]
fn padded(bytes: &[u8], room: &mut [u8]) {
    // The last word first: what the bytes leave of it is their padding.
    if let Some(last) = room.last_chunk_mut() {
        *last = [0; 4];
    }
    if let Some(place) = room.get_mut(..bytes.len()) {
        place.copy_from_slice(bytes);
    }
}

/// A length as it goes on the wire, if it keeps the bound.
#[inline]
fn bounded(len: usize, max: u32) -> Result<u32, EncodeError> {
    match u32::try_from(len) {
        Ok(len) if len <= max => Ok(len),
        _ => Err(EncodeError::new(EncodeFault::TooLong {
            found: len,
            allowed: max,
        })),
    }
}
