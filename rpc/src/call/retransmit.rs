//! When to send a datagram again.

use std::time::Duration;

/// How a call over datagrams is repeated until its reply comes or its time is up.
///
/// Every transmission has the same xid, so that a server with a duplicate cache executes the call once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retransmit {
    /// Time from the first transmission to the second. Default 1 s.
    pub first: Duration,
    /// Longest time between two transmissions; each is twice the one before. Default 15 s.
    pub cap: Duration,
    /// Part of each wait, in percent, by which it varies from call to call. Default 10.
    pub jitter: u8,
}

impl Default for Retransmit {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(1),
            cap: Duration::from_secs(15),
            jitter: 10,
        }
    }
}

impl Retransmit {
    /// Time to wait after transmission `sent` (the first is 1) of call `xid`.
    ///
    /// The jitter follows from the xid, so that calls that were lost together are not repeated together
    /// and a test can say when each comes.
    pub fn wait(&self, sent: u32, xid: u32) -> Duration {
        let doubled = self
            .first
            .saturating_mul(1 << (sent.saturating_sub(1)).min(16));
        let wait = doubled.min(self.cap);
        // -jitter to +jitter percent, in 256 steps, from bits that successive xids do not share.
        let step = xid
            .wrapping_mul(0x9E37_79B9)
            .wrapping_add(sent)
            .wrapping_mul(0x85EB_CA6B)
            >> 24;
        let span = wait.saturating_mul(self.jitter.into()) / 100;
        (wait + span * 2 * step / 255).saturating_sub(span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_cap() {
        let policy = Retransmit {
            jitter: 0,
            ..Retransmit::default()
        };
        let waits: Vec<_> = (1..8).map(|sent| policy.wait(sent, 7).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 15, 15, 15]);
        assert_eq!(policy.wait(u32::MAX, 7).as_secs(), 15);
    }

    #[test]
    fn jitter_keeps_its_span_and_uses_it() {
        let policy = Retransmit::default();
        let waits: Vec<_> = (0..1000)
            .map(|xid| policy.wait(1, xid).as_millis())
            .collect();
        assert!(waits.iter().all(|wait| (900..=1100).contains(wait)));
        assert!(waits.iter().any(|&wait| wait < 920) && waits.iter().any(|&wait| wait > 1080));
    }
}
