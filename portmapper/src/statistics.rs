//! What GETSTAT counts: calls, registrations, look-ups.
//!
//! Look-ups are counted by what was asked for. What can be asked for is endless, so there are
//! [`MAX_ROWS`] rows for all of it, first come first served; what finds none is counted in one row more,
//! of program 0 and netid `other`. Here is which row is whose; most look-ups are counted where they are answered, on the sheets of
//! the [`Tally`].

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::iter::repeat;

use oncrpc::netid::Netid;
use oncrpc_xdr::{Bytes, Writer, XdrString};

use crate::keyed::Keyed;
use crate::registry::{KNOWN, place};
use crate::tally::Tally;

/// Rows for look-ups and calls through CALLIT, of all versions together; rpcbind has no limit.
pub const MAX_ROWS: usize = 256;

/// Procedures that each version counts: 0 to 12 of version 4, `RPCBSTAT_HIGHPROC` of RFC 1833 §2.1.
const PROCEDURES: usize = 13;

/// A version of the protocol, each of which is counted apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// The portmapper, `PMAPVERS`.
    V2,
    /// rpcbind, `RPCBVERS`.
    V3,
    /// rpcbind with more procedures, `RPCBVERS4`.
    V4,
}

/// All counters since the start, but for those that the [`Tally`] has.
#[derive(Debug)]
pub struct Statistics {
    versions: [Counters; 3],
    rows: usize,
    /// What is asked by: those that everybody knows, and behind them what else this host serves.
    netids: Vec<Netid>,
}

/// The counters of one version: `rpcb_stat` of RFC 1833 §2.1.
#[derive(Debug, Default)]
struct Counters {
    set: u32,
    unset: u32,
    look_ups: Rows,
    called_through: Rows,
}

/// Rows in the order in which they were first needed.
#[derive(Debug, Default)]
struct Rows {
    index: HashMap<Key, usize, Keyed>,
    rows: Vec<Row>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Key {
    program: u32,
    version: u32,
    /// Of calls through CALLIT only.
    procedure: u32,
    /// Its place among those that are asked by.
    netid: u32,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    key: Key,
    success: u32,
    failure: u32,
    indirect: u32,
}

/// The key of the row for all that finds none.
const OTHER: Key = Key {
    program: 0,
    version: 0,
    procedure: 0,
    netid: u32::MAX,
};

impl Statistics {
    /// Everything at zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts a SET that was accepted.
    pub fn set(&mut self, version: Version) {
        let set = &mut self.of(version).set;
        *set = set.wrapping_add(1);
    }

    /// Counts an UNSET that was accepted.
    pub fn unset(&mut self, version: Version) {
        let unset = &mut self.of(version).unset;
        *unset = unset.wrapping_add(1);
    }

    /// The row in which look-ups of a service on this transport are counted.
    pub fn row(&mut self, by: Version, service: (u32, u32), netid: &Netid) -> usize {
        let key = self.key(service, 0, netid);
        self.versions[by as usize].look_ups.at(key, &mut self.rows)
    }

    /// Counts a look-up of services that no sheet counts.
    pub fn looked_up(&mut self, by: Version, service: (u32, u32), netid: &Netid, found: bool) {
        let key = self.key(service, 0, netid);
        let rows = &mut self.versions[by as usize].look_ups;
        rows.row(key, &mut self.rows).count(found);
    }

    /// Counts a call through CALLIT or BCAST, or through INDIRECT.
    pub fn called_through(
        &mut self,
        by: Version,
        (service, procedure): ((u32, u32), u32),
        netid: &Netid,
        found: bool,
        indirect: bool,
    ) {
        let key = self.key(service, procedure, netid);
        let rows = &mut self.versions[by as usize].called_through;
        let row = rows.row(key, &mut self.rows);
        // rpcbind starts at 1 whichever procedure it was.
        let first = row.success == 0 && row.failure == 0;
        row.indirect = row.indirect.wrapping_add((first || indirect).into());
        row.count(found);
    }

    /// How many of the [`MAX_ROWS`] rows are taken.
    pub fn rows(&self) -> usize {
        self.rows.min(MAX_ROWS)
    }

