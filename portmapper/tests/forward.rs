//! Calls for others: a service of the test's own is called by a portmapper without sockets of its own.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use oncrpc::netid::Netid;
use oncrpc::peer::{Address, Peer, UnixPeer};
use oncrpc::{Framing, Ladder, Origin, Services, Session, Step};
use oncrpc_portmapper::forward::{Forwarder, IN_FLIGHT};
use oncrpc_portmapper::policy::Policy;
use oncrpc_portmapper::portmapper::Portmapper;
use oncrpc_portmapper::request_log::RequestLog;
use oncrpc_portmapper::services::ProgramNames;
use oncrpc_portmapper::state::StateDirectory;
use oncrpc_portmapper::statistics::Version;
use oncrpc_portmapper::{netconfig, service};
use oncrpc_xdr::Writer;
use tokio::net::UdpSocket;

/// A program of the test's, in version 1 at the port of [`House::service`].
const HELLO: u32 = 400_000;

const PORTMAPPER: u32 = 100_000;
const CALLIT: u32 = 5;
const INDIRECT: u32 = 10;

const PROG_UNAVAIL: u32 = 1;
const SYSTEM_ERR: u32 = 5;
const TOOWEAK: u32 = 5;

/// A portmapper with `-r`, and a service that it can call.
struct House {
    ladder: Ladder,
    service: UdpSocket,
}

/// What comes of a call: words behind the reply's xid, or silence.
type Reply = Option<Vec<u32>>;

/// A call that was sent to the portmapper.
enum Asked {
    Answered(Reply),
    Forwarded(Pin<Box<dyn Future<Output = oncrpc::Answer> + Send>>),
}

impl House {
    async fn new() -> Self {
        Self::with(Policy::default(), "127.0.0.1").await
    }

    /// Registers the service as one that listens everywhere, or at this address alone.
    async fn with(policy: Policy, registered: &str) -> Self {
        let (networks, _) = netconfig::read(&PathBuf::from("/nonexistent/netconfig")).unwrap();
        let state = StateDirectory::new("/nonexistent/state");
        let log = RequestLog::new(false, ProgramNames::default());
        let portmapper = Portmapper::new(policy, networks, state, log).forwarding(Forwarder::new());
        portmapper.announce(&Netid::Udp, &"0.0.0.0.0.111".into());
        portmapper.announce(&Netid::Udp6, &"::.0.111".into());
        let service = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let [high, low] = service.local_addr().unwrap().port().to_be_bytes();
        let (uid, gid, pid) = (0, 0, None);
        let root = Peer::process(UnixPeer { uid, gid, pid });
        for (netid, host) in [("udp", registered), ("udp6", "::")] {
            let uaddr = format!("{host}.{high}.{low}").as_str().into();
            let set = portmapper.set(Version::V4, &root, (HELLO, 1), &netid.into(), &uaddr);
            assert_eq!(set, Ok(true));
        }
        let services = Services::new(service::services(&Arc::new(portmapper)));
        let ladder = Ladder::new(Arc::new(services));
        Self { ladder, service }
    }

    /// A call from this address, which came to 127.0.0.1 by this interface; by broadcast if there is none.
    fn ask(&mut self, from: &str, interface: Option<u32>, call: &[u32]) -> Asked {
        let from: SocketAddr = from.parse().unwrap();
        let origin = Origin::new(Peer {
            netid: if from.is_ipv4() {
                Netid::Udp
            } else {
                Netid::Udp6
            },
            remote: Address::Inet(from),
            local: Address::Inet("127.0.0.1:111".parse().unwrap()),
            interface: interface.or(Some(2)),
        });
        let mut session = Session::new(if interface.is_none() {
            origin.for_many()
        } else {
            origin
        });
        let mut out = Writer::new();
        let framing = Framing::Datagram { max: 9000 };
        let call = bytes(call).into();
        match self.ladder.answer(&mut session, &call, framing, &mut out) {
            Step::Done => Asked::Answered(Some(words(&out.into_bytes()))),
            Step::Silent => Asked::Answered(None),
            Step::Later(answer) => Asked::Forwarded(answer),
            Step::Close => panic!("a datagram closes nothing"),
        }
    }

