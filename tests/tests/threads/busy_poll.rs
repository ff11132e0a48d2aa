//! Looking for a reply again and again before sleeping.

use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;
use std::{fs, thread};

use oncrpc::CallError;

use crate::{call, call_within, listen, ok, peer};

/// An hour, in which no test ends.
const LONG: Duration = Duration::from_secs(3600);

/// Where the kernel tells of the thread at hand (`proc_thread-self(5)`).
fn this_thread() -> PathBuf {
    Path::new("/proc").join(ok(fs::read_link("/proc/thread-self")))
}

/// Whether a thread sleeps: its state follows its name (`proc_pid_stat(5)`).
fn sleeps(thread: &Path) -> bool {
    let stat = ok(fs::read_to_string(thread.join("stat")));
    let state = stat.rsplit(')').next().unwrap_or_default();
    matches!(state.trim().chars().next(), Some('S' | 'D'))
}

/// Has a thread call, and gives `look` its place when the call has come; the call is answered after that.
fn while_it_waits(busy: Duration, look: impl FnOnce(&Path)) {
    let (channel, listener) = listen();
    let channel = channel.with_busy_poll(busy);
    let (coming, answers) = peer(listener);
    let (place, places) = mpsc::channel();
    let caller = thread::spawn(move || {
        ok(place.send(this_thread()));
        call(&channel, 1)
    });
    let came = ok(coming.recv());
    look(&ok(places.recv()));
    ok(answers.send(came));
    let Ok(reply) = caller.join() else {
        panic!("the caller panicked")
    };
    assert_eq!(ok(reply), 2);
}

#[test]
fn who_polls_sleeps_when_it_is_time() {
    // It ends when the thread is seen asleep.
    let until_it_sleeps = |thread: &Path| while !sleeps(thread) {};
    while_it_waits(Duration::ZERO, until_it_sleeps);
    while_it_waits(Duration::from_millis(1), until_it_sleeps);
}

#[test]
fn who_polls_does_not_sleep_before() {
    while_it_waits(LONG, |thread| {
        // It may still be on its way from sending the call to waiting, which it does not sleep on, either.
        assert!((0..1000).all(|_| !sleeps(thread)));
    });
}

#[test]
fn a_call_ends_in_its_time_while_its_thread_polls() {
    let (channel, listener) = listen();
    let channel = channel.with_busy_poll(LONG);
    let (coming, _answers) = peer(listener);
    let ended = call_within(&channel, 1, 20);
    assert!(
        matches!(ended, Err(CallError::TimedOut { sent: 1, .. })),
        "{ended:?}"
    );
    assert_eq!(ok(coming.recv()).word, 1);
}

#[test]
fn threads_that_share_a_connection_get_their_replies_while_one_polls() {
    let (channel, listener) = listen();
    let channel = channel.with_busy_poll(LONG);
    let (coming, answers) = peer(listener);
    thread::scope(|scope| {
        let callers: Vec<_> = (0..4)
            .map(|word| {
                let channel = &channel;
                scope.spawn(move || (call(channel, word), word))
            })
            .collect();
        let mut came: Vec<_> = callers.iter().map(|_| ok(coming.recv())).collect();
        came.sort_by_key(|came| std::cmp::Reverse(came.word));
        for came in came {
            ok(answers.send(came));
        }
        for caller in callers {
            let Ok((reply, word)) = caller.join() else {
                panic!("a caller panicked")
            };
            assert_eq!(ok(reply), word + 1);
        }
    });
}