    /// The answer to GETSTAT, `rpcb_stat_byvers` of RFC 1833 §2.1.
    pub fn encode(&self, tally: &Tally) -> Bytes {
        let mut w = Writer::new();
        for (counters, version) in self.versions.iter().zip(Version::ALL) {
            let begun = tally.begun(version);
            let calls = begun.into_iter().chain(repeat(0)).take(PROCEDURES);
            // In 32 bits they start again, as C's do.
            calls.for_each(|count| w.u32(count as u32));
            w.u32(counters.set);
            w.u32(counters.unset);
            let elsewhere = tally.looked_up(version);
            counters.look_ups.encode(&mut w, &self.netids, &elsewhere);
            counters
                .called_through
                .encode_called_through(&mut w, &self.netids);
        }
        w.into_bytes()
    }

    fn of(&mut self, version: Version) -> &mut Counters {
        &mut self.versions[version as usize]
    }

    #[inline]
    fn key(&mut self, (program, version): (u32, u32), procedure: u32, netid: &Netid) -> Key {
        Key {
            program,
            version,
            procedure,
            netid: place(netid).unwrap_or_else(|| self.place_of_other(netid)),
        }
    }

    #[cold]
    fn place_of_other(&mut self, netid: &Netid) -> u32 {
        let there = self.netids.iter().position(|there| there == netid);
        there.unwrap_or_else(|| {
            self.netids.push(netid.clone());
            self.netids.len() - 1
        }) as u32
    }
}

impl Default for Statistics {
    fn default() -> Self {
        Self {
            versions: Default::default(),
            rows: 0,
            netids: KNOWN.to_vec(),
        }
    }
}

impl Rows {
    fn row(&mut self, key: Key, taken: &mut usize) -> &mut Row {
        let at = self.at(key, taken);
        &mut self.rows[at]
    }

    /// Which row is this one's; a new one if there is none yet, and room.
    fn at(&mut self, key: Key, taken: &mut usize) -> usize {
        match self.index.get(&key) {
            Some(at) => *at,
            None => self.add(key, taken),
        }
    }

    #[cold]
    fn add(&mut self, key: Key, taken: &mut usize) -> usize {
        let key = if *taken < MAX_ROWS { key } else { OTHER };
        let next = self.rows.len();
        let at = *self.index.entry(key).or_insert(next);
        if at == next {
            self.rows.push(Row::new(key));
            *taken += 1;
        }
        at
    }

    /// `rpcbs_addrlist`, the latest row first, with what was counted elsewhere of each.
    fn encode(&self, w: &mut Writer, netids: &[Netid], elsewhere: &[(u64, u64)]) {
        for (row, (success, failure)) in self.rows.iter().zip(elsewhere).rev() {
            w.bool(true);
            w.u32(row.key.program);
            w.u32(row.key.version);
            w.u32(row.success.wrapping_add(*success as u32));
            w.u32(row.failure.wrapping_add(*failure as u32));
            row.key.encode_netid(w, netids);
        }
        w.bool(false);
    }

    /// `rpcbs_rmtcalllist`, the latest row first.
    fn encode_called_through(&self, w: &mut Writer, netids: &[Netid]) {
        for row in self.rows.iter().rev() {
            w.bool(true);
            w.u32(row.key.program);
            w.u32(row.key.version);
            w.u32(row.key.procedure);
            w.u32(row.success);
            w.u32(row.failure);
            w.u32(row.indirect);
            row.key.encode_netid(w, netids);
        }
        w.bool(false);
    }
}

impl Key {
    fn encode_netid(&self, w: &mut Writer, netids: &[Netid]) {
        let netid = match netids.get(self.netid as usize) {
            Some(netid) => netid.into(),
            None => XdrString::from_static("other"),
        };
        // INVARIANT: a netid of ours is short, and the list sets no bound.
        #[expect(clippy::expect_used, reason = "a netid is short")]
        w.string(&netid, u32::MAX).expect("no bound");
    }
}

/// In two words, each of which the hasher takes at once.
impl Hash for Key {
    #[inline]
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        let word = |high: u32, low: u32| u64::from(low) | (u64::from(high) << 32);
        hasher.write_u64(word(self.program, self.version));
        hasher.write_u64(word(self.procedure, self.netid));
    }
}

impl Row {
    fn new(key: Key) -> Self {
        Self {
            key,
            success: 0,
            failure: 0,
            indirect: 0,
        }
    }

