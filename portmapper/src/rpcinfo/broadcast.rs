//! Where on the network a program answers: every rpcbind is asked to call it.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use oncrpc::proto::portmap::pmapprog::v2::procedure::Null;
use oncrpc::uaddr::Uaddr;
use oncrpc::{CallError, ProcedureId};
use oncrpc_client::Broadcast;
use oncrpc_client::broadcast::DEFAULT_TIMEOUT;

use super::layout::json;
use super::layout::text::printable;
use super::{Context, Stop, Terminal};

/// Time for the name of a host that has answered.
const NAME_TIME: Duration = Duration::from_secs(5);

/// Has every rpcbind call NULL, and prints where it was answered. That nobody answers is no failure.
pub async fn broadcast(
    cx: &Context,
    (program, version): (u32, u32),
    terminal: &mut Terminal<'_>,
) -> Result<(), Stop> {
    let called = ProcedureId {
        program,
        version,
        procedure: 0,
    };
    let asked = Broadcast::new().timeout(cx.patience.left().unwrap_or(DEFAULT_TIMEOUT));
    // Every program's NULL is the same but for the numbers.
    let asked = asked.callit_numbered::<Null>(called, &()).await;
    let mut answers = asked.map_err(|error| failed(&error))?;
    while let Some((from, ())) = answers.next().await {
        // This host is on the network by its other addresses.
        if from.ip().is_loopback() {
            continue;
        }
        let uaddr = Uaddr::Inet(without_scope(from)).to_string();
        let host = name(from.ip()).await;
        terminal.print(&match cx.json {
            true => json::broadcast_answer(&uaddr, &host),
            false => format!("{uaddr}\t{host}\n"),
        })?;
    }
    Ok(())
}

/// The name of an address; the address itself if it has none.
async fn name(ip: IpAddr) -> String {
    let looked_up = tokio::task::spawn_blocking(move || dns_lookup::lookup_addr(&ip));
    match tokio::time::timeout(NAME_TIME, looked_up).await {
        Ok(Ok(Ok(name))) => printable(&name.into()).into_owned(),
        _ => "unknown".to_owned(),
    }
}

/// A universal address names no interface.
fn without_scope(address: SocketAddr) -> SocketAddr {
    (address.ip(), address.port()).into()
}

fn failed(error: &CallError) -> Stop {
    let stat = match error {
        CallError::Connect(_) => oncrpc::ClntStat::CantSend,
        other => other.clnt_stat(),
    };
    Stop::because(format_args!("broadcast failed: {stat}"))
}
