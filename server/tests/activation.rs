//! A server whose sockets a service manager has bound.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail it")]

use std::net::{TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use oncrpc::proto::rpcb::rpcbprog::v4;
use oncrpc::{CallContext, Reject};
use oncrpc_client::{Channel, Endpoint};
use oncrpc_server::{Listen, Server};

/// Answers GETTIME with the number of its process.
struct Clock;

impl v4::Server for Clock {
    async fn gettime(&self, _: &CallContext) -> Result<u32, Reject> {
        Ok(std::process::id())
    }
}

/// Set for the process that serves.
const SERVES: &str = "ONCRPC_TEST_SERVES";

/// What a service manager does once it has opened the sockets: standard input, output and error become 3, 4 and 5.
const MANAGER: &str = "LISTEN_PID=$$ LISTEN_FDS=3 exec \"$0\" \"$@\" \
                       3<&0 4<&1 5<&2 </dev/null >/dev/null 2>&1";

#[tokio::test]
async fn sockets_of_a_service_manager_are_served() {
    if std::env::var_os(SERVES).is_some() {
        return serve().await;
    }
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("activated.sock");
    let _ = std::fs::remove_file(&path);
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let unix = UnixListener::bind(&path).unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let endpoints = [
        Endpoint::Tcp(tcp.local_addr().unwrap()),
        Endpoint::Unix(path.clone()),
        Endpoint::Udp(udp.local_addr().unwrap()),
    ];
    let mut server = Command::new("sh")
        .args(["-c", MANAGER])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "sockets_of_a_service_manager_are_served"])
        .env(SERVES, "1")
        .stdin(OwnedFd::from(tcp))
        .stdout(OwnedFd::from(unix))
        .stderr(OwnedFd::from(udp))
        .spawn()
        .unwrap();
    for endpoint in endpoints {
        let client = v4::Client::new(Channel::to(endpoint.clone()));
        assert_eq!(client.gettime().await.unwrap(), server.id(), "{endpoint}");
    }
    server.kill().unwrap();
    server.wait().unwrap();
    assert!(path.exists(), "the socket is the manager's");
}

async fn serve() {
    let listen = Listen::activated().unwrap();
    assert_eq!(listen.len(), 3);
    assert!(Listen::activated().unwrap().is_empty(), "they are taken");
    let mut server = Server::new().service(v4::service(Arc::new(Clock)));
    for listen in listen {
        server = server.listen(listen);
    }
    let _running = server.start().await.unwrap();
    std::future::pending::<()>().await;
}
