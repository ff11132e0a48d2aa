//! The load: threads, each with its share of the connections, until it is over.

use std::io;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;

use super::calls::Template;
use super::connection::{Loaded, Place, Tally};
use super::datagrams::Room;

/// What is to be done.
#[derive(Clone, Debug)]
pub struct Load {
    /// Where the calls go.
    pub place: Place,
    /// The calls, which are made in turn.
    pub templates: Vec<Template>,
    /// How many connections.
    pub connections: usize,
    /// How many calls are in flight on each.
    pub in_flight: usize,
    /// How many threads share the connections.
    pub threads: usize,
    /// How long calls are made.
    pub time: Duration,
    /// How many calls are made, if not as many as the time allows.
    pub count: Option<u64>,
    /// Whether the threads look for replies again and again instead of sleeping until there are some.
    pub busy_poll: bool,
}

/// What the threads and whoever waits for them tell each other.
#[derive(Debug, Default)]
pub struct Progress {
    /// Replies so far.
    pub replies: AtomicU64,
    /// Set by whoever has had enough.
    pub stop: AtomicBool,
}

/// What has come of a load.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    /// What has come of the calls.
    pub tally: Tally,
    /// How long it took, from the first call.
    pub elapsed: Duration,
    /// Processors' time of our threads in it, the kernel's included: at `elapsed` times the threads the load was as large as we
    /// can make it, and it is ours that was measured.
    pub busy: Duration,
    /// What has ended it before its time.
    pub failed: Option<String>,
}

impl Load {
    /// Makes the calls. An error if there is nobody to call; what goes wrong later is part of what was measured.
    pub fn run(&self, progress: &Progress) -> io::Result<Measured> {
        let threads = self.threads.clamp(1, self.connections);
        let mut shares: Vec<Vec<Loaded<'_>>> = (0..threads).map(|_| Vec::new()).collect();
        for at in 0..self.connections {
            let loaded = Loaded::new(&self.place, self.in_flight, &self.templates)?;
            shares[at % threads].push(loaded);
        }
        let begun = Instant::now();
        let run = &Run {
            end: begun + self.time,
            busy_poll: self.busy_poll,
            progress,
        };
        let mut measured = Measured::default();
        thread::scope(|scope| {
            let started: Vec<_> = (0u64..)
                .zip(shares)
                .map(|(at, share)| {
                    let calls = self.count.map_or(u64::MAX, |count| {
                        let threads = threads as u64;
                        count / threads + u64::from(at < count % threads)
                    });
                    scope.spawn(move || run.share(share, calls))
                })
                .collect();
            for thread in started {
                let Ok(done) = thread.join() else {
                    measured.failed = Some("a thread of the load has panicked".to_owned());
                    continue;
                };
                measured.tally.merge(&done.tally);
                let elapsed = done.at.saturating_duration_since(begun);
                measured.elapsed = measured.elapsed.max(elapsed);
                measured.busy += done.busy;
                if let Err(error) = done.ended {
                    measured.failed = Some(error.to_string());
                }
            }
        });
        Ok(measured)
    }
}

/// What all threads know.
struct Run<'a> {
    end: Instant,
    busy_poll: bool,
    progress: &'a Progress,
}

/// What has come of one thread's part of the load.
struct Done {
    tally: Tally,
    /// When it was over.
    at: Instant,
    /// What the thread has had of a processor.
    busy: Duration,
    ended: io::Result<()>,
}

