//! What one connection may hold and how long it may take.

use std::time::Duration;

use oncrpc::record::RecordLimits;

/// What one connection may hold, and how long it may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// What a record that arrives may be.
    pub record: RecordLimits,
    /// Calls in flight: those that handlers are at work on, or those that wait for a reply.
    pub in_flight: usize,
    /// Bytes of unsent output above which nothing more is read: whoever does not take replies gets to
    /// ask no more. As many bytes of calls may wait to be sent; then the next calls do.
    pub unsent: usize,
    /// Longest time until a peer has sent its first record; `None` is as long as it may be [`idle`](Self::idle).
    /// Whoever has sent one is known to have something to say.
    pub first_record: Option<Duration>,
    /// Longest time from the first byte of a record until its header is there: the mark and [`HEADER`] bytes.
    pub header: Duration,
    /// Longest time from the first byte of a record to its last.
    pub mid_record: Duration,
    /// How fast a record has to arrive; `None` is in [`mid_record`](Self::mid_record), however fast.
    pub pace: Option<Pace>,
    /// Longest time that unsent output may stand still.
    pub write_stall: Duration,
    /// Longest time without a message and without a call in flight; `None` is for ever.
    pub idle: Option<Duration>,
    /// How long after a message the next one is looked for again and again before the task sleeps: busy polling. `None`
    /// sleeps at once.
    ///
    /// To be woken takes longer than a short call, so that one at a time is answered sooner. It costs a processor
    /// for that time; other tasks of the runtime get their turns meanwhile. An end that only calls does it while it waits
    /// for a reply, one that serves also while it waits for the next call. It is not what Linux calls `SO_BUSY_POLL`, by
    /// which the kernel asks a network card for packets.
    pub busy_poll: Option<Duration>,
}

/// How fast a record has to arrive, so that nobody keeps a place with a byte now and then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// From the first byte on, time in which it may be slower: what was lost on the way is sent again.
    pub grace: Duration,
    /// Bytes in each second after that, on the average.
    pub bytes_per_second: u32,
}

/// Bytes of a record that its header has at least: the six words of a reply, which has the shorter one
/// ([RFC 5531 §9](https://www.rfc-editor.org/rfc/rfc5531#section-9)).
pub const HEADER: usize = 24;

impl Pace {
    /// The longest time in which these first bytes of a record may have been all that arrived.
    pub(crate) fn longest(self, arrived: usize) -> Duration {
        let millis = arrived as u64 * 1000 / u64::from(self.bytes_per_second.max(1));
        self.grace.saturating_add(Duration::from_millis(millis))
    }
}

impl Limits {
    /// What a server grants each connection.
    pub const SERVER: Self = Self {
        record: RecordLimits::SERVER,
        in_flight: 64,
        unsent: 4 << 20,
        first_record: None,
        header: Duration::from_secs(5),
        mid_record: Duration::from_secs(30),
        pace: None,
        write_stall: Duration::from_secs(30),
        idle: Some(Duration::from_secs(360)),
        busy_poll: None,
    };

    /// What a client grants its server.
    pub const CLIENT: Self = Self {
        record: RecordLimits::CLIENT,
        in_flight: 128,
        header: Self::SERVER.mid_record,
        idle: Some(Duration::from_secs(300)),
        ..Self::SERVER
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_may_be_as_slow_as_its_pace_and_its_grace() {
        let pace = Pace {
            grace: Duration::from_secs(2),
            bytes_per_second: 1024,
        };
        for (arrived, millis) in [(0, 2_000), (512, 2_500), (1024, 3_000), (8192, 10_000)] {
            assert_eq!(pace.longest(arrived), Duration::from_millis(millis));
        }
    }

    #[test]
    fn what_is_granted_is_what_the_pages_say() {
        let seconds = Duration::from_secs;
        let server = Limits::SERVER;
        assert_eq!(server.record, RecordLimits::SERVER);
        assert_eq!((server.in_flight, server.unsent), (64, 4_194_304));
        assert_eq!((server.first_record, server.pace), (None, None));
        assert_eq!(server.busy_poll, None);
        let times = [server.header, server.mid_record, server.write_stall];
        assert_eq!(times, [5, 30, 30].map(seconds));
        assert_eq!(server.idle, Some(seconds(360)));

        let client = Limits::CLIENT;
        assert_eq!(client.record, RecordLimits::CLIENT);
        assert_eq!((client.in_flight, client.unsent), (128, 4_194_304));
        assert_eq!((client.first_record, client.pace), (None, None));
        assert_eq!(client.busy_poll, None);
        let times = [client.header, client.mid_record, client.write_stall];
        assert_eq!(times, [30, 30, 30].map(seconds));
        assert_eq!(client.idle, Some(seconds(300)));
    }
}
