//! Who has a program?

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use oncrpc::CallError;
use oncrpc::netid::{Family, Netid, Protocol};
use oncrpc::proto::portmap::Mapping;
use oncrpc::proto::portmap::pmapprog::v2::procedure::Getport;
use oncrpc::proto::rpcb::rpcbprog::v4::procedure::Getaddrlist;
use oncrpc::proto::rpcb::{Rpcb, RpcbEntryList};
use oncrpc::uaddr::Uaddr;
use oncrpc_xdr::XdrString;

use super::{Answers, Broadcast, DEFAULT_MAX_ANSWERS, Over};
use crate::{Endpoint, Rpcbind};

/// Where a program is found, host by host.
#[derive(Debug)]
#[must_use = "every rpcbind has been asked, and here is what they answer"]
pub struct Found {
    netid: Netid,
    /// Hosts that are still wanted.
    wanted: usize,
    answers: Asked,
}

/// In which version of rpcbind the question was asked.
#[derive(Debug)]
enum Asked {
    V2(Answers<Getport>),
    V4(Answers<Getaddrlist>),
}

impl Broadcast {
    /// Asks every rpcbind where a program is on the transport `netid`: `tcp`, `udp`, `tcp6` or `udp6`.
    ///
    /// Over IPv4 it is version 2 that is asked, by GETPORT, which every portmapper knows. One that has another
    /// version of the program names that; the call shows it. Over IPv6 it is version 4, by GETADDRLIST. There is
    /// an error only if nothing can be sent at all, or if `netid` is none of the four.
    pub async fn find(self, program: u32, version: u32, netid: &Netid) -> Result<Found, CallError> {
        let wanted = self.max_answers;
        // Hosts that have not got the program answer, too.
        let this = self.max_answers(wanted.max(DEFAULT_MAX_ANSWERS));
        let transport = netid.transport();
        let answers = match transport.and_then(|known| Some((known.family, known.protocol?))) {
            Some((Family::Inet, protocol)) => {
                let args = mapping(program, version, protocol);
                let answers = this.direct_over(Over::Ipv4, Rpcbind::PORT, &args);
                Asked::V2(answers.await?)
            }
            Some((Family::Inet6, _)) => {
                let args = Rpcb {
                    r_prog: program,
                    r_vers: version,
                    r_netid: XdrString::from(netid),
                    ..Rpcb::default()
                };
                let answers = this.direct_over(Over::Ipv6, Rpcbind::PORT, &args);
                Asked::V4(answers.await?)
            }
            _ => {
                let message = format!("transport {netid} is none of a network");
                let error = io::Error::new(io::ErrorKind::Unsupported, message);
                return Err(CallError::Connect(Arc::new(error)));
            }
        };
        Ok(Found {
            netid: netid.clone(),
            wanted,
            answers,
        })
    }
}

fn mapping(program: u32, version: u32, protocol: Protocol) -> Mapping {
    Mapping {
        prog: program,
        vers: version,
        prot: protocol as u32,
        port: 0,
    }
}

impl Found {
    /// Waits for the next host that has the program: where it is there. `None` is the end: the time is up, or
    /// there were as many as wanted.
    ///
    /// Dropping the future loses none.
    pub async fn next(&mut self) -> Option<Endpoint> {
        while self.wanted > 0 {
            let (host, port) = match &mut self.answers {
                Asked::V2(answers) => {
                    let (from, port) = answers.next().await?;
                    (from, u16::try_from(port).ok())
                }
                Asked::V4(answers) => {
                    let (from, list) = answers.next().await?;
                    (from, listed(&list, &self.netid))
                }
            };
            let port = port.filter(|&port| port != 0);
            if let Some(endpoint) = port.and_then(|port| self.endpoint(host, port)) {
                self.wanted -= 1;
                return Some(endpoint);
            }
        }
        None
    }

    /// Waits until the end; gives back all that were still to come.
    pub async fn collect(mut self) -> Vec<Endpoint> {
        let mut endpoints = Vec::new();
        while let Some(endpoint) = self.next().await {
            endpoints.push(endpoint);
        }
        endpoints
    }

    /// A port of the host that has answered, by the address that it has answered from, whatever it says its
    /// address is.
    fn endpoint(&self, mut host: SocketAddr, port: u16) -> Option<Endpoint> {
        host.set_port(port);
        Endpoint::of(&self.netid, &Uaddr::Inet(host))
    }
}

/// The port that a list names for this transport.
fn listed(list: &[RpcbEntryList], netid: &Netid) -> Option<u16> {
    let mut entries = list.iter().map(|node| &node.rpcb_entry_map);
    let entry = entries.find(|entry| entry.r_nc_netid.as_bytes() == netid.as_bytes())?;
    let family = netid.transport()?.family;
    let uaddr = Uaddr::parse(entry.r_maddr.as_bytes(), family).ok()?;
    Some(uaddr.socket_addr()?.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    use oncrpc::proto::rpcb::RpcbEntry;

    #[test]
    fn a_list_names_the_port_of_the_transport_that_was_asked_for() {
        let entry = |netid: &'static str, uaddr: &'static str| RpcbEntryList {
            rpcb_entry_map: RpcbEntry {
                r_nc_netid: netid.into(),
                r_maddr: uaddr.into(),
                ..RpcbEntry::default()
            },
        };
        let list = [
            entry("udp6", "2001:db8::1.8.1"),
            entry("tcp6", "2001:db8::1.8.2"),
            entry("local", "/run/nfs.sock"),
        ];
        assert_eq!(listed(&list, &Netid::Udp6), Some(2049));
        assert_eq!(listed(&list, &Netid::Tcp6), Some(2050));
        assert_eq!(listed(&list[..1], &Netid::Tcp6), None);
        assert_eq!(listed(&[entry("tcp6", "nonsense")], &Netid::Tcp6), None);
    }
}
