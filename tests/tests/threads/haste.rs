//! Deadlines of a few milliseconds, and peers that answer late, twice or never.

use std::net::UdpSocket;
use std::thread;
use std::time::Duration;

use oncrpc::{CallError, CallOptions, Retransmit};
use oncrpc_client::Endpoint;
use oncrpc_client::blocking::Channel;
use oncrpc_transport::testing::Dice;

use crate::{Came, LOOPBACK, call_with, call_within, listen, next, ok, try_answer};

/// Has threads make calls with deadlines of 1 to 40 ms; says how many were answered. Every one has to end, with its own
/// reply or an error that fits.
fn call_in_haste(channel: &Channel, seed: u64) -> usize {
    thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|thread| {
                scope.spawn(move || {
                    let mut dice = Dice::new(seed * 100 + u64::from(thread));
                    let mut answered = 0;
                    for number in 0..50 {
                        let word = thread * 1_000 + number;
                        let millis = 1 + dice.below(40);
                        let options = CallOptions::default().timeout(Duration::from_millis(millis));
                        let padding = if dice.happens(100) { 300_000 } else { 0 };
                        match call_with(channel, word, padding, &options) {
                            Ok(reply) => {
                                assert_eq!(reply, word + 1, "seed {seed}");
                                answered += 1;
                            }
                            Err(
                                CallError::TimedOut { .. }
                                | CallError::Disconnected(_)
                                | CallError::Connect(_)
                                | CallError::TooLarge { .. },
                            ) => {}
                            Err(error) => panic!("seed {seed}: {error}"),
                        }
                    }
                    answered
                })
            })
            .collect();
        let answered = threads.into_iter().map(thread::ScopedJoinHandle::join);
        answered.map(|answered| answered.unwrap_or(0)).sum()
    })
}

#[test]
fn every_call_ends_whatever_the_peer_does() {
    for seed in 0..4 {
        let (channel, listener) = listen();
        let peer = thread::spawn(move || {
            let mut dice = Dice::new(seed);
            // One connection after the other, each with an end of its own.
            while let Ok((mut stream, _)) = listener.accept() {
                let mut kept = Vec::new();
                let calls = 1 + dice.below(100);
                for _ in 0..calls {
                    let Ok(call) = next(&mut stream) else {
                        break;
                    };
                    if call.word == u32::MAX - 1 {
                        return;
                    }
                    kept.push(call);
                    if dice.happens(700) {
                        // Those that were kept are late by now, perhaps too late.
                        for call in kept.drain(..).rev() {
                            let _ = try_answer(&mut stream, call);
                        }
                    }
                }
            }
        });
        let answered = call_in_haste(&channel, seed);
        assert!(answered > 0, "seed {seed}");
        // The peer ends by the first of these that reaches it.
        while !peer.is_finished() {
            let _ = call_within(&channel, u32::MAX - 1, 10);
        }
        assert!(peer.join().is_ok());
    }
}

#[test]
fn every_call_ends_though_datagrams_get_lost() {
    let socket = ok(UdpSocket::bind(LOOPBACK));
    let every = Retransmit::exponential(Duration::from_millis(2));
    let channel = Channel::to(Endpoint::Udp(ok(socket.local_addr()))).with_retransmit(every);
    let peer = thread::spawn(move || {
        let mut dice = Dice::new(7);
        let mut buffer = [0; 1 << 16];
        loop {
            let (len, from) = ok(socket.recv_from(&mut buffer));
            let call = Came::of(&buffer[..len]);
            if call.word == u32::MAX - 1 {
                return;
            }
            let copies = [1, 0, 0, 1, 2][dice.below(5) as usize];
            for _ in 0..copies {
                ok(socket.send_to(&call.reply(), from));
            }
        }
    });
    assert!(call_in_haste(&channel, 7) > 0);
    while !peer.is_finished() {
        let _ = call_within(&channel, u32::MAX - 1, 10);
    }
    assert!(peer.join().is_ok());
}
