//! Numbers in bulk with vectors of 32 bytes, on processors that turn out to have them.
//!
//! What is here is compiled for AVX2, so that a number is turned around by one shuffle with its neighbours, and called where the
//! processor has that. The first numbers are coded one by one up to where vectors are written that no line of the cache divides.

use alloc::vec::Vec;

use fearless_simd::{Avx2, Level, Simd};

/// AVX2, if the processor has it and there are bytes enough that to ask for it and to look for the first line pays.
#[inline]
pub(crate) fn for_len(len: usize) -> Option<Avx2> {
    if len < PAYS {
        return None;
    }
    Level::new().as_avx2()
}

/// Appends numbers, most significant byte first; there is memory for them.
#[inline]
pub(crate) fn encode<T: Copy, const N: usize>(
    avx2: Avx2,
    run: &[T],
    buf: &mut Vec<u8>,
    to_ne_bytes: impl Fn(T) -> [u8; N],
) {
    let parts = split_at_line(run, N, buf);
    avx2.vectorize(
        #[inline(always)]
        || {
            for part in parts {
                buf.extend(
                    part.iter()
                        .flat_map(|number| reversed(to_ne_bytes(*number))),
                );
            }
        },
    );
}

/// Appends the numbers that bytes stand for; there is memory for them.
#[inline]
pub(crate) fn decode<T, const N: usize>(
    avx2: Avx2,
    numbers: &[[u8; N]],
    run: &mut Vec<T>,
    from_ne_bytes: impl Fn([u8; N]) -> T,
) {
    let parts = split_at_line(numbers, N, run);
    avx2.vectorize(
        #[inline(always)]
        || {
            for part in parts {
                run.extend(part.iter().map(|number| from_ne_bytes(reversed(*number))));
            }
        },
    );
}

/// The numbers, each of so many bytes, that go behind `written` up to the next line of the cache, and the others.
fn split_at_line<'a, T, W>(numbers: &'a [T], size: usize, written: &[W]) -> [&'a [T]; 2] {
    let end = written.as_ptr_range().end.cast::<u8>();
    let before_line = end.align_offset(LINE).checked_div(size);
    let (before, behind) = numbers.split_at(before_line.unwrap_or(0).min(numbers.len()));
    [before, behind]
}

#[inline(always)]
fn reversed<const N: usize>(mut number: [u8; N]) -> [u8; N] {
    number.reverse();
    number
}

/// Bytes of a line of the cache.
const LINE: usize = 64;

/// Bytes from which on it pays: below, the loop for any processor is as fast (`cargo bench -p oncrpc-xdr`).
const PAYS: usize = 1024;
