//! When to send a datagram again.

use std::time::Duration;

/// How a call over datagrams is repeated until its reply comes or its time is up.
///
/// Every transmission has the same xid, so that a server with a duplicate cache executes the call once.
///
/// ```
/// # use std::time::Duration;
/// # use oncrpc::Retransmit;
/// // As quick as the server has shown itself to be, and more often where much gets lost.
/// let lossy = Retransmit {
///     cap: Duration::from_secs(2),
///     ..Retransmit::adaptive()
/// };
/// assert_eq!(lossy.first, Duration::from_secs(1));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retransmit {
    /// Time from the first transmission to the second, as long as nothing is known of the server.
    pub first: Duration,
    /// How the waits go on from there.
    pub pace: Pace,
    /// Shortest wait that is learned from quick replies; means nothing to a pace that does not learn.
    pub floor: Duration,
    /// Longest time between two transmissions.
    pub cap: Duration,
    /// Part of each wait, in percent, by which it varies from call to call.
    pub jitter: u8,
}

/// How long a wait is, compared to those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Always the same.
    Fixed,
    /// Twice as long as the one before.
    Doubled,
    /// Doubled as well, but beginning with what replies to the same procedure have taken: their smoothed mean and
    /// four times their variation ([RFC 6298 §2](https://www.rfc-editor.org/rfc/rfc6298#section-2)). Only a
    /// call that was sent once tells how long its reply took (Karn). After one that was sent more often the next
    /// ones begin with the wait that it had come to, until there is a reply that tells.
    Adaptive,
}

impl Retransmit {
    /// Waits as the server's replies teach: 1 s at first, then between 100 ms and 15 s, 10 % more or less. What a
    /// channel does unless told otherwise.
    pub const fn adaptive() -> Self {
        Self {
            first: Duration::from_secs(1),
            pace: Pace::Adaptive,
            floor: Duration::from_millis(100),
            cap: Duration::from_secs(15),
            jitter: 10,
        }
    }

    /// Waits `first`, then each time twice as long up to 15 s, 10 % more or less, however quick the server is.
    pub const fn exponential(first: Duration) -> Self {
        Self {
            first,
            pace: Pace::Doubled,
            ..Self::adaptive()
        }
    }

    /// Waits equally long each time.
    pub const fn fixed(every: Duration) -> Self {
        Self {
            first: every,
            pace: Pace::Fixed,
            cap: every,
            jitter: 0,
            ..Self::adaptive()
        }
    }

    /// Waits 15 s each time, as libtirpc's clients do (`clnt_dg_create`).
    pub const fn libtirpc() -> Self {
        Self::fixed(Duration::from_secs(15))
    }

    /// Time to wait after a transmission of call `xid` that comes after `backoff` doublings; `learned` is what
    /// replies are known to take.
    ///
    /// The jitter follows from the xid, so that calls that were lost together are not repeated together
    /// and a test can say when each comes.
    pub(super) fn wait(&self, learned: Option<Duration>, backoff: u32, xid: u32) -> Duration {
        let begin = match learned {
            Some(learned) => learned.max(self.floor),
            None => self.first,
        };
        let doublings = match self.pace {
            Pace::Fixed => 0,
            Pace::Doubled | Pace::Adaptive => backoff.min(16),
        };
        let wait = begin.saturating_mul(1 << doublings).min(self.cap);
        // -jitter to +jitter percent, in 256 steps, from bits that successive xids do not share.
        let step = xid
            .wrapping_mul(0x9E37_79B9)
            .wrapping_add(backoff)
            .wrapping_mul(0x85EB_CA6B)
            >> 24;
        let span = part(wait, self.jitter.into(), 100);
        let varied = wait.saturating_add(part(span, step.saturating_mul(2), 255));
        let varied = varied.saturating_sub(span);
        let least = begin.min(self.floor);
        varied.max(least).min(self.cap)
    }
}

/// So many parts of a time of which it has `of`.
pub(super) fn part(time: Duration, parts: u32, of: u32) -> Duration {
    let parts = time.saturating_mul(parts);
    parts.checked_div(of).unwrap_or_default()
}

impl Default for Retransmit {
    fn default() -> Self {
        Self::adaptive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(policy: Retransmit) -> Vec<u64> {
        let policy = Retransmit {
            jitter: 0,
            ..policy
        };
        let wait = |backoff| policy.wait(None, backoff, 7).as_secs();
        (0..7).chain([u32::MAX]).map(wait).collect()
    }

    #[test]
    fn each_policy_has_its_waits() {
        let doubled = [1, 2, 4, 8, 15, 15, 15, 15];
        assert_eq!(waits(Retransmit::adaptive()), doubled);
        let first = Duration::from_secs(1);
        assert_eq!(waits(Retransmit::exponential(first)), doubled);
        assert_eq!(waits(Retransmit::libtirpc()), [15; 8]);
        let long = Duration::from_secs(40);
        assert_eq!(waits(Retransmit::fixed(long)), [40; 8]);
    }

    #[test]
    fn jitter_keeps_its_span_and_uses_it() {
        let policy = Retransmit::default();
        let waits: Vec<_> = (0..1000)
            .map(|xid| policy.wait(None, 0, xid).as_millis())
            .collect();
        assert!(waits.iter().all(|wait| (900..=1100).contains(wait)));
        assert!(waits.iter().any(|&wait| wait < 920) && waits.iter().any(|&wait| wait > 1080));
    }
}
