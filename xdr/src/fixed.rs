//! Values that take the same number of bytes whatever they are, such as a struct of numbers: they are coded with one check of the
//! space for all of their fields.

use crate::{Reader, Writer};

/// Bytes that these together take; 0 if one of them is not fixed, or if they are too many.
#[doc(hidden)]
pub const fn sum(fields: &[usize]) -> usize {
    let (mut sum, mut rest) = (0_usize, fields);
    while let [first, others @ ..] = rest {
        if *first == 0 {
            return 0;
        }
        sum = sum.saturating_add(*first);
        rest = others;
    }
    if sum <= MAX { sum } else { 0 }
}

/// Puts bytes into a slice, and leaves what is behind them.
#[inline]
pub(crate) fn put<const N: usize>(bytes: [u8; N], out: &mut &mut [u8]) -> Option<()> {
    let (place, rest) = core::mem::take(out).split_first_chunk_mut()?;
    *place = bytes;
    *out = rest;
    Some(())
}

/// Takes bytes from a slice, and leaves what is behind them.
#[inline]
pub(crate) fn get<const N: usize>(from: &mut &[u8]) -> Option<[u8; N]> {
    let (bytes, rest) = from.split_first_chunk()?;
    *from = rest;
    Some(*bytes)
}

impl Writer {
    /// Writes `LEN` bytes by `put`; false, and nothing written, if it puts less, or if `LEN` is 0.
    #[doc(hidden)]
    #[inline]
    pub fn fixed<const LEN: usize>(
        &mut self,
        put: impl FnOnce(&mut &mut [u8]) -> Option<()>,
    ) -> bool {
        if LEN == 0 {
            return false;
        }
        // An array, so that where each field goes is known when this is compiled, and none has to be checked.
        let mut bytes = [0; LEN];
        let done = put(&mut &mut bytes[..]).is_some();
        if done {
            self.raw(&bytes);
        }
        done
    }
}

impl<'a> Reader<'a> {
    /// Takes `len` bytes by `get`; nothing, and nothing taken, if there are less, or if `len` is 0.
    #[doc(hidden)]
    #[inline]
    pub fn fixed<T>(
        &mut self,
        len: usize,
        get: impl FnOnce(&mut &'a [u8]) -> Option<T>,
    ) -> Option<T> {
        if len == 0 {
            return None;
        }
        let (mut bytes, rest) = self.rest().split_at_checked(len)?;
        let value = get(&mut bytes)?;
        self.skip_to(rest);
        Some(value)
    }
}

/// Bytes of the largest value that is coded so.
const MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_fixed_makes_the_whole_not_fixed() {
        assert_eq!(sum(&[4, 8, 84]), 96);
        assert_eq!(sum(&[4, 0, 84]), 0);
        assert_eq!(sum(&[200, 57]), 0);
        assert_eq!(sum(&[]), 0);
    }
}
