//! Datagrams that several threads answer.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail it")]

use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Barrier};
use std::thread::ThreadId;
use std::time::Duration;

use oncrpc::proto::rpcb::rpcbprog::v4;
use oncrpc::uaddr::Uaddr;
use oncrpc::{CallContext, Reject};
use oncrpc_server::{Listen, Server};
use tokio::sync::mpsc;

/// A service whose handler holds on to its thread until there are two of them.
struct Two {
    begun: mpsc::UnboundedSender<ThreadId>,
    both: Barrier,
}

impl v4::Server for Two {
    async fn gettime(&self, _: &CallContext) -> Result<u32, Reject> {
        self.begun.send(std::thread::current().id()).unwrap();
        self.both.wait();
        Ok(7)
    }
}

/// A call of GETTIME, RPCBPROC_GETTIME of version 4.
fn gettime(xid: u32) -> Vec<u8> {
    let words = [xid, 0, 2, 100_000, 4, 6, 0, 0, 0, 0];
    words.into_iter().flat_map(u32::to_be_bytes).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn while_one_thread_is_busy_another_answers_at_the_same_socket() {
    let (begun, mut threads) = mpsc::unbounded_channel();
    let two = Two {
        begun,
        both: Barrier::new(2),
    };
    let running = Server::new()
        .service(v4::service(Arc::new(two)))
        .listen(Listen::Udp("127.0.0.1:0".parse().unwrap()))
        .datagram_threads(2)
        .start()
        .await
        .unwrap();
    let [bound] = running.bound() else {
        panic!("it is one socket, whoever answers there");
    };
    let Uaddr::Inet(server) = bound.uaddr else {
        panic!("UDP has internet addresses");
    };
    let client = UdpSocket::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    client.connect(server).unwrap();
    client.send(&gettime(1)).unwrap();
    let first = threads.recv().await.unwrap();
    client.send(&gettime(2)).unwrap();
    let second = threads.recv().await.unwrap();
    assert_ne!(first, second);
    let mut answered = [1, 2].map(|_| {
        let mut reply = [0; 28];
        assert_eq!(client.recv(&mut reply).unwrap(), 28);
        u32::from_be_bytes(*reply.first_chunk().unwrap())
    });
    answered.sort_unstable();
    assert_eq!(answered, [1, 2]);
    assert!(running.shutdown(Duration::from_secs(30)).await);
    let closed = UdpSocket::bind(server);
    assert!(closed.is_ok(), "no thread holds the socket: {closed:?}");
}
