//! When everybody is asked again.

use std::time::Duration;

use oncrpc::call::caller::MAX_TIMEOUT;

/// Time from the first transmission to the second: `INITTIME` of libtirpc's `rpc_broadcast`.
pub const FIRST_WAIT: Duration = Duration::from_secs(4);

/// Longest time from one transmission to the next: `WAITTIME` of libtirpc's `rpc_broadcast`.
pub const LONGEST_WAIT: Duration = Duration::from_secs(8);

/// Shortest time from one transmission to the next: a broadcast is work for every host on the network.
pub const SHORTEST_WAIT: Duration = Duration::from_millis(100);

/// When everybody is asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Schedule {
    first: Duration,
    longest: Duration,
}

impl Schedule {
    pub(super) fn new(first: Duration, longest: Duration) -> Self {
        let first = first.clamp(SHORTEST_WAIT, MAX_TIMEOUT);
        let longest = longest.clamp(first, MAX_TIMEOUT);
        Self { first, longest }
    }

    /// Time to wait after transmission `sent`; the first is 1.
    pub(super) fn wait(&self, sent: u32) -> Duration {
        let doubled = self
            .first
            .saturating_mul(1 << sent.saturating_sub(1).min(16));
        doubled.min(self.longest)
    }
}

impl Default for Schedule {
    fn default() -> Self {
        Self::new(FIRST_WAIT, LONGEST_WAIT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_those_of_libtirpc() {
        let waits = (1..5).map(|sent| Schedule::default().wait(sent).as_secs());
        assert_eq!(waits.collect::<Vec<_>>(), [4, 8, 8, 8]);
    }

    #[test]
    fn networks_are_spared_what_comes_too_often() {
        let schedule = Schedule::new(Duration::ZERO, Duration::ZERO);
        assert_eq!(schedule.wait(1), SHORTEST_WAIT);
        assert_eq!(schedule.wait(u32::MAX), SHORTEST_WAIT);
    }

    #[test]
    fn no_wait_is_longer_than_a_clock_can_say() {
        let schedule = Schedule::new(Duration::MAX, Duration::MAX);
        assert_eq!(schedule.wait(3), MAX_TIMEOUT);
    }
}
