//! A go-between, for datagrams and for streams, that does not pass on what comes as it comes.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use nix::libc::linger;
use nix::sys::socket::{self, setsockopt, sockopt};
use oncrpc_interop::{Host, PROBE_PORT};

/// The server, and any port of ours.
const SERVER: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, PROBE_PORT);
const ANY: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

/// What comes of a datagram, the nth of its direction: those that are passed on.
pub type Passed<'a> = dyn Fn(usize, Vec<u8>) -> Vec<Vec<u8>> + Sync + 'a;

/// Passes datagrams on between a client and the probe server while `call` runs, which is told where. `calls` and
/// `replies` say what comes of them.
pub fn of_datagrams<T>(
    host: &Host,
    calls: &Passed<'_>,
    replies: &Passed<'_>,
    call: impl FnOnce(SocketAddr) -> T,
) -> T {
    let bind = || host.in_network(|| UdpSocket::bind(ANY));
    let (front, back) = (bind().expect("a free port"), bind().expect("a free port"));
    back.connect(SERVER).expect("an address");
    let at = front.local_addr().expect("it is bound");
    let client = Mutex::new(at);
    let stop = AtomicBool::new(false);
    let pass = |from: &UdpSocket, passed: &Passed<'_>, send: &dyn Fn(&[u8])| {
        let mut bytes = vec![0; 1 << 16];
        for nth in 0.. {
            // That nobody listens now is what some tests are about.
            let length = loop {
                let received = from.recv_from(&mut bytes);
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                if let Ok((length, sender)) = received {
                    if sender.port() != PROBE_PORT {
                        *client.lock().expect("nobody panics") = sender;
                    }
                    break length;
                }
            };
            for datagram in passed(nth, bytes[..length].to_vec()) {
                send(&datagram);
            }
        }
    };
    thread::scope(|scope| {
        scope.spawn(|| {
            pass(&front, calls, &|datagram| {
                let _ = back.send(datagram);
            });
        });
        scope.spawn(|| {
            pass(&back, replies, &|datagram| {
                let client = *client.lock().expect("nobody panics");
                let _ = front.send_to(datagram, client);
            });
        });
        let result = call(at);
        stop.store(true, Ordering::Relaxed);
        for socket in [&front, &back] {
            // Whoever waits for a datagram sees the end. A socket without a peer says that it has none, and does it.
            let _ = socket::shutdown(socket.as_raw_fd(), socket::Shutdown::Both);
        }
        result
    })
}

/// What is done to one direction of a stream.
#[derive(Clone, Copy, Debug)]
pub struct Bytes {
    /// Passed on in pieces of so many bytes.
    pub piece: usize,
    /// What happens behind so many bytes.
    pub at: Option<(usize, Happens)>,
}

/// Passed on as they come.
pub const SOUND: Bytes = Bytes {
    piece: 1 << 16,
    at: None,
};

/// What happens to a stream.
#[derive(Clone, Copy, Debug)]
pub enum Happens {
    /// Nothing comes for so long.
    Stall(Duration),
    /// Both sides see its end.
    Close,
    /// Both sides see an error.
    Reset,
}

/// Passes streams on between clients and the probe server while `call` runs, which is told where. The first
/// connection suffers `calls` on the way to the server and `replies` on the way back; later ones nothing.
pub fn of_streams<T>(
    host: &Host,
    calls: Bytes,
    replies: Bytes,
    call: impl FnOnce(SocketAddr) -> T,
) -> T {
    let listener = host.in_network(|| TcpListener::bind(ANY));
    let listener = listener.expect("a free port");
    let at = listener.local_addr().expect("it is bound");
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for nth in 0.. {
                let (client, _) = listener.accept().expect("it listens");
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let server = host.in_network(|| TcpStream::connect(SERVER));
                let Ok(server) = server else {
                    continue;
                };
                let [calls, replies] = match nth {
                    0 => [calls, replies],
                    _ => [SOUND; 2],
                };
                let way_back = [&server, &client].map(TcpStream::try_clone);
                let [Ok(from), Ok(to)] = way_back else {
                    panic!("{way_back:?}");
                };
                scope.spawn(move || pass(client, server, calls));
                scope.spawn(move || pass(from, to, replies));
            }
        });
        let result = call(at);
        stop.store(true, Ordering::Relaxed);
        let _ = host.in_network(|| TcpStream::connect(at));
        result
    })
}

/// Passes one direction on, to its end.
fn pass(mut from: TcpStream, mut to: TcpStream, how: Bytes) {
    for stream in [&from, &to] {
        let _ = stream.set_nodelay(true);
    }
    let mut passed = 0;
    let mut bytes = vec![0; how.piece];
    loop {
        let mut most = how.piece;
        if let Some((at, happens)) = how.at {
            match happens {
                _ if passed < at => most = most.min(at - passed),
                Happens::Stall(time) if passed == at => thread::sleep(time),
                Happens::Stall(_) => {}
                Happens::Close => return close(&from, &to),
                Happens::Reset => return reset(&from, &to),
            }
        }
        match from.read(&mut bytes[..most]) {
            Ok(length @ 1..) => {
                if to.write_all(&bytes[..length]).is_err() {
                    return close(&from, &to);
                }
                passed += length;
            }
            Ok(0) => {
                let _ = to.shutdown(Shutdown::Write);
                return;
            }
            Err(_) => return close(&from, &to),
        }
    }
}

fn close(from: &TcpStream, to: &TcpStream) {
    for stream in [from, to] {
        let _ = stream.shutdown(Shutdown::Both);
    }
}

/// Has the kernel reset both, when the other direction lets go of them as well.
fn reset(from: &TcpStream, to: &TcpStream) {
    let at_once = linger {
        l_onoff: 1,
        l_linger: 0,
    };
    for stream in [from, to] {
        let _ = setsockopt(stream, sockopt::Linger, &at_once);
        let _ = stream.shutdown(Shutdown::Read);
    }
}
