//! Datagrams that come from anybody.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail it")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use bytes::Bytes;
use oncrpc::{Answer, Call, Reply, Service, Services, Step, service};
use oncrpc_transport::datagram::{Admission, DatagramLimits, ForMany, serve};
use oncrpc_transport::{LadderPool, Stop, socket};
use oncrpc_xdr::Writer;
use tokio::net::UdpSocket;
use tokio::sync::{Semaphore, mpsc};

const PROGRAM: u32 = 0x2000_0001;

/// Serves a program that gives its arguments back; gives back where, and what ends it.
fn start(address: &str, limits: DatagramLimits) -> (SocketAddr, Stop) {
    let echo = service(PROGRAM, 1, &[], Arc::new(()), |_| {
        Box::new(|call: &Call<'_>, reply: &mut Reply<'_>| reply.success_raw(&call.raw_args()))
    });
    start_service(address, limits, echo)
}

fn start_service(
    address: &str,
    limits: DatagramLimits,
    service: Arc<dyn Service>,
) -> (SocketAddr, Stop) {
    let ladders = Arc::new(LadderPool::new(Arc::new(Services::new([service]))));
    let socket = socket::udp(address.parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    let stop = Stop::new();
    let socket = UdpSocket::from_std(socket).unwrap();
    let admission = Arc::new(Admission::new(limits, Instant::now()));
    let stopped = stop.subscribe();
    tokio::spawn(serve(socket, ladders, admission, ForMany::Answer, stopped));
    (address, stop)
}

/// A call of 40 bytes and its arguments.
fn call(xid: u32, args: &[u8]) -> Vec<u8> {
    let words = [xid, 0, 2, PROGRAM, 1, 1, 0, 0, 0, 0];
    [&words.map(u32::to_be_bytes).concat(), args].concat()
}

async fn client(server: SocketAddr) -> UdpSocket {
    let any = if server.is_ipv4() {
        "0.0.0.0:0"
    } else {
        "[::]:0"
    };
    let client = UdpSocket::bind(any).await.unwrap();
    client.connect(server).await.unwrap();
    client
}

/// The xid and the results of the next reply, which a connected socket takes from that address only.
async fn reply(client: &UdpSocket) -> (u32, Vec<u8>) {
    let mut buffer = [0; 2048];
    let len = client.recv(&mut buffer).await.unwrap();
    let xid = u32::from_be_bytes(buffer[..4].try_into().unwrap());
    (xid, buffer[24..len].to_vec())
}

#[tokio::test]
async fn a_reply_leaves_from_the_address_that_was_asked() {
    let (bound, _stop) = start("0.0.0.0:0", DatagramLimits::SERVER);
    for asked in ["127.0.0.1", "127.0.0.2", "127.1.2.3"] {
        let client = client(SocketAddr::new(asked.parse().unwrap(), bound.port())).await;
        client.send(&call(7, b"echo")).await.unwrap();
        assert_eq!(reply(&client).await, (7, b"echo".to_vec()), "{asked}");
    }
    let (bound, _stop) = start("[::]:0", DatagramLimits::SERVER);
    let client = client(SocketAddr::new("::1".parse().unwrap(), bound.port())).await;
    client.send(&call(8, b"six.")).await.unwrap();
    assert_eq!(reply(&client).await, (8, b"six.".to_vec()));
}

/// A reply says whether the call was for many; it comes from an address of the host's all the same.
#[tokio::test]
async fn a_broadcast_is_told_from_what_is_for_us_alone() {
    let answers = service(PROGRAM, 1, &[], Arc::new(()), |_| {
        Box::new(|call: &Call<'_>, reply: &mut Reply<'_>| {
            let for_many = [u8::from(call.context().is_for_many())];
            reply.success_raw(&Bytes::copy_from_slice(&for_many))
        })
    });
    let (bound, _stop) = start_service("0.0.0.0:0", DatagramLimits::SERVER, answers);
    let client = UdpSocket::bind("0.0.0.0:0").await.unwrap();
    client.set_broadcast(true).unwrap();
    for (xid, asked) in [(1, "127.0.0.1"), (2, "127.255.255.255"), (3, "127.0.0.2")] {
        let to = (asked, bound.port());
        client.send_to(&call(xid, b""), to).await.unwrap();
        let mut buffer = [0; 100];
        let (len, from) = client.recv_from(&mut buffer).await.unwrap();
        let broadcast = xid == 2;
        assert_eq!(buffer[..len].last(), Some(&u8::from(broadcast)), "{asked}");
        if !broadcast {
            assert_eq!(from.ip().to_string(), asked);
        }
    }
}

#[tokio::test]
async fn a_datagram_over_the_limit_is_dropped_whole() {
    let limits = DatagramLimits {
        receive: 60,
        ..DatagramLimits::SERVER
    };
    let (bound, _stop) = start("127.0.0.1:0", limits);
    let client = client(bound).await;
    client.send(&call(1, &[5; 21])).await.unwrap();
    client.send(&call(2, &[5; 4000])).await.unwrap();
    client.send(&call(3, &[5; 20])).await.unwrap();
    assert_eq!(reply(&client).await, (3, vec![5; 20]));
}

#[tokio::test]
async fn at_the_limit_of_handlers_nothing_more_is_read_until_one_is_done() {
    let (begun, mut seen) = mpsc::unbounded_channel();
    let state = Arc::new((begun, Semaphore::new(0)));
    let waits = service(PROGRAM, 1, &[], state.clone(), |state| {
        Box::new(move |call: &Call<'_>, reply: &mut Reply<'_>| {
            let (xid, framing, state) = (call.context().xid(), reply.framing(), state.clone());
            state.0.send(xid).unwrap();
            Step::Later(Box::pin(async move {
                state.1.acquire().await.unwrap().forget();
                let mut out = Writer::new();
                match Reply::new(&mut out, framing, xid).success::<()>(&()) {
                    Step::Done => Answer::Reply(out),
                    _ => Answer::Silent,
                }
            }))
        })
    });
    let limits = DatagramLimits {
        in_flight: 2,
        ..DatagramLimits::SERVER
    };
    let (bound, _stop) = start_service("127.0.0.1:0", limits, waits);
    let client = client(bound).await;
    client.writable().await.unwrap();
    // All of them are there when the first is looked at: the test has one thread.
    for xid in 1..=4 {
        client.try_send(&call(xid, &[])).unwrap();
    }
    for xid in 1..=2 {
        assert_eq!(seen.recv().await, Some(xid));
    }
    assert!(seen.is_empty(), "two handlers are at work");
    for xid in 1..=4 {
        state.1.add_permits(1);
        reply(&client).await;
        if xid <= 2 {
            assert_eq!(seen.recv().await, Some(xid + 2));
        }
    }
}

#[tokio::test]
async fn what_is_no_call_is_met_with_silence_and_disturbs_nobody() {
    let (bound, _stop) = start("127.0.0.1:0", DatagramLimits::SERVER);
    let client = client(bound).await;
    let whole = call(1, b"");
    for len in 0..whole.len() {
        client.send(&whole[..len]).await.unwrap();
    }
    client.send(&[0xff; 100]).await.unwrap();
    client.send(&call(9, b"last")).await.unwrap();
    assert_eq!(reply(&client).await, (9, b"last".to_vec()));
}

#[tokio::test]
async fn replies_of_many_callers_do_not_get_mixed_up() {
    let (bound, _stop) = start("127.0.0.1:0", DatagramLimits::SERVER);
    let mut clients = Vec::new();
    for _ in 0..20 {
        clients.push(client(bound).await);
    }
    for round in 0..5 {
        for (index, client) in (0..).zip(&clients) {
            client
                .send(&call(round * 100 + index, &index.to_be_bytes()))
                .await
                .unwrap();
        }
        for (index, client) in (0_u32..).zip(&clients) {
            let expected = (round * 100 + index, index.to_be_bytes().to_vec());
            assert_eq!(reply(client).await, expected);
        }
    }
}

#[tokio::test]
async fn on_a_socket_for_both_families_a_caller_over_ipv4_is_one() {
    // std makes such sockets; where there is no IPv6 there is nothing to show.
    let Ok(socket) = std::net::UdpSocket::bind("[::]:0") else {
        return;
    };
    socket.set_nonblocking(true).unwrap();
    socket::prepare_udp(&socket).unwrap();
    let port = socket.local_addr().unwrap().port();
    let who = service(PROGRAM, 1, &[], Arc::new(()), |_| {
        Box::new(|call: &Call<'_>, reply: &mut Reply<'_>| {
            let peer = call.context().peer();
            let seen = format!("{} {:?}", peer.netid, peer.local);
            reply.success_raw(&seen.into_bytes().into())
        })
    });
    let ladders = Arc::new(LadderPool::new(Arc::new(Services::new([who]))));
    let stop = Stop::new();
    let socket = UdpSocket::from_std(socket).unwrap();
    let admission = Admission::new(DatagramLimits::SERVER, Instant::now());
    tokio::spawn(serve(
        socket,
        ladders,
        Arc::new(admission),
        ForMany::Answer,
        stop.subscribe(),
    ));
    for (asked, netid) in [("127.0.0.2", "udp"), ("::1", "udp6")] {
        let asked = SocketAddr::new(asked.parse().unwrap(), port);
        let client = client(asked).await;
        client.send(&call(7, &[])).await.unwrap();
        let (_, seen) = reply(&client).await;
        let expected = format!("{netid} Inet({asked})");
        assert_eq!(String::from_utf8(seen).unwrap(), expected);
    }
}

#[tokio::test]
async fn however_many_datagrams_wait_others_are_looked_at_between_them() {
    const WAITING: usize = 200;
    let other = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let to_other = other.local_addr().unwrap();
    let sender = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let answered = Arc::new(AtomicUsize::new(0));
    let state = (answered.clone(), sender.try_clone().unwrap(), to_other);
    // The first call of all has something to do for the other socket.
    let counter = service(PROGRAM, 1, &[], Arc::new(state), |state| {
        Box::new(move |_: &Call<'_>, reply: &mut Reply<'_>| {
            let (answered, sender, to_other) = &*state;
            if answered.fetch_add(1, Ordering::Relaxed) == 0 {
                sender.send_to(b"now", to_other).unwrap();
            }
            reply.success_raw(&Bytes::new())
        })
    });
    let (server, _stop) = start_service("127.0.0.1:0", DatagramLimits::SERVER, counter);
    for xid in 0..WAITING as u32 {
        sender.send_to(&call(xid, &[]), server).unwrap();
    }
    other.recv(&mut [0; 3]).await.unwrap();
    let before_it = answered.load(Ordering::Relaxed);
    assert!((1..WAITING).contains(&before_it), "{before_it}");
}

/// Handlers' panics are answers; a service made by hand has none, and there is but one task for all who call.
#[tokio::test]
async fn a_service_that_panics_leaves_one_call_unanswered_and_the_socket_served() {
    let panics = service(PROGRAM, 1, &[], Arc::new(()), |_| {
        let mut is_at_work = false;
        Box::new(move |call: &Call<'_>, reply: &mut Reply<'_>| {
            assert!(!is_at_work, "what was left halfway is not called again");
            is_at_work = true;
            let args = call.raw_args();
            assert_ne!(&args[..], b"at once!");
            is_at_work = false;
            match &args[..] {
                b"in time!" => Step::Later(Box::pin(async { panic!("as asked for") })),
                _ => reply.success_raw(&args),
            }
        })
    });
    let (bound, _stop) = start_service("127.0.0.1:0", DatagramLimits::SERVER, panics);
    let client = client(bound).await;
    for (xid, args) in (0..).zip([b"at once!", b"answered", b"in time!", b"answered"]) {
        client.send(&call(xid, args)).await.unwrap();
        if args == b"answered" {
            assert_eq!(reply(&client).await, (xid, args.to_vec()));
        }
    }
}
