//! The calls that a connection has in flight.

use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use bytes::Bytes;
use oncrpc_xdr::Writer;

use crate::auth::{ClientAuth, Token};
use crate::call::caller::{ProcedureId, after};
use crate::call::carrier::Arguments;
use crate::call::error::CallError;
use crate::call::refusals::{Refusals, Verdict};
use crate::call::retransmit::Retransmit;
use crate::call::round_trip::RoundTrips;
use crate::call::slots::Slots;
use crate::call::timers::Timers;
use crate::message::{self, Message, ReplyHeader};

/// The calls that a connection has in flight: by xid, with their deadlines and retransmissions.
///
/// It owns neither a socket nor a clock. A driver begins calls, writes the messages that come of it,
/// brings the messages that arrive and the time; whoever waits for a call polls it here. Each call ends
/// exactly once: with its reply, at its deadline, or with the connection.
#[derive(Debug)]
pub struct CallTable {
    calls: Slots<Entry>,
    /// How many of them have no reply yet.
    waiting: usize,
    /// When each of these expires or is sent again, the earliest first.
    timers: Timers,
    /// Calls whose timers went off, and when those were for.
    due: Vec<(Instant, u32)>,
    /// When calls are repeated; `None` on a stream, where nothing is lost.
    round_trips: Option<RoundTrips>,
    /// When the last reply came, to whatever call.
    heard: Option<Instant>,
    silent: bool,
}

/// A call to be made.
#[derive(Debug)]
pub struct NewCall<'a, A> {
    /// What is called.
    pub id: ProcedureId,
    /// With what.
    pub args: &'a A,
    /// Who calls.
    pub auth: &'a Arc<dyn ClientAuth>,
    /// Time that the call is given, from its [start](CallTable::start) on.
    pub timeout: Duration,
}

/// What became of a call.
#[derive(Debug)]
pub struct Over {
    /// Its results, or why there are none.
    pub result: Result<Bytes, Box<Ended>>,
    /// Who waited for it, if anybody did: who makes the next call is often the same.
    pub waiter: Option<Waker>,
}

/// What is to be done because time has passed.
#[derive(Debug)]
pub enum Due {
    /// A call's time is up, and somebody waits to hear it.
    Expired(Option<Waker>),
    /// A message is to be sent again.
    Resend(Writer),
}

/// What comes of it that nobody listens for a transmission.
#[derive(Debug)]
pub enum Refused {
    /// Nothing, yet.
    Noted,
    /// The call is sent again sooner than it would have been, and somebody waits who may have to know.
    Hastened(Option<Waker>),
    /// Nobody listened for any transmission: the call has ended, and somebody waits to hear it.
    GivenUp(Option<Waker>),
}

/// Why a call has no results, and how long it might have taken. It comes in a box, since it is seldom: results, which each call
/// has, are handed from one to the next.
#[derive(Debug)]
pub struct Ended {
    /// Why.
    pub error: CallError,
    /// When its time is up, where the call may be made again; nothing if it never began.
    pub deadline: Option<Instant>,
}

impl From<Box<Ended>> for CallError {
    fn from(ended: Box<Ended>) -> Self {
        ended.error
    }
}

/// A call in flight: as little as one on a stream needs, since there may be thousands and each reply finds its own cold.
#[derive(Debug, Default)]
struct Entry {
    /// Nothing while it is waited for.
    result: Option<Result<Bytes, Box<Ended>>>,
    waiter: Option<Waker>,
    timeout: Duration,
    kept: Option<Box<Kept>>,
}

/// What only some calls need.
#[derive(Debug)]
struct Kept {
    auth: Arc<dyn ClientAuth>,
    /// What the flavor remembers of each transmission, if anything.
    tokens: Vec<Token>,
    /// What it is sent again with; nothing on a stream.
    again: Option<Again>,
}

