//! The calls that a connection has in flight.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use oncrpc_xdr::Writer;

use crate::auth::{ClientAuth, Token};
use crate::call::caller::{MAX_TIMEOUT, ProcedureId, after};
use crate::call::error::CallError;
use crate::call::refusals::{Refusals, Verdict};
use crate::call::retransmit::Retransmit;
use crate::call::round_trip::RoundTrips;
use crate::call::slots::Slots;
use crate::call::timers::{Timer, Timers};
use crate::message::{self, ReplyHeader};

/// The calls that a connection has in flight: by xid, with their deadlines and retransmissions.
///
/// It owns neither a socket nor a clock. A driver begins calls, writes the messages that come of it,
/// brings the messages that arrive and the time; whoever waits for a call polls it here. Each call ends
/// exactly once: with its reply, at its deadline, or with the connection.
#[derive(Debug)]
pub struct CallTable {
    calls: Slots<Entry>,
    /// When each waiting call expires or is sent again, the earliest first.
    timers: Timers,
    /// When calls are repeated; `None` on a stream, where nothing is lost.
    round_trips: Option<RoundTrips>,
    /// When the last reply came, to whatever call.
    heard: Option<Instant>,
    silent: bool,
}

/// A call to be made.
#[derive(Debug)]
pub struct NewCall<'a> {
    /// What is called.
    pub id: ProcedureId,
    /// Encoded arguments.
    pub args: &'a Writer,
    /// Who calls.
    pub auth: &'a Arc<dyn ClientAuth>,
    /// Time that the call is given, from now on.
    pub timeout: Duration,
    /// Who is woken when it has ended, as far as that is known yet; see [`CallTable::poll`].
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

#[derive(Debug)]
struct Entry {
    state: State,
    auth: Arc<dyn ClientAuth>,
    /// What the flavor remembers of each transmission, if anything.
    tokens: Vec<Token>,
    timeout: Duration,
    deadline: Instant,
    timer: Timer,
    /// What it is sent again with; nothing on a stream.
    again: Option<Box<Again>>,
}

/// What a call is sent again with, where messages get lost.
#[derive(Debug)]
struct Again {
    id: ProcedureId,
    args: Writer,
    sent: u32,
    /// Times that the wait between transmissions has been doubled.
    backoff: u32,
    refusals: Refusals,
}

#[derive(Debug)]
enum State {
    Waiting(Option<Waker>),
    Done(Result<Bytes, CallError>),
}

