//! Connections from a port that only root may use.

use std::net::SocketAddr;

use oncrpc::CallError;
use oncrpc::netid::Netid;
use oncrpc::proto::rpcb::rpcbprog::v4;
use oncrpc_client::{Builder, Channel};
use tokio::net::{TcpListener, UdpSocket};

const ANY: [&str; 2] = ["127.0.0.1:0", "[::1]:0"];

/// Whether this process may bind a reserved port. It asks for one that servers do not use.
fn may_have_one() -> bool {
    let bound = std::net::UdpSocket::bind("127.0.0.1:1023");
    !matches!(bound, Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied)
}

fn to(address: SocketAddr, netid: &str) -> Channel {
    let target = address.ip().to_string().parse().unwrap();
    let builder: Builder = Channel::builder(target).netid(Netid::from(netid));
    builder.reserved_port().port(address.port())
}

/// What a connection comes to for whoever may not have such a port.
fn assert_refused(error: &CallError) {
    let error = error.to_string();
    assert!(
        error.ends_with("takes root or CAP_NET_BIND_SERVICE"),
        "{error}"
    );
}

#[tokio::test]
async fn tcp_comes_from_a_reserved_port_of_either_family() {
    for (any, netid) in ANY.into_iter().zip(["tcp", "tcp6"]) {
        let server = TcpListener::bind(any).await.unwrap();
        // Several at once, to the same server.
        for _ in 0..3 {
            let channel = to(server.local_addr().unwrap(), netid);
            match channel.connect().await {
                Ok(()) => {
                    let (_, from) = server.accept().await.unwrap();
                    assert!((512..1024).contains(&from.port()), "{from}");
                }
                Err(error) => {
                    assert!(!may_have_one(), "{error}");
                    assert_refused(&error);
                }
            }
        }
    }
}

#[tokio::test]
async fn udp_comes_from_a_reserved_port_of_either_family() {
    for (any, netid) in ANY.into_iter().zip(["udp", "udp6"]) {
        let server = UdpSocket::bind(any).await.unwrap();
        let client = v4::Client::new(to(server.local_addr().unwrap(), netid));
        let mut buffer = [0; 100];
        tokio::select! {
            result = client.null() => {
                assert!(!may_have_one(), "{result:?}");
                assert_refused(&result.unwrap_err());
            }
            received = server.recv_from(&mut buffer) => {
                let (_, from) = received.unwrap();
                assert!((512..1024).contains(&from.port()), "{from}");
            }
        }
    }
}
