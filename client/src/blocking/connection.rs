//! A connection that threads share.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};
use std::time::Instant;

use bytes::Bytes;
use oncrpc::auth::ClientAuth;
use oncrpc::call::table::{Due, NewCall, Refused};
use oncrpc::record::{self, RecordLimits};
use oncrpc::{CallError, CallTable, ProcedureId};
use oncrpc_xdr::Writer;

use super::input::{Arrived, Input};
use super::output::{Output, Progress};
use super::socket::{Ready, Socket};

/// A connection that any number of threads call on at once, without a thread of its own.
///
/// One of the threads that wait leads: it waits at the socket, brings replies to whom they are for, and writes
/// what others could not write at once. The others sleep until their call has ended or is due to be sent again. When
/// the leader's own call has ended it wakes another, who leads from there.
///
/// Nobody waits for the socket while holding the lock, so that a call takes no longer for being one of many.
#[derive(Debug)]
pub(super) struct Connection {
    socket: Socket,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    table: CallTable,
    output: Output,
    /// What reads; missing while a thread is at it, which leads for that time.
    input: Option<Input>,
    /// The threads that wait, by their calls.
    seats: BTreeMap<u32, Arc<Seat>>,
    /// Why there are no more calls, if there are not.
    over: Option<Arc<io::Error>>,
}

/// Where a thread waits for its call to end, or to lead.
#[derive(Debug, Default)]
struct Seat {
    woken: Condvar,
    /// Whether the thread sleeps here. It changes under the lock, which whoever wakes it has, too.
    asleep: AtomicBool,
}

impl Seat {
    /// Wakes its thread. That is a system call, which one that leads need not be woken by.
    fn rouse(&self) {
        if self.asleep.load(Ordering::Relaxed) {
            self.woken.notify_one();
        }
    }
}

impl Wake for Seat {
    fn wake(self: Arc<Self>) {
        self.rouse();
    }
}

/// A call, or a message that nobody answers.
pub(super) struct Message<'a> {
    pub(super) id: ProcedureId,
    pub(super) args: &'a Writer,
    pub(super) auth: Arc<dyn ClientAuth>,
    pub(super) deadline: Instant,
}

impl Connection {
    /// A connection over `socket`, which calls by `table`.
    pub(super) fn new(socket: Socket, table: CallTable, limits: RecordLimits) -> Self {
        let input = Input::new(socket.is_stream(), limits);
        let state = State {
            table,
            output: Output::default(),
            input: Some(input),
            seats: BTreeMap::new(),
            over: None,
        };
        Self {
            socket,
            state: Mutex::new(state),
        }
    }

    /// Whether there are no more calls on this connection.
    pub(super) fn is_over(&self) -> bool {
        self.lock().over.is_some()
    }

    /// Makes a call. [`CallError::Connect`] says that the server cannot have got it.
    pub(super) fn call(&self, message: Message<'_>) -> Result<Bytes, CallError> {
        let deadline = message.deadline;
        let waiting = self.begin(message, |table, message, out| {
            let now = Instant::now();
            let call = NewCall {
                id: message.id,
                args: message.args,
                auth: &message.auth,
                timeout: message.deadline.saturating_duration_since(now),
            };
            let xid = table.begin(&call, None, out)?;
            table.start(now);
            Ok(xid)
        })?;
        let waker = Waker::from(waiting.seat.clone());
        waiting.until(|state| {
            let until = state.table.timer(waiting.xid).unwrap_or(deadline);
            let Some(over) = state.table.take(waiting.xid) else {
                state.table.wait(waiting.xid, &waker);
                return Err(until);
            };
            Ok(match over.result.map_err(CallError::from) {
                Err(CallError::TimedOut { after, sent: 1 })
                    if state.output.progress(waiting.xid) == Progress::Waiting =>
                {
                    Err(CallError::TimedOut { after, sent: 0 })
                }
                result => result,
            })
        })
    }

