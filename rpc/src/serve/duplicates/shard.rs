//! One part of the cache, without its lock.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::key::{CallKey, Holder};
use super::{Begun, Ticket};
use crate::serve::answered::Answered;
use crate::serve::reverse::Origin;

/// Longest results that are kept, in bytes. Procedures that change something say little: Linux's NFS server keeps
/// 256 bytes.
pub const MAX_RESULTS: usize = 16 * 1024;

/// How many may wait, by other connections, for what one call comes to. A client has one; that there is more
/// than one connection to wait by is because it has given up the one before.
pub const MAX_WAITING: usize = 4;

/// What part of all bytes one holder may have.
const SHARE: usize = 8;

/// Bytes that an entry is counted with, beside its results: a bound for what it costs in all the maps below, their
/// unused places included (`tests/tests/duplicates.rs` measures).
const ENTRY: usize = 384;

/// One part of the cache, without its lock.
///
/// Its maps are trees, because these never hold much more memory than what is in them, nor take long for a single
/// call when they grow.
pub(super) struct Shard<W> {
    calls: BTreeMap<CallKey, State<W>>,
    /// Calls that have been executed, from the one that has not been asked for the longest.
    by_age: BTreeMap<Tick, CallKey>,
    /// The same for each holder.
    by_holder: BTreeSet<(Holder, Tick)>,
    /// Bytes that each holder has, those of calls that are being executed among them.
    held: BTreeMap<Holder, usize>,
    /// Bytes that all have.
    bytes: usize,
    max_bytes: usize,
    ttl: Duration,
    next_tick: Tick,
}

/// Counts what has been kept or asked for; the higher the later.
type Tick = u64;

enum State<W> {
    /// It is being executed.
    InProgress {
        /// For whom. A connection's is its own, and as long as it is held here no other is in its place.
        origin: Arc<Origin>,
        /// Who else wants to know, from the one that waits the longest.
        waiting: Vec<(Arc<Origin>, W)>,
    },
    /// It has been executed.
    Done {
        answered: Answered,
        at: Instant,
        tick: Tick,
    },
}

