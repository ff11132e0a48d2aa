//! What the daemon tells whoever looks after the host: `--status`, and metrics.
//!
//! Both are asked over Unix sockets of their own, so that nobody has to wait in the crowd to learn why it is one.
//! Status is RPC, by a protocol of ours (`proto/status.x`), in the state directory; only root and the daemon's own user
//! may ask. Metrics are what Prometheus reads, over HTTP, where the setting `metrics` says and only then.
//!
//! | module | what it knows |
//! |---|---|
//! | [`changes`] | what is counted of SET and UNSET; calls are counted by [`tally`](crate::tally) |
//! | [`drops`] | what the kernel counts of datagrams |
//! | [`view`] | all of it together, as [`proto`] has it |
//! | [`desk`] | where it is asked, from the first preparations to the end |
//! | [`service`] | the protocol: who may ask, and how |
//! | [`http`], [`metrics`] | what is said at the metrics' socket, and how long it may take |
//! | [`client`] | `--status`: asks, and prints |
//! | [`text`], [`json`], [`prometheus`] | how it is laid out; pure |

pub mod changes;
pub mod client;
pub mod desk;
pub mod drops;
pub mod http;
pub mod json;
pub mod metrics;
pub mod prometheus;
/// What rpcgen made of `proto/status.x`.
pub mod proto;
pub mod service;
pub mod text;
pub mod view;

use std::path::{Path, PathBuf};

/// Where the status of a daemon with this state directory is asked.
pub fn path(state_directory: &Path) -> PathBuf {
    state_directory.join("status.sock")
}

#[cfg(test)]
pub(crate) mod tests {
    use super::proto::{
        Calls, Changes, Connections, Forwarded, Journal, Limit, Process, Registration, Status,
    };

    /// A daemon that has seen something of everything.
    pub(crate) fn busy() -> Status {
        let calls = |version, procedure, answered, refused| Calls {
            version,
            procedure,
            answered,
            refused,
            ..Calls::default()
        };
        let changes = |request: &str, outcome: &str, count| Changes {
            request: request.into(),
            outcome: outcome.into(),
            count,
        };
        let limit = |name: &str, used, most| Limit {
            name: name.into(),
            used,
            most,
        };
        Status {
            release: "0.1.0".into(),
            pid: 711,
            uptime: 93_784,
            calls: vec![
                calls(2, Some(3), 1_000_000, 0),
                calls(4, Some(1), 7, 2),
                calls(4, None, 0, 3),
            ],
            changes: vec![
                changes("set", "accepted", 5),
                changes("set", "declined", 2),
                changes("unset", "foreign", 1),
                changes("unset", "not_written", 0),
            ],
            connections: Connections {
                accepted: 12,
                refused: 1,
                evicted: 5,
            },
            refused_datagrams: 8,
            dropped_datagrams: Some(4),
            forwarded: Some(Forwarded {
                called: 9,
                repeated: 3,
                too_many: 2,
                given_up: 1,
            }),
            journal: Some(Journal {
                bytes: 4096,
                records: 6,
                renewals: 1,
            }),
            limits: vec![
                limit("registrations", 3, 65_536),
                limit("connections", 2, 4096),
            ],
        }
    }

    /// Three registrations, of which less and less is known.
    pub(crate) fn registrations() -> Vec<Registration> {
        let registration = |program, netid: &str, uaddr: &[u8], owner: &str| Registration {
            program,
            version: 1,
            netid: netid.into(),
            uaddr: uaddr.into(),
            owner: owner.into(),
            registrant: None,
            age: None,
        };
        let process = |pid| Some(Process { uid: 103, pid });
        vec![
            Registration {
                registrant: process(Some(812)),
                age: Some(61),
                ..registration(100_024, "udp", b"0.0.0.0.8.1", "103")
            },
            Registration {
                registrant: process(None),
                age: Some(0),
                ..registration(400_000, "local", b"/run/x\x1b[2J\xff", "103")
            },
            registration(400_001, "tcp", b"0.0.0.0.8.2", "superuser"),
        ]
    }
}
