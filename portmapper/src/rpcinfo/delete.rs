//! Has this host's rpcbind forget a program.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use nix::unistd::Uid;
use oncrpc::netid::Netid;
use oncrpc::proto::rpcb::Rpcb;
use oncrpc::proto::rpcb::rpcbprog::v4;
use oncrpc::{CallError, CallOptions, Caller};
use oncrpc_client::{Channel, Host, Target};
use oncrpc_xdr::XdrString;

use super::Context;
use super::contact::{ANSWER_TIME, Contact};

/// Whether this host's rpcbind has forgotten a program on one transport, or on all.
///
/// It is asked by its socket, which tells it who we are; else over TCP, where a port that only root may have tells
/// it that we are root.
pub async fn delete(cx: &Context, program: u32, version: u32, netid: Option<&Netid>) -> bool {
    let question = Rpcb {
        r_prog: program,
        r_vers: version,
        r_netid: netid.map(XdrString::from).unwrap_or_default(),
        ..Rpcb::default()
    };
    if let Ok(contact) = Contact::local(cx).await {
        return matches!(contact.unset(&question).await, Ok(true));
    }
    let loopbacks = [
        (IpAddr::from(Ipv6Addr::LOCALHOST), Netid::Tcp6),
        (IpAddr::from(Ipv4Addr::LOCALHOST), Netid::Tcp),
    ];
    for (ip, netid) in loopbacks {
        let mut builder = Channel::builder(Target::Host(Host::Address(ip))).netid(netid);
        if Uid::effective().is_root() {
            builder = builder.reserved_port();
        }
        let options = CallOptions::default().timeout(cx.patience.step(ANSWER_TIME));
        let channel = builder.port(cx.port);
        match channel
            .call::<v4::procedure::Unset>(&question, &options)
            .await
        {
            Err(CallError::Connect(_)) => {}
            answer => return matches!(answer, Ok(true)),
        }
    }
    false
}
