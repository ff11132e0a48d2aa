//! Calls that no datagram holds.

use oncrpc::CallError;
use oncrpc::netid::Netid;
use oncrpc::proto::rpcb::Rpcb;
use oncrpc::proto::rpcb::rpcbprog::v4;
use oncrpc_client::Channel;
use tokio::net::UdpSocket;

use crate::fake::{Fake, Script};

const PROGRAM: u32 = 0x2000_0001;

#[tokio::test]
async fn a_call_goes_over_tcp_if_it_may_and_no_datagram_holds_it() {
    let tcp = Fake::start(Script::default(), &[4]).await;
    let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let uaddr = |port: u16| format!("127.0.0.1.{}.{}", port >> 8, port & 255);
    let script = Script {
        uaddr: uaddr(tcp.address().port()).leak(),
        list: vec![Rpcb {
            r_prog: PROGRAM,
            r_vers: 4,
            r_netid: "udp".into(),
            r_addr: uaddr(udp.local_addr().unwrap().port()).into(),
            r_owner: "0".into(),
        }],
        ..Script::default()
    };
    let rpcbind = Fake::start(script, &[4]).await;
    let to = |allow| {
        let builder = Channel::builder("127.0.0.1".parse().unwrap());
        let builder = builder.netid(Netid::Udp).rpcbind(rpcbind.at());
        v4::Client::new(builder.tcp_if_large(allow).program(PROGRAM, 4))
    };
    let large = Rpcb {
        r_owner: vec![b'o'; 70_000].into(),
        ..Rpcb::default()
    };

    let error = to(false).set(&large).await.unwrap_err();
    assert!(matches!(error, CallError::TooLarge { .. }), "{error}");

    let client = to(true);
    for _ in 0..2 {
        assert!(client.set(&large).await.unwrap());
    }
    assert_eq!(tcp.accepted(), 1);
    // Any other call is a datagram all the same.
    let mut datagram = [0; 100];
    tokio::select! {
        result = client.null() => panic!("{result:?}"),
        received = udp.recv_from(&mut datagram) => assert!(received.is_ok()),
    }
    assert_eq!(tcp.script.asked().len(), 2);
}
