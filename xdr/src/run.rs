//! Runs of values, one after the other: numbers in bulk, all others one by one.
//!
//! In bulk means one bounds check and then a loop that the compiler turns into vector code.

use alloc::vec::Vec;
use core::array;

use crate::{At, DecodeError, EncodeError, Reader, Writer};

/// Writes numbers, most significant byte first.
pub(crate) fn encode_bulk<T: Copy, const N: usize>(
    run: &[T],
    w: &mut Writer,
    to_be_bytes: impl Fn(T) -> [u8; N],
) {
    w.reserve(run.len().saturating_mul(N));
    // In blocks that are turned around where they are near, and then copied.
    let (blocks, rest) = run.as_chunks::<BLOCK>();
    for block in blocks {
        w.raw(block.map(&to_be_bytes).as_flattened());
    }
    for number in rest {
        w.raw(&to_be_bytes(*number));
    }
}

/// Reads `count` numbers of `N` bytes each.
pub(crate) fn decode_bulk<T, const N: usize>(
    r: &mut Reader<'_>,
    count: usize,
    from_be_bytes: impl Fn(&[u8; N]) -> T,
) -> Result<Vec<T>, DecodeError> {
    let bytes = r.take(count.saturating_mul(N))?;
    let (numbers, _) = bytes.as_chunks();
    Ok(numbers.iter().map(from_be_bytes).collect())
}

/// Reads exactly `COUNT` numbers of `N` bytes each.
#[inline]
pub(crate) fn decode_bulk_fixed<T, const N: usize, const COUNT: usize>(
    r: &mut Reader<'_>,
    from_be_bytes: impl Fn(&[u8; N]) -> T,
) -> Result<[T; COUNT], DecodeError> {
    let len = COUNT.saturating_mul(N);
    let (numbers, _) = r.take(len)?.as_chunks();
    match numbers.first_chunk() {
        Some(numbers) => Ok(numbers.each_ref().map(from_be_bytes)),
        None => Err(r.truncated(len)),
    }
}

/// Writes values one by one.
#[inline]
pub(crate) fn encode_each<T>(
    run: &[T],
    w: &mut Writer,
    encode: impl Fn(&T, &mut Writer) -> Result<(), EncodeError>,
) -> Result<(), EncodeError> {
    for (index, value) in run.iter().enumerate() {
        encode(value, w).at_index(index)?;
    }
    Ok(())
}

/// Reads `count` values one by one.
#[inline]
pub(crate) fn decode_each<T>(
    r: &mut Reader<'_>,
    count: usize,
    decode: impl Fn(&mut Reader<'_>) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    let mut run = Vec::with_capacity(count);
    for index in 0..count {
        run.push(decode(r).at_index(index)?);
    }
    Ok(run)
}

/// Reads exactly `N` values one by one.
#[inline]
pub(crate) fn decode_each_fixed<T, const N: usize>(
    r: &mut Reader<'_>,
    decode: impl Fn(&mut Reader<'_>) -> Result<T, DecodeError>,
) -> Result<[T; N], DecodeError> {
    let mut failed = None;
    let run: [Option<T>; N] = array::from_fn(|index| match failed {
        None => decode(r)
            .at_index(index)
            .map_err(|error| failed = Some(error))
            .ok(),
        Some(_) => None,
    });
    if let Some(error) = failed {
        return Err(error);
    }
    // INVARIANT: whatever could not be decoded has set `failed`.
    #[expect(
        clippy::expect_used,
        reason = "nothing failed, so every value is there"
    )]
    Ok(run.map(|value| value.expect("decoded")))
}

/// Numbers that are turned around at once: some hundred bytes.
const BLOCK: usize = 64;
