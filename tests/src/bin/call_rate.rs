//! How many null calls of hello.x our clients make in a second: `call_rate async PORT TASKS SECONDS` over TCP,
//! or `call_rate blocking|polling NETID WHERE SECONDS | calls CALLS`, where WHERE is a port of this host or a socket's path.
//!
//! `polling` is `blocking` by busy polling, and `call_rate serve PORT` a server of hello.x over TCP that does the same.
//!
//! The async one has one connection and one thread, which the tasks share; the blocking one makes one call at a time. They are what
//! `make bench` measures against libtirpc's clnt_call, tonic's client and one written by hand.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use oncrpc::CallError;
use oncrpc_client::blocking::{self, Wait};
use oncrpc_client::{Channel, Endpoint, Host, Target};
use oncrpc_server::{Listen, Server, ServerLimits};
use oncrpc_tests::hello::hello_program::v1::{self, Client};
use oncrpc_transport::Limits;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

fn main() -> Result<(), CallError> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let rate = match args[..] {
        ["serve", port] => runtime().block_on(serve(number(port) as u16)),
        ["async", port, tasks, seconds] => {
            let (tasks, seconds) = (number(tasks), number(seconds));
            runtime().block_on(many(number(port) as u16, tasks as usize, seconds))?
        }
        [way @ ("blocking" | "polling"), netid, place, "calls", calls] => {
            one(channel(way, netid, place), f64::INFINITY, number(calls))?
        }
        [way @ ("blocking" | "polling"), netid, place, seconds] => {
            one(channel(way, netid, place), number(seconds), f64::INFINITY)?
        }
        _ => usage(),
    };
    println!("{rate:.1}");
    Ok(())
}

fn runtime() -> Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().build();
    runtime.unwrap_or_else(|error| panic!("{error}"))
}

/// Time that is polled for.
const BUSY: Duration = Duration::from_millis(1);

/// Every procedure of hello.x but the null one is left out.
struct Hello;

impl v1::Server for Hello {}

/// Serves until the process is ended.
async fn serve(port: u16) -> ! {
    let limits = ServerLimits {
        connection: Limits {
            busy_poll: Some(BUSY),
            ..Limits::SERVER
        },
        ..ServerLimits::default()
    };
    let server = Server::new()
        .service(v1::service(Arc::new(Hello)))
        .limits(limits)
        .listen(Listen::Tcp((Ipv4Addr::LOCALHOST, port).into()));
    let _running = server
        .start()
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    println!("ready");
    std::future::pending().await
}

/// Calls of so many tasks for so long, each of which makes one after the other.
async fn many(port: u16, tasks: usize, seconds: f64) -> Result<f64, CallError> {
    let host = Target::Host(Host::Address(Ipv4Addr::LOCALHOST.into()));
    // As many in flight as are made: 128 by default.
    let channel = Channel::builder(host).max_in_flight(tasks).port(port);
    let client = Client::new(channel);
    client.null().await?;
    let begun = Instant::now();
    let end = begun + Duration::from_secs_f64(seconds);
    let mut set = JoinSet::new();
    for _ in 0..tasks {
        let client = client.clone();
        set.spawn(async move {
            let mut made = 0_u32;
            // The clock is looked at once in so many, as it takes as long as a tenth of a call.
            while !made.is_multiple_of(16) || Instant::now() < end {
                client.null().await?;
                made += 1;
            }
            Ok::<_, CallError>(made)
        });
    }
    let mut made = 0.0;
    while let Some(task) = set.join_next().await {
        made += f64::from(task.unwrap_or_else(|error| panic!("{error}"))?);
    }
    Ok(made / begun.elapsed().as_secs_f64())
}

/// One call after the other, for so long or so often.
fn one(channel: blocking::Channel, seconds: f64, calls: f64) -> Result<f64, CallError> {
    let client = Client::new(channel);
    let begun = Instant::now();
    let (mut made, mut elapsed) = (0.0, 0.0);
    while made < calls && elapsed < seconds {
        client.null().wait()?;
        made += 1.0;
        elapsed = begun.elapsed().as_secs_f64();
    }
    Ok(made / elapsed)
}

/// A channel that sleeps until there is a reply, or that looks again and again for one.
fn channel(way: &str, netid: &str, place: &str) -> blocking::Channel {
    let channel = blocking::Channel::to(endpoint(netid, place));
    match way {
        "polling" => channel.with_busy_poll(BUSY),
        _ => channel,
    }
}

fn endpoint(netid: &str, place: &str) -> Endpoint {
    let address = || SocketAddr::from((Ipv4Addr::LOCALHOST, number(place) as u16));
    match netid {
        "tcp" => Endpoint::Tcp(address()),
        "udp" => Endpoint::Udp(address()),
        "local" => Endpoint::Unix(place.into()),
        _ => usage(),
    }
}

fn number(text: &str) -> f64 {
    text.parse().unwrap_or_else(|_| usage())
}

fn usage() -> ! {
    eprintln!(
        "usage: call_rate async PORT TASKS SECONDS | blocking|polling NETID PORT|PATH SECONDS|calls CALLS | serve PORT"
    );
    std::process::exit(2);
}
