//! A disk that refuses: each system call in turn, once or from then on, for each reason that there is.

use nix::errno::Errno;
use oncrpc_xdr::Bytes;

use crate::daemon::{Daemon, entry};
use crate::deaths::{about_to_renew, damaged};
use crate::disk::{Image, Memory, Refusal};

const REASONS: [Errno; 5] = [
    Errno::ENOSPC,
    Errno::EIO,
    Errno::EROFS,
    Errno::EMFILE,
    Errno::EINTR,
];

/// Every way in which this many system calls are refused.
fn refusals(calls: usize) -> impl Iterator<Item = Refusal> {
    (0..calls).flat_map(|at| {
        REASONS.into_iter().flat_map(move |why| {
            let ways = [(false, false), (true, false), (true, true)].into_iter();
            // A signal ends a call, never all of them.
            let ways = ways.filter(move |&(lasting, _)| why != Errno::EINTR || !lasting);
            ways.map(move |(lasting, half)| Refusal {
                at,
                why,
                lasting,
                half,
            })
        })
    })
}

/// How many system calls it takes when none is refused.
fn calls(disk: &Memory, deed: impl FnOnce()) -> usize {
    disk.refuse(None);
    deed();
    disk.asked()
}

/// Makes a change of a registry while the disk refuses something, and says whether that was noticed. What is registered is
/// what was answered, now, after a death and after the disk works again.
fn changed(mut daemon: Daemon, refusal: Refusal, change: fn(&mut Daemon) -> bool) -> bool {
    let before = daemon.list();
    daemon.disk.refuse(Some(refusal));
    let answer = change(&mut daemon);
    daemon.disk.refuse(None);
    let list = daemon.list();
    assert_eq!(list != before, answer, "{refusal:?}");
    assert_eq!(Daemon::found(daemon.disk.image()), list, "{refusal:?}");
    assert!(answer || change(&mut daemon), "{refusal:?}");
    assert!(daemon.set(&entry(3_000_000, 12)));
    let list = daemon.list();
    assert_ne!(list, before);
    assert_eq!(Daemon::found(daemon.disk.image()), list, "{refusal:?}");
    !answer
}

fn set(daemon: &mut Daemon) -> bool {
    daemon.set(&entry(1_000_000, 12))
}

fn unset(daemon: &mut Daemon) -> bool {
    daemon.unset(1)
}

#[test]
fn a_change_that_the_disk_refuses_is_answered_so_and_not_made() {
    let (mut points, mut refused) = (0, 0);
    for change in [set, unset] {
        for start in [|| Daemon::with(100), || about_to_renew(100)] {
            let mut daemon = start();
            let disk = daemon.disk.clone();
            let calls = calls(&disk, || assert!(change(&mut daemon)));
            for refusal in refusals(calls) {
                points += 1;
                refused += usize::from(changed(start(), refusal, change));
            }
        }
    }
    println!(
        "{points} refusals in a SET and an UNSET, with a renewal and without, of which {refused} were felt"
    );
    // All but EINTR where nothing else can be done, and those of the last write of a renewal.
    assert!(refused >= 4 * 2 * 3 * 2, "{refused}");
}

/// What was left by a daemon that ended, and another that was killed after a change.
fn left() -> (Image, [Bytes; 3]) {
    let empty = Daemon::start(Memory::default()).list();
    let mut daemon = Daemon::with(100);
    daemon.end();
    let ended = daemon.list();
    assert!(daemon.unset(7));
    (daemon.disk.image(), [daemon.list(), ended, empty])
}

#[test]
fn a_start_that_the_disk_refuses_is_one_without_what_it_cannot_read() {
    let (image, lists) = left();
    let journal = image.read("journal").to_vec();
    let disk = Memory::holding(image.clone());
    let calls = calls(&disk, || drop(Daemon::start(disk.clone())));
    let mut all = 0;
    for refusal in refusals(calls) {
        let disk = Memory::holding(image.clone());
        disk.refuse(Some(refusal));
        let mut daemon = Daemon::start(disk.clone());
        disk.refuse(None);
        let list = daemon.list();
        assert!(lists.contains(&list), "{refusal:?}");
        all += usize::from(list == lists[0]);
        // Services are registered, whether that is kept or not, and what is not kept is lost altogether.
        let more = entry(3_000_000, 12);
        assert!(daemon.set(&more), "{refusal:?}");
        let found = Daemon::found(disk.image());
        let is_kept = found == daemon.list();
        assert!(is_kept || lists.contains(&found), "{refusal:?}");
        assert!(is_kept || refusal.why == Errno::EROFS, "{refusal:?}");
        // What was not read is not lost: it is there, under its name or another.
        let kept =
            ["journal", "journal.bad"].map(|name| disk.image().get(name).map(<[u8]>::to_vec));
        let is_there = kept
            .into_iter()
            .flatten()
            .any(|bytes| bytes.starts_with(&journal));
        assert!(list == lists[0] || is_there, "{refusal:?}");
    }
    println!(
        "{} refusals in a start, of which {all} cost nothing",
        refusals(calls).count()
    );
}

#[test]
fn a_damaged_journal_tells_its_beginning_until_there_is_another_though_the_disk_refuses_that() {
    let image = damaged(100);
    let beginning = Daemon::with(99).list();
    let disk = Memory::holding(image.clone());
    let calls = calls(&disk, || drop(Daemon::start(disk.clone())));
    let mut told = 0;
    for refusal in refusals(calls) {
        let disk = Memory::holding(image.clone());
        disk.refuse(Some(refusal));
        let list = Daemon::start(disk.clone()).list();
        disk.refuse(None);
        if list == beginning {
            told += 1;
            let found = Daemon::found(disk.image());
            assert!(found == list, "{refusal:?}");
        }
    }
    println!(
        "{} refusals in a start, {told} of them when its beginning was known",
        refusals(calls).count()
    );
    assert!(told > 0);
}

#[test]
fn while_nothing_can_be_written_changes_are_refused_and_later_they_are_made() {
    for why in [Errno::ENOSPC, Errno::EIO, Errno::EMFILE] {
        let (image, lists) = left();
        let disk = Memory::holding(image.clone());
        let reads = calls(&disk, || drop(Daemon::start(disk.clone())));
        // From the removal of an old `journal.new` on, which is what follows the last read.
        let writes = disk.done() + 1;
        let disk = Memory::holding(image);
        disk.refuse(Some(Refusal {
            at: reads - writes,
            why,
            lasting: true,
            half: false,
        }));
        let mut daemon = Daemon::start(disk.clone());
        assert_eq!(daemon.list(), lists[0]);
        let more = entry(3_000_000, 12);
        for _ in 0..3 {
            assert!(!daemon.set(&more) && !daemon.unset(1), "{why}");
        }
        assert_eq!(daemon.list(), lists[0]);
        disk.refuse(None);
        assert!(daemon.set(&more) && daemon.unset(1), "{why}");
        assert_eq!(Daemon::found(disk.image()), daemon.list());
    }
}

#[test]
fn an_end_that_the_disk_refuses_loses_nothing() {
    let mut first = Daemon::with(100);
    let disk = first.disk.clone();
    let calls = calls(&disk, || first.end());
    for refusal in refusals(calls) {
        let mut daemon = Daemon::with(100);
        let list = daemon.list();
        daemon.disk.refuse(Some(refusal));
        daemon.end();
        daemon.disk.refuse(None);
        let found = Daemon::found(daemon.disk.image());
        assert_eq!(found, list, "{refusal:?}");
    }
    println!("{} refusals in an end", refusals(calls).count());
}