/// What a call is sent again with, where messages get lost.
#[derive(Debug)]
struct Again {
    id: ProcedureId,
    args: Writer,
    /// When its time began; nothing before.
    begun: Option<Instant>,
    /// When it is sent again, or its time is up; nothing until its time begins.
    due: Option<Instant>,
    sent: u32,
    /// Times that the wait between transmissions has been doubled.
    backoff: u32,
    refusals: Refusals,
}

impl CallTable {
    /// An empty table for a stream.
    ///
    /// `first_xid` should be random: a server that remembers replies for retransmissions could take a
    /// call of this process for one of the process before.
    pub fn new(first_xid: u32) -> Self {
        Self {
            calls: Slots::new(first_xid),
            waiting: 0,
            due: Vec::new(),
            timers: Timers::default(),
            round_trips: None,
            heard: None,
            silent: false,
        }
    }

    /// The same table for datagrams, which get lost and are sent again.
    #[must_use]
    pub fn with_retransmit(self, retransmit: Retransmit) -> Self {
        Self {
            round_trips: Some(RoundTrips::new(retransmit)),
            ..self
        }
    }

    /// Whether a datagram was sent again in vain and nothing came back in all the time of its call, to this call or to
    /// any other.
    ///
    /// The server may be down. But it or we may as well be at another address by now, which a socket that is
    /// connected to the old one never learns: later calls are better made on another.
    pub fn is_silent(&self) -> bool {
        self.silent
    }

    /// Whether no call is waited for.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Calls that are waited for, those whose reply has come and was not taken yet included.
    pub fn len(&self) -> usize {
        self.calls.len()
    }

    /// Begins a call and writes its message behind what `out` holds; the xid names it from here on. Whoever waits for it is woken
    /// when it has ended, as far as that is known yet; see [`wait`](Self::wait).
    ///
    /// Its time does not begin before its [start](Self::start), so that who begins many need not ask what time it is for
    /// each of them.
    #[inline]
    pub fn begin(
        &mut self,
        call: &NewCall<'_, impl Arguments>,
        waiter: Option<Waker>,
        out: &mut Writer,
    ) -> Result<u32, CallError> {
        let NewCall {
            id,
            args,
            auth,
            timeout,
        } = *call;
        let xid = self.calls.next_xid();
        message::write_call(out, xid, id);
        let token = auth.seal(xid, id, args, out)?;
        let kept = match (token, &self.round_trips) {
            (None, None) => None,
            (token, round_trips) => Some(Box::new(Kept {
                auth: auth.clone(),
                tokens: token.into_iter().collect(),
                again: match round_trips {
                    Some(round_trips) => Some(Again::new(id, args, round_trips.backoff(id))?),
                    None => None,
                },
            })),
        };
        if let Some(entry) = self.calls.insert(xid) {
            entry.waiter = waiter;
            entry.timeout = timeout;
            entry.kept = kept;
        }
        self.waiting = self.waiting.saturating_add(1);
        self.timers.begin(xid, timeout);
        Ok(xid)
    }

    /// Has the time of the calls that were begun since this was last asked for begin `now`, with their first transmission.
    pub fn start(&mut self, now: Instant) {
        if self.timers.len() > self.len().saturating_mul(2).max(MOST_TIMERS) {
            let is_any_left = |xids| !self.calls.among(xids).is_empty();
            self.timers.retain(is_any_left, is_timer_of(&self.calls));
        }
        let mut begun = self.timers.take_begun();
        for calls in begun.drain(..) {
            let Some(round_trips) = &self.round_trips else {
                self.timers.start(calls, now);
                continue;
            };
            for xid in calls.xids.iter() {
                let Some(entry) = self.calls.get_mut(xid) else {
                    continue;
                };
                let deadline = after(now, entry.timeout);
                if let Some(again) = entry.again_mut() {
                    let wait = round_trips.wait(again.id, again.backoff, xid);
                    let due = deadline.min(after(now, wait));
                    again.begun = Some(now);
                    again.due = Some(due);
                    self.timers.insert(due, xid);
                }
            }
        }
        self.timers.give_back(begun);
    }

