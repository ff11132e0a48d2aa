//! Serves the probe program until it is told to stop: what `peers/probe_server.c` is in C.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use clap::Parser;
use oncrpc::{CallContext, Procedure, Reject};
use oncrpc_probe::probe_program::{v2, v4};
use oncrpc_probe::{LOCAL_PATH, ProbeBlob};
use oncrpc_server::{Duplicates, Listen, Policy, RpcbindAt, Server, remembered};
use tokio::signal::unix::{SignalKind, signal};

/// Serves the probe program, registered with this host's rpcbind.
#[derive(Parser)]
struct Command {
    /// Keep the sums that were answered, for calls that come again
    #[arg(short = 'c')]
    cache: bool,
    /// The port of every transport but local
    port: u16,
    /// Transports: udp, tcp, udp6, tcp6, local
    netids: Vec<String>,
}

/// The sum of all numbers so far, which both versions share.
#[derive(Clone, Default)]
struct Probe(Arc<AtomicU32>);

impl Probe {
    fn sum_with(&self, number: u32) -> u32 {
        self.0
            .fetch_add(number, Ordering::Relaxed)
            .wrapping_add(number)
    }
}

impl v2::Server for Probe {
    async fn echo(&self, _: &CallContext, blob: ProbeBlob) -> Result<ProbeBlob, Reject> {
        Ok(blob)
    }

    async fn add(&self, _: &CallContext, number: u32) -> Result<u32, Reject> {
        Ok(self.sum_with(number))
    }

    async fn note(&self, _: &CallContext, number: u32) -> Result<(), Reject> {
        self.sum_with(number);
        Err(Reject::Silent)
    }

    async fn wait(&self, _: &CallContext, millis: u32) -> Result<u32, Reject> {
        tokio::time::sleep(Duration::from_millis(millis.into())).await;
        Ok(millis)
    }
}

impl v4::Server for Probe {
    async fn add(&self, _: &CallContext, number: u32) -> Result<u32, Reject> {
        Ok(self.sum_with(number))
    }
}

/// Where a transport is listened for.
fn listen(netid: &str, port: u16) -> Result<Listen, String> {
    let (any, any6) = (
        IpAddr::from(Ipv4Addr::UNSPECIFIED),
        IpAddr::from(Ipv6Addr::UNSPECIFIED),
    );
    match netid {
        "udp" => Ok(Listen::Udp((any, port).into())),
        "tcp" => Ok(Listen::Tcp((any, port).into())),
        "udp6" => Ok(Listen::Udp((any6, port).into())),
        "tcp6" => Ok(Listen::Tcp((any6, port).into())),
        "local" => Ok(Listen::Unix(LOCAL_PATH.into())),
        other => Err(format!("{other} is no transport of ours")),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    env_logger::init();
    let Command {
        cache,
        port,
        netids,
    } = Command::parse();
    let probe = Probe::default();
    let mut v2 = v2::service(Arc::new(probe.clone()));
    if cache {
        v2 = remembered(v2, &Duplicates::default(), [v2::procedure::Add::INFO]);
    }
    let mut server = Server::new()
        .service(v2)
        .service(v4::service(Arc::new(probe)))
        .register(Policy::Require, RpcbindAt::ThisHost);
    for netid in &netids {
        server = server.listen(listen(netid, port)?);
    }
    let running = server.start().await?;
    println!("ready");
    signal(SignalKind::terminate())?.recv().await;
    running.shutdown(Duration::from_secs(5)).await;
    Ok(())
}
