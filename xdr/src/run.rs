//! Runs of values, one after the other: numbers in bulk, all others one by one.
//!
//! In bulk means one bounds check and then a loop that the compiler turns into vector code.

use alloc::vec::Vec;
use core::array;

#[cfg(all(feature = "simd", target_arch = "x86_64"))]
use crate::avx2;
use crate::{At, DecodeError, EncodeError, Reader, Writer};

/// Writes numbers, most significant byte first.
///
/// What an iterator knows the length of goes into the buffer with one check of its room, which is not zeroed before.
#[inline]
pub(crate) fn encode_bulk<T: Copy, const N: usize>(
    run: &[T],
    w: &mut Writer,
    to_ne_bytes: impl Fn(T) -> [u8; N],
) {
    w.extend(|buf| {
        buf.reserve(size_of_val(run));
        #[cfg(all(feature = "simd", target_arch = "x86_64"))]
        if let Some(avx2) = avx2::for_len(size_of_val(run)) {
            return avx2::encode(avx2, run, buf, to_ne_bytes);
        }
        let (blocks, rest) = run.as_chunks::<BLOCK>();
        let blocks = blocks.iter().map(|block| turn(block.map(&to_ne_bytes)));
        buf.extend(blocks.flatten().flatten());
        let rest = rest.iter().map(|number| turn([to_ne_bytes(*number)]));
        buf.extend(rest.flatten().flatten());
    });
}

/// Reads `count` numbers of `N` bytes each.
#[inline]
pub(crate) fn decode_bulk<T, const N: usize>(
    r: &mut Reader<'_>,
    count: usize,
    from_ne_bytes: impl Fn([u8; N]) -> T,
) -> Result<Vec<T>, DecodeError> {
    let (numbers, _) = r.take(count.saturating_mul(N))?.as_chunks();
    let mut run = Vec::with_capacity(count);
    #[cfg(all(feature = "simd", target_arch = "x86_64"))]
    if let Some(avx2) = avx2::for_len(numbers.as_flattened().len()) {
        avx2::decode(avx2, numbers, &mut run, from_ne_bytes);
        return Ok(run);
    }
    let (blocks, rest) = numbers.as_chunks::<BLOCK>();
    let blocks = blocks.iter().map(|block| turn(*block));
    run.extend(blocks.flatten().map(&from_ne_bytes));
    let rest = rest.iter().map(|number| turn([*number]));
    run.extend(rest.flatten().map(from_ne_bytes));
    Ok(run)
}

/// Turns numbers around, unless this machine has them as the wire does.
///
/// SSE2, all that can be taken for granted on x86-64, cannot put bytes into any order: to reverse each number at once takes
/// 7 shuffles for 16 bytes. In two steps it is 2 shuffles and 2 shifts, and still one shuffle where that is enough.
#[inline]
fn turn<const N: usize, const COUNT: usize>(mut numbers: [[u8; N]; COUNT]) -> [[u8; N]; COUNT] {
    if cfg!(target_endian = "little") {
        let (pairs, _) = numbers.as_flattened_mut().as_chunks_mut();
        for pair in &mut *pairs {
            *pair = u16::from_ne_bytes(*pair).swap_bytes().to_ne_bytes();
        }
        for number in pairs.chunks_exact_mut(const { N / 2 }) {
            number.reverse();
        }
    }
    numbers
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

/// Numbers that are turned around at once, so that the registers hold them: 64 or 128 bytes.
const BLOCK: usize = 16;
