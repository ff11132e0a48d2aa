//! Messages go out whole or not at all.

use std::io::Read;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixAddr, UnixListener};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use oncrpc::{CallError, CallOptions, RawCaller};
use oncrpc_client::Endpoint;
use oncrpc_client::blocking::{Channel, Wait};

use crate::{ID, answer, call, call_with, call_within, listen, next, ok, peer};

#[test]
fn a_message_goes_out_whole_though_the_time_of_its_call_is_up() {
    let (channel, listener) = listen_unix("a-message-goes-out-whole");
    let (all_wait, go) = mpsc::channel();
    let peer = thread::spawn(move || {
        let (mut stream, _) = ok(listener.accept());
        let first = ok(next(&mut stream));
        ok(all_wait.send(()));
        let large = ok(next(&mut stream));
        answer(&mut stream, first);
        // It does not matter to the stream that nobody waits for this reply.
        answer(&mut stream, large);
        while let Ok(call) = next(&mut stream) {
            answer(&mut stream, call);
        }
        (first.word, large.word)
    });
    thread::scope(|scope| {
        let waiting = scope.spawn(|| call(&channel, 7));
        ok(go.recv());
        let options = CallOptions::default().timeout(Duration::from_millis(1));
        let error = call_with(&channel, 8, TOO_MUCH, &options);
        assert!(
            matches!(error, Err(CallError::TimedOut { .. })),
            "{error:?}"
        );
        assert_eq!(waiting.join().map(ok).ok(), Some(8));
    });
    assert_eq!(ok(call(&channel, 9)), 10);
    drop(channel);
    assert_eq!(peer.join().ok(), Some((7, 8)));
}

#[test]
fn a_call_that_never_left_was_not_executed() {
    let (channel, listener) = listen_unix("a-call-that-never-left");
    let (begun, large_begun) = mpsc::channel();
    let (stop, stopped) = mpsc::channel::<()>();
    let peer = thread::spawn(move || {
        let (mut stream, _) = ok(listener.accept());
        // Nothing more is read than the beginning, until the test has seen enough.
        ok(stream.read_exact(&mut [0; 8]));
        ok(begun.send(()));
        let _ = stopped.recv();
        let mut rest = Vec::new();
        ok(stream.read_to_end(&mut rest));
        let (mut again, _) = ok(listener.accept());
        let call = ok(next(&mut again));
        answer(&mut again, call);
        rest.len()
    });
    thread::scope(|scope| {
        let large = scope.spawn(|| {
            let options = CallOptions::default().timeout(Duration::from_secs(1));
            call_with(&channel, 7, TOO_MUCH, &options)
        });
        ok(large_begun.recv());
        let behind = call_within(&channel, 8, 20);
        assert!(
            matches!(behind, Err(CallError::TimedOut { sent: 0, .. })),
            "{behind:?}"
        );
        let large = large.join();
        assert!(
            matches!(large, Ok(Err(CallError::TimedOut { sent: 1, .. }))),
            "{large:?}"
        );
    });
    // Nobody is left to write the rest of the large one: that connection has ended, and there is a new one.
    drop(stop);
    assert_eq!(ok(call(&channel, 9)), 10);
    assert!(peer.join().is_ok_and(|read| read < TOO_MUCH));
}

#[test]
fn large_messages_of_many_threads_do_not_mix() {
    let (channel, listener) = listen();
    let (coming, answers) = peer(listener);
    thread::spawn(move || {
        for call in coming {
            ok(answers.send(call));
        }
    });
    thread::scope(|scope| {
        for thread in 0..4 {
            let channel = &channel;
            scope.spawn(move || {
                for number in 0..4 {
                    let word = thread * 10 + number;
                    let options = CallOptions::default();
                    let reply = call_with(channel, word, 4 << 20, &options);
                    assert_eq!(ok(reply), word + 1);
                }
            });
        }
    });
}

#[test]
fn a_message_that_nobody_answers_is_sent_among_calls() {
    let (channel, listener) = listen();
    let (coming, answers) = peer(listener);
    thread::scope(|scope| {
        let waiting = scope.spawn(|| call(&channel, 7));
        let first = ok(coming.recv());
        for word in 100..110_u32 {
            let args = word.to_be_bytes().to_vec().into();
            ok(channel.send_raw(ID, args, CallOptions::default()).wait());
            assert_eq!(ok(coming.recv()).word, word);
        }
        ok(answers.send(first));
        assert_eq!(waiting.join().map(ok).ok(), Some(8));
    });
}

/// More than the kernel holds for a Unix socket that nobody reads from.
const TOO_MUCH: usize = 8 << 20;

/// A channel over a Unix socket, and the listener at its other end.
fn listen_unix(name: &str) -> (Channel, UnixListener) {
    let name = format!("{name}-{}", std::process::id());
    let address = ok(UnixAddr::from_abstract_name(&name));
    let listener = ok(UnixListener::bind_addr(&address));
    let channel = Channel::to(Endpoint::Abstract(name.into()));
    (channel, listener)
}
