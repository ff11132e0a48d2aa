//! Threads that share one blocking channel, against a peer that answers when and how the test says.

use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixAddr, UnixListener};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

use oncrpc::{CallError, CallOptions, ProcedureId, RawCaller, Retransmit};
use oncrpc_client::Endpoint;
use oncrpc_client::blocking::{Channel, Wait};
use oncrpc_transport::testing::Dice;

const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
const THREADS: u32 = 16;

/// What went well.
#[track_caller]
fn ok<T, E: std::fmt::Display>(result: Result<T, E>) -> T {
    result.unwrap_or_else(|error| panic!("{error}"))
}

/// Calls with `word` and then as many zero bytes as `padding` says; gives back the reply's word.
fn call_with(
    channel: &Channel,
    word: u32,
    padding: usize,
    options: &CallOptions,
) -> Result<u32, CallError> {
    let id = ProcedureId {
        program: 0x2000_0001,
        version: 1,
        procedure: 1,
    };
    let encode = |w: &mut oncrpc_xdr::Writer| {
        w.u32(word);
        w.raw(&vec![0; padding]);
        Ok(())
    };
    let reply = channel.exchange(id, encode, options)?;
    Ok(ok(reply[..].try_into().map(u32::from_be_bytes)))
}

/// Calls with `word`; gives back the reply's word.
fn call(channel: &Channel, word: u32) -> Result<u32, CallError> {
    call_with(channel, word, 0, &CallOptions::default())
}

/// Calls with `word`, in so many milliseconds.
fn call_within(channel: &Channel, word: u32, millis: u64) -> Result<u32, CallError> {
    let options = CallOptions::default().timeout(Duration::from_millis(millis));
    call_with(channel, word, 0, &options)
}

/// A call that came: its xid and its word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Came {
    xid: u32,
    word: u32,
}

/// Bytes of a call's header with AUTH_NONE.
const HEADER: usize = 40;

impl Came {
    fn of(message: &[u8]) -> Self {
        let word = |at: usize| ok(message[at..at + 4].try_into().map(u32::from_be_bytes));
        Self {
            xid: word(0),
            word: word(HEADER),
        }
    }

    /// The reply, whose word is the call's and one.
    fn reply(self) -> Vec<u8> {
        let words = [self.xid, 1, 0, 0, 0, 0, self.word + 1];
        words.map(u32::to_be_bytes).concat()
    }
}

/// The next call on a stream.
fn next(stream: &mut impl Read) -> io::Result<Came> {
    let mut mark = [0; 4];
    stream.read_exact(&mut mark)?;
    let mut message = vec![0; (u32::from_be_bytes(mark) & !(1 << 31)) as usize];
    stream.read_exact(&mut message)?;
    Ok(Came::of(&message))
}

fn answer(stream: &mut impl Write, call: Came) {
    ok(try_answer(stream, call));
}

/// Answers a caller who may be gone.
fn try_answer(stream: &mut impl Write, call: Came) -> io::Result<()> {
    let reply = call.reply();
    let mark = (1 << 31) | reply.len() as u32;
    stream.write_all(&[&mark.to_be_bytes(), &reply[..]].concat())
}

/// A channel over TCP, and the listener at its other end.
fn listen() -> (Channel, TcpListener) {
    let listener = ok(TcpListener::bind(LOOPBACK));
    let channel = Channel::to(Endpoint::Tcp(ok(listener.local_addr())));
    (channel, listener)
}

/// A peer that takes one connection: it says which calls come, and answers those that it is told to.
fn peer(listener: TcpListener) -> (Receiver<Came>, Sender<Came>) {
    let (came, coming) = mpsc::channel();
    let (answers, to_answer) = mpsc::channel();
    thread::spawn(move || {
        let (mut stream, _) = ok(listener.accept());
        let mut output = ok(stream.try_clone());
        thread::spawn(move || {
            for call in to_answer {
                answer(&mut output, call);
            }
            // Nobody says any more what to answer.
            let _ = output.shutdown(std::net::Shutdown::Both);
        });
        while let Ok(call) = next(&mut stream) {
            if came.send(call).is_err() {
                return;
            }
        }
    });
    (coming, answers)
}

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
fn a_call_to_a_closed_port_fails_long_before_its_deadline() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let socket = ok(UdpSocket::bind(address));
        let at = ok(socket.local_addr());
        // It listens to one other alone, so to us the port is closed, and stays so.
        ok(socket.connect(SocketAddr::new(at.ip(), 9)));
        let channel = Channel::to(Endpoint::Udp(at)).with_timeout(Duration::from_secs(24 * 3600));
        thread::scope(|scope| {
            for word in 0..4 {
                let channel = &channel;
                scope.spawn(move || {
                    let error = call(channel, word);
                    assert!(matches!(error, Err(CallError::Connect(_))), "{error:?}");
                });
            }
        });
    }
}

#[test]
fn a_reply_longer_than_one_wants_ends_the_connection() {
    let (channel, listener) = listen();
    let (coming, answers) = peer(listener);
    thread::spawn(move || {
        for call in coming {
            ok(answers.send(call));
        }
    });
    let error = call(&channel.with_max_reply(27), 7);
    let Err(CallError::Disconnected(why)) = error else {
        panic!("{error:?}")
    };
    assert_eq!(
        why.to_string(),
        "record of 28 bytes and more, allowed are 27"
    );
}

#[test]
fn datagrams_are_repeated_as_one_wants() {
    let socket = ok(UdpSocket::bind(LOOPBACK));
    let every = Retransmit::fixed(Duration::from_millis(5));
    let channel = Channel::to(Endpoint::Udp(ok(socket.local_addr()))).with_retransmit(every);
    let peer = thread::spawn(move || {
        let mut buffer = [0; 1024];
        for _ in 0..20 {
            ok(socket.recv(&mut buffer));
        }
        let (len, from) = ok(socket.recv_from(&mut buffer));
        ok(socket.send_to(&Came::of(&buffer[..len]).reply(), from));
    });
    assert_eq!(ok(call(&channel, 7)), 8);
    assert!(peer.join().is_ok());
}

#[test]
fn a_message_that_nobody_answers_is_sent_among_calls() {
    let (channel, listener) = listen();
    let (coming, answers) = peer(listener);
    let id = ProcedureId {
        program: 0x2000_0001,
        version: 1,
        procedure: 2,
    };
    thread::scope(|scope| {
        let waiting = scope.spawn(|| call(&channel, 7));
        let first = ok(coming.recv());
        for word in 100..110_u32 {
            let args = word.to_be_bytes().to_vec().into();
            ok(channel.send_raw(id, args, CallOptions::default()).wait());
            assert_eq!(ok(coming.recv()).word, word);
        }
        ok(answers.send(first));
        assert_eq!(waiting.join().map(ok).ok(), Some(8));
    });
}

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
