//! Answers look-ups from memory, for a profiler to count: `look_ups getport|getaddr|dump REGISTRATIONS CALLS`.
//!
//! All that rpcbind does for a datagram is here but its way in and out: the ladder, the policy, hosts.allow and hosts.deny,
//! the registry, the statistics. A `dump` is a DUMP of version 4 right after a registration, so that it is encoded anew.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use oncrpc::netid::Netid;
use oncrpc::peer::{Address, Peer, UnixPeer};
use oncrpc::{Framing, Ladder, Services, Session, Step};
use oncrpc_portmapper::hosts_access::HostsAccess;
use oncrpc_portmapper::netconfig;
use oncrpc_portmapper::policy::Policy;
use oncrpc_portmapper::portmapper::Portmapper;
use oncrpc_portmapper::request_log::RequestLog;
use oncrpc_portmapper::service::services;
use oncrpc_portmapper::services::ProgramNames;
use oncrpc_portmapper::state::StateDirectory;
use oncrpc_xdr::Writer;

/// The first program that is registered.
const FIRST: u32 = 400_000;

/// Programs that are asked for, spread over those that are registered.
const ASKED: u32 = 10;

const PORTMAPPER: u32 = 100_000;
const SET: u32 = 1;
const GETPORT: u32 = 3;
const GETADDR: u32 = 3;
const DUMP: u32 = 4;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [what, registrations, calls] = &args[..] else {
        usage()
    };
    let number = |text: &String| text.parse::<u32>().unwrap_or_else(|_| usage());
    let (registrations, calls) = (number(registrations), number(calls));
    let mut desk = Desk::new();
    for program in FIRST..FIRST + registrations {
        desk.ask_here(&rpcb(SET, program));
    }
    let spread = (registrations / ASKED).max(1);
    let asked = (FIRST..FIRST + registrations).step_by(spread as usize);
    match &what[..] {
        "getport" => desk.ask_each(&asked.map(getport).collect::<Vec<_>>(), calls),
        "getaddr" => {
            let questions = asked.map(|program| rpcb(GETADDR, program));
            desk.ask_each(&questions.collect::<Vec<_>>(), calls);
        }
        "dump" => {
            let dump = message(4, DUMP, &[]);
            for program in FIRST + registrations..FIRST + registrations + calls {
                desk.ask_here(&rpcb(SET, program));
                desk.ask_here(&dump);
            }
        }
        _ => usage(),
    }
}

fn usage() -> ! {
    eprintln!("usage: look_ups getport|getaddr|dump REGISTRATIONS CALLS");
    std::process::exit(2);
}

/// A portmapper, somebody who asks it over UDP, and somebody on a Unix socket.
struct Desk {
    ladder: Ladder,
    caller: Session,
    superuser: Session,
    out: Writer,
}

impl Desk {
    fn new() -> Self {
        let nothing = Path::new("/nonexistent");
        let networks = netconfig::read(nothing);
        let (networks, _) = networks.unwrap_or_else(|error| panic!("{error}"));
        let state = StateDirectory::new(nothing);
        let log = RequestLog::new(false, ProgramNames::default());
        let portmapper = Portmapper::new(Policy::default(), networks, state, log)
            .with_hosts_access(HostsAccess::of_this_host());
        let portmapper = Arc::new(portmapper);
        let caller = Peer {
            netid: Netid::Udp,
            remote: Address::Inet(([127, 0, 0, 1], 700).into()),
            local: Address::Inet(([127, 0, 0, 1], 111).into()),
            interface: Some(1),
        };
        let (uid, gid, pid) = (0, 0, None);
        let superuser = Peer::process(UnixPeer { uid, gid, pid });
        Self {
            ladder: Ladder::new(Arc::new(Services::new(services(&portmapper)))),
            caller: Session::new(caller),
            superuser: Session::new(superuser),
            out: Writer::new(),
        }
    }

    /// Asks these in turn.
    fn ask_each(&mut self, questions: &[Bytes], calls: u32) {
        let framing = Framing::Datagram { max: 9000 };
        for question in questions.iter().cycle().take(calls as usize) {
            let (session, out) = (&mut self.caller, &mut self.out);
            let step = self.ladder.answer(session, question, framing, out);
            assert!(matches!(step, Step::Done) && self.out.len() > 24);
            self.out.clear();
        }
    }

    /// Asks as the superuser does by a Unix socket.
    fn ask_here(&mut self, question: &Bytes) {
        let (session, out) = (&mut self.superuser, &mut self.out);
        let step = self.ladder.answer(session, question, Framing::Record, out);
        assert!(matches!(step, Step::Done) && self.out.len() > 24);
        self.out.clear();
    }
}

/// A question for a port over UDP: RFC 1833 §3.1.
fn getport(program: u32) -> Bytes {
    message(
        2,
        GETPORT,
        &[program, 1, 17, 0].map(u32::to_be_bytes).concat(),
    )
}

/// A registration on UDP as version 4 has it, or a question for it: RFC 1833 §2.1.
fn rpcb(procedure: u32, program: u32) -> Bytes {
    let texts = b"\0\0\0\x03udp\0\0\0\0\x0b0.0.0.0.8.1\0\0\0\0\0";
    let service = [program, 1].map(u32::to_be_bytes).concat();
    message(4, procedure, &[&service[..], texts].concat())
}

fn message(version: u32, procedure: u32, args: &[u8]) -> Bytes {
    let header = [7, 0, 2, PORTMAPPER, version, procedure, 0, 0, 0, 0];
    let header = header.map(u32::to_be_bytes).concat();
    [&header, args].concat().into()
}
