//! rpcbind against a plain list: any calls, in any order, by anybody.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use arbitrary::{Arbitrary, Unstructured};
use oncrpc::netid::Netid;
use oncrpc::peer::{Address, Peer, UnixPeer};
use oncrpc::proto::portmap::{Mapping, Pmaplist};
use oncrpc::proto::rpcb::{RpList, Rpcb, RpcbStat};
use oncrpc::{Framing, Ladder, Origin, Services, Session, Step};
use oncrpc_portmapper::netconfig;
use oncrpc_portmapper::policy::Policy;
use oncrpc_portmapper::portmapper::Portmapper;
use oncrpc_portmapper::registry::{MAX_NETID, MAX_UADDR, port};
use oncrpc_portmapper::request_log::RequestLog;
use oncrpc_portmapper::service::services;
use oncrpc_portmapper::services::ProgramNames;
use oncrpc_portmapper::state::{StateDirectory, wildcard};
use oncrpc_xdr::wire::{Fixed, List};
use oncrpc_xdr::{Bytes, Encode, Reader, Wire, Writer, XdrString, to_bytes};

/// After each call everybody sees what a plain list would hold; strangers get no long answers over UDP.
pub fn operations(data: &[u8]) {
    let mut input = Unstructured::new(data);
    let mut house = House::new();
    let mut model = house.list();
    while !input.is_empty() && step(&mut input, &mut house, &mut model).is_ok() {
        assert_eq!(house.list(), model);
    }
    let seen: Vec<Mapping> = model.iter().filter_map(mapping).collect();
    assert_eq!(house.mappings(), seen);
}

/// One call.
fn step(
    input: &mut Unstructured<'_>,
    house: &mut House,
    model: &mut Vec<Rpcb>,
) -> arbitrary::Result<()> {
    let caller = Caller::arbitrary(input)?;
    let version = input.int_in_range(2..=4)?;
    match input.int_in_range(0..=9)? {
        // Anything at all.
        0 => {
            let procedure = input.int_in_range(0..=13)?;
            let len = input.int_in_range(0..=40)?;
            let args = Vec::from(input.bytes(len)?);
            let may_change = [SET, UNSET].contains(&procedure);
            if !may_change {
                house.ask(caller, version, procedure, &args);
            }
        }
        1..=4 => {
            let entry = registration(input, version)?;
            let expected = set(model, caller, version, &entry);
            let answer = house.ask(caller, version, SET, &args(version, &entry));
            assert_eq!(answer, expected, "{caller:?} sets {entry:?}");
        }
        5..=7 => {
            let entry = registration(input, version)?;
            let expected = unset(model, caller, version, &entry);
            let answer = house.ask(caller, version, UNSET, &args(version, &entry));
            assert_eq!(answer, expected, "{caller:?} unsets {entry:?}");
        }
        _ => {
            let entry = registration(input, version)?;
            let answer = house.ask(caller, version, GETADDR, &args(version, &entry));
            let Answer::Results(body) = answer else {
                panic!("{answer:?}");
            };
            look_up(model, caller, version, &entry, &body);
        }
    }
    Ok(())
}

/// Few values, so that calls meet; any text now and then.
fn registration(input: &mut Unstructured<'_>, version: u32) -> arbitrary::Result<Rpcb> {
    let text = |input: &mut Unstructured<'_>, usual: &[&str]| {
        Ok(match input.int_in_range(0..=15)? {
            0 => {
                let len = input.int_in_range(0..=300)?;
                XdrString::from(input.bytes(len.min(input.len()))?)
            }
            at => XdrString::from(usual[at % usual.len()]),
        })
    };
    let (netid, uaddr) = if version == 2 {
        let netid = *input.choose(&["tcp", "udp", "sctp"])?;
        (netid.into(), wildcard(u32::arbitrary(input)? >> 8))
    } else {
        let netids = ["udp", "tcp", "TCP", "local", "", "udp6", "bogus"];
        let uaddrs = [
            "0.0.0.0.8.1",
            "0.0.0.0.8.2",
            "::.8.1",
            "/run/x",
            "junk",
            "127.0.0.1.3.4",
        ];
        (text(input, &netids)?, text(input, &uaddrs)?)
    };
    Ok(Rpcb {
        r_prog: *input.choose(&[400_000, 400_001, OWN_PROGRAM])?,
        r_vers: input.int_in_range(1..=4)?,
        r_netid: netid,
        r_addr: uaddr,
        r_owner: "whoever".into(),
    })
}

