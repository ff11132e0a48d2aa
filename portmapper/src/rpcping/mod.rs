//! The `rpcping` command: calls a procedure as often as it can and measures how long that takes.
//!
//! | module | what it knows |
//! |---|---|
//! | [`cli`] | the command line |
//! | [`calls`] | calls and replies as bytes; pure |
//! | [`replies`] | where in a stream the replies are; pure |
//! | [`histogram`] | how long calls took, counted; pure |
//! | [`connection`] | one connection and its calls in flight |
//! | `datagrams` | a UDP socket, many datagrams at a time |
//! | [`load`] | threads and their connections, from the first call to the last |
//! | [`report`] | what is printed |
//!
//! Nothing of our client is in the way of the calls: they are encoded once, and as many as are due leave in one write (in
//! datagrams half of them), so that what is measured is the server.

use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use oncrpc::netid::Netid;
use oncrpc_client::{Endpoint, Rpcbind, RpcbindAt};
use tokio::net::lookup_host;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::interval;

use self::calls::Template;
use self::cli::Options;
use self::connection::Place;
use self::load::{Load, Measured, Progress};

pub mod calls;
pub mod cli;
pub mod connection;
mod datagrams;
pub mod histogram;
pub mod load;
pub mod replies;
pub mod report;

/// Does what the options say and gives the report, and whether every call was answered with success. The error is a complaint.
pub async fn run(options: &Options) -> Result<(String, bool), String> {
    let place = place(options).await?;
    let templates = templates(options)?;
    let processors = || std::thread::available_parallelism().map_or(1, usize::from);
    let threads = options.threads.unwrap_or_else(processors);
    let threads = threads.min(options.connections);
    let load = Load {
        place,
        templates,
        connections: options.connections,
        in_flight: options.in_flight,
        threads,
        time: options.time,
        count: options.count,
        busy_poll: options.busy_poll,
    };
    let whom = load.place.to_string();
    let measured = watched(load).await?;
    if let (Some(failed), 0) = (&measured.failed, measured.tally.times.total()) {
        // There is nothing to report: a port where nobody listens is told of at the first call over UDP.
        return Err(format!("{whom}: {failed}"));
    }
    let well = measured.failed.is_none()
        && measured.tally.refused.is_empty()
        && measured.tally.times.total() > 0;
    let report = match options.json {
        true => report::json(&measured, threads),
        false => report::text(&measured, threads),
    };
    Ok((report, well))
}

/// Runs a load, says how far it is, and ends it when it is told to.
async fn watched(load: Load) -> Result<Measured, String> {
    let whom = load.place.to_string();
    let mut interrupted = signal(SignalKind::interrupt()).map_err(|error| error.to_string())?;
    let mut terminated = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
    let progress = Arc::new(Progress::default());
    let seen = Arc::clone(&progress);
    let mut running = tokio::task::spawn_blocking(move || load.run(&progress));
    let mut seconds = interval(Duration::from_secs(1));
    seconds.tick().await;
    let mut before = 0;
    let shows = std::io::stderr().is_terminal();
    let measured = loop {
        tokio::select! {
            measured = &mut running => break measured,
            _ = interrupted.recv() => seen.stop.store(true, Ordering::Relaxed),
            _ = terminated.recv() => seen.stop.store(true, Ordering::Relaxed),
            _ = seconds.tick() => {
                let replies = seen.replies.load(Ordering::Relaxed);
                if shows {
                    // A terminal that is gone has nobody before it.
                    let _ = write!(std::io::stderr(), "\r\x1b[K{} calls/s", replies - before);
                }
                before = replies;
            }
        }
    };
    if shows {
        let _ = write!(std::io::stderr(), "\r\x1b[K");
    }
    match measured {
        Ok(Ok(measured)) => Ok(measured),
        Ok(Err(error)) => Err(format!("cannot connect to {whom}: {error}")),
        Err(error) => Err(error.to_string()),
    }
}

/// The calls that are made in turn.
fn templates(options: &Options) -> Result<Vec<Template>, String> {
    let marked = !matches!(options.netid, Netid::Udp | Netid::Udp6);
    let template = |arguments: &[u8]| {
        if !marked && arguments.len() > DATAGRAM {
            let length = arguments.len();
            return Err(format!(
                "{length} bytes of arguments: no datagram holds them"
            ));
        }
        let template = Template::new(options.called, arguments, marked);
        template.ok_or_else(|| "no record holds as many bytes".to_owned())
    };
    if options.arguments.is_empty() {
        return Ok(vec![template(&vec![0; options.size])?]);
    }
    let read = |path: &std::path::PathBuf| {
        let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        template(&bytes)
    };
    options.arguments.iter().map(read).collect()
}

/// Where the program is.
async fn place(options: &Options) -> Result<Place, String> {
    if options.netid == Netid::Local {
        return Ok(Place::Unix(options.host.clone().into()));
    }
    let host = resolve(options).await?;
    let datagrams = matches!(options.netid, Netid::Udp | Netid::Udp6);
    let of = |address| match datagrams {
        true => Place::Udp(address),
        false => Place::Tcp(address),
    };
    if options.port.is_some() {
        return Ok(of(host));
    }
    let called = options.called;
    let asked = |error| format!("rpcbind of {}: {error}", options.host);
    let rpcbind = RpcbindAt::Endpoint(Endpoint::Tcp(host));
    let rpcbind = Rpcbind::connect(&rpcbind).await.map_err(asked)?;
    let found = rpcbind.lookup(called.program, called.version, &options.netid);
    match found.await.map_err(asked)? {
        Endpoint::Tcp(address) | Endpoint::Udp(address) => Ok(of(address)),
        _ => Err("rpcbind names an address of another transport".to_owned()),
    }
}

/// The host's address of the transport's family, with the port that was given, or rpcbind's.
async fn resolve(options: &Options) -> Result<SocketAddr, String> {
    let host = options.host.as_str();
    let port = options.port.unwrap_or(Rpcbind::PORT);
    let v6 = matches!(options.netid, Netid::Tcp6 | Netid::Udp6);
    let found = lookup_host((host, port)).await;
    let mut found = found.map_err(|error| match host.contains(':') {
        // No name has one.
        true => format!("{host}: {error} (-p names the port)"),
        false => format!("{host}: {error}"),
    })?;
    let address = found.find(|address| address.is_ipv6() == v6);
    address.ok_or_else(|| format!("{host} has no address for {}", options.netid))
}

/// Most bytes of arguments in a datagram: those of UDP over IPv4 less a call's header.
const DATAGRAM: usize = 65_507 - 40;