impl CallTable {
    /// An empty table for a stream.
    ///
    /// `first_xid` should be random: a server that remembers replies for retransmissions could take a
    /// call of this process for one of the process before.
    pub fn new(first_xid: u32) -> Self {
        Self {
            calls: Slots::new(first_xid),
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

    /// Begins a call and writes its message behind what `out` holds; the xid names it from here on.
    pub fn begin(
        &mut self,
        now: Instant,
        call: NewCall<'_>,
        out: &mut Writer,
    ) -> Result<u32, CallError> {
        let NewCall {
            id,
            args,
            auth,
            timeout,
            waiter,
        } = call;
        let xid = self.calls.next_xid();
        message::write_call(out, xid, id);
        let token = auth.seal(xid, id, args, out)?;
        let timeout = timeout.min(MAX_TIMEOUT);
        let deadline = after(now, timeout);
        let mut due = deadline;
        let again = self.round_trips.as_ref().map(|round_trips| {
            let backoff = round_trips.backoff(id);
            due = deadline.min(after(now, round_trips.wait(id, backoff, xid)));
            let mut kept = Writer::new();
            kept.extend_from(args);
            Box::new(Again {
                id,
                args: kept,
                sent: 1,
                backoff,
                refusals: Refusals::default(),
            })
        });
        let mut entry = Entry {
            state: State::Waiting(waiter),
            auth: auth.clone(),
            tokens: Vec::new(),
            timeout,
            deadline,
            timer: self.timers.insert(due, xid),
            again,
        };
        entry.remember(token);
        self.calls.insert(xid, entry);
        Ok(xid)
    }

    /// Writes the message of a call that nobody waits for behind what `out` holds; gives back its xid.
    pub fn send(
        &mut self,
        id: ProcedureId,
        args: &Writer,
        auth: &dyn ClientAuth,
        out: &mut Writer,
    ) -> Result<u32, CallError> {
        let xid = self.calls.next_xid();
        message::write_call(out, xid, id);
        auth.seal(xid, id, args, out)?;
        Ok(xid)
    }

    /// Takes a message that arrived at `now`; gives back who waits for it.
    ///
    /// A reply that nobody waits for is dropped: its call was given up, or answered before.
    pub fn reply(&mut self, now: Instant, message: &Bytes) -> Option<Waker> {
        let xid = ReplyHeader::xid(message)?;
        self.heard = Some(now);
        self.silent = false;
        let entry = self.calls.get_mut(xid)?;
        if !matches!(entry.state, State::Waiting(_)) {
            return None;
        }
        let result = match entry.open(message) {
            // Datagrams come from anywhere: what cannot be read does not end a call.
            Err(CallError::Decode(_) | CallError::Auth(_)) if self.round_trips.is_some() => {
                return None;
            }
            result => result,
        };
        self.timers.remove(entry.timer, xid);
        if let (Some(round_trips), Some(again)) = (&mut self.round_trips, &entry.again) {
            let after = now.saturating_duration_since(entry.begun());
            round_trips.replied(again.id, again.sent, again.backoff, after);
        }
        entry.finish(result)
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
            None if self.len() == 1 => self.calls.iter_mut().next().map(|(xid, _)| xid),
            None => None,
        };
        let Some((xid, entry)) = xid.and_then(|xid| Some((xid, self.calls.get_mut(xid)?))) else {
            return Refused::Noted;
        };
        let (State::Waiting(_), Some(again)) = (&entry.state, &mut entry.again) else {
            return Refused::Noted;
        };
        match again.refusals.note(again.sent) {
            Verdict::GoOn => Refused::Noted,
            Verdict::SendAgain => {
                self.timers.remove(entry.timer, xid);
                let due = entry.timer.at.min(after(now, AFTER_REFUSAL));
                entry.timer = self.timers.insert(due, xid);
                Refused::Hastened(entry.waiter().cloned())
            }
            Verdict::GiveUp(error) => {
                self.timers.remove(entry.timer, xid);
                Refused::GivenUp(entry.finish(Err(error)))
            }
        }
    }

    /// Asks whether call `xid` has ended; if not, `cx` is woken when it has. A call that has ended is
    /// forgotten.
    pub fn poll(&mut self, xid: u32, cx: &Context<'_>) -> Poll<Result<Bytes, CallError>> {
        // INVARIANT: the future that was given `xid` polls it until it ends and no longer.
        #[expect(clippy::expect_used, reason = "an ended call is not polled again")]
        let entry = self.calls.get_mut(xid).expect("call in flight");
        match &mut entry.state {
            State::Waiting(Some(waker)) => waker.clone_from(cx.waker()),
            State::Waiting(waker) => *waker = Some(cx.waker().clone()),
            State::Done(_) => {
                let entry = self.calls.remove(xid);
                if let Some(Entry {
                    state: State::Done(result),
                    ..
                }) = entry
                {
                    return Poll::Ready(result);
                }
            }
        }
        Poll::Pending
    }

    /// Forgets call `xid`, in flight or ended.
    pub fn cancel(&mut self, xid: u32) {
        if let Some(entry) = self.calls.remove(xid) {
            self.timers.remove(entry.timer, xid);
        }
    }

    /// Ends call `xid` with `error`, if it is in flight; gives back who waits for it.
    pub fn fail(&mut self, xid: u32, error: &CallError) -> Option<Waker> {
        let call = self.calls.get_mut(xid)?;
        self.timers.remove(call.timer, xid);
        match call.state {
            State::Waiting(_) => call.finish(Err(error.clone())),
            State::Done(_) => None,
        }
    }

    /// Ends every call in flight with `error`; gives back who waits for them.
    pub fn fail_all(&mut self, error: &CallError) -> Vec<Waker> {
        self.timers.clear();
        let calls = self.calls.iter_mut().map(|(_, call)| call);
        calls
            .filter(|call| matches!(call.state, State::Waiting(_)))
            .filter_map(|call| call.finish(Err(error.clone())))
            .collect()
    }

    /// When [`next_due`](Self::next_due) has something to do next.
    pub fn next_timer(&self) -> Option<Instant> {
        self.timers.first().map(|(at, _)| at)
    }

    /// When call `xid` is sent again or its time is up; `None` if it has ended.
    pub fn timer(&self, xid: u32) -> Option<Instant> {
        let entry = self.calls.get(xid)?;
        matches!(entry.state, State::Waiting(_)).then_some(entry.timer.at)
    }

    /// One thing that is due at `now`; ask again until there is none.
    pub fn next_due(&mut self, now: Instant) -> Option<Due> {
        let (at, xid) = self.timers.first()?;
        if at > now {
            return None;
        }
        let entry = self.calls.get_mut(xid)?;
        self.timers.remove(entry.timer, xid);
        if entry.deadline <= now {
            let repeated = entry.again.as_ref().is_some_and(|again| again.sent > 1);
            let begun = entry.begun();
            self.silent |= repeated && self.heard.is_none_or(|heard| heard <= begun);
            let error = entry.out_of_time();
            return Some(Due::Expired(entry.finish(Err(error))));
        }
        let round_trips = self.round_trips.as_ref()?;
        let again = entry.again.as_mut()?;
        let mut out = Writer::new();
        message::write_call(&mut out, xid, again.id);
        let sealed = entry.auth.seal(xid, again.id, &again.args, &mut out);
        again.sent = again.sent.saturating_add(1);
        again.refusals.resent();
        again.backoff = again.backoff.saturating_add(1);
        let wait = round_trips.wait(again.id, again.backoff, xid);
        match sealed {
            Ok(token) => entry.remember(token),
            Err(error) => return Some(Due::Expired(entry.finish(Err(error.into())))),
        }
        let due = entry.deadline.min(after(now, wait));
        entry.timer = self.timers.insert(due, xid);
        Some(Due::Resend(out))
    }
}

impl Entry {
    /// When the call was sent first.
    fn begun(&self) -> Instant {
        let begun = self.deadline.checked_sub(self.timeout);
        begun.unwrap_or(self.deadline)
    }

