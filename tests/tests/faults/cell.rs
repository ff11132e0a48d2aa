//! One cell of the matrix: calls under one setting, and what becomes of them.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use oncrpc::{CallError, CallOptions};
use oncrpc_client::{Channel, Reconnect, Target};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::echo::SLACK;
use crate::program::Size;
use crate::setting::{Setting, Transport};
use crate::world::{Way, World};

/// The side to which messages come that suffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Replies do.
    Client,
    /// Calls do.
    Server,
}

/// One cell of the matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    pub setting: Setting,
    pub transport: Transport,
    pub size: Size,
    pub side: Side,
}

/// What became of the calls of a cell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Right answers.
    pub right: u32,
    /// Answers of other bytes.
    pub wrong: u32,
    /// Errors, by their kind.
    pub errors: BTreeMap<&'static str, u32>,
    /// The longest time between a call and its end.
    pub longest: Duration,
    /// The most often that one process of the server executed a call.
    pub executed: u32,
    /// Whether another client, which comes when all is over by a way on which nothing happens, has the right answer.
    pub another: bool,
    /// Whether the same client has then.
    pub again: bool,
}

impl Cell {
    /// Makes so many calls, as many at the same time as their size allows, each with 25 s.
    pub async fn run(self, calls: u32, seed: u64) -> Outcome {
        let world = World::new(self, seed);
        let shared = channel(&world, Way::Failing);
        let all = self.calls(&world, &shared, calls);
        // Where nothing is left to happen, virtual time gets there at once.
        let Ok(mut outcome) = timeout(NEVER, all).await else {
            panic!("{self:?}, seed {seed}: a call hangs");
        };
        sleep(NOTICED).await;
        let another = channel(&world, Way::Sound);
        outcome.another = self.call(calls, &another).await.is_ok_and(|right| right);
        outcome.again = self.call(calls + 1, &shared).await.is_ok_and(|right| right);
        drop((another, shared));
        let Ok(()) = timeout(NEVER, world.ended()).await else {
            panic!("{self:?}, seed {seed}: a connection hangs");
        };
        outcome.executed = world.most_executed();
        outcome
    }

    async fn call(self, number: u32, channel: &Channel) -> Result<bool, CallError> {
        let options = CallOptions::default().timeout(TIMEOUT);
        self.size.call(number, channel, &options).await
    }

    async fn calls(self, world: &Arc<World>, shared: &Channel, calls: u32) -> Outcome {
        let strikes = self.setting.strikes_once(self.transport);
        let mut outcome = Outcome::default();
        for (round, first) in (0..calls).step_by(self.size.at_once() as usize).enumerate() {
            let mut running = JoinSet::new();
            for number in first..calls.min(first + self.size.at_once()) {
                let place = f64::from(number) / f64::from(calls);
                let channel = match strikes {
                    true => channel(world, Way::Struck(place)),
                    false => shared.clone(),
                };
                running.spawn(async move {
                    let begun = Instant::now();
                    let ended = self.call(number, &channel).await;
                    (ended, begun.elapsed())
                });
            }
            if self.setting == Setting::Restart && round % 3 == 1 {
                sleep(MID_CALL).await;
                world.restart().await;
            }
            while let Some(ended) = running.join_next().await {
                let (ended, took) = ended.unwrap_or_else(|error| panic!("{self:?}: {error}"));
                outcome.note(&ended, took);
            }
        }
        outcome
    }

    /// Whether what happens is over or made good long before a call's time is up, so that every call is answered.
    fn is_mild(self) -> bool {
        let streams = self.transport != Transport::Datagrams;
        match self.setting {
            Setting::Duplicate(_)
            | Setting::Reorder(_)
            | Setting::Delay(_)
            | Setting::Chunk(_)
            | Setting::Stall(1 | 10)
            | Setting::Rate => true,
            Setting::Drop(percent) => streams && percent <= 20 && self.size != Size::Echo,
            Setting::Close => !streams,
            _ => false,
        }
    }

    /// Whether what happens is over at some time.
    fn passes(self) -> bool {
        matches!(
            self.setting,
            Setting::Stall(_) | Setting::Restart | Setting::Move
        )
    }

    /// Says what is wrong with an outcome.
    pub fn judge(self, calls: u32, outcome: &Outcome) -> Result<(), String> {
        let Outcome {
            right,
            wrong,
            errors,
            longest,
            executed,
            another,
            again,
        } = outcome;
        let check = |holds: bool, what: &str| match holds {
            true => Ok(()),
            false => Err(format!("{self:?}: {what}: {outcome:?}")),
        };
        let failed: u32 = errors.values().sum();
        check(right + wrong + failed == calls, "a call has not ended once")?;
        check(*longest <= TIMEOUT + SLACK, "a call has ended late")?;
        let flipped = self.setting == Setting::Flip;
        check(*wrong == 0 || flipped, "a call has the answer to another")?;
        check(
            *executed <= 1 || flipped,
            "a call that is remembered was executed twice",
        )?;
        if self.transport == Transport::Datagrams && self.size == Size::Echo {
            return check(
                errors.get("too large") == Some(&calls),
                "no datagram holds 1 MiB",
            );
        }
        check(
            !errors.contains_key("too large"),
            "every stream holds 1 MiB",
        )?;
        check(
            *right == calls || !self.is_mild(),
            "a call has failed where none has to",
        )?;
        check(*another, "the server does not answer another client")?;
        check(
            *again || !self.passes(),
            "the client has not found the server again",
        )
    }
}

impl Outcome {
    fn note(&mut self, ended: &Result<bool, CallError>, took: Duration) {
        self.longest = self.longest.max(took);
        let kind = match ended {
            Ok(true) => return self.right += 1,
            Ok(false) => return self.wrong += 1,
            Err(CallError::TimedOut { .. }) => "timed out",
            Err(CallError::Disconnected(_)) => "disconnected",
            Err(CallError::Connect(_)) => "not connected",
            Err(CallError::Refused(_)) => "refused",
            Err(CallError::Decode(_)) => "not decoded",
            Err(CallError::Auth(_)) => "not trusted",
            Err(CallError::TooLarge { .. }) => "too large",
            Err(other) => panic!("an error that nothing here can bring about: {other}"),
        };
        *self.errors.entry(kind).or_default() += 1;
    }
}

/// A channel to the server. If the way is struck, the one of the next connection is not.
fn channel(world: &Arc<World>, way: Way) -> Channel {
    let (world, first) = (world.clone(), AtomicBool::new(true));
    let reconnect = Reconnect {
        jitter: 0,
        ..Reconnect::default()
    };
    Channel::builder(Target::from(IpAddr::from(Ipv4Addr::LOCALHOST)))
        .reconnect(reconnect)
        .wait_for_server(true)
        .connect_by(move || {
            let connection = world.connect(match way {
                Way::Struck(_) if !first.swap(false, Ordering::Relaxed) => Way::Sound,
                way => way,
            });
            async { connection }
        })
}

/// What a C program's stubs give a call.
const TIMEOUT: Duration = Duration::from_secs(25);

/// When calls have been made and are not answered: those that take time take 5 ms.
const MID_CALL: Duration = Duration::from_millis(3);

/// Time in which everybody notices that somebody is at another address.
const NOTICED: Duration = Duration::from_secs(150);

/// Time within which everything has ended that ever will.
const NEVER: Duration = Duration::from_secs(24 * 3_600);
