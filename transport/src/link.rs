//! Whole messages in, whole messages out.

use std::io;
use std::task::{Context, Poll};

use bytes::Bytes;
use oncrpc::Framing;
use oncrpc::message::Message;
use oncrpc_xdr::Writer;

/// A way for whole messages to one peer and back, owned by one [`Driver`](crate::Driver).
pub trait Link: Send + Unpin + 'static {
    /// How messages are wrapped before they are given to [`output`](Self::output).
    fn framing(&self) -> Framing;

    /// Where the next message is written, framed. Every message is followed by
    /// [`end_message`](Self::end_message).
    fn output(&mut self) -> &mut Writer;

    /// Says that a message in the output is complete.
    fn end_message(&mut self);

    /// Takes one framed message, or on a stream any number of them.
    fn send(&mut self, message: &mut Writer) {
        self.output().append(message);
        self.end_message();
    }

    /// Bytes of output that the peer's side has not taken yet.
    fn unsent(&self) -> usize;

    /// Bytes that are held for the peer: output, and what has arrived and is no whole message yet.
    fn held(&self) -> usize {
        self.unsent()
    }

    /// Writes output; ready when there is none left, pending while the peer's side takes no more.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// The next message, or `None` at the end of the stream. Pending is said once for all that has arrived.
    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Arrived<'_>>>>;

    /// Whether there is more to read now, though pending was said: a part of a long message has been read, and others are
    /// to have their turn before the next. Nobody is woken for it.
    fn has_more(&self) -> bool;

    /// The beginning of a message that we sent and that nobody listened for at the peer's port, as much of it as the
    /// peer's host has sent back. A stream never has one.
    fn poll_refused(&mut self, _: &mut Context<'_>) -> Poll<Bytes> {
        Poll::Pending
    }

    /// Says that nothing more is sent, then drops what arrives until the peer has said the same.
    ///
    /// A link that is dropped without this may take back what is still on its way: a kernel that closes a
    /// connection with input unread resets it.
    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<()>;

    /// Says that nothing is read for a while: what was read and not yet taken is to hold no more memory than its own.
    fn set_aside(&mut self) {}

    /// Bytes that have arrived of a message of which the rest has not, its wrapping not counted; `None` between
    /// messages.
    fn mid_message(&self) -> Option<usize>;
}

/// A message that has arrived, and where the reply to it goes.
#[derive(Debug)]
pub struct Arrived<'a> {
    /// The message, where it lies.
    pub message: Message<'a>,
    /// What [`Link::output`] is.
    pub output: &'a mut Writer,
}
