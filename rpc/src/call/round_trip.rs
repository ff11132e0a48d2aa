//! How long replies take, as far as the replies so far tell.

use std::collections::HashMap;
use std::time::Duration;

use crate::call::caller::ProcedureId;
use crate::call::retransmit::{Pace, Retransmit, part};

/// What the replies so far have taught, for each procedure on its own: one that is slow by nature is not to be sent
/// again and again because others are quick.
#[derive(Debug)]
pub(super) struct RoundTrips {
    policy: Retransmit,
    procedures: HashMap<ProcedureId, RoundTrip>,
}

/// Procedures that are remembered at once. Who calls more of them, as a proxy may, begins anew.
const MAX_PROCEDURES: usize = 256;

/// What is known of one procedure.
#[derive(Debug, Default)]
struct RoundTrip {
    estimate: Option<Estimate>,
    /// Doublings that the last call had come to when its reply came, if that reply told nothing.
    backoff: u32,
}

/// The smoothed mean and variation of round trips, by RFC 6298 §2.
#[derive(Clone, Copy, Debug)]
struct Estimate {
    mean: Duration,
    variation: Duration,
}

impl Estimate {
    /// Time by which a reply has come, as far as can be told.
    fn bound(self) -> Duration {
        self.mean.saturating_add(self.variation.saturating_mul(4))
    }
}

impl RoundTrips {
    pub(super) fn new(policy: Retransmit) -> Self {
        Self {
            policy,
            procedures: HashMap::new(),
        }
    }

    /// Doublings that a new call of `id` begins with.
    pub(super) fn backoff(&self, id: ProcedureId) -> u32 {
        self.procedures.get(&id).map_or(0, |known| known.backoff)
    }

    /// Time to wait after a transmission of call `xid` of `id` that comes after `backoff` doublings.
    pub(super) fn wait(&self, id: ProcedureId, backoff: u32, xid: u32) -> Duration {
        let known = self.procedures.get(&id).and_then(|known| known.estimate);
        let learned = known.map(Estimate::bound);
        self.policy.wait(learned, backoff, xid)
    }

    /// Learns from a call of `id` that was sent `sent` times and had come to `backoff` doublings when its reply
    /// came, `after` its first transmission.
    pub(super) fn replied(&mut self, id: ProcedureId, sent: u32, backoff: u32, after: Duration) {
        if self.policy.pace != Pace::Adaptive {
            return;
        }
        if self.procedures.len() >= MAX_PROCEDURES && !self.procedures.contains_key(&id) {
            self.procedures.clear();
        }
        let known = self.procedures.entry(id).or_default();
        if sent > 1 {
            // Which transmission was answered cannot be known.
            known.backoff = backoff;
            return;
        }
        known.backoff = 0;
        known.estimate = Some(match known.estimate {
            None => Estimate {
                mean: after,
                variation: part(after, 1, 2),
            },
            Some(Estimate { mean, variation }) => Estimate {
                mean: part(mean, 7, 8).saturating_add(part(after, 1, 8)),
                variation: part(variation, 3, 4).saturating_add(part(mean.abs_diff(after), 1, 4)),
            },
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn id(procedure: u32) -> ProcedureId {
        let (program, version) = (100_003, 3);
        ProcedureId {
            program,
            version,
            procedure,
        }
    }

    fn exact() -> RoundTrips {
        RoundTrips::new(Retransmit {
            jitter: 0,
            ..Retransmit::adaptive()
        })
    }

    #[test]
    fn the_estimate_is_that_of_rfc_6298() {
        let mut known = exact();
        assert_eq!(known.wait(id(1), 0, 7), MS * 1000);
        known.replied(id(1), 1, 0, MS * 80);
        assert_eq!(known.wait(id(1), 0, 7), MS * (80 + 4 * 40));
        known.replied(id(1), 1, 0, MS * 160);
        // Mean 7/8 * 80 + 1/8 * 160, variation 3/4 * 40 + 1/4 * 80.
        assert_eq!(known.wait(id(1), 0, 7), MS * (90 + 4 * 50));
    }

    #[test]
    fn one_procedure_teaches_nothing_of_another() {
        let mut known = exact();
        known.replied(id(1), 1, 0, MS);
        known.replied(id(2), 3, 2, MS * 5000);
        assert_eq!(known.wait(id(1), known.backoff(id(1)), 7), MS * 100);
        assert_eq!(known.wait(id(2), known.backoff(id(2)), 7), MS * 4000);
        assert_eq!(known.wait(id(3), known.backoff(id(3)), 7), MS * 1000);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut known = exact();
        for procedure in 0..10_000 {
            known.replied(id(procedure), 1, 0, MS);
        }
        assert!(known.procedures.len() <= MAX_PROCEDURES);
        assert_eq!(known.wait(id(9_999), 0, 7), MS * 100);
    }

    #[test]
    fn other_policies_do_not_learn() {
        for policy in [
            Retransmit::libtirpc(),
            Retransmit::exponential(MS * 1000),
            Retransmit::fixed(MS * 50),
        ] {
            let mut known = RoundTrips::new(policy);
            let before = known.wait(id(1), 0, 7);
            known.replied(id(1), 1, 0, MS);
            known.replied(id(1), 4, 3, MS);
            assert_eq!((known.wait(id(1), 0, 7), known.backoff(id(1))), (before, 0));
        }
    }
}