impl<W> Shard<W> {
    pub(super) fn new(max_bytes: usize, ttl: Duration) -> Self {
        Self {
            calls: BTreeMap::new(),
            by_age: BTreeMap::new(),
            by_holder: BTreeSet::new(),
            held: BTreeMap::new(),
            bytes: 0,
            max_bytes,
            ttl,
            next_tick: 0,
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn begin<R>(
        &mut self,
        key: CallKey,
        origin: &Arc<Origin>,
        datagram: bool,
        now: Instant,
        wait: impl FnOnce() -> (W, R),
    ) -> Begun<R> {
        self.expire(now);
        match self.calls.get_mut(&key) {
            Some(State::Done { answered, at, tick }) if !is_over(*at, self.ttl, now) => {
                let answered = answered.clone();
                let last = mem::replace(tick, self.next_tick);
                self.unlist(key, last);
                self.list(key);
                return Begun::Done(answered);
            }
            Some(State::Done { .. }) => {
                self.evict(key);
            }
            Some(State::InProgress {
                origin: first,
                waiting,
            }) => {
                let same = |other: &Arc<Origin>| {
                    Arc::ptr_eq(other, origin) || datagram && other.peer() == origin.peer()
                };
                if same(first) || waiting.iter().any(|(other, _)| same(other)) {
                    return Begun::Drop;
                }
                if waiting.len() == MAX_WAITING {
                    waiting.remove(0);
                }
                let (told, waits) = wait();
                waiting.push((origin.clone(), told));
                return Begun::Wait(waits);
            }
            None => {}
        }
        if !self.make_room(key.holder, ENTRY) {
            return Begun::Full;
        }
        let state = State::InProgress {
            origin: origin.clone(),
            waiting: Vec::new(),
        };
        self.insert(key, state);
        Begun::Execute(Ticket(key))
    }

    pub(super) fn finish(&mut self, key: CallKey, answered: &Answered, now: Instant) -> Vec<W> {
        let waiting = self.forget(key);
        let kept = answered.is_final() && answered.len() <= MAX_RESULTS;
        if kept && self.make_room(key.holder, entry_bytes(answered)) {
            let state = State::Done {
                answered: answered.clone(),
                at: now,
                tick: self.next_tick,
            };
            self.insert(key, state);
            self.list(key);
        }
        waiting
    }

    pub(super) fn forget(&mut self, key: CallKey) -> Vec<W> {
        match self.remove(key) {
            Some(State::InProgress { waiting, .. }) => {
                waiting.into_iter().map(|(_, told)| told).collect()
            }
            Some(State::Done { .. }) | None => Vec::new(),
        }
    }

    /// Lets go of what is too old, from the one that has not been asked for the longest.
    fn expire(&mut self, now: Instant) {
        while let Some(key) = self.by_age.first_entry().map(|oldest| *oldest.get())
            && let Some(State::Done { at, .. }) = self.calls.get(&key)
            && is_over(*at, self.ttl, now)
        {
            self.evict(key);
        }
    }

    /// Lets go of what has not been asked for the longest, the holder's own first, until there is room for so many
    /// bytes more. Calls that are being executed stay: there may be no room.
    fn make_room(&mut self, holder: Holder, bytes: usize) -> bool {
        let share = self.max_bytes / SHARE;
        while self.held_by(holder).saturating_add(bytes) > share {
            let mut own = self.by_holder.range((holder, 0)..=(holder, Tick::MAX));
            let Some(key) = own.next().and_then(|(_, tick)| self.by_age.get(tick)) else {
                return false;
            };
            self.evict(*key);
        }
        while self.bytes.saturating_add(bytes) > self.max_bytes {
            let Some((_, key)) = self.by_age.first_key_value() else {
                return false;
            };
            self.evict(*key);
        }
        true
    }

    /// Bytes that a holder has.
    fn held_by(&self, holder: Holder) -> usize {
        self.held.get(&holder).copied().unwrap_or(0)
    }

    /// Lets go of a call that has been executed.
    fn evict(&mut self, key: CallKey) {
        if let Some(State::Done { tick, .. }) = self.remove(key) {
            self.unlist(key, tick);
        }
    }

    fn insert(&mut self, key: CallKey, state: State<W>) {
        let bytes = state.bytes();
        self.bytes = self.bytes.saturating_add(bytes);
        let held = self.held.entry(key.holder).or_default();
        *held = held.saturating_add(bytes);
        self.calls.insert(key, state);
    }

    fn remove(&mut self, key: CallKey) -> Option<State<W>> {
        let state = self.calls.remove(&key)?;
        let bytes = state.bytes();
        self.bytes = self.bytes.saturating_sub(bytes);
        if let Some(held) = self.held.get_mut(&key.holder) {
            *held = held.saturating_sub(bytes);
            if *held == 0 {
                self.held.remove(&key.holder);
            }
        }
        Some(state)
    }

    /// Lists a call under the next tick.
    fn list(&mut self, key: CallKey) {
        self.by_age.insert(self.next_tick, key);
        self.by_holder.insert((key.holder, self.next_tick));
        self.next_tick = self.next_tick.saturating_add(1);
    }

    fn unlist(&mut self, key: CallKey, tick: Tick) {
        self.by_age.remove(&tick);
        self.by_holder.remove(&(key.holder, tick));
    }
}

impl<W> State<W> {
    fn bytes(&self) -> usize {
        match self {
            Self::InProgress { .. } => ENTRY,
            Self::Done { answered, .. } => entry_bytes(answered),
        }
    }
}

/// Bytes of a call that came to this.
fn entry_bytes(answered: &Answered) -> usize {
    answered.len().saturating_add(ENTRY)
}

/// Whether what was kept `at` a time has been kept for long enough.
fn is_over(at: Instant, ttl: Duration, now: Instant) -> bool {
    now.saturating_duration_since(at) >= ttl
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::error::Refusal;
    use crate::netid::Netid;
    use crate::peer::{Address, Peer};

    const TTL: Duration = Duration::from_secs(120);

    /// A shard, and the time. A call is known by its holder and its xid, who waits for one by a number.
    struct Cache {
        shard: Shard<u32>,
        now: Instant,
    }

    impl Cache {
        /// A cache of which a holder may have this many entries without results.
        fn of(entries: usize) -> Self {
            Self {
                shard: Shard::new(entries * ENTRY * SHARE, TTL),
                now: Instant::now(),
            }
        }

        fn begin(&mut self, call: CallKey, origin: &Arc<Origin>) -> Begun<&'static str> {
            self.begin_as(call, origin, false, 0)
        }

        fn begin_as(
            &mut self,
            call: CallKey,
            origin: &Arc<Origin>,
            datagram: bool,
            told: u32,
        ) -> Begun<&'static str> {
            self.shard
                .begin(call, origin, datagram, self.now, || (told, "waits"))
        }

        /// Executes a call that comes to results of so many bytes; says whether it had to be.
        fn call(&mut self, call: CallKey, bytes: usize) -> bool {
            match self.begin(call, &from(1)) {
                Begun::Execute(Ticket(call)) => {
                    let told = self.shard.finish(call, &results(bytes), self.now);
                    assert!(told.is_empty());
                    true
                }
                Begun::Done(answered) => {
                    assert_eq!(answered, results(bytes));
                    false
                }
                other => panic!("{other:?}"),
            }
        }

        /// Everything that is listed is there, and nothing else.
        fn check(&self) {
            let done: Vec<_> = self
                .shard
                .calls
                .iter()
                .filter_map(|(key, state)| match state {
                    State::Done { tick, .. } => Some((*tick, *key)),
                    State::InProgress { .. } => None,
                })
                .collect();
            assert_eq!(self.shard.by_age, done.iter().copied().collect());
            let by_holder = done.iter().map(|(tick, key)| (key.holder, *tick));
            assert_eq!(self.shard.by_holder, by_holder.collect());
            let bytes = |held: &dyn Fn(&CallKey) -> bool| -> usize {
                let calls = self.shard.calls.iter().filter(|(key, _)| held(key));
                calls.map(|(_, state)| state.bytes()).sum()
            };
            assert_eq!(self.shard.bytes, bytes(&|_| true));
            assert!(self.shard.bytes <= self.shard.max_bytes);
            for (holder, held) in &self.shard.held {
                assert_eq!(*held, bytes(&|key| key.holder == *holder));
                assert!((1..=self.shard.max_bytes / SHARE).contains(held));
            }
        }
    }

