//! Each call has its own reply and its own deadline, whatever the others wait for.

use std::collections::BTreeSet;
use std::net::UdpSocket;
use std::thread;

use oncrpc::CallError;
use oncrpc_client::Endpoint;
use oncrpc_client::blocking::Channel;

use crate::{Came, LOOPBACK, THREADS, answer, call, call_within, listen, next, ok, peer};

/// Has `THREADS` threads make 200 calls each, every one of which has to get its own reply.
fn call_from_many_threads(channel: &Channel) {
    thread::scope(|scope| {
        for thread in 0..THREADS {
            scope.spawn(move || {
                for number in 0..200 {
                    let word = thread * 1_000 + number;
                    assert_eq!(ok(call(channel, word)), word + 1);
                }
            });
        }
    });
}

#[test]
fn each_thread_gets_its_own_reply_in_whatever_order_they_come() {
    let (channel, listener) = listen();
    let peer = thread::spawn(move || {
        let (mut stream, _) = ok(listener.accept());
        for _ in 0..200 {
            // Nobody is answered before all have called.
            let calls: Vec<_> = (0..THREADS).map(|_| ok(next(&mut stream))).collect();
            for call in calls.into_iter().rev() {
                answer(&mut stream, call);
            }
        }
    });
    call_from_many_threads(&channel);
    assert!(peer.join().is_ok());
}

#[test]
fn each_thread_gets_its_own_datagram_in_whatever_order_they_come() {
    let socket = ok(UdpSocket::bind(LOOPBACK));
    let channel = Channel::to(Endpoint::Udp(ok(socket.local_addr())));
    let peer = thread::spawn(move || {
        let mut buffer = [0; 1024];
        let mut answered = BTreeSet::new();
        for _ in 0..200 {
            let mut calls = BTreeSet::new();
            let mut from = LOOPBACK;
            while calls.len() < THREADS as usize {
                let (len, address) = ok(socket.recv_from(&mut buffer));
                from = address;
                let call = Came::of(&buffer[..len]);
                // One that was sent again is the same.
                if !answered.contains(&call) {
                    calls.insert(call);
                }
            }
            for call in calls.iter().rev() {
                ok(socket.send_to(&call.reply(), from));
            }
            answered = calls;
        }
    });
    call_from_many_threads(&channel);
    assert!(peer.join().is_ok());
}

#[test]
fn a_slow_call_does_not_hold_up_others() {
    let (channel, listener) = listen();
    let (coming, answers) = peer(listener);
    thread::scope(|scope| {
        let slow = scope.spawn(|| call(&channel, 7));
        let slow_call = ok(coming.recv());
        let quick = scope.spawn(|| {
            for word in 100..200 {
                assert_eq!(ok(call(&channel, word)), word + 1);
            }
        });
        for _ in 100..200 {
            ok(answers.send(ok(coming.recv())));
        }
        assert!(quick.join().is_ok());
        ok(answers.send(slow_call));
        assert_eq!(slow.join().map(ok).ok(), Some(8));
    });
}

#[test]
fn a_thread_whose_time_is_up_returns_while_another_waits_on() {
    let (channel, listener) = listen();
    let (coming, answers) = peer(listener);
    thread::scope(|scope| {
        // The first to call waits at the socket, for itself and for the other.
        let long = scope.spawn(|| call(&channel, 7));
        let long_call = ok(coming.recv());
        let error = call_within(&channel, 8, 20);
        assert!(
            matches!(error, Err(CallError::TimedOut { sent: 1, .. })),
            "{error:?}"
        );
        ok(answers.send(long_call));
        assert_eq!(long.join().map(ok).ok(), Some(8));
    });
}

#[test]
fn another_waits_at_the_socket_when_the_time_of_the_first_is_up() {
    let (channel, listener) = listen();
    let (coming, answers) = peer(listener);
    thread::scope(|scope| {
        let first = scope.spawn(|| call_within(&channel, 7, 200));
        ok(coming.recv());
        let others: Vec<_> = (100..104)
            .map(|word| {
                scope.spawn({
                    let channel = &channel;
                    move || call(channel, word)
                })
            })
            .collect();
        let calls: Vec<_> = others.iter().map(|_| ok(coming.recv())).collect();
        let error = first.join();
        assert!(
            matches!(error, Ok(Err(CallError::TimedOut { .. }))),
            "{error:?}"
        );
        for call in calls {
            ok(answers.send(call));
        }
        for (other, word) in others.into_iter().zip(100..) {
            assert_eq!(other.join().map(ok).ok(), Some(word + 1));
        }
    });
}

#[test]
fn every_thread_hears_of_a_connection_that_is_lost() {
    let (channel, listener) = listen();
    let (coming, answers) = peer(listener);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|word| {
                scope.spawn({
                    let channel = &channel;
                    move || call(channel, word)
                })
            })
            .collect();
        let answered = ok(coming.recv());
        for _ in 1..THREADS {
            ok(coming.recv());
        }
        // One is answered before the end, which the others must not miss for it.
        ok(answers.send(answered));
        drop(answers);
        for (thread, word) in threads.into_iter().zip(0..) {
            match thread.join() {
                Ok(Ok(reply)) => assert_eq!((word, reply), (answered.word, word + 1)),
                Ok(Err(CallError::Disconnected(_))) => assert_ne!(word, answered.word),
                other => panic!("{other:?}"),
            }
        }
    });
}
