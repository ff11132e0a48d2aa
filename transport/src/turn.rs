//! What is said of a driver's turn, from step to step.

use std::io;

use oncrpc::Ladder;

use crate::calls::Replies;

/// What is next in a turn.
pub(crate) enum Next {
    /// Nothing can come any more that would be answered.
    End,
    /// Nothing can be done until something happens.
    Wait,
    /// There may be more to read.
    Read,
}

/// How far a driver has come when it is not waiting.
pub(crate) enum Progress {
    /// Both sides are done.
    Done,
    /// It has had its turn, and has more to do.
    More,
}

/// Whether another message may be read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    /// It may not.
    None,
    /// It may, but if it is a call, it is not answered yet.
    Calls,
    /// It may.
    Answers,
}

/// What was said to a message.
pub(crate) enum Said {
    /// Nothing, for now.
    Nothing,
    /// A reply stands in the output.
    Reply,
    /// Nothing, and on a stream nothing more is read.
    Last(io::Result<()>),
}

impl Said {
    /// What is said where a message is for the other side, whose part is not played here: RFC 5531 has no answer to that.
    #[cold]
    pub(crate) fn nothing_for_another() -> Self {
        log::debug!("a message that is not for this end: dropped");
        Self::Nothing
    }

    /// What is said to what is neither a call nor a reply.
    #[cold]
    pub(crate) fn last_to_no_message() -> Self {
        Self::Last(Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "the peer sent what is neither a call nor a reply",
        )))
    }
}

/// How far a turn of reading came.
pub(crate) struct Read {
    pub(crate) end: End,
    /// Whether there was a message.
    pub(crate) progress: bool,
}

/// What ended a turn of reading.
#[derive(PartialEq, Eq)]
pub(crate) enum End {
    /// There is nothing more, and the task is woken when there is.
    Input,
    /// There is no room for more.
    Room,
    /// There is more, for the next turn.
    Turn,
}

/// What is gathered over the messages of one turn.
#[derive(Default)]
pub(crate) struct Batch<'a> {
    /// How many bytes they have.
    pub(crate) bytes: usize,
    /// Whether one of them was a call or a reply as it should be.
    pub(crate) good: bool,
    /// What answers calls, at an end that does.
    pub(crate) ladder: Option<&'a mut Ladder>,
    pub(crate) replies: Option<Replies>,
}
