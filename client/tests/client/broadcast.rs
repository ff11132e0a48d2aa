//! Broadcasts, heard by sockets on loopback that answer what they like.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use oncrpc::CallError;
use oncrpc::auth::flavor;
use oncrpc::message::CallHeader;
use oncrpc::proto::portmap::Pmaplist;
use oncrpc::proto::portmap::pmapprog::v2::procedure::Dump;
use oncrpc::proto::rpcb::rpcbprog::v4::procedure::Gettime;
use oncrpc_client::{Broadcast, auth_sys};
use tokio::net::UdpSocket;
use tokio::time::Instant;

/// Two hosts, as far as a broadcast can tell: the same port at two addresses.
async fn hosts() -> [UdpSocket; 2] {
    let here = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let port = here.local_addr().unwrap().port();
    [here, UdpSocket::bind(("127.0.0.2", port)).await.unwrap()]
}

/// A broadcast that these can hear.
fn to(hosts: &[UdpSocket]) -> (Broadcast, u16) {
    let addresses = hosts.iter().map(|host| host.local_addr().unwrap());
    let broadcast = Broadcast::new().to(addresses.clone().map(|address| address.ip()));
    let port = addresses.last().map_or(0, |address| address.port());
    (broadcast.timeout(Duration::from_secs(60)), port)
}

async fn receive(host: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = [0; 2048];
    let (len, from) = host.recv_from(&mut buffer).await.unwrap();
    (buffer[..len].to_vec(), from)
}

/// A successful reply to `call` with these results.
fn reply(call: &[u8], results: &[u32]) -> Vec<u8> {
    [
        &call[..4],
        &[1, 0, 0, 0, 0].map(u32::to_be_bytes).concat(),
        &results
            .iter()
            .flat_map(|word| word.to_be_bytes())
            .collect::<Vec<_>>(),
    ]
    .concat()
}

/// Asserts that whoever asks by `broadcast` hears what this host answers.
async fn hears(broadcast: Broadcast, host: &UdpSocket) {
    let here = host.local_addr().unwrap();
    let answers = broadcast.direct::<Gettime>(here.port(), &());
    let mut answers = answers.await.unwrap();
    let (call, from) = receive(host).await;
    host.send_to(&reply(&call, &[42]), from).await.unwrap();
    assert_eq!(answers.next().await, Some((here, 42)));
}

#[tokio::test]
async fn every_host_is_heard_and_what_it_repeats_is_not() {
    let hosts = hosts().await;
    let (broadcast, port) = to(&hosts);
    let broadcast = broadcast.max_answers(3).direct::<Gettime>(port, &());
    let answers = broadcast.await.unwrap();
    for (host, words) in hosts.iter().zip([[1, 1, 2], [1, 1, 1]]) {
        let (call, from) = receive(host).await;
        for word in words {
            host.send_to(&reply(&call, &[word]), from).await.unwrap();
        }
    }
    let [here, there] = hosts.each_ref().map(|host| host.local_addr().unwrap());
    let expected = [(here, 1), (here, 2), (there, 1)];
    assert_eq!(answers.collect().await, expected);
}

#[tokio::test]
async fn everybody_is_asked_again_word_for_word() {
    let hosts = hosts().await;
    let (broadcast, port) = to(&hosts);
    let soon = Duration::from_millis(100);
    let broadcast = broadcast.waits(soon, soon).direct::<Gettime>(port, &());
    let mut answers = broadcast.await.unwrap();
    let answering = async {
        for host in &hosts {
            let (first, _) = receive(host).await;
            let (second, from) = receive(host).await;
            assert_eq!(second, first);
            host.send_to(&reply(&second, &[42]), from).await.unwrap();
        }
    };
    let hearing = async { [answers.next().await, answers.next().await] };
    let (heard, ()) = tokio::join!(hearing, answering);
    let [here, there] = hosts.each_ref().map(|host| host.local_addr().unwrap());
    assert_eq!(heard, [Some((here, 42)), Some((there, 42))]);
}

#[tokio::test(start_paused = true)]
async fn when_the_time_is_up_the_answers_end() {
    let host = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    host.set_nonblocking(true).unwrap();
    let port = host.local_addr().unwrap().port();
    let broadcast = Broadcast::new().to([Ipv4Addr::LOCALHOST.into()]);
    let start = Instant::now();
    let mut answers = broadcast.direct::<Gettime>(port, &()).await.unwrap();
    assert_eq!(answers.next().await, None);
    assert_eq!(start.elapsed().as_secs(), 12);
    assert_eq!(answers.next().await, None);
    // It was asked at once and after four seconds.
    let mut buffer = [0; 2048];
    let asked = std::iter::from_fn(|| host.recv(&mut buffer).ok()).count();
    assert_eq!(asked, 2);
}

