//! What is logged of requests: all of them with `-l`, and in any case that somebody was turned away.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use oncrpc::peer::Peer;

use crate::seldom::Seldom;
use crate::services::ProgramNames;

/// The target of these lines, by which they get syslog's facility `auth`.
pub const TARGET: &str = "auth";

/// The log of requests.
#[derive(Debug)]
pub struct RequestLog {
    /// `-l`
    all: bool,
    names: ProgramNames,
    declined: Mutex<Seldom>,
}

/// A request, as rpcbind logs it.
struct Request<'a> {
    peer: &'a Peer,
    procedure: &'a str,
    program: Option<(u32, Option<&'a str>)>,
}

impl RequestLog {
    /// A log of all requests, or of those alone that are refused.
    pub fn new(all: bool, names: ProgramNames) -> Self {
        Self {
            all,
            names,
            declined: Mutex::default(),
        }
    }

    /// A request that is answered; those over Unix sockets are never logged.
    pub fn request(&self, peer: &Peer, procedure: &str, program: Option<u32>) {
        if self.all && peer.inet().is_some() {
            log::info!(target: TARGET, "{}", self.describe(peer, procedure, program));
        }
    }

    /// A SET or UNSET that came from somewhere else.
    pub fn declined(&self, peer: &Peer, procedure: &str, program: u32) {
        let request = self.describe(peer, procedure, Some(program));
        self.refused(format_args!("{request} declined (non-loopback sender)"));
    }

    /// A SET by a user of what only the superuser may register.
    pub fn reserved(&self, peer: &Peer, program: u32) {
        let request = self.describe(peer, "set", Some(program));
        self.refused(format_args!(
            "{request} declined (reserved for the superuser)"
        ));
    }

    /// A call from a host that may not call.
    pub fn denied(&self, peer: &Peer, procedure: &str, program: Option<u32>) {
        let request = self.describe(peer, procedure, program);
        self.refused(format_args!("{request}: request from unauthorized host"));
    }

    /// A call that is not made for others.
    pub fn not_called(&self, peer: &Peer, procedure: u32, program: u32) {
        let procedure = procedure.to_string();
        let request = self.describe(peer, &procedure, Some(program));
        self.refused(format_args!("{request}: indirect call not allowed"));
    }

    fn refused(&self, line: fmt::Arguments<'_>) {
        let mut declined = self.declined.lock().unwrap_or_else(PoisonError::into_inner);
        let due = declined.due(Instant::now());
        let before = if self.all { Some(0) } else { due };
        match before {
            None => {}
            Some(0) => log::warn!(target: TARGET, "{line}"),
            Some(more) => log::warn!(target: TARGET, "{line} (and {more} refused before it)"),
        }
    }

    fn describe<'a>(
        &'a self,
        peer: &'a Peer,
        procedure: &'a str,
        program: Option<u32>,
    ) -> Request<'a> {
        let program = program.map(|program| (program, self.names.name(program)));
        Request {
            peer,
            procedure,
            program,
        }
    }
}

/// `connect from 127.0.0.1 to getport/addr(nfs)`
impl fmt::Display for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("connect from ")?;
        match self.peer.inet() {
            Some(from) => write!(f, "{}", from.ip())?,
            None => write!(f, "{}", self.peer)?,
        }
        write!(f, " to {}(", self.procedure)?;
        match self.program {
            Some((_, Some(name))) => f.write_str(name)?,
            Some((number, None)) => write!(f, "{number}")?,
            None => {}
        }
        f.write_str(")")
    }
}

#[cfg(test)]
mod tests {
    use oncrpc::netid::Netid;
    use oncrpc::peer::Address;

    use super::*;

    #[test]
    fn requests_read_as_rpcbind_writes_them() {
        let log = RequestLog::new(true, ProgramNames::parse("nfs 100003\n"));
        let peer = Peer {
            netid: Netid::Udp,
            remote: Address::Inet("127.0.0.1:700".parse().unwrap()),
            local: Address::Local,
            interface: Some(1),
        };
        for (procedure, program, line) in [
            (
                "getport/addr",
                Some(100_003),
                "connect from 127.0.0.1 to getport/addr(nfs)",
            ),
            (
                "set",
                Some(400_000),
                "connect from 127.0.0.1 to set(400000)",
            ),
            ("dump", None, "connect from 127.0.0.1 to dump()"),
        ] {
            assert_eq!(log.describe(&peer, procedure, program).to_string(), line);
        }
    }
}
