//! All that there is to see, put together.

use std::num::NonZeroI32;
use std::sync::Arc;
use std::time::Instant;

use oncrpc_server::Door;
use oncrpc_xdr::XdrString;

use super::changes::{Outcome, Request};
use super::drops::Drops;
use super::proto::{
    Changes, Connections, Forwarded, Journal, Limit, Page, Process, Registration, STATUS_PAGE,
    Status,
};
use crate::forward::{Forwarder, IN_FLIGHT};
use crate::journal::Written;
use crate::portmapper::Portmapper;
use crate::registry::Entry;
use crate::statistics::MAX_ROWS;

/// What the daemon knows of itself.
#[derive(Debug)]
pub struct View {
    /// The registrations, what was done with them, and the calls.
    pub portmapper: Arc<Portmapper>,
    /// The connections.
    pub door: Door,
    /// The datagrams.
    pub drops: Drops,
}

impl View {
    /// How the daemon is.
    pub fn status(&self, now: Instant) -> Status {
        let books = self.portmapper.fullness();
        let used = books.used;
        let quota = self.portmapper.policy().quota;
        let connections = self.door.connections();
        let forwarder = self.portmapper.forwarder();
        let mut limits = vec![
            limit("registrations", used.entries, quota.entries),
            // By the user who has the most.
            limit("registrations_per_user", used.per_user, quota.per_user),
            limit(
                "registrations_of_unknown",
                used.of_unknown,
                quota.of_unknown,
            ),
            limit("connections", connections.open, connections.most),
            limit("statistics_rows", books.rows, MAX_ROWS),
        ];
        if let Some(forwarder) = forwarder {
            limits.push(limit("forwarded_calls", forwarder.in_flight(), IN_FLIGHT));
        }
        Status {
            release: XdrString::from_static(env!("CARGO_PKG_VERSION")),
            pid: std::process::id().cast_signed(),
            uptime: self.portmapper.seconds(now).into(),
            calls: self.portmapper.tally().calls(),
            changes: books.changes.rows().map(changes).collect(),
            connections: Connections {
                accepted: connections.accepted,
                refused: connections.refused,
                evicted: connections.evicted,
            },
            refused_datagrams: self.door.refused_datagrams(),
            dropped_datagrams: self.drops.count(),
            forwarded: forwarder.map(forwarded),
            journal: books.journal.map(journal),
            limits,
        }
    }

    /// The registrations from a place on, as many as one answer holds.
    pub fn page(&self, from: i64, now: Instant) -> Page {
        let most = STATUS_PAGE as usize;
        let (entries, next) = self.portmapper.entries(from, most);
        let now = self.portmapper.seconds(now);
        let registration = |entry: &Entry| registration(entry, now);
        Page {
            registrations: entries.iter().map(registration).collect(),
            next,
        }
    }
}

fn limit(name: &'static str, used: usize, most: usize) -> Limit {
    Limit {
        name: XdrString::from_static(name),
        used: used as u64,
        most: most as u64,
    }
}

fn changes((request, outcome, count): (Request, Outcome, u64)) -> Changes {
    Changes {
        request: XdrString::from_static(request.name()),
        outcome: XdrString::from_static(outcome.name()),
        count,
    }
}

fn forwarded(forwarder: &Forwarder) -> Forwarded {
    let counts = forwarder.counts();
    Forwarded {
        called: counts.called,
        repeated: counts.repeated,
        too_many: counts.too_many,
        given_up: counts.given_up,
    }
}

fn journal(written: Written) -> Journal {
    Journal {
        bytes: written.bytes,
        records: written.records,
        renewals: written.renewals,
    }
}

fn registration(entry: &Entry, now: u32) -> Registration {
    let by = entry.origin.and_then(|origin| origin.by);
    Registration {
        program: entry.program,
        version: entry.version,
        netid: entry.netid.clone(),
        uaddr: entry.uaddr.clone(),
        owner: entry.owner.to_text(),
        registrant: by.map(|process| Process {
            uid: process.uid,
            pid: process.pid.map(NonZeroI32::get),
        }),
        age: entry
            .origin
            .map(|origin| now.saturating_sub(origin.at).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::{self, MAX_NETID, MAX_OWNER, MAX_UADDR, Origin, Owner};
    use crate::status::proto::{STATUS_MAX_NETID, STATUS_MAX_OWNER, STATUS_MAX_UADDR};

    #[test]
    fn every_registration_fits_the_protocol() {
        let wide = |bound: u32| bound as usize;
        assert_eq!(wide(STATUS_MAX_NETID), MAX_NETID);
        assert_eq!(wide(STATUS_MAX_UADDR), MAX_UADDR);
        assert_eq!(wide(STATUS_MAX_OWNER), MAX_OWNER);
    }

    #[test]
    fn what_is_not_known_of_a_registration_is_left_out() {
        let entry = Entry::new((7, 1), &"udp".into(), &"x".into(), Owner::Unknown).unwrap();
        let shown = registration(&entry, 90);
        assert_eq!((shown.registrant, shown.age), (None, None));
        let entry = entry.made(Origin { at: 29, by: None });
        let shown = registration(&entry, 90);
        assert_eq!((shown.registrant, shown.age), (None, Some(61)));
        let (uid, pid) = (1000, NonZeroI32::new(42));
        let by = Some(registry::Process { uid, pid });
        let shown = registration(&entry.made(Origin { at: 90, by }), 90);
        let expected = Process { uid, pid: Some(42) };
        assert_eq!((shown.registrant, shown.age), (Some(expected), Some(0)));
    }
}