#[tokio::test]
async fn what_is_no_answer_does_not_end_the_answers() {
    let hosts = hosts().await;
    let (broadcast, port) = to(&hosts);
    let broadcast = broadcast.direct::<Dump>(port, &());
    let mut answers = broadcast.await.unwrap();
    let (call, from) = receive(&hosts[0]).await;
    let good = reply(&call, &[1, 100_003, 3, 6, 2049, 0]);
    let other = reply(&[0xff; 4], &[0]);
    let refused = [&call[..4], &[1, 0, 0, 0, 1].map(u32::to_be_bytes).concat()].concat();
    let denied = [&call[..4], &[1, 1, 1, 5].map(u32::to_be_bytes).concat()].concat();
    let no_list = reply(&call, &[7]);
    let cut = &good[..good.len() - 4];
    for no_answer in [
        b"",
        &b"abc"[..],
        &call,
        cut,
        &other,
        &refused,
        &denied,
        &no_list,
    ] {
        hosts[0].send_to(no_answer, from).await.unwrap();
    }
    hosts[0].send_to(&good, from).await.unwrap();
    let (host, list) = answers.next().await.unwrap();
    assert_eq!(host, hosts[0].local_addr().unwrap());
    let [Pmaplist { map }] = list[..] else {
        panic!("{list:?}");
    };
    assert_eq!((map.prog, map.port), (100_003, 2049));
}

#[tokio::test]
async fn no_more_answers_are_given_than_wanted() {
    let hosts = hosts().await;
    let (broadcast, port) = to(&hosts);
    let broadcast = broadcast.max_answers(2).direct::<Gettime>(port, &());
    let answers = broadcast.await.unwrap();
    let (call, from) = receive(&hosts[0]).await;
    for word in 0..100 {
        let flood = reply(&call, &[word]);
        hosts[0].send_to(&flood, from).await.unwrap();
    }
    let here = hosts[0].local_addr().unwrap();
    assert_eq!(answers.collect().await, [(here, 0), (here, 1)]);
}

#[tokio::test]
async fn the_longest_of_times_are_none_to_fail_by() {
    let [host, _] = hosts().await;
    let (broadcast, _) = to(std::slice::from_ref(&host));
    let broadcast = broadcast.timeout(Duration::MAX);
    let broadcast = broadcast.waits(Duration::MAX, Duration::MAX);
    hears(broadcast, &host).await;
}

#[tokio::test]
async fn everybody_sees_who_asks() {
    let hosts = hosts().await;
    let (broadcast, port) = to(&hosts);
    let broadcast = broadcast.auth(Arc::new(auth_sys().unwrap()));
    let _answers = broadcast.direct::<Gettime>(port, &()).await.unwrap();
    for host in &hosts {
        let (call, _) = receive(host).await;
        let credential = CallHeader::parse(&call).unwrap().credential;
        assert_eq!(credential.flavor, flavor::SYS);
    }
}

#[tokio::test]
async fn an_address_that_takes_nothing_is_left_out() {
    let [host, _] = hosts().await;
    // An IPv6 socket of ours does not send to IPv4.
    let nowhere = IpAddr::from(Ipv4Addr::LOCALHOST.to_ipv6_mapped());
    let broadcast = Broadcast::new().to([nowhere, Ipv4Addr::LOCALHOST.into()]);
    hears(broadcast, &host).await;
}

#[tokio::test]
async fn only_if_nothing_can_be_sent_it_is_an_error() {
    let nobody: [IpAddr; 0] = [];
    let nowhere = [Ipv4Addr::LOCALHOST.to_ipv6_mapped().into()];
    for to in [&nobody[..], &nowhere] {
        let broadcast = Broadcast::new().to(to.iter().copied());
        let error = broadcast.direct::<Gettime>(111, &()).await.unwrap_err();
        assert!(matches!(error, CallError::Connect(_)), "{error}");
    }
}

#[tokio::test]
async fn a_program_is_found_on_networks_only() {
    for netid in ["local", "sctp"] {
        let found = Broadcast::new().find(100_003, 3, &netid.into()).await;
        let error = found.unwrap_err().to_string();
        let expected = format!("cannot connect: transport {netid} is none of a network");
        assert_eq!(error, expected);
    }
}
