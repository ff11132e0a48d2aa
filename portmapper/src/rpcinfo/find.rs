//! From what a user says of a program to a connection to it.

use oncrpc::netconfig::NetworkConfig;
use oncrpc::netid::{Family, Protocol, Transport};
use oncrpc::uaddr::Uaddr;
use oncrpc_client::Endpoint;
use oncrpc_transport::Connection;

use super::connect::{addresses, connect, endpoint, is_of};
use super::contact::Contact;
use super::failure::Failure;
use super::request::Place;
use super::{Context, Stop};

/// A connection to a program; its rpcbind is asked for this version, if it has to be.
pub async fn find(
    cx: &Context,
    place: &Place,
    program: u32,
    version: u32,
) -> Result<Connection, Stop> {
    let failed = |failure: Failure| Stop::because(failure.before_the_call());
    match place {
        Place::Address { over, uaddr } => {
            // The name of the command stands there twice.
            let none = || Stop::because("rpcinfo: no address for client handle");
            let at = address(&over.transport, uaddr).ok_or_else(none)?;
            connect(&at, cx.patience).await.map_err(failed)
        }
        Place::Transport { over, host } => {
            let found = registered(cx, host, over, program, version).await;
            found.map_err(failed)
        }
        Place::Protocol {
            protocol,
            host,
            port,
        } => {
            let of_protocol = |entry: &&NetworkConfig| entry.transport.protocol == Some(*protocol);
            let mut stop = Stop::Complaint(format!(
                "Cannot find suitable transport for protocol {}\n",
                protocol.name()
            ));
            for entry in cx.netconfig.iter().filter(of_protocol) {
                let found = match port {
                    Some(port) => at_port(cx, host, *port, &entry.transport).await,
                    None => registered(cx, host, entry, program, version).await,
                };
                let failure = match found {
                    Ok(connection) => return Ok(connection),
                    Err(failure) => failure,
                };
                let why = failure.before_the_call();
                stop = Stop::Complaint(format!("{host}: {why}\n"));
                // It may have an address of the other family.
                if !matches!(failure, Failure::UnknownHost) {
                    break;
                }
            }
            Err(stop)
        }
    }
}

/// The place that a universal address names on a transport; of a socket it is a path from the root, or an abstract
/// name.
fn address(transport: &Transport, uaddr: &str) -> Option<Endpoint> {
    if transport.family == Family::Loopback && !uaddr.starts_with(['/', '@']) {
        return None;
    }
    let uaddr = Uaddr::parse(uaddr.as_bytes(), transport.family).ok()?;
    endpoint(transport, &uaddr)
}

/// The program where a host's rpcbind says it is on a transport.
async fn registered(
    cx: &Context,
    host: &str,
    over: &NetworkConfig,
    program: u32,
    version: u32,
) -> Result<Connection, Failure> {
    let NetworkConfig {
        netid, transport, ..
    } = over;
    if endpoint(transport, &any(transport)).is_none() {
        return Err(Failure::UnknownProtocol);
    }
    let contact = match transport.family {
        Family::Loopback => Contact::local_or_loopback(cx).await?,
        Family::Inet | Family::Inet6 => match Contact::over(cx, host, transport).await {
            // libtirpc tells the one from the other only where rpcinfo itself looks for the host.
            Err(Failure::NoAddress) => return Err(Failure::UnknownHost),
            contact => contact?,
        },
    };
    let family = transport.family;
    let uaddr = contact.address(program, version, netid, family).await?;
    let found = endpoint(transport, &uaddr).ok_or(Failure::UnknownProtocol)?;
    connect(&found, cx.patience).await
}

/// Any address of a transport, to see whether it can be used.
fn any(transport: &Transport) -> Uaddr {
    match transport.family {
        Family::Loopback => Uaddr::Local("/".into()),
        Family::Inet | Family::Inet6 => Uaddr::Inet(([0, 0, 0, 0], 0).into()),
    }
}

/// The program at a port of a host.
async fn at_port(
    cx: &Context,
    host: &str,
    port: u16,
    transport: &Transport,
) -> Result<Connection, Failure> {
    let mut failed = Failure::UnknownHost;
    for address in addresses(host, port, cx.patience).await {
        if !is_of(&address, transport.family) {
            continue;
        }
        let endpoint = match transport.protocol {
            Some(Protocol::Udp) => Endpoint::Udp(address),
            _ => Endpoint::Tcp(address),
        };
        match connect(&endpoint, cx.patience).await {
            Ok(connection) => return Ok(connection),
            Err(failure) => failed = failure,
        }
    }
    Err(failed)
}
