//! What decoding one message may cost.

/// What decoding one message may cost, and how strict it is about padding.
///
/// The default fits a message of any size, because what a message may allocate follows from its length:
/// see [`Limits::memory`].
///
/// ```
/// use oncrpc_xdr::{Decode, Limits, Padding, Reader};
///
/// let strict = Limits { padding: Padding::Reject, ..Limits::default() };
/// let mut r = Reader::new(b"\0\0\0\x01a\0\0!").with_limits(strict);
/// let error = r.opaque_borrowed(255).unwrap_err();
/// assert_eq!(error.to_string(), "padding is not zero at byte 5");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Deepest nesting of recursive types. Default [`DEFAULT_DEPTH`](Self::DEFAULT_DEPTH).
    ///
    /// Linked lists do not nest: they are decoded in a loop.
    pub depth: u32,
    /// Bytes of memory that decoded values may take for each byte of the message.
    ///
    /// A value in memory is larger than on the wire: an empty string is 4 bytes there and 32 here. The
    /// budget of a message is `memory * length + 4 KiB`; only what goes on the heap is charged. Long arrays
    /// of a union whose arms differ much in size may need more than the default, which is
    /// [`DEFAULT_MEMORY`](Self::DEFAULT_MEMORY).
    pub memory: usize,
    /// What to do with padding bytes that are not zero. Default: accept, as libtirpc and Linux do.
    pub padding: Padding,
}

/// What to do with padding bytes that are not zero.
///
/// RFC 4506 §3 wants them to be zero; libtirpc, Linux and most peers ignore them. We always send zeros.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Padding {
    /// Ignore their values.
    #[default]
    Accept,
    /// Refuse the message.
    Reject,
}

impl Limits {
    /// Deepest nesting of recursive types unless told otherwise.
    ///
    /// A derived recursive decoder dies on a 2 MiB stack at about 5,200 levels in a debug build.
    pub const DEFAULT_DEPTH: u32 = 128;

    /// Bytes in memory for each byte on the wire unless told otherwise.
    ///
    /// An array of strings, the commonest message, needs 9: 32 bytes of handle for 4 of length.
    pub const DEFAULT_MEMORY: usize = 32;

    /// Bytes that any message may allocate, however short it is.
    pub const BASE_MEMORY: usize = 4096;

    /// Most elements in one message of types that take no bytes on the wire, whose count the input cannot
    /// vouch for.
    pub const MAX_EMPTY_ELEMENTS: u32 = 65_536;

    /// Bytes that decoding a message of `len` bytes may allocate.
    pub(crate) fn budget(&self, len: usize) -> usize {
        len.saturating_mul(self.memory)
            .saturating_add(Self::BASE_MEMORY)
            .min(MOST_BYTES)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            depth: Self::DEFAULT_DEPTH,
            memory: Self::DEFAULT_MEMORY,
            padding: Padding::default(),
        }
    }
}

/// Most bytes that one allocation can have. A budget of more would let a `Vec` panic on a 32-bit machine.
const MOST_BYTES: usize = usize::MAX / 2;
