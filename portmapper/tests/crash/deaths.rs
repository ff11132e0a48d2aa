//! Death after each system call, and in the midst of each write.

use std::ops::ControlFlow;

use oncrpc_xdr::Bytes;

use crate::daemon::{Daemon, entry};
use crate::disk::{Image, Memory, Operation};
use crate::numbers::either;

/// The sizes of the registry with which everything is tried.
fn sizes() -> [u32; 3] {
    [0, 100, either(2_000, 10_000)]
}

/// Something that a daemon does.
type Deed = fn(&mut Daemon);

fn set(daemon: &mut Daemon) {
    assert!(daemon.set(&entry(1_000_000, 12)));
}

fn unset(daemon: &mut Daemon) {
    // Where nothing is registered there is nothing to remove, and that is written as well.
    assert!(daemon.unset(1));
}

/// Every image that a process leaves which dies while it does this: each with some of the operations done, the next one
/// perhaps in part.
fn images(before: &Image, operations: &[Operation]) -> Vec<Image> {
    let mut image = before.clone();
    let mut images = vec![image.clone()];
    for operation in operations {
        if let Operation::Write(number, bytes) = operation {
            for part in [1, bytes.len() / 2, bytes.len() - 1] {
                let mut torn = image.clone();
                torn.apply(&Operation::Write(*number, bytes[..part].to_vec()));
                images.push(torn);
            }
        }
        image.apply(operation);
        images.push(image.clone());
    }
    images
}

/// Does it, and looks at every moment of it; says how many there were.
fn die_everywhere(daemon: &mut Daemon, deed: Deed) -> usize {
    let (before, mark) = (daemon.disk.image(), daemon.disk.done());
    let list = daemon.list();
    deed(daemon);
    is_before_or_after(
        &before,
        &daemon.disk.done_since(mark),
        [list, daemon.list()],
    )
}

fn is_before_or_after(before: &Image, operations: &[Operation], lists: [Bytes; 2]) -> usize {
    assert!(!operations.is_empty());
    let images = images(before, operations);
    let count = images.len();
    let mut now = 0;
    for image in images {
        let found = Daemon::found(image);
        // Once it is done it stays done.
        while lists[now] != found {
            now += 1;
            assert!(now < lists.len(), "neither before nor after");
        }
    }
    assert_eq!(lists[now], lists[1]);
    count
}

#[test]
fn a_change_is_made_or_not_made_whenever_the_daemon_dies() {
    for size in sizes() {
        let mut points = 0;
        for deed in [set, unset] {
            points += die_everywhere(&mut Daemon::with(size), deed);
        }
        println!("{size} registrations: {points} points of a SET and an UNSET");
    }
}

/// Registers and removes, with long addresses, until the journal has to be written anew; `go_on` hears of each step
/// before it is made.
fn churn(daemon: &mut Daemon, mut go_on: impl FnMut(&Daemon) -> ControlFlow<()>) {
    let long = entry(2_000_000, 255);
    loop {
        for is_set in [true, false] {
            if go_on(daemon).is_break() {
                return;
            }
            assert!(if is_set {
                daemon.set(&long)
            } else {
                daemon.unset(long.program)
            });
        }
    }
}

/// A daemon whose next change has the journal written anew.
pub fn about_to_renew(size: u32) -> Daemon {
    let mut steps = 0;
    let mut first = Daemon::with(size);
    let renewals = first.renewals();
    churn(&mut first, |daemon| match daemon.renewals() == renewals {
        true => {
            steps += 1;
            ControlFlow::Continue(())
        }
        false => ControlFlow::Break(()),
    });
    let mut again = Daemon::with(size);
    churn(&mut again, |_| {
        steps -= 1;
        match steps {
            0 => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    });
    again
}

#[test]
fn a_change_that_has_the_journal_written_anew_is_made_or_not_made() {
    for size in sizes() {
        let mut points = 0;
        for deed in [set, unset] {
            let mut daemon = about_to_renew(size);
            let renewals = daemon.renewals();
            points += die_everywhere(&mut daemon, deed);
            assert_eq!(daemon.renewals(), renewals + 1);
        }
        println!("{size} registrations: {points} points of a renewal");
    }
}

#[test]
fn a_start_and_an_end_change_nothing_whenever_the_daemon_dies() {
    for size in sizes() {
        let mut points = 0;
        let mut daemon = Daemon::with(size);
        let list = daemon.list();
        points += die_everywhere(&mut daemon, Daemon::end);
        assert_eq!(daemon.list(), list);
        let ended = daemon.disk.image();
        let mut without_journal = ended.clone();
        without_journal
            .names
            .retain(|name, _| !name.ends_with("journal"));
        for image in [ended, without_journal] {
            let disk = Memory::holding(image.clone());
            let found = Daemon::start(disk.clone()).list();
            assert_eq!(found, list);
            points += is_before_or_after(&image, &disk.done_since(0), [list.clone(), list.clone()]);
        }
        println!("{size} registrations: {points} points of an end and two starts");
    }
}

#[test]
fn a_damaged_journal_tells_its_beginning_whenever_the_next_daemon_dies() {
    for size in sizes().into_iter().filter(|size| *size > 0) {
        let image = damaged(size);
        let disk = Memory::holding(image.clone());
        let list = Daemon::start(disk.clone()).list();
        assert_eq!(list, Daemon::with(size - 1).list());
        let points = is_before_or_after(&image, &disk.done_since(0), [list.clone(), list]);
        println!("{size} registrations: {points} points of a start");
    }
}

/// What was left by a daemon with so many registrations, the last of which is not whole.
pub fn damaged(size: u32) -> Image {
    let image = Daemon::with(size).disk.image();
    let journal = image.read("journal");
    let damaged = journal[..journal.len() - 1].to_vec();
    image.with("journal", &damaged)
}