    /// Sends a message that nobody answers: waits until it is written.
    pub(super) fn send(&self, message: Message<'_>) -> Result<(), CallError> {
        let deadline = message.deadline;
        let after = deadline.saturating_duration_since(Instant::now());
        let waiting = self.begin(message, |table, message, out| {
            table.send(message.id, message.args, &*message.auth, out)
        })?;
        waiting.until(|state| {
            let progress = state.output.progress(waiting.xid);
            let sent = u32::from(progress == Progress::Begun);
            match (&state.over, progress) {
                (_, Progress::Written) => Ok(Ok(())),
                (Some(over), Progress::Waiting) => Ok(Err(CallError::Connect(over.clone()))),
                (Some(over), Progress::Begun) => Ok(Err(CallError::Disconnected(over.clone()))),
                (None, _) if deadline <= Instant::now() => {
                    Ok(Err(CallError::TimedOut { after, sent }))
                }
                (None, _) => Err(deadline),
            }
        })
    }

    /// Writes a message, or puts it behind those that wait for room; gives the thread its seat.
    fn begin<'a>(
        &self,
        message: Message<'a>,
        write: impl FnOnce(&mut CallTable, Message<'a>, &mut Writer) -> Result<u32, CallError>,
    ) -> Result<Waiting<'_>, CallError> {
        let mut state = self.lock();
        self.catch_up(&mut state);
        if let Some(over) = &state.over {
            return Err(CallError::Connect(over.clone()));
        }
        let mut out = Writer::new();
        let record = self.socket.is_stream().then(|| record::begin(&mut out));
        let xid = write(&mut state.table, message, &mut out)?;
        let (len, allowed, fits) = match record {
            Some(start) => {
                let fits = record::finish(&mut out, start).is_ok();
                (out.len(), i32::MAX as usize, fits)
            }
            None => (out.len(), MAX_DATAGRAM, out.len() <= MAX_DATAGRAM),
        };
        if !fits {
            state.table.cancel(xid);
            return Err(CallError::TooLarge { len, allowed });
        }
        let waited_for = state.output.is_pending();
        state.output.push(xid, out.into_bytes());
        if !waited_for {
            state.write(&self.socket);
        }
        let seat = Arc::new(Seat::default());
        state.seats.insert(xid, seat.clone());
        Ok(Waiting {
            connection: self,
            xid,
            seat,
        })
    }

    /// Reads what has come of a stream while nobody was looking: replies to calls that were given up, or its end.
    fn catch_up(&self, state: &mut State) {
        let Some(mut input) = state.input.take_if(|_| self.socket.is_stream()) else {
            return;
        };
        let ready = Ready {
            input: true,
            error: false,
        };
        for _ in 0..CATCH_UP {
            let arrived = input.read(&self.socket, ready);
            let more = arrived.more;
            state.take_in(arrived);
            if !more || state.over.is_some() {
                break;
            }
        }
        state.input = Some(input);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A thread that waits, from the time that its message is in the output.
struct Waiting<'a> {
    connection: &'a Connection,
    xid: u32,
    seat: Arc<Seat>,
}

impl Waiting<'_> {
    /// Waits until `end` gives back what the call comes to; before that it says when to look again at the latest.
    fn until<T>(&self, mut end: impl FnMut(&mut State) -> Result<T, Instant>) -> T {
        let socket = &self.connection.socket;
        let mut state = self.connection.lock();
        loop {
            let until = match end(&mut state) {
                Ok(ended) => return ended,
                Err(until) => until,
            };
            state = match state.input.take() {
                Some(input) => self.lead(state, input, until),
                None => self.follow(state, until),
            };
            state.do_what_is_due(socket);
        }
    }

    /// Waits at the socket and takes in what arrives.
    fn lead<'s>(
        &'s self,
        state: MutexGuard<'s, State>,
        mut input: Input,
        until: Instant,
    ) -> MutexGuard<'s, State> {
        let Connection { socket, .. } = self.connection;
        let output = state.output.is_pending();
        drop(state);
        let ready = socket.wait(output, until);
        let arrived = input.read(socket, ready);
        let mut state = self.connection.lock();
        state.input = Some(input);
        state.take_in(arrived);
        state.write(socket);
        state
    }

    /// Sleeps until the call has ended, or it is this thread's turn to lead.
    fn follow<'s>(&self, state: MutexGuard<'s, State>, until: Instant) -> MutexGuard<'s, State> {
        let left = until.saturating_duration_since(Instant::now());
        let Seat { woken, asleep } = &*self.seat;
        asleep.store(true, Ordering::Relaxed);
        let state = woken.wait_timeout(state, left);
        asleep.store(false, Ordering::Relaxed);
        state.unwrap_or_else(PoisonError::into_inner).0
    }
}