    /// A call from this host.
    fn ask_here(&mut self, call: &[u32]) -> Asked {
        self.ask("127.0.0.1:700", Some(1), call)
    }

    /// What the service is called with, behind the xid, and where to answer. The portmapper's own task has to run
    /// for it.
    async fn called(&self) -> (Vec<u32>, u32, SocketAddr) {
        let mut buffer = [0; 9000];
        let (len, from) = self.service.recv_from(&mut buffer).await.unwrap();
        let call = words(&buffer[..len]);
        (call[1..].to_vec(), call[0], from)
    }

    /// Lets the service answer the next call with these words behind the xid.
    async fn answer(&self, reply: &[u32]) -> Vec<u32> {
        let (call, xid, from) = self.called().await;
        let reply = bytes(&[&[xid], reply].concat());
        self.service.send_to(&reply, from).await.unwrap();
        call
    }

    /// What the caller hears if the service answers so.
    async fn hears(&self, asked: Asked, reply: &[u32]) -> Reply {
        let Asked::Forwarded(answer) = asked else {
            panic!("it is not forwarded")
        };
        let (heard, _) = tokio::join!(answer, self.answer(reply));
        told(heard)
    }
}

impl Asked {
    #[track_caller]
    fn at_once(self) -> Reply {
        match self {
            Self::Answered(reply) => reply,
            Self::Forwarded(_) => panic!("it is forwarded"),
        }
    }
}

fn told(answer: oncrpc::Answer) -> Reply {
    match answer {
        oncrpc::Answer::Reply(reply) => Some(words(&reply.into_bytes())),
        oncrpc::Answer::Silent => None,
        oncrpc::Answer::Close => panic!("a datagram closes nothing"),
    }
}

/// A call of the portmapper by AUTH_NONE: to call a procedure with one argument.
fn through(xid: u32, by: (u32, u32), target: [u32; 3]) -> Vec<u32> {
    let (version, procedure) = by;
    let header = [xid, 0, 2, PORTMAPPER, version, procedure, 0, 0, 0, 0];
    [&header[..], &target, &[4, 21]].concat()
}

fn callit(xid: u32) -> Vec<u32> {
    through(xid, (3, CALLIT), [HELLO, 1, 7])
}

fn indirect(xid: u32) -> Vec<u32> {
    through(xid, (4, INDIRECT), [HELLO, 1, 7])
}