    fn from(port: u16) -> Arc<Origin> {
        let peer = Peer {
            netid: Netid::Udp,
            remote: Address::Inet(([127, 0, 0, 1], port).into()),
            local: Address::Local,
            interface: None,
        };
        Arc::new(peer.into())
    }

    fn key(holder: u32, xid: u32) -> CallKey {
        CallKey {
            xid,
            hash: 0,
            holder: Holder::V4(holder),
        }
    }

    fn results(bytes: usize) -> Answered {
        Answered::Results(vec![7; bytes].into())
    }

    #[test]
    fn a_call_that_comes_again_is_answered_as_before_until_its_time_is_up() {
        let mut cache = Cache::of(10);
        assert!(cache.call(key(1, 1), 4));
        for _ in 0..2 {
            cache.now += TTL / 2 - Duration::from_nanos(1);
            assert!(!cache.call(key(1, 1), 4), "asking does not make it younger");
        }
        cache.now += Duration::from_nanos(2);
        assert!(cache.call(key(1, 1), 4));
        cache.check();
    }

    #[test]
    fn a_call_that_was_asked_for_lately_is_still_as_old_as_it_is() {
        let mut cache = Cache::of(10);
        assert!(cache.call(key(1, 1), 4));
        cache.now += TTL / 2;
        assert!(cache.call(key(1, 2), 4));
        assert!(
            !cache.call(key(1, 1), 4),
            "it is listed behind a younger one"
        );
        cache.now += TTL / 2;
        assert!(cache.call(key(1, 1), 4));
        cache.check();
    }

