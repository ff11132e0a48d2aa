//! A server that is a child process: this program itself, started once more.
//!
//! It has no test harness, whose words on standard output would come before the server's.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;

use oncrpc::proto::rpcb::RpcblistPtr;
use oncrpc::proto::rpcb::rpcbprog::v4;
use oncrpc::{CallContext, CallError, Reject, Services};
use oncrpc_client::{Channel, Target};
use oncrpc_transport::{Driver, LadderPool, Limits, Stop, StreamLink, socket};
use tokio::net::UnixStream;

/// Tells who it is, and ends when it is asked for its list.
struct Child;

impl v4::Server for Child {
    async fn gettime(&self, _: &CallContext) -> Result<u32, Reject> {
        Ok(std::process::id())
    }

    async fn dump(&self, _: &CallContext) -> Result<RpcblistPtr, Reject> {
        std::process::exit(1)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("serve") => serve().await,
        _ => {
            calls_go_to_a_child_that_ends_with_its_connection().await;
            a_child_that_ended_is_started_again().await;
            a_command_that_is_not_there_is_named().await;
        }
    }
}

/// Serves on standard input, which is as good as standard output.
async fn serve() {
    let stdin: OwnedFd = std::io::stdin().as_fd().try_clone_to_owned().unwrap();
    let stream = std::os::unix::net::UnixStream::from(stdin);
    stream.set_nonblocking(true).unwrap();
    let stream = UnixStream::from_std(stream).unwrap();
    let peer = socket::unix_peer(&stream).unwrap();
    let services = Services::new([v4::service(Arc::new(Child))]);
    let ladders = Arc::new(LadderPool::new(Arc::new(services)));
    let go_on = Stop::new();
    let link = StreamLink::new(stream, Limits::SERVER.record);
    let driver = Driver::new(link, Limits::SERVER);
    driver
        .serving(ladders, peer, go_on.subscribe())
        .run()
        .await
        .unwrap();
    // The child does not end by itself: whoever started it has to end it.
    std::future::pending::<()>().await;
}

/// A client whose server is this program.
fn client() -> v4::Client<Channel> {
    let target = Target::Command {
        program: std::env::current_exe().unwrap().into(),
        arguments: vec!["serve".into()],
    };
    v4::Client::new(Channel::builder(target).program(100_000, 4))
}

async fn calls_go_to_a_child_that_ends_with_its_connection() {
    let client = client();
    let child = client.gettime().await.unwrap();
    assert_ne!(child, std::process::id());
    assert_eq!(client.gettime().await.unwrap(), child);
    drop(client);
    // A child that is dead and that nobody took note of would still be there.
    while Path::new(&format!("/proc/{child}")).exists() {
        tokio::task::yield_now().await;
    }
}

async fn a_child_that_ended_is_started_again() {
    let client = client();
    let child = client.gettime().await.unwrap();
    let error = client.dump().await.unwrap_err();
    assert!(matches!(error, CallError::Disconnected(_)), "{error}");
    assert_ne!(client.gettime().await.unwrap(), child);
}

async fn a_command_that_is_not_there_is_named() {
    let target = "stdio:/nonexistent/nfsd -v".parse().unwrap();
    let error = Channel::builder(target).program(100_000, 4);
    let error = error.connect().await.unwrap_err();
    let said = "cannot connect: stdio:/nonexistent/nfsd -v: No such file or directory (os error 2)";
    assert_eq!(error.to_string(), said);
}
