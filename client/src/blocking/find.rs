//! Finding a program's address.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use oncrpc::CallError;
use oncrpc::netid::{Family, Netid};

use super::{Channel, Wait};
use crate::getaddr::{RPCBIND_PORT, getaddr, reachable};
use crate::{Endpoint, Target};

impl Channel {
    /// A channel to a program, at the address that the host's rpcbind names. Each address of the host is tried,
    /// for 25 s at most.
    ///
    /// rpcbind is asked on the transport that is wanted, in version 4, then 3, then 2. A Unix socket is no host:
    /// for one use [`Channel::to`].
    pub fn find(
        host: &Target,
        netid: &Netid,
        program: u32,
        version: u32,
    ) -> Result<Self, CallError> {
        let not_registered = || CallError::NotRegistered {
            program,
            version,
            netid: netid.clone(),
        };
        let mut failed = None;
        for at in addresses(host, netid)? {
            let rpcbind = match netid {
                Netid::Udp | Netid::Udp6 => Endpoint::Udp(at),
                _ => Endpoint::Tcp(at),
            };
            let asked = Some(at);
            let channel = Self::to(rpcbind.clone());
            match getaddr(&channel, program, version, netid, asked).wait() {
                Ok(uaddr) => {
                    let found = uaddr
                        .and_then(|uaddr| Endpoint::of(netid, &reachable(uaddr, asked)))
                        .filter(|found| found.inet().is_some_and(|at| at.port() != 0));
                    return found.map(Self::to).ok_or_else(not_registered);
                }
                Err(error) => {
                    failed = Some(CallError::Lookup {
                        rpcbind: rpcbind.to_string(),
                        error: Box::new(error),
                    });
                }
            }
        }
        Err(failed.unwrap_or_else(not_registered))
    }
}

/// Where a host's rpcbind may be, on the family of a transport.
fn addresses(host: &Target, netid: &Netid) -> Result<Vec<SocketAddr>, CallError> {
    let refused = |why: String| {
        let error = io::Error::new(io::ErrorKind::Unsupported, why);
        CallError::Connect(Arc::new(error))
    };
    let family = netid.transport().map(|transport| transport.family);
    let wants_v4 = match family {
        Some(Family::Inet) => true,
        Some(Family::Inet6) => false,
        _ => return Err(refused(format!("{netid} does not lead to a host"))),
    };
    let found: Vec<SocketAddr> = match host {
        Target::Host(host) => host
            .addresses(RPCBIND_PORT)
            .map_err(|error| CallError::Connect(Arc::new(error)))?,
        other => {
            return Err(refused(format!(
                "{other} is no host whose rpcbind can be asked"
            )));
        }
    };
    Ok(found
        .into_iter()
        .filter(|address| address.is_ipv4() == wants_v4)
        .collect())
}