    /// Writes the message of a call that nobody waits for behind what `out` holds; gives back its xid.
    pub fn send(
        &mut self,
        id: ProcedureId,
        args: &impl Arguments,
        auth: &dyn ClientAuth,
        out: &mut Writer,
    ) -> Result<u32, CallError> {
        let xid = self.calls.next_xid();
        message::write_call(out, xid, id);
        auth.seal(xid, id, args, out)?;
        Ok(xid)
    }

    /// Takes a message that arrived at `now`; gives back the call that it answers and who is to be woken for it, if anybody
    /// waits.
    ///
    /// A reply that nobody waits for is dropped: its call was given up, or answered before.
    #[inline]
    pub fn reply(&mut self, now: Instant, message: Message<'_>) -> Option<(u32, Waker)> {
        let xid = ReplyHeader::xid(&message)?;
        self.heard = Some(now);
        self.silent = false;
        let entry = self.calls.get_mut(xid)?;
        if !entry.is_waiting() {
            return None;
        }
        // Nearly all are of this kind.
        if let (Some(results), None) = (message::results(&message), &entry.kept) {
            entry.result.get_or_insert(Ok(match results {
                [] => Bytes::new(),
                _ => message.share(results),
            }));
            self.waiting = self.waiting.saturating_sub(1);
            return Some((xid, entry.waiter.take()?));
        }
        let result = entry.open(&message);
        if let Some(round_trips) = &mut self.round_trips {
            // Datagrams come from anywhere: what cannot be read does not end a call.
            if let Err(CallError::Decode(_) | CallError::Auth(_)) = result {
                return None;
            }
            if let Some(again) = entry.again() {
                let took = now.saturating_duration_since(again.begun.unwrap_or(now));
                round_trips.replied(again.id, again.sent, again.backoff, took);
            }
        }
        Some((xid, self.finish(xid, result, None)?))
    }

    /// Takes note that nobody listens at the peer's port for a message of ours, of which `quoted` is as much as the
    /// peer's host has sent back.
    ///
    /// The first time may be while a server is started anew, so the call has a second transmission. If that is
    /// refused as well, the server cannot have executed the call: it ends with [`CallError::Connect`]. A call whose first
    /// transmission was not refused is repeated to its deadline; if nobody listens for the last one, either, it ends
    /// with [`CallError::Disconnected`], since the server may have executed it before it went away.
    pub fn refused(&mut self, now: Instant, quoted: &[u8]) -> Refused {
        let xid = match quoted.first_chunk() {
            Some(xid) => Some(u32::from_be_bytes(*xid)),
            // Some hosts quote no more than the header of UDP.
            None if self.len() == 1 => self.calls.all().first().copied(),
            None => None,
        };
        let Some((xid, entry)) = xid.and_then(|xid| Some((xid, self.calls.get_mut(xid)?))) else {
            return Refused::Noted;
        };
        if !entry.is_waiting() {
            return Refused::Noted;
        }
        let waiter = entry.waiter.clone();
        let Some(again) = entry.again_mut() else {
            return Refused::Noted;
        };
        match again.refusals.note(again.sent) {
            Verdict::GoOn => Refused::Noted,
            Verdict::SendAgain => {
                let soon = after(now, AFTER_REFUSAL);
                let due = again.due.map_or(soon, |due| due.min(soon));
                again.due = Some(due);
                self.timers.insert(due, xid);
                Refused::Hastened(waiter)
            }
            Verdict::GiveUp(error) => Refused::GivenUp(self.finish(xid, Err(error), None)),
        }
    }

    /// What became of call `xid`, if it has ended. It is forgotten then.
    #[inline]
    pub fn take(&mut self, xid: u32) -> Option<Over> {
        // INVARIANT: whoever was given `xid` takes what becomes of the call once.
        #[expect(clippy::expect_used, reason = "an ended call is not taken again")]
        let entry = self.calls.get_mut(xid).expect("call in flight");
        let result = entry.result.take()?;
        let waiter = entry.waiter.take();
        entry.kept = None;
        self.calls.free(xid);
        Some(Over { result, waiter })
    }

