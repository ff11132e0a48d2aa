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
    /// ask no more.
    pub unsent: usize,
    /// Longest time from the first byte of a record to its last.
    pub mid_record: Duration,
    /// Longest time that unsent output may stand still.
    pub write_stall: Duration,
    /// Longest time without a message and without a call in flight; `None` is for ever.
    pub idle: Option<Duration>,
}

impl Limits {
    /// What a server grants each connection.
    pub const SERVER: Self = Self {
        record: RecordLimits::SERVER,
        in_flight: 64,
        unsent: 4 << 20,
        mid_record: Duration::from_secs(30),
        write_stall: Duration::from_secs(30),
        idle: Some(Duration::from_secs(360)),
    };

    /// What a client grants its server.
    pub const CLIENT: Self = Self {
        record: RecordLimits::CLIENT,
        in_flight: 128,
        idle: Some(Duration::from_secs(300)),
        ..Self::SERVER
    };
}