// The list.

fn set(model: &mut Vec<Rpcb>, caller: Caller, version: u32, entry: &Rpcb) -> Answer {
    let Some(owner) = caller.owner() else {
        return Answer::TooWeak;
    };
    if version == 2 && protocol(entry) == OTHER_PROTOCOL {
        return answer(false);
    }
    let entry = Rpcb {
        r_netid: cut(&entry.r_netid),
        r_addr: cut(&entry.r_addr),
        r_owner: owner.into(),
        ..*entry
    };
    let fits = |text: &XdrString, max| text.as_bytes().len() <= max;
    if !fits(&entry.r_netid, MAX_NETID) || !fits(&entry.r_addr, MAX_UADDR) {
        return answer(false);
    }
    if let Some(there) = model
        .iter()
        .find(|there| is_of(there, &entry, &entry.r_netid))
    {
        return answer(there.r_addr == entry.r_addr);
    }
    model.push(entry);
    answer(true)
}

fn unset(model: &mut Vec<Rpcb>, caller: Caller, version: u32, entry: &Rpcb) -> Answer {
    let Some(owner) = caller.owner() else {
        return Answer::TooWeak;
    };
    // Version 2 takes both protocols, whichever is named, and is content with one.
    let netids = match version {
        2 => vec!["tcp".into(), "udp".into()],
        _ => vec![cut(&entry.r_netid)],
    };
    let mut accepted = false;
    for netid in netids {
        let named = |there: &Rpcb| is_of(there, entry, &netid) || is_all(there, entry, &netid);
        let mine = |there: &Rpcb| owner == "superuser" || there.r_owner == owner.as_str();
        if model.iter().all(|there| !named(there) || mine(there)) {
            accepted = true;
            model.retain(|there| !named(there));
        }
    }
    answer(accepted)
}

/// Holds a look-up against the list, where its answer does not depend on the host's addresses.
fn look_up(model: &[Rpcb], caller: Caller, version: u32, asked: &Rpcb, body: &Bytes) {
    let find = |netid: &XdrString| {
        let exact = model.iter().find(|there| is_of(there, asked, netid));
        let program = |there: &&Rpcb| there.r_prog == asked.r_prog && is_named(there, netid);
        exact.or_else(|| model.iter().rfind(program))
    };
    if version == 2 {
        let told: u32 = decode::<u32>(body);
        let seen: Vec<Mapping> = model.iter().filter_map(mapping).collect();
        let number = protocol(asked);
        let of_program = |m: &&Mapping| m.prog == asked.r_prog && m.prot == number;
        let exact = seen
            .iter()
            .find(|m| of_program(m) && m.vers == asked.r_vers);
        let found = exact.or_else(|| seen.iter().rfind(of_program));
        assert_eq!(told, found.map_or(0, |mapping| mapping.port));
        return;
    }
    let told = decode::<XdrString>(body);
    let found = find(&XdrString::from(&caller.peer().netid));
    if caller.is_unix() {
        let expected = found.map(|entry| entry.r_addr.clone());
        assert_eq!(told, expected.unwrap_or_default());
    } else {
        assert!(found.is_some() || told.is_empty());
    }
}

fn is_of(there: &Rpcb, entry: &Rpcb, netid: &XdrString) -> bool {
    let service = (there.r_prog, there.r_vers);
    service == (entry.r_prog, entry.r_vers) && is_named(there, netid)
}

fn is_named(there: &Rpcb, netid: &XdrString) -> bool {
    let there = there.r_netid.as_bytes();
    there.eq_ignore_ascii_case(netid.as_bytes())
}

/// The empty netid stands for all when something is removed.
fn is_all(there: &Rpcb, entry: &Rpcb, netid: &XdrString) -> bool {
    netid.is_empty() && (there.r_prog, there.r_vers) == (entry.r_prog, entry.r_vers)
}