    #[test]
    fn what_is_too_old_goes_when_anybody_calls() {
        let mut cache = Cache::of(10);
        (0..10).for_each(|xid| assert!(cache.call(key(1, xid), 0)));
        cache.now += TTL;
        assert!(cache.call(key(2, 1), 0));
        assert_eq!(cache.shard.bytes(), ENTRY);
        cache.check();
    }

    #[test]
    fn a_holder_with_its_share_loses_what_it_has_not_asked_for_the_longest() {
        let mut cache = Cache::of(3);
        assert!(cache.call(key(9, 0), 0), "an older one, of another holder");
        (0..3).for_each(|xid| assert!(cache.call(key(1, xid), 0)));
        assert!(!cache.call(key(1, 0), 0), "it is there, and asked for");
        assert!(cache.call(key(1, 3), 0));
        cache.check();
        for xid in [0, 2, 3] {
            assert!(!cache.call(key(1, xid), 0), "{xid}");
        }
        assert!(!cache.call(key(9, 0), 0), "others lose nothing");
        assert!(cache.call(key(1, 1), 0), "the oldest is gone");
        cache.check();
    }

    #[test]
    fn a_full_cache_loses_what_has_not_been_asked_for_the_longest() {
        let mut cache = Cache::of(2);
        let holders = SHARE as u32;
        for holder in 0..holders {
            assert!(cache.call(key(holder, 1), 0));
            assert!(cache.call(key(holder, 2), 0));
        }
        assert!(!cache.call(key(0, 1), 0));
        assert!(cache.call(key(holders, 1), 0), "one holder more");
        cache.check();
        assert!(!cache.call(key(0, 1), 0));
        assert!(!cache.call(key(1, 1), 0));
        assert!(cache.call(key(0, 2), 0), "the oldest is gone");
        cache.check();
    }

    #[test]
    fn results_count_by_their_bytes_and_long_ones_are_not_kept() {
        let mut cache = Cache::of(2 * MAX_RESULTS / ENTRY);
        assert!(cache.call(key(1, 1), MAX_RESULTS));
        assert_eq!(cache.shard.bytes(), ENTRY + MAX_RESULTS);
        assert!(cache.call(key(1, 2), MAX_RESULTS + 1));
        assert!(cache.call(key(1, 2), MAX_RESULTS + 1), "it was not kept");
        assert!(!cache.call(key(1, 1), MAX_RESULTS));
        cache.check();
        let mut small = Cache::of(2);
        assert!(small.call(key(1, 1), 2 * ENTRY));
        assert!(small.call(key(1, 1), 2 * ENTRY), "more than its share");
        small.check();
    }

    #[test]
    fn what_is_executed_keeps_its_place_and_others_are_executed_without_one() {
        let mut cache = Cache::of(1);
        let Begun::Execute(Ticket(first)) = cache.begin(key(1, 1), &from(1)) else {
            panic!("there is a place");
        };
        assert!(matches!(cache.begin(key(1, 2), &from(1)), Begun::Full));
        assert!(cache.call(key(2, 1), 0), "others have their share");
        let _ = cache.shard.finish(first, &results(0), cache.now);
        assert!(cache.call(key(1, 2), 0), "in the place of the first");
        assert!(cache.call(key(1, 1), 0));
        cache.check();
    }

    #[test]
    fn a_cache_without_bytes_notes_nothing() {
        let mut cache = Cache::of(0);
        assert!(matches!(cache.begin(key(1, 1), &from(1)), Begun::Full));
        cache.check();
    }

    #[test]
    fn a_call_that_is_executed_is_dropped_where_it_came_from_and_waited_for_elsewhere() {
        let mut cache = Cache::of(10);
        let connection = from(1);
        assert!(matches!(
            cache.begin(key(1, 1), &connection),
            Begun::Execute(_)
        ));
        assert!(matches!(cache.begin(key(1, 1), &connection), Begun::Drop));
        // A connection from the same port is another connection.
        let anew = from(1);
        let waits = cache.begin_as(key(1, 1), &anew, false, 42);
        assert!(matches!(waits, Begun::Wait("waits")), "{waits:?}");
        assert!(matches!(cache.begin(key(1, 1), &anew), Begun::Drop));
        let told = cache.shard.finish(key(1, 1), &results(0), cache.now);
        assert_eq!(told, [42]);
        cache.check();
    }

