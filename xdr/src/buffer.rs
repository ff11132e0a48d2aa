//! Memory that is written from its start to its end, and then again.

use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

/// Bytes, of which the first ones are written.
///
/// Those behind are zeros, or were written before: room for the next value, which fills all of what it takes, so that it is checked
/// but once for all its words.
pub(crate) struct Buffer {
    bytes: Vec<u8>,
    /// Bytes that are written.
    len: usize,
}

impl Buffer {
    /// A buffer in which all of `bytes` are written.
    pub(crate) const fn of(bytes: Vec<u8>) -> Self {
        let len = bytes.len();
        Self { bytes, len }
    }

    #[inline]
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(crate) const fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// What is written.
    #[inline]
    pub(crate) fn written(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// The word that is written there, and how many bytes are written behind it, if it is written.
    #[inline]
    pub(crate) fn word(&mut self, start: usize) -> Option<(&mut [u8; 4], usize)> {
        let place = place(start, 4);
        let behind = self.len.checked_sub(place.end)?;
        let word = self.bytes.get_mut(place)?.first_chunk_mut()?;
        Some((word, behind))
    }

    /// Has `fill` fill the next `len` bytes, all of them; they are few.
    #[inline]
    pub(crate) fn write(&mut self, len: usize, fill: impl FnOnce(&mut [u8])) {
        let place = place(self.len, len);
        loop {
            if let Some(room) = self.bytes.get_mut(place.clone()) {
                self.len = place.end;
                return fill(room);
            }
            self.grow(len);
        }
    }

    /// Writes bytes that may be many: nothing is zeroed for them where there is no room yet.
    pub(crate) fn append(&mut self, bytes: &[u8]) {
        let place = place(self.len, bytes.len());
        match self.bytes.get_mut(place.clone()) {
            Some(room) => {
                self.len = place.end;
                room.copy_from_slice(bytes);
            }
            None => self.extend(|buf| buf.extend_from_slice(bytes)),
        }
    }

    /// Has `extend` write bytes that may be many, and are not zeroed before.
    #[inline]
    pub(crate) fn extend(&mut self, extend: impl FnOnce(&mut Vec<u8>)) {
        self.bytes.truncate(self.len);
        extend(&mut self.bytes);
        self.len = self.bytes.len();
    }

    /// Makes the next `len` bytes, and zeros ahead of them.
    #[cold]
    fn grow(&mut self, len: usize) {
        self.reserve(len);
        let ahead = self.len.saturating_add(len).saturating_add(AHEAD);
        self.bytes.resize(ahead.min(self.bytes.capacity()), 0);
    }

    /// Sees to it that the next `len` bytes need no allocation.
    pub(crate) fn reserve(&mut self, len: usize) {
        let free = self.bytes.capacity().saturating_sub(self.len);
        if len > free {
            // What is not written need not move to where there is more.
            self.bytes.truncate(self.len);
            self.bytes.reserve(len.max(LEAST));
        }
    }

    /// Forgets what is written behind the first `len` bytes.
    #[inline]
    pub(crate) fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Forgets the first `len` bytes; those behind move to the front.
    pub(crate) fn forget_first(&mut self, len: usize) {
        let first = len.min(self.len);
        self.bytes.copy_within(first..self.len, 0);
        self.len = self.len.saturating_sub(first);
    }

    /// What is written, and the memory that it is in.
    pub(crate) fn into_vec(mut self) -> Vec<u8> {
        self.bytes.truncate(self.len);
        self.bytes
    }
}

/// What is written, and nothing of what was written before.
impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.written().fmt(f)
    }
}

/// So many bytes from there on, somewhere in memory.
///
/// No memory is longer than `isize::MAX` bytes, which is said so that the compiler knows that the sum does not wrap: it is one
/// comparison then whether they are there.
#[inline]
const fn place(start: usize, len: usize) -> Range<usize> {
    let start = start & isize::MAX.cast_unsigned();
    start..start.wrapping_add(len)
}

/// Bytes that are zeroed ahead of those that are needed, and as many as are few.
pub(crate) const AHEAD: usize = 1024;

/// Bytes that are allocated at least: a few words are one allocation.
const LEAST: usize = 64;
