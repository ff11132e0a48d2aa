//! Values that take the same number of bytes whatever they are, such as a struct of numbers: they are coded with one check of the
//! space for all of their fields.
//!
//! What puts a field in its place and takes it from there is always inlined: only so is the place of each known beforehand.

use crate::{Reader, Writer};

/// Bytes that the fields of a struct take together, each of which takes the same for all values.
#[doc(hidden)]
pub const fn sum(fields: &[usize]) -> usize {
    let (mut sum, mut rest) = (0_usize, fields);
    while let [first, others @ ..] = rest {
        assert!(*first > 0, "a field of a fixed struct is not fixed");
        sum = sum.saturating_add(*first);
        rest = others;
    }
    sum
}

/// Puts bytes into a slice, and leaves what is behind them; leaves all of it if it is too short, for who clears what is left.
#[inline(always)]
pub(crate) fn put<const N: usize>(bytes: [u8; N], out: &mut &mut [u8]) {
    if out.len() >= N
        && let Some((place, rest)) = core::mem::take(out).split_first_chunk_mut()
    {
        *place = bytes;
        *out = rest;
    }
}

/// Takes bytes from a slice, and leaves what is behind them.
#[inline(always)]
pub(crate) fn get<const N: usize>(from: &mut &[u8]) -> Option<[u8; N]> {
    let (bytes, rest) = from.split_first_chunk()?;
    *from = rest;
    Some(*bytes)
}

impl Writer {
    /// Writes `LEN` bytes, as many as `put` puts.
    #[doc(hidden)]
    #[inline]
    pub fn fixed<const LEN: usize>(&mut self, put: impl FnOnce(&mut &mut [u8])) {
        // Where each field goes is known when this is compiled, so none of them has to be checked.
        self.write(LEN, |mut room| {
            put(&mut room);
            debug_assert!(room.is_empty(), "as many bytes as were promised");
            // Should a type promise something else than it writes, nothing of what was written here before is sent to others.
            room.fill(0);
        });
    }
}

impl<'a> Reader<'a> {
    /// Takes `len` bytes by `get`; nothing, and nothing taken, if there are less.
    #[doc(hidden)]
    #[inline]
    pub fn fixed<T>(
        &mut self,
        len: usize,
        get: impl FnOnce(&mut &'a [u8]) -> Option<T>,
    ) -> Option<T> {
        let (mut bytes, rest) = self.rest().split_at_checked(len)?;
        let value = get(&mut bytes)?;
        self.skip_to(rest);
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_struct_takes_what_its_fields_take() {
        assert_eq!(sum(&[4, 8, 84]), 96);
        assert_eq!(sum(&[]), 0);
    }

    #[test]
    fn what_has_no_room_leaves_it_to_who_clears_it() {
        let mut room = [7_u8; 6];
        let mut rest = &mut room[..];
        put([1; 4], &mut rest);
        put([2; 4], &mut rest);
        assert_eq!(rest, [7, 7]);
    }

    #[test]
    #[should_panic(expected = "a field of a fixed struct is not fixed")]
    fn what_is_not_fixed_makes_no_fixed_struct() {
        sum(&[4, 0, 84]);
    }
}
