//! What an end that answers calls needs.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use oncrpc::peer::Peer;
use oncrpc::{Answer, Framing, Ladder, Origin, Session, Step};
use tokio::task::JoinSet;

use crate::backward::Backward;
use crate::calls::Driven;
use crate::connection::Handle;
use crate::{Arrived, LadderPool, Limits, Link, Stopped};

/// What an end that answers calls needs, and how much of it there is at hand.
#[derive(Debug)]
pub(crate) struct Serving {
    ladders: Arc<LadderPool>,
    session: Session,
    backward: Arc<Backward>,
    /// Handlers that wait for something, each with the bytes of its call; made when the first has to.
    later: Option<JoinSet<(Answer, usize)>>,
    later_bytes: usize,
    /// Calls that were read for the sake of replies behind them, when there was no room for more calls.
    held: VecDeque<Bytes>,
    held_bytes: usize,
    stop: Stopped,
    stopping: bool,
    limits: Arc<Limits>,
}

impl Serving {
    /// Nothing at hand yet. `handle` is of whoever calls on the same connection anyhow.
    pub(crate) fn new(
        ladders: Arc<LadderPool>,
        peer: Peer,
        stop: Stopped,
        handle: Option<Weak<Handle>>,
        limits: Arc<Limits>,
    ) -> Self {
        let backward = Arc::new(Backward::new(handle, limits.clone()));
        let origin = Origin::new(peer).with_reverse(backward.clone());
        Self {
            ladders,
            session: Session::new(origin),
            backward,
            later: None,
            later_bytes: 0,
            held: VecDeque::new(),
            held_bytes: 0,
            stop,
            stopping: false,
            limits,
        }
    }

    /// Has a task woken when the end is wanted, and by calls to the peer.
    pub(crate) fn register(&mut self, task: &Waker) {
        self.backward.register(task);
        self.stop.register(task);
    }

    /// Whether the end is wanted, and was not before.
    pub(crate) fn is_to_stop(&self) -> bool {
        !self.stopping && self.stop.is_wanted()
    }

    /// Begins no more calls.
    pub(crate) fn stop(&mut self) {
        self.stopping = true;
        // They have not been begun.
        self.held = VecDeque::new();
        self.held_bytes = 0;
    }

    /// Whether the end is wanted: no more calls are answered than those that were begun.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping
    }

    /// Whether there are calls at hand.
    pub(crate) fn is_busy(&self) -> bool {
        self.waiting() > 0 || !self.held.is_empty()
    }

    /// Whether nothing is at hand, nor wanted, but to answer the next call.
    pub(crate) fn is_at_ease(&self) -> bool {
        !self.is_busy() && !self.stopping && !self.backward.is_made()
    }

    /// Handlers that wait.
    fn waiting(&self) -> usize {
        self.later.as_ref().map_or(0, JoinSet::len)
    }

    /// Whether another call may be begun while `unsent` bytes of output stand there.
    pub(crate) fn has_room(&self, unsent: usize) -> bool {
        self.waiting() < self.limits.in_flight && unsent < self.limits.unsent
    }

    /// Whether a call may be kept until there is room.
    pub(crate) fn may_hold(&self) -> bool {
        self.held_bytes < self.limits.unsent
    }

    /// Whether calls were kept.
    pub(crate) fn has_held(&self) -> bool {
        !self.held.is_empty()
    }

    /// Keeps a call until there is room.
    #[cold]
    pub(crate) fn hold(&mut self, call: Bytes) {
        self.held_bytes += call.len() + size_of::<Bytes>();
        self.held.push_back(call);
    }

    /// The next call that was kept, if there is room.
    pub(crate) fn next_held(&mut self, unsent: usize) -> Option<Bytes> {
        if !self.has_room(unsent) {
            return None;
        }
        let call = self.held.pop_front()?;
        self.held_bytes -= call.len() + size_of::<Bytes>();
        Some(call)
    }

    /// Where ladders come from.
    pub(crate) fn ladders(&self) -> &Arc<LadderPool> {
        &self.ladders
    }

    /// Takes a call up the ladder.
    #[inline(always)]
    pub(crate) fn answer(
        &mut self,
        ladder: &mut Ladder,
        arrived: Arrived<'_>,
        framing: Framing,
    ) -> Step {
        if self.stopping {
            return dropped();
        }
        let Arrived { message, output } = arrived;
        ladder.answer(&mut self.session, message, framing, output)
    }

    /// Has a task wait for an answer that takes time, to a call of `len` bytes.
    #[inline(never)]
    pub(crate) fn spawn(
        &mut self,
        answer: impl Future<Output = Answer> + Send + 'static,
        len: usize,
    ) {
        self.later_bytes += len;
        let later = self.later.get_or_insert_with(JoinSet::new);
        later.spawn(async move { (answer.await, len) });
    }

    /// Bytes of calls that were read and are not answered.
    pub(crate) fn held(&self) -> usize {
        self.later_bytes + self.held_bytes
    }

    /// Takes the replies of handlers that had to wait; gives back whether one of them ends the connection.
    pub(crate) fn collect(&mut self, cx: &mut Context<'_>, link: &mut impl Link) -> bool {
        let mut close = false;
        while let Some(later) = &mut self.later
            && let Poll::Ready(Some(answered)) = later.poll_join_next(cx)
        {
            // A handler's panic is an answer by now; that of a service made by hand is the connection's end.
            let Ok((answer, len)) = answered else {
                close = true;
                continue;
            };
            self.later_bytes -= len;
            match answer {
                Answer::Reply(mut reply) => link.send(&mut reply),
                Answer::Close => close = true,
                Answer::Silent => {}
            }
        }
        close
    }

    /// Who calls.
    pub(crate) fn peer(&self) -> &Peer {
        self.session.origin().peer()
    }

    /// The calls that handlers make of the peer, from the first of them on.
    pub(crate) fn attach(&self) -> Option<Driven> {
        self.backward.attach()
    }

    /// Says that nothing more comes from the peer.
    pub(crate) fn peer_gone(&self) {
        self.backward.peer_gone();
    }
}

#[cold]
fn dropped() -> Step {
    log::debug!("a call that came after the end: dropped");
    Step::Silent
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.backward.end();
    }
}