    /// Keeps what a transmission needs to be recognised by, if that is anything.
    fn remember(&mut self, token: Token) {
        if token != Token::default() {
            self.tokens.push(token);
        }
    }

    /// The body of a reply, checked and unwrapped.
    fn open(&self, message: &Bytes) -> Result<Bytes, CallError> {
        let reply = ReplyHeader::parse(message)?;
        let body = reply.outcome.map_err(CallError::Refused)?;
        Ok(self
            .auth
            .open(&self.tokens, body.verifier, message.slice(body.body..))?)
    }

    /// What the caller is told at the deadline.
    fn out_of_time(&self) -> CallError {
        let after = self.timeout;
        let Some(again) = &self.again else {
            return CallError::TimedOut { after, sent: 1 };
        };
        let sent = again.sent;
        let refused = again.refusals.error(sent);
        refused.unwrap_or(CallError::TimedOut { after, sent })
    }

    /// Who is woken when the call has ended.
    fn waiter(&self) -> Option<&Waker> {
        match &self.state {
            State::Waiting(waker) => waker.as_ref(),
            State::Done(_) => None,
        }
    }

    /// Ends the call; gives back who waits for it.
    fn finish(&mut self, result: Result<Bytes, CallError>) -> Option<Waker> {
        match std::mem::replace(&mut self.state, State::Done(result)) {
            State::Waiting(waker) => waker,
            State::Done(_) => None,
        }
    }
}

/// Time that a server has to listen again before a call that was refused once is sent the second time.
const AFTER_REFUSAL: Duration = Duration::from_millis(100);
