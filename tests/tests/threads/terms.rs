//! What a channel can be told, and what it finds out by itself.

use std::net::{SocketAddr, UdpSocket};
use std::thread;
use std::time::Duration;

use oncrpc::{CallError, Retransmit};
use oncrpc_client::Endpoint;
use oncrpc_client::blocking::Channel;

use crate::{Came, LOOPBACK, call, listen, ok, peer};

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
