//! How long a server that could not be reached is left alone.

use std::time::Duration;

use oncrpc::call::caller::MAX_TIMEOUT;

/// How long a server that could not be reached is left alone, before a channel tries to connect again.
///
/// Calls that are made meanwhile fail at once with the error of the attempt that failed, or wait for the next
/// attempt if the channel [waits for the server](crate::Builder::wait_for_server). So a server that is down
/// is not stormed when it comes back, however many calls there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reconnect {
    /// Time from the first attempt that fails to the next. Default 100 ms.
    pub first: Duration,
    /// Longest time between two attempts; each is twice the one before. Default 30 s.
    pub cap: Duration,
    /// Part of each wait, in percent, by which it varies, so that many clients do not come back together.
    /// Default 10.
    pub jitter: u8,
}

impl Default for Reconnect {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(100),
            cap: Duration::from_secs(30),
            jitter: 10,
        }
    }
}

impl Reconnect {
    /// Time to wait after `failures` attempts in a row that failed (1 or more); `random` says where within the
    /// jitter it lies.
    pub fn wait(&self, failures: u32, random: u32) -> Duration {
        let doubled = self
            .first
            .saturating_mul(1 << failures.saturating_sub(1).min(31));
        let wait = doubled.min(self.cap).min(MAX_TIMEOUT);
        // -jitter to +jitter percent, in 256 steps.
        let span = wait.saturating_mul(self.jitter.into()) / 100;
        (wait + span * 2 * (random >> 24) / 255).saturating_sub(span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_cap() {
        let policy = Reconnect {
            jitter: 0,
            ..Reconnect::default()
        };
        let waits: Vec<_> = (1..12).map(|n| policy.wait(n, 7).as_millis()).collect();
        let doubled = [
            100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000,
        ];
        assert_eq!(waits, doubled);
        assert_eq!(policy.wait(u32::MAX, 7).as_secs(), 30);
        let (first, cap) = (Duration::MAX, Duration::MAX);
        let for_ever = Reconnect {
            first,
            cap,
            jitter: 255,
        };
        assert!(for_ever.wait(u32::MAX, u32::MAX) >= MAX_TIMEOUT);
    }

    #[test]
    fn jitter_is_a_tenth_to_either_side() {
        let policy = Reconnect::default();
        let wait = |random| policy.wait(1, random).as_millis();
        assert_eq!((wait(0), wait(u32::MAX)), (90, 110));
    }
}