    /// Has `waiter` woken when call `xid` ends, and nobody else; gives back whoever else it was.
    pub fn wait(&mut self, xid: u32, waiter: &Waker) -> Option<Waker> {
        let entry = self.calls.get_mut(xid)?;
        match &entry.waiter {
            Some(present) if present.will_wake(waiter) => None,
            _ => entry.waiter.replace(waiter.clone()),
        }
    }

    /// Gives the waker of an answered call back to it, which was woken without it; or to the caller, if the call is over.
    pub fn restore(&mut self, xid: u32, waiter: Waker) -> Option<Waker> {
        match self.calls.get_mut(xid) {
            Some(entry) => entry.waiter.replace(waiter),
            None => Some(waiter),
        }
    }

    /// Forgets call `xid`, in flight or ended; gives back who waited for it.
    pub fn cancel(&mut self, xid: u32) -> Option<Waker> {
        let entry = std::mem::take(self.calls.free(xid)?);
        self.waiting = self.waiting.saturating_sub(entry.is_waiting().into());
        entry.waiter
    }

    /// Ends call `xid` with `error`, if it is in flight; gives back who waits for it.
    pub fn fail(&mut self, xid: u32, error: CallError) -> Option<Waker> {
        self.finish(xid, Err(error), None)
    }

    /// Ends every call in flight with its error; gives back who waits for them.
    pub fn fail_all(&mut self, error: impl Fn(u32) -> CallError) -> Vec<Waker> {
        let mut woken = Vec::new();
        while let Some((at, xids)) = self.timers.pop(|_| true) {
            for xid in self.calls.among(xids) {
                woken.extend(self.finish(xid, Err(error(xid)), Some(at)));
            }
        }
        // The time of the others has not begun; or they have ended before, and who takes what became of them calls no more here.
        for xid in self.calls.all() {
            let known = self.calls.get_mut(xid).and_then(|call| call.waiter.take());
            woken.extend(known);
            self.fail(xid, error(xid));
        }
        woken
    }

    /// Whether a reply is waited for.
    pub fn awaits_replies(&self) -> bool {
        self.waiting > 0
    }

    /// When to ask for the [next that is due](Self::next_due), at the latest.
    pub fn next_timer(&mut self) -> Option<Instant> {
        if !self.awaits_replies() {
            self.timers.clear();
            return None;
        }
        self.timers.first(is_timer_of(&self.calls))
    }

    /// When call `xid` is sent again or its time is up; `None` if it has ended.
    pub fn timer(&self, xid: u32) -> Option<Instant> {
        let entry = self.calls.get(xid)?;
        match entry.again() {
            _ if !entry.is_waiting() => None,
            Some(again) => again.due,
            None => self.timers.find(xid),
        }
    }

    /// One thing that is due at `now`; ask again until there is none.
    pub fn next_due(&mut self, now: Instant) -> Option<Due> {
        loop {
            while let Some((at, xid)) = self.due.pop() {
                if let Some(due) = self.expire_or_resend(at, xid, now) {
                    return Some(due);
                }
            }
            let (at, xids) = self.timers.pop(|at| at <= now)?;
            let calls = self.calls.among(xids).into_iter();
            self.due.extend(calls.map(|xid| (at, xid)));
        }
    }

