//! Calls the probe program as it is told, a line for what becomes of each call: what `peers/probe_client.c` is in C.

use std::error::Error;
use std::fmt::Display;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use oncrpc::netid::Netid;
use oncrpc::{CallError, CallOptions, Caller, RawCaller, negotiate};
use oncrpc_client::blocking::Wait;
use oncrpc_client::{Channel, Endpoint, Target, auth_sys, blocking};
use oncrpc_probe::ProbeBlob;
use oncrpc_probe::probe_program::{PROGRAM, v2};

/// Calls the probe program and prints what becomes of each call: its result, or what libtirpc would call the error.
#[derive(Parser)]
struct Command {
    /// Call without an async runtime
    #[arg(long)]
    blocking: bool,
    /// Call in this user's name (AUTH_SYS)
    #[arg(long)]
    sys: bool,
    /// Milliseconds that each call is given
    #[arg(long, default_value = "25000")]
    timeout: u64,
    /// The transport: tcp, udp, tcp6, udp6 or local
    netid: String,
    /// A host whose rpcbind is asked, or a place: ADDRESS:PORT, or the path of a Unix socket
    place: String,
    /// null, echo:BYTES, add:NUMBER, wait:MILLISECONDS or versions:LOWEST-HIGHEST, one after the other
    calls: Vec<String>,
}

fn main() -> Result<(), Box<dyn Error>> {
    env_logger::init();
    let command = Command::parse();
    let timeout = Duration::from_millis(command.timeout);
    let mut options = CallOptions::default().timeout(timeout);
    if command.sys {
        options = options.auth(Arc::new(auth_sys()?));
    }
    let netid = Netid::from(command.netid.as_str());
    let known = known_place(&netid, &command.place);
    if command.blocking {
        let channel = match known {
            Some(endpoint) => blocking::Channel::to(endpoint),
            None => blocking::Channel::find(&command.place.parse()?, &netid, PROGRAM, 2)?,
        };
        make_calls(channel, options, &command.calls).wait()
    } else {
        let runtime = tokio::runtime::Runtime::new()?;
        let channel = match known {
            Some(endpoint) => Channel::to(endpoint),
            None => Channel::builder(command.place.parse::<Target>()?)
                .netid(netid)
                .program(PROGRAM, 2),
        };
        runtime.block_on(make_calls(channel, options, &command.calls))
    }
}

/// The endpoint that a place names, unless it is a host.
fn known_place(netid: &Netid, place: &str) -> Option<Endpoint> {
    match (netid, place.parse::<SocketAddr>()) {
        (Netid::Udp | Netid::Udp6, Ok(address)) => Some(Endpoint::Udp(address)),
        (_, Ok(address)) => Some(Endpoint::Tcp(address)),
        (_, Err(_)) => place.starts_with('/').then(|| Endpoint::Unix(place.into())),
    }
}

async fn make_calls<C: Caller + RawCaller>(
    channel: C,
    options: CallOptions,
    calls: &[String],
) -> Result<(), Box<dyn Error>> {
    let client = v2::Client::new(channel.clone()).with_options(options.clone());
    for call in calls {
        let (name, number) = call.split_once(':').unwrap_or((call, ""));
        match name {
            "null" => say(async { client.null().await.map(|()| "null") }).await,
            "echo" => say(echo(&client, number.parse()?)).await,
            "add" => say(client.add(number.parse()?)).await,
            "wait" => say(client.wait(number.parse()?)).await,
            "versions" => {
                let (low, high) = number.split_once('-').unwrap_or((number, number));
                let range = low.parse()?..=high.parse()?;
                say(negotiate(&channel, PROGRAM, range, &options)).await;
            }
            other => return Err(format!("{other} is no call").into()),
        }
    }
    Ok(())
}

/// Sends bytes that a shifted, repeated or lost piece would not leave as they are, and compares.
async fn echo<C: Caller>(client: &v2::Client<C>, len: usize) -> Result<String, CallError> {
    let byte = |index: usize| ((index as u32).wrapping_mul(0x9E37_79B1) >> 24) as u8;
    let sent = ProbeBlob::from((0..len).map(byte).collect::<Vec<u8>>());
    let got = client.echo(&sent).await?;
    Ok(match got == sent {
        true => format!("{len} bytes came back"),
        false => format!("{} other bytes came back", got.len()),
    })
}

/// Prints what becomes of a call.
async fn say<T: Display>(call: impl Future<Output = Result<T, CallError>>) {
    match call.await {
        Ok(result) => println!("{result}"),
        Err(error) => {
            eprintln!("{error}");
            println!("{}", error.clnt_stat());
        }
    }
}
