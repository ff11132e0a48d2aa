//! The answers, as they come.

use std::fmt;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::sync::Arc;

use oncrpc::call::caller::Results;
use oncrpc::{CallError, Procedure};
use oncrpc_transport::datagram::MAX_DATAGRAM;
use oncrpc_xdr::{Reader, Wire};
use tokio::time::{Instant, timeout_at};

use super::Broadcast;
use super::interfaces::Destination;
use super::question::Question;
use super::schedule::Schedule;
use super::seen::Seen;
use super::sockets::Sockets;

/// The answers to a broadcast of procedure `P`, as they come.
///
/// It is while [`next`](Self::next) is waited for that everybody is asked again; what arrives in between waits in the
/// kernel, up to a few hundred short answers. Dropping it ends the broadcast.
#[must_use = "everybody has been asked, and here is what they answer"]
pub struct Answers<P> {
    question: Question,
    sockets: Sockets,
    schedule: Schedule,
    /// Times that everybody has been asked.
    sent: u32,
    /// When everybody is asked again.
    again: Instant,
    deadline: Instant,
    seen: Seen,
    buffer: Box<[u8]>,
    procedure: PhantomData<fn() -> P>,
}

impl<P: Procedure> Answers<P> {
    /// Asks everybody for the first time.
    pub(super) async fn start(
        question: Question,
        destinations: Vec<Destination>,
        broadcast: &Broadcast,
    ) -> Result<Self, CallError> {
        let cannot_send = |error| CallError::Connect(Arc::new(error));
        let sockets = Sockets::open(&destinations).await.map_err(cannot_send)?;
        sockets.send(&question).map_err(cannot_send)?;
        let now = Instant::now();
        Ok(Self {
            question,
            sockets,
            schedule: broadcast.schedule,
            sent: 1,
            again: now + broadcast.schedule.wait(1),
            deadline: now + broadcast.timeout,
            seen: Seen::new(broadcast.max_answers),
            buffer: vec![0; MAX_DATAGRAM].into(),
            procedure: PhantomData,
        })
    }

    /// Waits for the next answer: from whom it is, and the results. `None` is the end: the time is up, or
    /// there were as many as wanted.
    ///
    /// Dropping the future loses no answer.
    pub async fn next(&mut self) -> Option<(SocketAddr, Results<P>)> {
        loop {
            let now = Instant::now();
            if now >= self.deadline || self.seen.is_full() {
                return None;
            }
            if now >= self.again {
                self.ask_again(now);
            }
            let until = self.again.min(self.deadline);
            match timeout_at(until, self.sockets.receive(&mut self.buffer)).await {
                Ok(Ok((len, from))) => {
                    if let Some(answer) = self.answer(len, from) {
                        return Some(answer);
                    }
                }
                Ok(Err(error)) => log::debug!("no answer to a broadcast: {error}"),
                Err(_) => {}
            }
        }
    }

    /// Waits until the end; gives back all answers that were still to come.
    pub async fn collect(mut self) -> Vec<(SocketAddr, Results<P>)> {
        let mut answers = Vec::new();
        while let Some(answer) = self.next().await {
            answers.push(answer);
        }
        answers
    }

    fn ask_again(&mut self, now: Instant) {
        // Whom it does not reach has been asked before, or will be.
        let _ = self.sockets.send(&self.question);
        self.sent += 1;
        self.again = now + self.schedule.wait(self.sent);
    }

    /// The answer that the first bytes of the buffer are, if it is one that has not been given before.
    fn answer(&mut self, len: usize, from: SocketAddr) -> Option<(SocketAddr, Results<P>)> {
        let (from, body) = self.question.answer(&self.buffer[..len], from)?;
        let results = <P::Results as Wire>::decode(&mut Reader::of(&body))
            .inspect_err(|error| log::debug!("{from} answers a broadcast wrongly: {error}"))
            .ok()?;
        self.seen.insert(from, &body).then_some((from, results))
    }
}

impl<P: Procedure> fmt::Debug for Answers<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answers")
            .field("procedure", &P::INFO)
            .field("sent", &self.sent)
            .field("seen", &self.seen)
            .finish_non_exhaustive()
    }
}
