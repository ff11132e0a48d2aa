//! What the last rpcbind left: its lists, and the journal.

use oncrpc_portmapper::journal::record::{MAGIC, snapshot, snapshot_len};
use oncrpc_portmapper::journal::replay::{Replay, Told};
use oncrpc_portmapper::registry::{Entry, MAX_NETID, MAX_UADDR, Registry};
use oncrpc_portmapper::state::{Condition, Fingerprint, State, pmaplist, rpcblist};
use oncrpc_xdr::{Bytes, DecodeError};

/// Any bytes as each of the files, and as bodies of a journal whose records are framed as they should be.
pub fn files(data: &[u8]) {
    let Some((kind, rest)) = data.split_first() else {
        return;
    };
    match kind % 4 {
        0 => list(rpcblist(&Bytes::copy_from_slice(rest))),
        1 => list(pmaplist(&Bytes::copy_from_slice(rest))),
        2 => journal(rest),
        _ => journal(&framed(rest)),
    }
}

/// What is registered of a list comes out of the list that a daemon would leave.
fn list(read: Result<State, DecodeError>) {
    let Ok(state) = read else {
        return;
    };
    let mut registry = Registry::new();
    for entry in state.entries {
        is_bounded(&entry);
        registry.set(entry);
    }
    survives(&mut registry);
}

/// A journal tells the same in pieces; what it tells is good up to where it says, and is told again.
fn journal(journal: &[u8]) {
    let whole = told(journal, journal.len().max(1));
    let pieces = told(journal, 13);
    assert!(whole.registry.iter().eq(pieces.registry.iter()));
    assert_eq!((whole.files, &whole.damage), (pieces.files, &pieces.damage));
    whole.registry.iter().for_each(|entry| is_bounded(&entry));
    if let Some(damage) = &whole.damage {
        let end = usize::try_from(damage.at).unwrap_or(usize::MAX);
        let good = told(&journal[..end], end.max(1));
        assert!(good.registry.iter().eq(whole.registry.iter()));
        assert!(end == 0 || good.damage.is_none(), "{:?}", good.damage);
    }
    let mut registry = whole.registry;
    survives(&mut registry);
}

/// A registry is the same after it was written and read: as a journal, and as a list.
fn survives(registry: &mut Registry) {
    let files = Fingerprint {
        rpcbind: Condition::Missing,
        portmap: Condition::Refused,
    };
    let snapshot: Vec<u8> = snapshot(registry, files).flatten().collect();
    assert!(snapshot.len() as u64 <= snapshot_len(registry));
    let again = told(&snapshot, snapshot.len());
    assert!(again.damage.is_none(), "{:?}", again.damage);
    assert_eq!(again.files, Some(files));
    assert!(again.registry.iter().eq(registry.iter()));
    assert_eq!(registry.dump().len() as u64, registry.dump_len());
    let list = rpcblist(&registry.dump()).unwrap_or_else(|error| panic!("{error}"));
    // The daemon's own program is registered anew at each start.
    let others = registry.iter().filter(|entry| entry.program != 100_000);
    assert!(list.entries.into_iter().eq(others));
    assert_eq!(list.too_long, 0);
}

fn is_bounded(entry: &Entry) {
    assert!(entry.netid.as_bytes().len() <= MAX_NETID);
    assert!(entry.uaddr.as_bytes().len() <= MAX_UADDR);
}

fn told(journal: &[u8], piece: usize) -> Told {
    let mut replay = Replay::new();
    let mut unread = Vec::new();
    for piece in journal.chunks(piece) {
        unread.extend(piece);
        unread.drain(..replay.take(&unread));
    }
    replay.end(&unread)
}

/// A journal of these bodies, each behind a byte that says its length in words: a fuzzer finds no checksums.
fn framed(mut bodies: &[u8]) -> Vec<u8> {
    let mut journal = MAGIC.to_vec();
    while let Some((words, rest)) = bodies.split_first() {
        let (body, rest) = rest.split_at(rest.len().min(4 * usize::from(*words)));
        bodies = rest;
        let length = u16::try_from(body.len()).unwrap_or(u16::MAX);
        let mut sum = crc32fast::Hasher::new();
        sum.update(&(journal.len() as u64).to_be_bytes());
        sum.update(&length.to_be_bytes());
        sum.update(body);
        journal.extend(length.to_be_bytes());
        journal.extend((!length).to_be_bytes());
        journal.extend(sum.finalize().to_be_bytes());
        journal.extend(body);
    }
    journal
}
