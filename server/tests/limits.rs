//! What a server grants each connection, as its limits say.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail it")]

use std::sync::Arc;
use std::time::Duration;

use oncrpc::proto::rpcb::rpcbprog::v4;
use oncrpc::uaddr::Uaddr;
use oncrpc_server::{Listen, Running, Server, ServerLimits};
use oncrpc_transport::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Answers NULL alone.
struct Null;

impl v4::Server for Null {}

/// A time that is up before a test is.
const SOON: Duration = Duration::from_millis(20);

/// A connection to a server that grants this.
async fn connect(connection: Limits) -> (Running, TcpStream) {
    let running = Server::new()
        .service(v4::service(Arc::new(Null)))
        .listen(Listen::Tcp("127.0.0.1:0".parse().unwrap()))
        .limits(ServerLimits {
            connection,
            ..ServerLimits::default()
        })
        .start()
        .await
        .unwrap();
    let Uaddr::Inet(address) = running.bound()[0].uaddr else {
        panic!("TCP has internet addresses");
    };
    (running, TcpStream::connect(address).await.unwrap())
}

/// A call of NULL as a record.
fn null() -> Vec<u8> {
    //             mark              xid type rpc prog     vers proc cred  verf
    let words = [0x8000_0000 | 40, 7, 0, 2, 100_000, 4, 0, 0, 0, 0, 0];
    words.into_iter().flat_map(u32::to_be_bytes).collect()
}

/// Reads one reply.
async fn reply(stream: &mut TcpStream) {
    let mut reply = [0; 28];
    stream.read_exact(&mut reply).await.unwrap();
    assert_eq!(reply[4..8], [0, 0, 0, 7], "{reply:?}");
}

/// Reads to the end, which may be a reset; gives back how much there was.
async fn end(stream: &mut TcpStream) -> usize {
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    rest.len()
}

#[tokio::test]
async fn half_a_record_is_waited_for_as_long_as_was_said() {
    let limits = Limits {
        mid_record: SOON,
        idle: None,
        ..Limits::SERVER
    };
    let (_running, mut stream) = connect(limits).await;
    stream.write_all(&null()).await.unwrap();
    reply(&mut stream).await;
    stream.write_all(&null()[..10]).await.unwrap();
    assert_eq!(end(&mut stream).await, 0);
}

#[tokio::test]
async fn an_idle_connection_is_kept_as_long_as_was_said() {
    let limits = Limits {
        idle: Some(SOON),
        ..Limits::SERVER
    };
    let (_running, mut stream) = connect(limits).await;
    assert_eq!(end(&mut stream).await, 0);
}

#[tokio::test]
async fn who_takes_no_replies_is_kept_as_long_as_was_said() {
    let limits = Limits {
        write_stall: SOON,
        unsent: 64 * 1024,
        idle: None,
        ..Limits::SERVER
    };
    let (_running, mut stream) = connect(limits).await;
    let calls = null().repeat(1000);
    // The server takes no more when its replies are not taken, and then ends the connection.
    while stream.write_all(&calls).await.is_ok() {}
}

#[tokio::test]
async fn a_record_over_the_limit_ends_the_connection_before_it_is_read() {
    let mut limits = Limits {
        idle: None,
        ..Limits::SERVER
    };
    limits.record.record = 64;
    let (_running, mut stream) = connect(limits).await;
    stream.write_all(&null()).await.unwrap();
    reply(&mut stream).await;
    stream
        .write_all(&(0x8000_0000 | 65_u32).to_be_bytes())
        .await
        .unwrap();
    assert_eq!(end(&mut stream).await, 0);
}