fn bytes(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

fn words(bytes: &[u8]) -> Vec<u32> {
    let chunks = bytes.chunks(4);
    chunks
        .map(|word| u32::from_be_bytes(word.try_into().unwrap()))
        .collect()
}

/// A string, as words.
fn text(text: &str) -> Vec<u32> {
    let mut w = Writer::new();
    w.string(&text.into(), u32::MAX).unwrap();
    words(&w.into_bytes())
}

fn failed(xid: u32, accept_stat: u32) -> Reply {
    Some(vec![xid, 1, 0, 0, 0, accept_stat])
}

fn denied(xid: u32) -> Reply {
    Some(vec![xid, 1, 1, 1, TOOWEAK])
}

/// What a service answers: SUCCESS and 42.
const SUCCESS_42: [u32; 6] = [1, 0, 0, 0, 0, 42];

#[tokio::test]
async fn a_call_is_made_and_its_results_come_with_the_address_of_the_service() {
    let mut house = House::with(Policy::default(), "0.0.0.0").await;
    let port = house.service.local_addr().unwrap().port();
    let [high, low] = port.to_be_bytes();
    let uaddr = text(&format!("127.0.0.1.{high}.{low}"));
    for (version, procedure) in [(2, CALLIT), (3, CALLIT), (4, CALLIT), (4, INDIRECT)] {
        let call = through(9, (version, procedure), [HELLO, 1, 7]);
        let Asked::Forwarded(answer) = house.ask_here(&call) else {
            panic!("it is not forwarded")
        };
        let (heard, called) = tokio::join!(answer, house.answer(&SUCCESS_42));
        //                    type rpc prog ver proc cred  verf  args
        assert_eq!(called, [0, 2, HELLO, 1, 7, 0, 0, 0, 0, 21]);
        let address = match version {
            2 => vec![port.into()],
            _ => uaddr.clone(),
        };
        let expected = [&[9, 1, 0, 0, 0, 0], &address[..], &[4, 42]].concat();
        assert_eq!(told(heard), Some(expected), "{version} {procedure}");
    }
}

#[tokio::test]
async fn the_caller_is_named_to_the_service_as_it_names_itself() {
    let mut house = House::new().await;
    let claims = [0, 4, u32::from_be_bytes(*b"host"), 1000, 100, 2, 24, 27];
    let mut call = vec![9, 0, 2, PORTMAPPER, 3, CALLIT, 1, 32];
    call.extend(claims);
    call.extend([0, 0, HELLO, 1, 7, 0]);
    let Asked::Forwarded(answer) = house.ask_here(&call) else {
        panic!("it is not forwarded")
    };
    let (_, called) = tokio::join!(answer, house.answer(&SUCCESS_42));
    let expected = [&[0, 2, HELLO, 1, 7, 1, 32][..], &claims, &[0, 0]].concat();
    assert_eq!(called, expected);
}

#[tokio::test]
async fn what_a_service_refuses_is_silence_and_system_err_by_indirect() {
    let mut house = House::new().await;
    for refusal in [
        &[1, 0, 0, 0, 1][..],
        &[1, 0, 0, 0, 2, 1, 3],
        &[1, 0, 0, 0, 3],
        &[1, 0, 0, 0, 4],
        &[1, 0, 0, 0, 5],
        &[1, 1, 1, 5],
    ] {
        let asked = house.ask_here(&callit(1));
        assert_eq!(house.hears(asked, refusal).await, None, "{refusal:?}");
        let asked = house.ask_here(&indirect(2));
        let heard = house.hears(asked, refusal).await;
        assert_eq!(heard, failed(2, SYSTEM_ERR), "{refusal:?}");
    }
}

#[tokio::test]
async fn what_fails_is_silence_by_indirect_too_if_it_was_broadcast() {
    let mut house = House::new().await;
    let asked = house.ask("127.0.0.1:700", None, &indirect(1));
    assert_eq!(house.hears(asked, &[1, 0, 0, 0, 5]).await, None);
    let asked = house.ask("127.0.0.1:700", None, &indirect(2));
    assert!(house.hears(asked, &SUCCESS_42).await.is_some());
}

#[tokio::test]
async fn what_is_not_there_is_silence_and_an_error_by_indirect() {
    let mut house = House::new().await;
    let mismatch = Some(vec![3, 1, 0, 0, 0, 2, 1, 1]);
    for (target, refusal) in [
        ([HELLO, 9, 0], mismatch),
        ([HELLO + 1, 1, 0], failed(3, PROG_UNAVAIL)),
    ] {
        let heard = house.ask_here(&through(3, (4, INDIRECT), target)).at_once();
        assert_eq!(heard, refusal);
        for version in [2, 3, 4] {
            let call = through(3, (version, CALLIT), target);
            assert_eq!(house.ask_here(&call).at_once(), None);
        }
    }
}

#[tokio::test]
async fn it_calls_itself_for_nobody_but_says_that_it_is_there() {
    for insecure in [false, true] {
        let mut house = House::with(
            Policy {
                insecure,
                ..Policy::default()
            },
            "0.0.0.0",
        )
        .await;
        for version in [2, 3, 4] {
            let null = through(9, (3, CALLIT), [PORTMAPPER, version, 0]);
            let address = text("127.0.0.1.0.111");
            let expected = [&[9, 1, 0, 0, 0, 0], &address[..], &[0]].concat();
            assert_eq!(house.ask_here(&null).at_once(), Some(expected));
            for procedure in 1..=12 {
                let call = through(9, (3, CALLIT), [PORTMAPPER, version, procedure]);
                assert_eq!(house.ask_here(&call).at_once(), denied(9));
            }
        }
        let missing = through(9, (4, INDIRECT), [PORTMAPPER, 5, 0]);
        let expected = Some(vec![9, 1, 0, 0, 0, 2, 2, 4]);
        assert_eq!(house.ask_here(&missing).at_once(), expected);
    }
}

#[tokio::test]
async fn a_service_of_another_host_is_not_called() {
    let mut house = House::with(Policy::default(), "192.0.2.77").await;
    assert_eq!(house.ask_here(&callit(1)).at_once(), None);
    let heard = house.ask_here(&indirect(2)).at_once();
    assert_eq!(heard, failed(2, SYSTEM_ERR));
}

#[tokio::test]
async fn version_2_has_nothing_to_tell_over_ipv6() {
    let mut house = House::new().await;
    let call = through(1, (2, CALLIT), [HELLO, 1, 7]);
    assert_eq!(house.ask("[::1]:700", Some(1), &call).at_once(), None);
}

#[tokio::test]
async fn who_is_on_none_of_our_networks_is_refused_aloud_if_asking_us_alone() {
    let mut house = House::new().await;
    let far = "233.252.0.7:700";
    assert_eq!(house.ask(far, Some(2), &callit(1)).at_once(), denied(1));
    assert_eq!(house.ask(far, Some(2), &indirect(2)).at_once(), denied(2));
    assert_eq!(house.ask(far, None, &callit(3)).at_once(), None);
}

#[tokio::test]
async fn the_same_call_is_made_once_while_it_is_under_way() {
    let mut house = House::new().await;
    let first = house.ask_here(&callit(1));
    assert_eq!(house.ask_here(&callit(1)).at_once(), None);
    for other in [callit(2), through(1, (2, CALLIT), [HELLO, 1, 7])] {
        assert!(matches!(house.ask_here(&other), Asked::Forwarded(_)));
    }
    assert!(house.hears(first, &SUCCESS_42).await.is_some());
    let again = house.ask_here(&callit(1));
    assert!(house.hears(again, &SUCCESS_42).await.is_some());
}

#[tokio::test]
async fn the_oldest_call_gives_way_to_one_too_many() {
    let mut house = House::new().await;
    let mut asked = Vec::new();
    for xid in (0..).take(IN_FLIGHT + 1) {
        asked.push(house.ask_here(&callit(xid)));
    }
    let mut asked = asked.into_iter();
    let Some(Asked::Forwarded(oldest)) = asked.next() else {
        panic!("it is not forwarded")
    };
    assert_eq!(told(oldest.await), None);
    let last = asked.next_back().unwrap();
    assert!(house.hears(last, &SUCCESS_42).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_service_that_does_not_answer_in_time_is_not_waited_for() {
    let mut house = House::new().await;
    let begun = tokio::time::Instant::now();
    for call in [callit(1), indirect(2)] {
        let Asked::Forwarded(answer) = house.ask_here(&call) else {
            panic!("it is not forwarded")
        };
        assert_eq!(told(answer.await), None);
    }
    assert_eq!(begun.elapsed().as_secs(), 10, "5 s for each");
    // It was called once each time, and answers now: nobody is there.
    for _ in 0..2 {
        house.answer(&SUCCESS_42).await;
    }
    assert!(house.service.try_recv(&mut [0]).is_err());
}

#[tokio::test]
async fn a_stranger_asks_so_often_and_no_more() {
    let mut house = House::new().await;
    // An address of a network of ours; that it came by another interface than loopback makes it a stranger.
    let stranger = "127.0.0.77:700";
    let mut forwarded = 0;
    for xid in 0..100 {
        match house.ask(stranger, Some(2), &callit(xid)) {
            Asked::Forwarded(_) => forwarded += 1,
            Asked::Answered(reply) => assert_eq!(reply, None),
        }
    }
    assert!((20..30).contains(&forwarded), "{forwarded}");
    for xid in 0..100 {
        let asked = house.ask_here(&callit(xid));
        assert!(matches!(asked, Asked::Forwarded(_)), "{xid}");
    }
}

#[tokio::test]
async fn a_stranger_gets_no_long_results() {
    let mut house = House::new().await;
    let long = [&[1, 0, 0, 0, 0][..], &[42; 128]].concat();
    for (from, interface, hears) in [("127.0.0.1:700", 1, true), ("127.0.0.77:700", 2, false)] {
        let asked = house.ask(from, Some(interface), &callit(1));
        assert_eq!(house.hears(asked, &long).await.is_some(), hears);
        let asked = house.ask(from, Some(interface), &indirect(2));
        let heard = house.hears(asked, &long).await;
        assert_eq!(heard == failed(2, SYSTEM_ERR), !hears);
    }
}
