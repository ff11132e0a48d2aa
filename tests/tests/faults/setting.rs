//! The rows of the matrix: what happens on the way, as each transport shows it.

use std::time::Duration;

use oncrpc_transport::testing::{Cut, End, Faults, Gap, Stall, StreamFaults};

/// What carries the calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// As UDP does.
    Datagrams,
    /// In segments of 1,460 bytes, sent again after 200 ms.
    Tcp,
    /// In larger pieces, of which none is ever lost; a reader may be late.
    Unix,
}

impl Transport {
    pub const ALL: [Self; 3] = [Self::Datagrams, Self::Tcp, Self::Unix];
}

/// What happens on the way.
///
/// A stream loses, doubles and overtakes nothing: what happens to its segments shows as lateness. Datagrams have no
/// pieces and no end. Where a transport has nothing of a setting, the cell is one of a sound path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// So many of a hundred get lost.
    Drop(u32),
    /// So many of a hundred come twice.
    Duplicate(u32),
    /// So many of a hundred are overtaken.
    Reorder(u32),
    /// So many milliseconds on the way, and up to half as many more.
    Delay(u64),
    /// Of a datagram in five the end is missing; of a stream eight bytes, at any place.
    Truncate,
    /// One bit is turned, at any place.
    Flip,
    /// Pieces of so many bytes.
    Chunk(usize),
    /// The connection is reset at any byte; nobody listens for a datagram in five.
    Reset,
    /// The connection ends at any byte.
    Close,
    /// So many seconds without anything.
    Stall(u64),
    /// 1 Mbit/s.
    Rate,
    /// The process at this side ends with calls in flight, and there is another one 300 ms later.
    Restart,
    /// This side is at another address from some byte on, and nothing comes to the old one.
    Move,
}

/// All of them.
pub const SETTINGS: [Setting; 24] = [
    Setting::Drop(1),
    Setting::Drop(5),
    Setting::Drop(20),
    Setting::Drop(50),
    Setting::Duplicate(1),
    Setting::Duplicate(10),
    Setting::Reorder(10),
    Setting::Reorder(25),
    Setting::Delay(1),
    Setting::Delay(50),
    Setting::Delay(500),
    Setting::Truncate,
    Setting::Flip,
    Setting::Chunk(1),
    Setting::Chunk(3),
    Setting::Chunk(7),
    Setting::Reset,
    Setting::Close,
    Setting::Stall(1),
    Setting::Stall(10),
    Setting::Stall(60),
    Setting::Rate,
    Setting::Restart,
    Setting::Move,
];

impl Setting {
    /// Whether it strikes one place of a connection, so that each call has a connection of its own, struck at a place
    /// of its own.
    pub fn strikes_once(self, transport: Transport) -> bool {
        match self {
            // Two calls in flight, and a bit of an xid, would be a reply to the other; UDP has a checksum for that.
            Self::Flip => true,
            Self::Truncate | Self::Reset | Self::Close => transport != Transport::Datagrams,
            _ => false,
        }
    }

    /// What datagrams suffer on the way to this side, of which each carries `len` bytes.
    pub fn of_datagrams(self, len: usize, nth: u32) -> Faults {
        let sound = Faults {
            delay: BETWEEN,
            ..Faults::default()
        };
        match self {
            Self::Drop(percent) => Faults {
                drop: percent * 10,
                ..sound
            },
            Self::Duplicate(percent) => Faults {
                duplicate: percent * 10,
                ..sound
            },
            Self::Reorder(percent) => Faults {
                reorder: percent * 10,
                ..sound
            },
            Self::Delay(millis) => Faults {
                delay: Duration::from_millis(millis),
                jitter: Duration::from_millis(millis) / 2,
                ..sound
            },
            Self::Truncate => Faults {
                truncate: 200,
                ..sound
            },
            Self::Flip => Faults { flip: 200, ..sound },
            Self::Reset => Faults {
                refuse: 200,
                ..sound
            },
            Self::Stall(seconds) if nth == 0 => Faults {
                stall: Some(stall(len, seconds)),
                ..sound
            },
            Self::Rate => Faults {
                rate: Some(MEGABIT),
                ..sound
            },
            Self::Move if nth < MOVES => Faults {
                stall: Some(Stall {
                    after: STAYS * len,
                    time: FOR_EVER,
                }),
                ..sound
            },
            Self::Chunk(_) | Self::Close | Self::Stall(_) | Self::Restart | Self::Move => sound,
        }
    }