    /// Does what a timer of call `xid` that was for `at` is for, if it is in force.
    fn expire_or_resend(&mut self, at: Instant, xid: u32, now: Instant) -> Option<Due> {
        let entry = self.calls.get_mut(xid)?;
        if !entry.is_due(at) {
            return None;
        }
        let deadline = entry.deadline().unwrap_or(at);
        if deadline <= now {
            let begun = entry.again().and_then(|again| again.begun);
            let repeated = entry.again().is_some_and(|again| again.sent > 1);
            self.silent |= repeated && self.heard <= begun;
            let error = entry.out_of_time();
            return Some(Due::Expired(self.finish(xid, Err(error), Some(at))));
        }
        let round_trips = self.round_trips.as_ref()?;
        let Kept {
            auth,
            tokens,
            again,
        } = &mut **entry.kept.as_mut()?;
        let again = again.as_mut()?;
        let mut out = Writer::new();
        message::write_call(&mut out, xid, again.id);
        match auth.seal(xid, again.id, &again.args, &mut out) {
            Ok(token) => tokens.extend(token),
            Err(error) => return Some(Due::Expired(self.finish(xid, Err(error), None))),
        }
        again.sent = again.sent.saturating_add(1);
        again.refusals.resent();
        again.backoff = again.backoff.saturating_add(1);
        let wait = round_trips.wait(again.id, again.backoff, xid);
        let due = deadline.min(after(now, wait));
        again.due = Some(due);
        self.timers.insert(due, xid);
        Some(Due::Resend(out))
    }

    /// Ends call `xid`, if it is in flight; gives back who waits for it. On a stream its time is up at `deadline`, if that is known.
    fn finish(
        &mut self,
        xid: u32,
        result: Result<Bytes, CallError>,
        deadline: Option<Instant>,
    ) -> Option<Waker> {
        let entry = self.calls.get_mut(xid)?;
        if !entry.is_waiting() {
            return None;
        }
        let deadline = entry.deadline().or(deadline);
        entry.result = Some(result.map_err(|error| Ended { error, deadline }.into()));
        self.waiting = self.waiting.saturating_sub(1);
        entry.waiter.take()
    }
}

/// Whether a timer is in force: whoever ends a call, or has it sent again, leaves its timer behind.
fn is_timer_of(calls: &Slots<Entry>) -> impl Fn(Instant, u32) -> bool {
    |at, xid| calls.get(xid).is_some_and(|entry| entry.is_due(at))
}

impl Again {
    fn new(id: ProcedureId, args: &impl Arguments, backoff: u32) -> Result<Self, CallError> {
        let mut kept = Writer::new();
        args.write(&mut kept)?;
        Ok(Self {
            id,
            args: kept,
            begun: None,
            due: None,
            sent: 1,
            backoff,
            refusals: Refusals::default(),
        })
    }
}

impl Entry {
    fn is_waiting(&self) -> bool {
        self.result.is_none()
    }

    /// Whether a timer for then is its own, and still in force.
    fn is_due(&self, at: Instant) -> bool {
        self.is_waiting() && self.again().is_none_or(|again| again.due == Some(at))
    }

    /// When its time is up, where it is sent again.
    fn deadline(&self) -> Option<Instant> {
        Some(after(self.again()?.begun?, self.timeout))
    }

    /// The body of a reply, checked and unwrapped.
    fn open(&self, message: &Message<'_>) -> Result<Bytes, CallError> {
        let reply = ReplyHeader::parse(message)?;
        let reply = reply.outcome.map_err(CallError::Refused)?;
        let body = message.share(message.get(reply.body..).unwrap_or_default());
        match &self.kept {
            Some(kept) if !kept.tokens.is_empty() => {
                Ok(kept.auth.open(&kept.tokens, reply.verifier, body)?)
            }
            _ => Ok(body),
        }
    }

    fn again(&self) -> Option<&Again> {
        self.kept.as_ref()?.again.as_ref()
    }

    fn again_mut(&mut self) -> Option<&mut Again> {
        self.kept.as_mut()?.again.as_mut()
    }

    /// What the caller is told at the deadline.
    fn out_of_time(&self) -> CallError {
        let after = self.timeout;
        let Some(again) = self.again() else {
            return CallError::TimedOut { after, sent: 1 };
        };
        let sent = again.sent;
        let refused = again.refusals.error(sent);
        refused.unwrap_or(CallError::TimedOut { after, sent })
    }
}

/// Time that a server has to listen again before a call that was refused once is sent the second time.
const AFTER_REFUSAL: Duration = Duration::from_millis(100);

/// Timers of calls that are over that are nothing to speak of: 28 KiB.
const MOST_TIMERS: usize = 512;