    #[test]
    fn datagrams_from_one_place_are_of_one_peer() {
        let mut cache = Cache::of(10);
        assert!(matches!(
            cache.begin_as(key(1, 1), &from(1), true, 0),
            Begun::Execute(_)
        ));
        assert!(matches!(
            cache.begin_as(key(1, 1), &from(1), true, 0),
            Begun::Drop
        ));
        assert!(matches!(
            cache.begin_as(key(1, 1), &from(2), true, 0),
            Begun::Wait(_)
        ));
        assert!(matches!(
            cache.begin_as(key(1, 1), &from(2), true, 0),
            Begun::Drop
        ));
    }

    #[test]
    fn the_last_that_came_to_wait_are_told() {
        let mut cache = Cache::of(10);
        assert!(matches!(
            cache.begin(key(1, 1), &from(0)),
            Begun::Execute(_)
        ));
        for connection in 1..=6 {
            let waits = cache.begin_as(key(1, 1), &from(connection), false, connection.into());
            assert!(matches!(waits, Begun::Wait(_)));
        }
        let told = cache.shard.finish(key(1, 1), &results(0), cache.now);
        assert_eq!(told, [3, 4, 5, 6]);
    }

    #[test]
    fn what_was_not_executed_to_its_end_is_executed_again() {
        let mut cache = Cache::of(10);
        assert!(matches!(
            cache.begin(key(1, 1), &from(1)),
            Begun::Execute(_)
        ));
        assert_eq!(cache.shard.forget(key(1, 1)), []);
        assert_eq!(cache.shard.bytes(), 0);
        assert!(matches!(
            cache.begin(key(1, 1), &from(1)),
            Begun::Execute(_)
        ));
        let failed = Answered::Refused(Refusal::SystemErr);
        assert_eq!(cache.shard.finish(key(1, 1), &failed, cache.now), []);
        assert!(cache.call(key(1, 1), 0));
        cache.check();
    }

    #[test]
    fn a_call_without_a_reply_is_not_executed_again_either() {
        let mut cache = Cache::of(10);
        assert!(matches!(
            cache.begin(key(1, 1), &from(1)),
            Begun::Execute(_)
        ));
        let _ = cache.shard.finish(key(1, 1), &Answered::Silent, cache.now);
        let again = cache.begin(key(1, 1), &from(1));
        assert!(matches!(again, Begun::Done(Answered::Silent)), "{again:?}");
    }

    #[test]
    fn its_books_are_right_whatever_happens() {
        let mut cache = Cache::of(4);
        let mut executing = Vec::new();
        // A small generator of numbers: the test needs variety, not chance.
        let mut seed = 1_u32;
        let mut next = |below: u32| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 16) % below
        };
        for _ in 0..5_000 {
            cache.now += TTL / 100 * next(3);
            let call = key(next(12), next(8));
            match cache.begin(call, &from(next(3) as u16)) {
                Begun::Execute(Ticket(call)) => executing.push(call),
                Begun::Done(Answered::Results(results)) => assert!(results.len() < 2 * ENTRY),
                Begun::Done(answered) => assert_eq!(answered, Answered::Silent),
                Begun::Wait(_) | Begun::Drop | Begun::Full => {}
            }
            while executing.len() > 10 {
                let call = executing.swap_remove(next(11) as usize);
                let _ = match next(4) {
                    0 => cache.shard.forget(call),
                    1 => cache.shard.finish(call, &Answered::Silent, cache.now),
                    _ => {
                        let bytes = next(2 * ENTRY as u32) as usize;
                        cache.shard.finish(call, &results(bytes), cache.now)
                    }
                };
            }
            cache.check();
        }
    }
}
