//! Null calls over gRPC: `tonic serve PORT`, or `tonic call PORT TASKS SECONDS`, which prints how many calls a second so many tasks
//! made over one connection on one thread.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Endpoint, Server};
use tonic::{Request, Response, Status};

use hello::hello_client::HelloClient;
use hello::hello_server::{Hello, HelloServer};

mod hello {
    include!(concat!(env!("OUT_DIR"), "/hello.Hello.rs"));
}

/// The argument and the result.
#[derive(Clone, Copy, PartialEq, prost::Message)]
struct Empty {}

struct Null;

#[tonic::async_trait]
impl Hello for Null {
    async fn null(&self, _: Request<Empty>) -> Result<Response<Empty>, Status> {
        Ok(Response::new(Empty {}))
    }
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["serve", port] => serve(port.parse()?).await,
        ["call", port, tasks, seconds] => {
            let rate = call(port.parse()?, tasks.parse()?, seconds.parse()?).await?;
            println!("{rate:.1}");
            Ok(())
        }
        _ => Err("usage: tonic serve PORT | call PORT TASKS SECONDS".into()),
    }
}

async fn serve(port: u16) -> Result<(), Failure> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let listener = TcpListener::bind(address).await?;
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    println!("ready");
    Server::builder()
        .max_concurrent_streams(2048)
        .add_service(HelloServer::new(Null))
        .serve_with_incoming(incoming)
        .await?;
    Ok(())
}

async fn call(port: u16, tasks: usize, seconds: f64) -> Result<f64, Failure> {
    let endpoint = Endpoint::from_shared(format!("http://127.0.0.1:{port}"))?;
    let client = HelloClient::new(endpoint.tcp_nodelay(true).connect().await?);
    let begun = Instant::now();
    let end = begun + Duration::from_secs_f64(seconds);
    let mut set = JoinSet::new();
    for _ in 0..tasks {
        let mut client = client.clone();
        set.spawn(async move {
            let mut made = 0_u32;
            while Instant::now() < end {
                client.null(Request::new(Empty {})).await?;
                made += 1;
            }
            Ok::<_, Status>(made)
        });
    }
    let mut made = 0.0;
    while let Some(task) = set.join_next().await {
        made += f64::from(task??);
    }
    Ok(made / begun.elapsed().as_secs_f64())
}
