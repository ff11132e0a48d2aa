//! The one reply to a call.

use bytes::Bytes;
use oncrpc_xdr::{EncodeError, Mark, Wire, Writer};

use crate::call::error::Refusal;
use crate::proto::rpc_msg::AuthStat;
use crate::serve::answered::Answered;
use crate::serve::step::Step;
use crate::{message, record};

/// Why a handler has no results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reject {
    /// The procedure is not there: PROC_UNAVAIL.
    #[error("the procedure is not there (PROC_UNAVAIL)")]
    ProcUnavail,
    /// The arguments make no sense: GARBAGE_ARGS.
    #[error("the arguments make no sense (GARBAGE_ARGS)")]
    GarbageArgs,
    /// Something failed here: SYSTEM_ERR.
    #[error("something failed here (SYSTEM_ERR)")]
    SystemErr,
    /// The caller may not: MSG_DENIED, AUTH_ERROR. [`AuthStat::Tooweak`] asks for a better credential.
    #[error("the caller may not (AUTH_ERROR, {0})")]
    Auth(AuthStat),
    /// The program, or the one behind it, is not there: PROG_UNAVAIL.
    #[error("the program is not there (PROG_UNAVAIL)")]
    ProgUnavail,
    /// The program, or the one behind it, has other versions: PROG_MISMATCH.
    #[error("the program has versions {low} to {high} (PROG_MISMATCH)")]
    ProgMismatch {
        /// The lowest that there is.
        low: u32,
        /// The highest that there is.
        high: u32,
    },
    /// No reply at all, as broadcast wants it of whoever has nothing to say.
    #[error("no reply")]
    Silent,
    /// No reply, and the end of the connection.
    #[error("no reply, and the end of the connection")]
    Close,
}

/// How a reply is wrapped for its transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Behind a record mark, among others, on a stream.
    Record,
    /// Alone in a datagram.
    Datagram {
        /// Most bytes that the datagram may have; a longer reply becomes SYSTEM_ERR.
        max: usize,
    },
}

/// The place of the one reply to a call, at the end of the output.
///
/// Each way to answer consumes the question: the [`Step`] that it gives back is the proof that the reply
/// is written, or that there is none.
#[derive(Debug)]
pub struct Reply<'a> {
    out: &'a mut Writer,
    framing: Framing,
    xid: u32,
    refusal: Option<Refusal>,
}

impl<'a> Reply<'a> {
    /// A reply to call `xid`, to be written behind what `out` holds.
    #[inline]
    pub fn new(out: &'a mut Writer, framing: Framing, xid: u32) -> Self {
        Self {
            out,
            framing,
            xid,
            refusal: None,
        }
    }

    /// How the reply is wrapped.
    #[inline]
    pub fn framing(&self) -> Framing {
        self.framing
    }

    /// How many bytes of output there are: of this reply, once it is written, and of those before it.
    #[inline]
    pub fn output_len(&self) -> usize {
        self.out.len()
    }

    /// How the call was refused, once it was.
    pub fn refusal(&self) -> Option<Refusal> {
        self.refusal
    }

    /// Holds this reply, if it is a datagram, to at most `max` bytes; a longer one becomes SYSTEM_ERR.
    ///
    /// For servers that will not send strangers much more than these sent.
    pub fn bound_datagram(&mut self, max: usize) {
        if let Framing::Datagram { max: allowed } = &mut self.framing {
            *allowed = max.min(*allowed);
        }
    }

    /// Answers with results.
    pub fn success<W: Wire>(&mut self, results: &W::Value) -> Step {
        let xid = self.xid;
        self.write(|w, framing| {
            message::write_success(w, framing, xid);
            W::encode(results, w)
        })
    }

    /// Answers with results that are encoded already.
    pub fn success_raw(&mut self, results: &Bytes) -> Step {
        let xid = self.xid;
        self.write(|w, framing| {
            message::write_success(w, framing, xid);
            w.raw_shared(results);
            Ok(())
        })
    }

    /// Answers what a handler came to.
    pub fn finish<W: Wire>(&mut self, outcome: Result<W::Value, Reject>) -> Step {
        match outcome {
            Ok(results) => self.success::<W>(&results),
            Err(reject) => self.reject(reject),
        }
    }

    /// Answers that there are no results.
    #[inline(never)]
    pub fn reject(&mut self, reject: Reject) -> Step {
        Answered::from(reject).answer(self)
    }

    /// Answers that there is no such procedure.
    pub fn proc_unavail(&mut self) -> Step {
        self.refuse(&Refusal::ProcUnavail)
    }

    /// Answers what is known after some time, framed as this reply is.
    pub fn later(&self, answered: impl Future<Output = Answered> + Send + 'static) -> Step {
        let (framing, xid) = (self.framing, self.xid);
        Step::Later(Box::pin(async move { answered.await.later(framing, xid) }))
    }

    /// Answers with any refusal of RFC 5531.
    pub fn refuse(&mut self, refusal: &Refusal) -> Step {
        let xid = self.xid;
        self.refusal = Some(*refusal);
        self.write(|w, framing| {
            if framing == Framing::Record {
                record::begin(w);
            }
            message::write_refusal(w, xid, refusal);
            Ok(())
        })
    }

    /// Writes a reply whole, the place of its record mark before it, or takes back what it wrote and answers SYSTEM_ERR.
    #[inline]
    fn write(
        &mut self,
        message: impl FnOnce(&mut Writer, Framing) -> Result<(), EncodeError>,
    ) -> Step {
        let start = self.out.mark();
        let written = message(self.out, self.framing).map_err(Unsent::from);
        let written = written.and_then(|()| match self.framing {
            Framing::Record => record::finish(self.out, start).map_err(|_| self.too_long(start)),
            Framing::Datagram { max } if self.out.len_since(start) > max => {
                Err(self.too_long(start))
            }
            Framing::Datagram { .. } => Ok(()),
        });
        match written {
            Ok(()) => Step::Done,
            Err(unsent) => self.take_back(start, &unsent),
        }
    }

    #[cold]
    fn too_long(&self, start: Mark) -> Unsent {
        Unsent::TooLong {
            len: self.out.len_since(start),
        }
    }

    #[cold]
    fn take_back(&mut self, start: Mark, unsent: &Unsent) -> Step {
        // Results that break a rule of their own type are the handler's fault; how much a transport holds is not.
        let level = match unsent {
            Unsent::Encode(_) => log::Level::Warn,
            Unsent::TooLong { .. } => log::Level::Debug,
        };
        let xid = self.xid;
        log::log!(level, "reply to call {xid:#010x} cannot be sent: {unsent}");
        self.out.truncate(start);
        // A refusal is 28 bytes long: it can always be sent.
        self.refuse(&Refusal::SystemErr)
    }
}

/// Why a reply is not sent.
#[derive(Debug, thiserror::Error)]
enum Unsent {
    #[error("{0}")]
    Encode(#[from] EncodeError),
    #[error("{len} bytes are more than its transport holds")]
    TooLong { len: usize },
}