impl Run<'_> {
    /// One thread's part of the load.
    fn share(&self, mut share: Vec<Loaded<'_>>, calls: u64) -> Done {
        let mut tally = Tally::default();
        let ended = self.drive(&mut share, calls, &mut tally);
        let at = Instant::now();
        let busy = processor_time();
        match ended {
            Ok(()) => drain(&mut share),
            Err(_) => self.progress.stop.store(true, Ordering::Relaxed),
        }
        Done {
            tally,
            at,
            busy,
            ended,
        }
    }

    fn drive(&self, share: &mut [Loaded<'_>], calls: u64, tally: &mut Tally) -> io::Result<()> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let mut allowed = calls;
        let mut blocked = vec![false; share.len()];
        for (token, loaded) in (0..).zip(share.iter()) {
            epoll.add(loaded, EpollEvent::new(EpollFlags::EPOLLIN, token))?;
        }
        for (at, loaded) in share.iter_mut().enumerate() {
            loaded.send(&mut allowed)?;
            watch(&epoll, loaded, at, &mut blocked)?;
        }
        let mut room = Room::new();
        let mut events = vec![EpollEvent::empty(); share.len().min(EVENTS)];
        let mut settled = 0;
        let mut looked = Instant::now();
        let mut last_reply = looked;
        let wait = match self.busy_poll {
            true => EpollTimeout::ZERO,
            false => EpollTimeout::from(TICK),
        };
        while settled < calls && !self.progress.stop.load(Ordering::Relaxed) {
            let count = match epoll.wait(&mut events, wait) {
                // A signal, or the process was stopped for a while.
                Err(Errno::EINTR) => 0,
                waited => waited?,
            };
            let now = Instant::now();
            if now >= self.end {
                break;
            }
            let before = settled;
            for event in &events[..count] {
                let at = event.data() as usize;
                let loaded = &mut share[at];
                settled += loaded.receive(&mut room, tally)?;
                loaded.send(&mut allowed)?;
                watch(&epoll, loaded, at, &mut blocked)?;
            }
            if settled > before {
                last_reply = now;
                let replies = &self.progress.replies;
                replies.fetch_add(settled - before, Ordering::Relaxed);
            } else if now.saturating_duration_since(last_reply) > SILENCE {
                let silence = format!("nothing was answered for {} s", SILENCE.as_secs());
                return Err(io::Error::new(io::ErrorKind::TimedOut, silence));
            }
            if now.saturating_duration_since(looked) > LOOK {
                looked = now;
                let lost = tally.lost;
                for loaded in share.iter_mut() {
                    loaded.give_up(now, tally);
                    loaded.send(&mut allowed)?;
                }
                settled += tally.lost - lost;
            }
        }
        Ok(())
    }
}

/// Takes the answers to the calls in flight, uncounted: libtirpc's server is killed by the signal that it gets for a reply to a
/// connection that is gone. For a short time, since who does not answer is not waited for.
fn drain(share: &mut [Loaded<'_>]) {
    let end = Instant::now() + DRAIN;
    let mut room = Room::new();
    let mut uncounted = Tally::default();
    for loaded in share {
        while (loaded.is_waiting() || loaded.is_blocked()) && Instant::now() < end {
            let mut wanted = PollFlags::POLLIN;
            wanted.set(PollFlags::POLLOUT, loaded.is_blocked());
            let polled = poll(&mut [PollFd::new(loaded.as_fd(), wanted)], TICK);
            let sent = polled.is_ok() && loaded.send(&mut 0).is_ok();
            // One that has failed has no answers to be taken.
            if !sent || loaded.receive(&mut room, &mut uncounted).is_err() {
                break;
            }
        }
    }
}

/// Has the kernel tell when a socket takes bytes again, as long as it does not.
fn watch(epoll: &Epoll, loaded: &Loaded<'_>, at: usize, blocked: &mut [bool]) -> io::Result<()> {
    let is_blocked = loaded.is_blocked();
    if std::mem::replace(&mut blocked[at], is_blocked) == is_blocked {
        return Ok(());
    }
    let mut interest = EpollFlags::EPOLLIN;
    interest.set(EpollFlags::EPOLLOUT, is_blocked);
    epoll.modify(loaded, &mut EpollEvent::new(interest, at as u64))?;
    Ok(())
}

/// What this thread has had of a processor; nothing where the kernel does not count that.
fn processor_time() -> Duration {
    let time = |time: TimeVal| {
        let microseconds = time.tv_sec() * 1_000_000 + time.tv_usec();
        Duration::from_micros(u64::try_from(microseconds).unwrap_or(0))
    };
    match getrusage(UsageWho::RUSAGE_THREAD) {
        Ok(usage) => time(usage.user_time()) + time(usage.system_time()),
        Err(_) => Duration::ZERO,
    }
}

/// Sockets that one wait tells of.
const EVENTS: usize = 256;

/// Longest wait, in milliseconds, after which it is looked whether the time is over.
const TICK: u8 = 100;

/// Longest that answers are waited for when it is over: what is lost is lost by then.
const DRAIN: Duration = Duration::from_secs(1);

/// How often lost datagrams are looked for.
const LOOK: Duration = Duration::from_millis(250);

/// When nothing has been answered for so long, nobody is there: what a call is given by default, too.
const SILENCE: Duration = Duration::from_secs(25);