    fn count(&mut self, found: bool) {
        let count = if found {
            &mut self.success
        } else {
            &mut self.failure
        };
        *count = count.wrapping_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_answer_has_204_bytes_of_zeros() {
        let fresh = Statistics::new().encode(&Tally::default());
        assert_eq!(&fresh[..], [0; 204]);
    }

    #[test]
    fn the_answer_is_laid_out_as_rpcbind_lays_it_out() {
        let tally = Tally::default();
        tally.sheet(Version::V2).begun(3);
        let sheet = tally.sheet(Version::V4);
        sheet.begun(12);
        sheet.begun(13);
        let mut statistics = Statistics::new();
        statistics.set(Version::V3);
        statistics.unset(Version::V3);
        statistics.unset(Version::V3);
        // Where it is counted makes no difference.
        let row = statistics.row(Version::V2, (5, 2), &Netid::Udp);
        tally.sheet(Version::V2).looked_up(row, false);
        statistics.looked_up(Version::V2, (5, 2), &Netid::Udp, false);
        let row = statistics.row(Version::V2, (100_000, 2), &Netid::Tcp);
        tally.sheet(Version::V2).looked_up(row, true);
        let service = (99, 1);
        statistics.called_through(Version::V4, (service, 5), &Netid::Udp, false, false);
        statistics.called_through(Version::V4, (service, 5), &Netid::Udp, false, true);
        statistics.called_through(Version::V4, (service, 5), &Netid::Udp, true, false);
        #[rustfmt::skip]
        let expected: Vec<u32> = [
            &[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0,  0, 0][..],
            &[1, 100_000, 2, 1, 0, 3, u32::from_be_bytes(*b"tcp\0")],
            &[1, 5, 2, 0, 2, 3, u32::from_be_bytes(*b"udp\0"), 0],
            &[0],
            &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,  1, 2],
            &[0, 0],
            &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,  0, 0],
            &[0],
            &[1, 99, 1, 5, 1, 2, 2, 3, u32::from_be_bytes(*b"udp\0"), 0],
        ]
        .concat();
        let encoded = statistics.encode(&tally);
        let (words, rest) = encoded.as_chunks();
        let words: Vec<u32> = words.iter().map(|word| u32::from_be_bytes(*word)).collect();
        assert_eq!(words, expected);
        assert!(rest.is_empty());
    }

    #[test]
    fn a_transport_that_has_no_name_in_the_library_has_rows_of_its_own() {
        let mut statistics = Statistics::new();
        for netid in ["sctp", "udp", "sctp", "rdma"] {
            statistics.looked_up(Version::V3, (7, 1), &netid.into(), true);
        }
        let rows = &statistics.versions[Version::V3 as usize].look_ups.rows;
        let rows = rows.iter().map(|row| {
            let netid = &statistics.netids[row.key.netid as usize];
            (netid.to_string(), row.success)
        });
        let expected = [("sctp", 2), ("udp", 1), ("rdma", 1)];
        assert!(rows.eq(expected.map(|(netid, count)| (netid.to_owned(), count))));
    }

    #[test]
    fn what_finds_no_row_is_counted_as_other() {
        let mut statistics = Statistics::new();
        for program in 0..100_000 {
            statistics.looked_up(Version::V4, (program, 1), &Netid::Udp, true);
        }
        statistics.looked_up(Version::V2, (7, 7), &Netid::Udp, false);
        statistics.looked_up(Version::V4, (7, 1), &Netid::Udp, false);
        let rows = &statistics.versions[Version::V4 as usize].look_ups.rows;
        assert_eq!(rows.len(), MAX_ROWS + 1);
        let seventh = &rows[7];
        assert_eq!(
            (seventh.key.program, seventh.success, seventh.failure),
            (7, 1, 1)
        );
        let last = &rows[MAX_ROWS];
        assert_eq!((last.key, last.success), (OTHER, 100_000 - 256));
        let rows = &statistics.versions[Version::V2 as usize].look_ups.rows;
        assert_eq!(rows[0].key, OTHER);
        assert!(statistics.encode(&Tally::default()).len() < 9000);
        assert_eq!(statistics.rows(), MAX_ROWS);
    }
}