    /// What a stream suffers on the way to this side, where a record has `len` bytes. `place`, below 1, says where it is
    /// struck, if it is; it is the `nth` connection.
    pub fn of_stream(
        self,
        transport: Transport,
        len: usize,
        place: Option<f64>,
        nth: u32,
    ) -> StreamFaults {
        let sound = match transport {
            Transport::Unix => StreamFaults {
                again: Duration::from_millis(10),
                ..StreamFaults::default()
            },
            Transport::Datagrams | Transport::Tcp => StreamFaults {
                segment: 1_460,
                delay: BETWEEN,
                ..StreamFaults::default()
            },
        };
        let struck = place.map(|place| (place * len as f64) as usize);
        let cut = |end| struck.map(|after| Cut { after, end });
        match self {
            Self::Drop(percent) => StreamFaults {
                lose: percent * 10,
                ..sound
            },
            // The others wait for the one that was overtaken.
            Self::Reorder(percent) => StreamFaults {
                lose: percent * 10,
                again: Duration::from_millis(1),
                ..sound
            },
            Self::Delay(millis) => StreamFaults {
                delay: Duration::from_millis(millis),
                jitter: Duration::from_millis(millis) / 2,
                ..sound
            },
            Self::Truncate => StreamFaults {
                gap: struck.map(|after| Gap { after, len: 8 }),
                ..sound
            },
            Self::Flip => StreamFaults {
                flip: struck.map(|byte| byte * 8 + byte % 8),
                ..sound
            },
            Self::Chunk(piece) => StreamFaults { piece, ..sound },
            Self::Reset => StreamFaults {
                cut: cut(End::Reset),
                ..sound
            },
            Self::Close => StreamFaults {
                cut: cut(End::Close),
                ..sound
            },
            Self::Stall(seconds) if nth == 0 => StreamFaults {
                stall: Some(stall(len, seconds)),
                ..sound
            },
            Self::Rate => StreamFaults {
                rate: Some(MEGABIT),
                ..sound
            },
            Self::Move if nth < MOVES => {
                let after = STAYS * len + len / 2;
                StreamFaults {
                    // Nothing comes, until TCP has asked in vain whether somebody is there. A Unix socket knows.
                    stall: (transport == Transport::Tcp).then_some(Stall {
                        after: after - 1,
                        time: KEEPALIVE,
                    }),
                    cut: Some(Cut {
                        after,
                        end: End::Reset,
                    }),
                    ..sound
                }
            }
            Self::Duplicate(_) | Self::Stall(_) | Self::Restart | Self::Move => sound,
        }
    }
}

/// After a few calls, in the middle of a message.
fn stall(len: usize, seconds: u64) -> Stall {
    Stall {
        after: 3 * len + len / 2,
        time: Duration::from_secs(seconds),
    }
}

/// Time on a way on which nothing happens.
const BETWEEN: Duration = Duration::from_millis(1);

/// Bytes a second.
const MEGABIT: u32 = 125_000;

/// Messages that come to an address before this side is at another, and connections to which that happens.
const STAYS: usize = 20;
const MOVES: u32 = 2;

/// 60 s of silence, and six questions 10 s apart, as our sockets have it (`Builder::keepalive`).
const KEEPALIVE: Duration = Duration::from_secs(120);

const FOR_EVER: Duration = Duration::from_secs(365 * 24 * 3_600);