/// A text up to its first zero byte, where it ends for rpcbind.
fn cut(text: &XdrString) -> XdrString {
    let bytes = text.as_bytes();
    let end = bytes.iter().position(|&byte| byte == 0);
    bytes[..end.unwrap_or(bytes.len())].into()
}

/// What version 2 sees of an entry.
fn mapping(entry: &Rpcb) -> Option<Mapping> {
    let prot = protocol(entry);
    let port = port(entry.r_addr.as_bytes())?;
    (prot != OTHER_PROTOCOL).then_some(Mapping {
        prog: entry.r_prog,
        vers: entry.r_vers,
        prot,
        port,
    })
}

fn protocol(entry: &Rpcb) -> u32 {
    match entry.r_netid.as_bytes() {
        b"tcp" => 6,
        b"udp" => 17,
        _ => OTHER_PROTOCOL,
    }
}

// The callers.

/// Who calls.
#[derive(Clone, Copy, Debug)]
enum Caller {
    Unix(u32),
    Inet(&'static str, Netids, Option<u32>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Netids {
    Tcp,
    Udp,
}

/// Two users, the superuser in each of its ways, unknown ones of this host, and strangers.
const CALLERS: [Caller; 10] = [
    Caller::Unix(1000),
    Caller::Unix(1001),
    Caller::Unix(0),
    Caller::Inet("127.0.0.1:700", Netids::Tcp, None),
    Caller::Inet("127.0.0.1:5000", Netids::Tcp, None),
    Caller::Inet("127.0.0.1:5000", Netids::Udp, Some(1)),
    Caller::Inet("127.0.0.1:700", Netids::Udp, Some(2)),
    Caller::Inet("127.0.0.2:700", Netids::Tcp, None),
    Caller::Inet("203.0.113.5:700", Netids::Tcp, None),
    Caller::Inet("203.0.113.5:700", Netids::Udp, Some(2)),
];

impl Caller {
    fn arbitrary(input: &mut Unstructured<'_>) -> arbitrary::Result<Self> {
        input.choose(&CALLERS).copied()
    }

    fn is_unix(self) -> bool {
        matches!(self, Self::Unix(_))
    }

    /// Over UDP, and not through the loopback interface.
    fn may_be_forged(self) -> bool {
        matches!(self, Self::Inet(_, Netids::Udp, Some(2)))
    }

    /// Whose the registrations of this caller are; nobody's if it may make none.
    fn owner(self) -> Option<String> {
        match self {
            Self::Unix(0) => Some("superuser".to_owned()),
            Self::Unix(uid) => Some(uid.to_string()),
            Self::Inet(_, _, Some(2)) => None,
            Self::Inet("127.0.0.1:700", ..) => Some("superuser".to_owned()),
            Self::Inet("127.0.0.1:5000", ..) => Some("unknown".to_owned()),
            Self::Inet(..) => None,
        }
    }

    fn peer(self) -> Peer {
        let address = |text: &str| {
            let parsed = text.parse::<SocketAddr>();
            Address::Inet(parsed.unwrap_or_else(|error| panic!("{text}: {error}")))
        };
        match self {
            Self::Unix(uid) => {
                let (gid, pid) = (uid, Some(1));
                Peer::process(UnixPeer { uid, gid, pid })
            }
            Self::Inet(from, netid, interface) => Peer {
                netid: match netid {
                    Netids::Tcp => Netid::Tcp,
                    Netids::Udp => Netid::Udp,
                },
                remote: address(from),
                local: address("192.0.2.1:111"),
                interface,
            },
        }
    }
}

// The portmapper.

/// rpcbind without sockets and files.
struct House {
    ladder: Ladder,
}

/// What came back.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Results(Bytes),
    /// AUTH_TOOWEAK
    TooWeak,
    /// Another refusal, or silence.
    Nothing,
}