impl Drop for Waiting<'_> {
    /// Leaves nothing behind, and somebody to lead if there is anybody.
    fn drop(&mut self) {
        let mut state = self.connection.lock();
        let State {
            table,
            output,
            seats,
            ..
        } = &mut *state;
        table.cancel(self.xid);
        output.withdraw(self.xid);
        seats.remove(&self.xid);
        if state.seats.is_empty() && state.output.is_pending() {
            // The rest of a message has nobody left to write it, and whatever came after would be taken for it.
            let stalled = "the server took a part of a message only";
            state.end(io::Error::new(io::ErrorKind::TimedOut, stalled));
        }
        if state.input.is_some()
            && let Some((_, seat)) = state.seats.first_key_value()
        {
            seat.rouse();
        }
    }
}

impl State {
    /// Brings what arrived to whom it is for.
    fn take_in(&mut self, arrived: Arrived) {
        let now = Instant::now();
        for quoted in &arrived.refused {
            match self.table.refused(now, quoted) {
                Refused::Noted => {}
                Refused::Hastened(waker) => waker.into_iter().for_each(Waker::wake),
                Refused::GivenUp(waker) => {
                    waker.into_iter().for_each(Waker::wake);
                    // Later calls look for a port that is open.
                    let refused = || Arc::new(io::ErrorKind::ConnectionRefused.into());
                    self.over.get_or_insert_with(refused);
                }
            }
        }
        for message in &arrived.messages {
            let woken = self.table.reply(now, message.into());
            if let Some((_, caller)) = woken {
                caller.wake();
            }
        }
        if let Some(error) = arrived.end {
            self.end(error);
        }
    }

    /// Ends calls whose time is up and sends again what is due.
    fn do_what_is_due(&mut self, socket: &Socket) {
        while let Some(due) = self.table.next_due(Instant::now()) {
            match due {
                Due::Expired(waker) => waker.into_iter().for_each(Waker::wake),
                Due::Resend(message) => {
                    let message = message.into_bytes();
                    // A datagram begins with its xid.
                    let xid = message
                        .first_chunk()
                        .map_or(0, |xid| u32::from_be_bytes(*xid));
                    self.output.push(xid, message);
                    self.write(socket);
                }
            }
        }
        if self.table.is_silent() {
            // Later calls look for where the server is now.
            let silent = || Arc::new(io::ErrorKind::TimedOut.into());
            self.over.get_or_insert_with(silent);
        }
    }

    /// Writes what the socket takes.
    fn write(&mut self, socket: &Socket) {
        let (written, result) = self.output.write(socket);
        if let Err(error) = result {
            // What was sent whole may still be answered: that is for who reads to find out.
            let error = Arc::new(error);
            self.fail_unwritten(&error);
            self.over.get_or_insert(error);
        }
        for xid in written {
            if let Some(seat) = self.seats.get(&xid) {
                seat.rouse();
            }
        }
        if self.output.is_pending() && self.input.is_none() {
            // Whoever leads does not know yet that there is something to write.
            socket.ring();
        }
    }

    /// Ends the calls that were not sent whole.
    fn fail_unwritten(&mut self, error: &Arc<io::Error>) {
        for xid in self.output.unwritten() {
            let failed = match self.output.progress(xid) {
                Progress::Waiting => CallError::Connect(error.clone()),
                Progress::Begun | Progress::Written => CallError::Disconnected(error.clone()),
            };
            let woken = self.table.fail(xid, failed);
            woken.into_iter().for_each(Waker::wake);
            // Nobody answers what is only sent; who sends looks for himself.
            if let Some(seat) = self.seats.get(&xid) {
                seat.rouse();
            }
        }
    }

    /// Ends every call.
    fn end(&mut self, error: io::Error) {
        let error = Arc::new(error);
        self.fail_unwritten(&error);
        let lost = |_| CallError::Disconnected(error.clone());
        let woken = self.table.fail_all(lost);
        woken.into_iter().for_each(Waker::wake);
        self.over.get_or_insert(error);
    }
}

/// Times that is read what has come while nobody was looking; the rest is for who leads.
const CATCH_UP: usize = 16;

/// Most bytes that a UDP datagram carries over IPv4.
const MAX_DATAGRAM: usize = 65_507;
