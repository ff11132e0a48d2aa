//! Buffers that a worker thread lends to whichever connection it is at work on.
//!
//! A connection with nothing to read and nothing to write owns no buffer: it costs what its state costs,
//! however many calls it has carried.

use std::cell::Cell;
use std::mem;

use bytes::{Bytes, BytesMut};
use oncrpc_xdr::Writer;

/// Bytes that one read takes at most.
pub(crate) const READ: usize = 64 * 1024;

/// Largest memory for output that a worker keeps, in bytes.
const KEPT_OUTPUT: usize = 256 * 1024;

thread_local! {
    static IDLE: Cell<Option<Box<Buffers>>> = const { Cell::new(None) };
}

/// What a connection needs while there is something to read or to write.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    /// What was read last. Its memory is used again for what is read next, unless somebody holds a part of it.
    pub(crate) input: Bytes,
    /// What is to be written.
    pub(crate) output: Writer,
}

impl Buffers {
    /// Forgets what was read last, and reads: `read` is given room for so many bytes, and may be given more.
    pub(crate) fn read<T>(&mut self, room: usize, read: impl FnOnce(&mut BytesMut) -> T) -> T {
        let mut input = match mem::take(&mut self.input).try_into_mut() {
            Ok(input) if input.capacity() >= room => input,
            _ => other_input(room),
        };
        input.clear();
        let result = read(&mut input);
        self.input = input.freeze();
        result
    }
}

/// Memory to read into: what is idle, or else new.
///
/// Who holds a part of it is counted from the beginning, so that nothing is allocated for that later.
#[cold]
fn other_input(room: usize) -> BytesMut {
    let idle = IDLE.take().map(|buffers| buffers.input.try_into_mut());
    if let Some(Ok(input)) = idle
        && input.capacity() >= room
    {
        return input;
    }
    let mut input = BytesMut::with_capacity(room);
    drop(input.split());
    input
}

/// Lends buffers in which nothing is.
pub(crate) fn lend() -> Box<Buffers> {
    IDLE.take().unwrap_or_default()
}

/// Takes buffers back, to lend them to the next who asks.
pub(crate) fn give_back(mut buffers: Box<Buffers>) {
    // What was read is for nobody else.
    buffers.input.clear();
    buffers.output.clear();
    if buffers.output.capacity() > KEPT_OUTPUT {
        buffers.output = Writer::new();
    }
    IDLE.set(Some(buffers));
}

/// Takes the memory back into which this was read.
pub(crate) fn give_back_input(input: Bytes) {
    let output = Writer::new();
    give_back(Box::new(Buffers { input, output }));
}