impl House {
    fn new() -> Self {
        let networks = netconfig::read(Path::new("/nonexistent/netconfig"));
        let (networks, _) = networks.unwrap_or_else(|error| panic!("{error}"));
        let state = StateDirectory::new("/nonexistent/state");
        let log = RequestLog::new(false, ProgramNames::default());
        let portmapper = Arc::new(Portmapper::new(Policy::default(), networks, state, log));
        for (netid, uaddr) in [
            (Netid::Local, "/run/rpcbind.sock"),
            (Netid::Udp, "0.0.0.0.0.111"),
        ] {
            portmapper.announce(&netid, &uaddr.into());
        }
        let ladder = Ladder::new(Arc::new(Services::new(services(&portmapper))));
        Self { ladder }
    }

    fn ask(&mut self, caller: Caller, version: u32, procedure: u32, args: &[u8]) -> Answer {
        let mut call = Writer::new();
        for word in [7, 0, 2, OWN_PROGRAM, version, procedure, 0, 0, 0, 0] {
            call.u32(word);
        }
        call.raw(args);
        let call = call.into_bytes();
        let framing = Framing::Datagram { max: 1 << 20 };
        let mut session = Session::new(Origin::new(caller.peer()));
        let mut out = Writer::new();
        match self.ladder.answer(&mut session, &call, framing, &mut out) {
            Step::Done => {}
            Step::Silent => {
                assert!(out.is_empty());
                return Answer::Nothing;
            }
            other => panic!("{other:?}"),
        }
        let reply = out.into_bytes();
        if caller.may_be_forged() {
            let most = (3 * call.len()).min(512);
            assert!(
                reply.len() <= most,
                "{} bytes to {}",
                reply.len(),
                call.len()
            );
        }
        let words = reply
            .as_chunks::<4>()
            .0
            .iter()
            .copied()
            .map(u32::from_be_bytes);
        match words.take(6).collect::<Vec<_>>()[..] {
            [7, 1, 0, 0, 0, 0] => Answer::Results(reply.slice(24..)),
            [7, 1, 0, 0, 0, _] => Answer::Nothing,
            [7, 1, 1, 1, 5] => Answer::TooWeak,
            ref other => panic!("{other:?}"),
        }
    }

    /// The superuser asks, and has to get an answer that can be read.
    fn asked<W: Wire>(&mut self, version: u32, procedure: u32) -> W::Value {
        match self.ask(Caller::Unix(0), version, procedure, &[]) {
            Answer::Results(body) => decode::<W>(&body),
            other => panic!("{other:?}"),
        }
    }

    fn list(&mut self) -> Vec<Rpcb> {
        let statistics = self.asked::<Fixed<RpcbStat, 3>>(4, GETSTAT);
        let rows = statistics
            .iter()
            .map(|stat| stat.addrinfo.len() + stat.rmtinfo.len());
        assert!(rows.sum::<usize>() <= 256);
        let nodes = self.asked::<List<RpList>>(3, DUMP);
        nodes.into_iter().map(|node| node.rpcb_map).collect()
    }

    fn mappings(&mut self) -> Vec<Mapping> {
        let nodes = self.asked::<List<Pmaplist>>(2, DUMP);
        nodes.into_iter().map(|node| node.map).collect()
    }
}

fn answer(yes: bool) -> Answer {
    Answer::Results(u32::from(yes).to_be_bytes().to_vec().into())
}

/// An entry as the arguments of this version.
fn args(version: u32, entry: &Rpcb) -> Bytes {
    match version {
        2 => encode(&Mapping {
            prog: entry.r_prog,
            vers: entry.r_vers,
            prot: protocol(entry),
            port: port(entry.r_addr.as_bytes()).unwrap_or_default(),
        }),
        _ => encode(entry),
    }
}

fn encode(value: &impl Encode) -> Bytes {
    to_bytes(value).unwrap_or_else(|error| panic!("{error}"))
}

fn decode<W: Wire>(body: &Bytes) -> W::Value {
    let mut r = Reader::of(body);
    let value = W::decode(&mut r).and_then(|value| r.finish().map(|()| value));
    value.unwrap_or_else(|error| panic!("{error}"))
}

const OWN_PROGRAM: u32 = 100_000;
const OTHER_PROTOCOL: u32 = 132;

// Procedures.
const SET: u32 = 1;
const UNSET: u32 = 2;
/// GETPORT in version 2.
const GETADDR: u32 = 3;
const DUMP: u32 = 4;
const GETSTAT: u32 = 12;
