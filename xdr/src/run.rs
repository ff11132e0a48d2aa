//! Arrays of numbers in bulk: one bounds check, then a loop that the compiler turns into vector code.

use alloc::vec::Vec;

use crate::{DecodeError, Reader, Writer};

/// Appends each number of `run`, most significant byte first.
pub(crate) fn encode<T: Copy, const N: usize>(
    run: &[T],
    w: &mut Writer,
    to_be_bytes: impl Fn(T) -> [u8; N],
) {
    w.extend(
        run.iter().flat_map(|&value| to_be_bytes(value)),
        run.len() * N,
    );
}

/// Takes `count` numbers of `N` bytes each.
pub(crate) fn decode<T, const N: usize>(
    r: &mut Reader<'_>,
    count: usize,
    from_be_bytes: impl Fn(&[u8; N]) -> T,
) -> Result<Vec<T>, DecodeError> {
    let bytes = r.take(count.saturating_mul(N))?;
    let (numbers, _) = bytes.as_chunks();
    Ok(numbers.iter().map(from_be_bytes).collect())
}
