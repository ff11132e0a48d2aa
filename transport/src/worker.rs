//! Buffers that a worker thread lends to whichever connection it is at work on.
//!
//! A connection with nothing to read and nothing to write owns no buffer: it costs what its state costs,
//! however many calls it has carried.

use std::cell::RefCell;

use bytes::BytesMut;
use oncrpc_xdr::Writer;

/// Bytes that one read takes at most.
pub(crate) const READ: usize = 64 * 1024;

/// Output buffers that a worker keeps, and the largest that it keeps.
const KEPT_WRITERS: usize = 16;
const KEPT_WRITER: usize = 256 * 1024;

thread_local! {
    static INPUT: RefCell<BytesMut> = RefCell::default();
    static WRITERS: RefCell<Vec<Writer>> = RefCell::default();
}

/// Reads into the worker's buffer: `read` is given room for so many bytes, and may be given more.
///
/// What it read can be split off and frozen; the buffer goes on behind it, or starts anew when nobody
/// holds a part of it any more.
pub(crate) fn with_input<T>(room: usize, read: impl FnOnce(&mut BytesMut) -> T) -> T {
    INPUT.with_borrow_mut(|input| {
        input.reserve(room);
        read(input)
    })
}

/// Gives memory that is at hand to a writer that has none.
#[inline]
pub(crate) fn lend_memory(writer: &mut Writer) {
    if writer.capacity() == 0 && writer.is_empty() {
        take_kept(writer);
    }
}

#[cold]
fn take_kept(writer: &mut Writer) {
    if let Some(kept) = WRITERS.with_borrow_mut(Vec::pop) {
        *writer = kept;
    }
}

/// Gives a writer's memory back.
pub(crate) fn give_writer(mut writer: Writer) {
    writer.clear();
    WRITERS.with_borrow_mut(|writers| {
        if writers.len() < KEPT_WRITERS && (1..=KEPT_WRITER).contains(&writer.capacity()) {
            writers.push(writer);
        }
    });
}
