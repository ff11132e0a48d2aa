//! How many null calls of hello.x our clients make in a second: `call_rate async PORT TASKS SECONDS` over TCP,
//! or `call_rate blocking NETID WHERE SECONDS | calls CALLS`, where WHERE is a port of this host or a socket's path.
//!
//! The async one has one connection and one thread, which the tasks share; the blocking one makes one call at a time. They are what
//! `make bench` measures against libtirpc's clnt_call, tonic's client and one written by hand.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use oncrpc::CallError;
use oncrpc_client::blocking::{self, Wait};
use oncrpc_client::{Channel, Endpoint, Host, Target};
use oncrpc_tests::hello::hello_program::v1::Client;
use tokio::task::JoinSet;

fn main() -> Result<(), CallError> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let rate = match args[..] {
        ["async", port, tasks, seconds] => {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap_or_else(|error| panic!("{error}"));
            let (tasks, seconds) = (number(tasks), number(seconds));
            runtime.block_on(many(number(port) as u16, tasks as usize, seconds))?
        }
        ["blocking", netid, place, "calls", calls] => {
            one(endpoint(netid, place), f64::INFINITY, number(calls))?
        }
        ["blocking", netid, place, seconds] => {
            one(endpoint(netid, place), number(seconds), f64::INFINITY)?
        }
        _ => usage(),
    };
    println!("{rate:.1}");
    Ok(())
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
fn one(endpoint: Endpoint, seconds: f64, calls: f64) -> Result<f64, CallError> {
    let client = Client::new(blocking::Channel::to(endpoint));
    let begun = Instant::now();
    let (mut made, mut elapsed) = (0.0, 0.0);
    while made < calls && elapsed < seconds {
        client.null().wait()?;
        made += 1.0;
        elapsed = begun.elapsed().as_secs_f64();
    }
    Ok(made / elapsed)
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
        "usage: call_rate async PORT TASKS SECONDS | blocking NETID PORT|PATH SECONDS|calls CALLS"
    );
    std::process::exit(2);
}
