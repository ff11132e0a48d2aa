//! One thread connects for all that wait, and none waits longer than it wants to.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use oncrpc::CallError;
use oncrpc_client::Endpoint;
use oncrpc_client::blocking::Channel;
use socket2::{Domain, Socket, Type};

use crate::{LOOPBACK, answer, call, call_within, next, ok};

/// A listener that takes no more connections until one of those that are given back with it is accepted: the kernel
/// does not answer who connects.
fn full() -> (TcpListener, SocketAddr, Vec<TcpStream>) {
    let socket = ok(Socket::new(Domain::IPV4, Type::STREAM, None));
    ok(socket.bind(&LOOPBACK.into()));
    ok(socket.listen(0));
    let listener = TcpListener::from(socket);
    let at = ok(listener.local_addr());
    let mut waiting = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&at, Duration::from_millis(200)) {
        waiting.push(stream);
    }
    (listener, at, waiting)
}

#[test]
fn the_time_of_whoever_connects_is_its_own() {
    let (listener, at, waiting) = full();
    let channel = Channel::to(Endpoint::Tcp(at));
    thread::scope(|scope| {
        let patient = scope.spawn(|| call(&channel, 7));
        // Whoever of these connects gives up early, and leaves it to another.
        let hasty: Vec<_> = (0..4)
            .map(|word| {
                let channel = &channel;
                scope.spawn(move || call_within(channel, word, 20))
            })
            .collect();
        for thread in hasty {
            let error = thread.join();
            assert!(
                matches!(error, Ok(Err(CallError::TimedOut { sent: 0, .. }))),
                "{error:?}"
            );
        }
        for _ in &waiting {
            ok(listener.accept());
        }
        let (mut stream, _) = ok(listener.accept());
        let came = ok(next(&mut stream));
        answer(&mut stream, came);
        assert_eq!(patient.join().map(ok).ok(), Some(8));
    });
}
