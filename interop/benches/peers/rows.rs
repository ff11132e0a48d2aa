//! The rows of the table: what is measured of whom, and what is to be reached.

use oncrpc_interop::Which;

use super::measure::{Client, Measure};
use super::registrations::{GETADDR, GETPORT, SET};
use super::servers::{PORT, Peer, Program, Results};

/// A row: the same of each of these by turns.
pub(crate) struct Row {
    pub(crate) what: String,
    /// In which unit.
    pub(crate) unit: &'static str,
    /// Who is measured, by name; ours is the last.
    pub(crate) sides: Vec<(&'static str, Measure)>,
    /// What ours is to be.
    pub(crate) goals: Vec<Goal>,
    /// The same load of a server that does nothing, on as many processors as there are besides those of the load: what the
    /// generator can do at least.
    pub(crate) proof: Option<Measure>,
}

/// What ours is to be.
#[derive(Clone, Copy)]
pub(crate) enum Goal {
    /// At least so many times the one with this name.
    AtLeast(f64, &'static str),
    /// At most so many times the one with this name.
    AtMost(f64, &'static str),
    /// At most this, in the row's unit.
    Below(f64),
}

use Goal::{AtLeast, AtMost, Below};

/// All of them, in the order of the table.
pub(crate) fn rows() -> Vec<Row> {
    let mut rows = streams();
    rows.extend(datagrams_and_unix());
    rows.extend(echoes());
    rows.extend(clients());
    rows.extend(of_rpcbind());
    rows.extend(processes_of_rpcbind());
    rows.extend(codec());
    rows.push(Row {
        what: "cargo build of what rpcgen makes of 7,000 lines of .x".to_owned(),
        unit: "s",
        sides: vec![("ours", Measure::Build)],
        goals: vec![Below(15.0)],
        proof: None,
    });
    rows
}

/// Calls a second of servers, each under the same load.
fn load(what: &str, line: &str, proof: Program, peers: &[Peer], goals: &[Goal]) -> Row {
    let calls = |of: Peer| Measure::Calls {
        of,
        load: line.to_owned(),
    };
    Row {
        what: what.to_owned(),
        unit: "calls/s",
        sides: peers
            .iter()
            .map(|peer| (peer.program.name(), calls(*peer)))
            .collect(),
        goals: goals.to_vec(),
        proof: Some(calls(proof.on_two())),
    }
}

fn streams() -> Vec<Row> {
    const BARE: Program = Program::BareTcp(Results::None);
    let three = [BARE, Program::Libtirpc, Program::Ours].map(Program::alone);
    let null = |shape: &str| format!("{shape} -p {PORT} 127.0.0.1 {HELLO}");
    let h2load = Measure::Http2 {
        of: Program::Tonic.alone(),
        load: "-c1 -m64".to_owned(),
    };
    let mut c1k64 = load(
        "TCP null c1k64",
        &null("-c1 -k64"),
        BARE,
        &three,
        &[AtLeast(4.0, "libtirpc"), AtLeast(6.0, "tonic")],
    );
    c1k64.sides.insert(2, ("tonic", h2load));
    let on_two = [
        Program::Libtirpc.alone(),
        Program::Ntirpc.on_two(),
        Program::Ours.on_two(),
    ];
    let two = |shape: &str| {
        let goals = [AtLeast(2.0, "libtirpc"), AtLeast(1.15, "ntirpc")];
        let what = format!("TCP null {}, two processors", shape.replace(['-', ' '], ""));
        load(&what, &null(shape), BARE, &on_two, &goals)
    };
    let ones = [AtLeast(1.0, "libtirpc"), AtLeast(0.9, "bare")];
    let crowded = [BARE, Program::Libtirpc, Program::Ours].map(Program::crowded);
    let crowds = load(
        "TCP null c16k1 beside 4,000 idle",
        &null("-c16 -k1"),
        BARE,
        &crowded,
        &[AtLeast(23.0, "libtirpc")],
    );
    let mut loss = load(
        "TCP null c16k1 beside 4,000 idle, against none",
        &null("-c16 -k1"),
        BARE,
        &[Program::Ours.alone(), Program::Ours.crowded()],
        &[AtLeast(0.95, "ours without")],
    );
    loss.sides[0].0 = "ours without";
    let idle = |peer: Program| (peer.name(), Measure::Idle(peer.crowded()));
    vec![
        load(
            "TCP null c4k64",
            &null("-c4 -k64"),
            BARE,
            &three,
            &[AtLeast(25.0, "libtirpc"), AtLeast(0.85, "bare")],
        ),
        c1k64,
        load("TCP null c64k1", &null("-c64 -k1"), BARE, &three, &ones),
        load("TCP null c256k1", &null("-c256 -k1"), BARE, &three, &ones),
        two("-c64 -k1"),
        two("-c256 -k1"),
        crowds,
        loss,
        Row {
            what: "resident memory of an idle connection that sent one call".to_owned(),
            unit: "KiB",
            sides: vec![idle(BARE), idle(Program::Libtirpc), idle(Program::Ours)],
            goals: vec![Below(2.0)],
            proof: None,
        },
    ]
}

fn datagrams_and_unix() -> Vec<Row> {
    const UNIX: Program = Program::BareUnix(Results::None);
    let udp = format!("-c16 -k16 -T udp -p {PORT} 127.0.0.1 {HELLO}");
    let unix = |shape: &str| format!("{shape} -T local /run/hello.sock {HELLO}");
    let three = |bare: Program| [bare, Program::Libtirpc, Program::Ours].map(Program::alone);
    let goals = [AtLeast(1.3, "libtirpc"), AtLeast(0.92, "bare")];
    vec![
        load(
            "UDP null c16k16",
            &udp,
            Program::BareUdp,
            &three(Program::BareUdp),
            &[AtLeast(1.2, "libtirpc")],
        ),
        load(
            "UDP null c16k16, two processors",
            &udp,
            Program::BareUdp,
            &[
                Program::BareUdp.on_two(),
                Program::Libtirpc.alone(),
                Program::Ours.on_two(),
            ],
            &[AtLeast(2.7, "libtirpc")],
        ),
        load(
            "Unix null c1k64",
            &unix("-c1 -k64"),
            UNIX,
            &three(UNIX),
            &goals,
        ),
        load(
            "Unix null c16k1",
            &unix("-c16 -k1"),
            UNIX,
            &three(UNIX),
            &goals,
        ),
    ]
}

fn echoes() -> Vec<Row> {
    let tcp = format!("-p {PORT} 127.0.0.1 {HELLO} 3");
    let unix = format!("-T local /run/hello.sock {HELLO} 3");
    let echo = |over: &str, in_flight: u32, bare: Program, goal: f64| {
        let to = if over == "tcp" { &tcp } else { &unix };
        let line = format!("-k{in_flight} -a {} {to}", super::registrations::BLOB);
        let peers = [bare, Program::Libtirpc, Program::Ours].map(Program::alone);
        let what = format!("echo of 1 MiB {over} k{in_flight}");
        load(&what, &line, bare, &peers, &[AtLeast(goal, "libtirpc")])
    };
    vec![
        echo("tcp", 1, Program::BareTcp(Results::Blob), 0.9),
        echo("tcp", 4, Program::BareTcp(Results::Blob), 1.2),
        echo("unix", 1, Program::BareUnix(Results::Blob), 1.8),
        echo("unix", 4, Program::BareUnix(Results::Blob), 1.8),
    ]
}

fn clients() -> Vec<Row> {
    let tcp = Program::BareTcp(Results::None).alone();
    let rate = |client: Client, of: Peer| Measure::Rate { client, of };
    let many = |tasks: u32, others: Vec<(&'static str, Measure)>, goals: &[Goal]| {
        let mut sides = others;
        sides.push(("ours", rate(Client::Ours { tasks }, tcp)));
        Row {
            what: format!("client: {tasks} calls in flight, one connection, one thread"),
            unit: "calls/s",
            sides,
            goals: goals.to_vec(),
            proof: None,
        }
    };
    let handwritten = |tasks: u32| {
        let by_hand = |shared| rate(Client::Handwritten { tasks, shared }, tcp);
        [
            ("by hand", by_hand(true)),
            ("by hand for one thread", by_hand(false)),
        ]
    };
    let mut rows = vec![
        many(
            64,
            vec![
                (
                    "64 processes of libtirpc",
                    rate(
                        Client::Libtirpc {
                            netid: "tcp",
                            processes: 64,
                        },
                        tcp,
                    ),
                ),
                (
                    "tonic",
                    rate(Client::Tonic { tasks: 64 }, Program::Tonic.alone()),
                ),
            ]
            .into_iter()
            .chain(handwritten(64))
            .collect(),
            &[
                AtLeast(5.0, "64 processes of libtirpc"),
                AtLeast(8.0, "tonic"),
            ],
        ),
        many(1024, handwritten(1024).into(), &[AtLeast(0.65, "by hand")]),
    ];
    let transports = [
        ("tcp", tcp),
        ("udp", Program::BareUdp.alone()),
        ("local", Program::BareUnix(Results::None).alone()),
    ];
    for (netid, bare) in transports {
        let libtirpc = Client::Libtirpc {
            netid,
            processes: 1,
        };
        let ours = Client::Blocking { netid };
        let row = |what: &str, unit, sides, goals| Row {
            what: format!("blocking client {netid}, one call at a time{what}"),
            unit,
            sides,
            goals,
            proof: None,
        };
        rows.push(row(
            "",
            "calls/s",
            vec![
                ("libtirpc", rate(libtirpc, bare)),
                ("ours", rate(ours, bare)),
            ],
            vec![AtLeast(0.95, "libtirpc")],
        ));
        rows.push(row(
            ": system calls",
            "a call",
            vec![
                (
                    "libtirpc",
                    Measure::SystemCalls {
                        client: libtirpc,
                        of: bare,
                    },
                ),
                (
                    "ours",
                    Measure::SystemCalls {
                        client: ours,
                        of: bare,
                    },
                ),
            ],
            vec![AtMost(1.0, "libtirpc")],
        ));
        rows.push(row(
            ", both ends",
            "calls/s",
            vec![
                ("libtirpc", rate(libtirpc, Program::Libtirpc.alone())),
                ("ours", rate(ours, Program::Ours.alone())),
            ],
            vec![AtLeast(0.95, "libtirpc")],
        ));
        rows.push(row(
            ", busy polling",
            "calls/s",
            vec![
                ("libtirpc", rate(libtirpc, bare)),
                ("ours", rate(Client::Polling { netid }, bare)),
            ],
            vec![AtLeast(2.0, "libtirpc")],
        ));
    }
    let netid = "tcp";
    let libtirpc = Client::Libtirpc {
        netid,
        processes: 1,
    };
    let polling = rate(Client::Polling { netid }, Program::OursPolling.alone());
    rows.push(Row {
        what: "blocking client tcp, one call at a time, both ends, busy polling".to_owned(),
        unit: "calls/s",
        sides: vec![
            ("libtirpc", rate(libtirpc, Program::Libtirpc.alone())),
            ("ours", polling),
        ],
        goals: vec![AtLeast(2.0, "libtirpc")],
        proof: None,
    });
    rows
}

fn of_rpcbind() -> Vec<Row> {
    const AT: &str = "-p 111 127.0.0.1 100000";
    const TCP: Program = Program::BareTcp(Results::None);
    let on = |processors: usize, what: &str, count: u32, goal: f64, bare: Program, line: String| {
        let registered = match count {
            MANY => "10,000",
            _ => "10",
        };
        let ours = Peer {
            processors,
            ..Program::Rpcbind(Which::Ours, count).alone()
        };
        let peers = [Program::Rpcbind(Which::Theirs, count).alone(), ours];
        let what = format!("{what}, {registered} registered");
        let mut row = load(&what, &line, bare, &peers, &[AtLeast(goal, "rpcbind")]);
        // A bare server has no port 111.
        if let Some(Measure::Calls { load, .. }) = &mut row.proof {
            *load = line
                .replace("-p 111", &format!("-p {PORT}"))
                .replace("/run/rpcbind.sock", "/run/hello.sock");
        }
        row
    };
    let row = |what: &str, count, goal, bare, line| on(1, what, count, goal, bare, line);
    let getport = format!("-k16 {GETPORT} -T udp {AT} 2 3");
    let getaddr = format!("-k16 {GETADDR} -T udp {AT} 4 3");
    let getport_tcp = format!("-c4 -k64 {GETPORT} {AT} 2 3");
    let dump = |in_flight: u32| format!("-k{in_flight} {AT} 4 4");
    let two = "GETPORT udp c16k16, two processors";
    vec![
        row(
            "GETPORT udp c1k16",
            FEW,
            4.0,
            Program::BareUdp,
            getport.clone(),
        ),
        row(
            "GETPORT udp c1k16",
            MANY,
            7.5,
            Program::BareUdp,
            getport.clone(),
        ),
        on(
            2,
            two,
            FEW,
            7.0,
            Program::BareUdp,
            getport.replace("-k16", "-c16 -k16"),
        ),
        on(
            2,
            two,
            MANY,
            13.0,
            Program::BareUdp,
            getport.replace("-k16", "-c16 -k16"),
        ),
        row(
            "GETADDR udp c1k16",
            FEW,
            11.0,
            Program::BareUdp,
            getaddr.clone(),
        ),
        row("GETADDR udp c1k16", MANY, 18.0, Program::BareUdp, getaddr),
        row("GETPORT tcp c4k64", FEW, 80.0, TCP, getport_tcp),
        row(
            "DUMP v4 tcp k1",
            MANY,
            7.0,
            Program::BareTcp(Results::Dump),
            dump(1),
        ),
        row(
            "DUMP v4 tcp k4",
            MANY,
            10.0,
            Program::BareTcp(Results::Dump),
            dump(4),
        ),
        row(
            "SET unix k16",
            MANY,
            10.0,
            Program::BareUnix(Results::None),
            SET.to_owned(),
        ),
    ]
}

/// What rpcbind takes of time and memory.
fn processes_of_rpcbind() -> Vec<Row> {
    let both = |what: &str, unit, measure: fn(Which) -> Measure, goals: &[Goal]| Row {
        what: format!("rpcbind {what}"),
        unit,
        sides: Which::BOTH
            .into_iter()
            .zip(["rpcbind", "ours"])
            .map(|(which, name)| (name, measure(which)))
            .collect(),
        goals: goals.to_vec(),
        proof: None,
    };
    let crowd = |which| Peer {
        idle: 2_000,
        ..Program::Rpcbind(which, FEW).alone()
    };
    let getport = format!("-k16 {GETPORT} -T udp -p 111 127.0.0.1 100000 2 3");
    let calls = |of| Measure::Calls {
        of,
        load: getport.clone(),
    };
    vec![
        both(
            "start to first answer",
            "ms",
            |which| Measure::Start { which, warm: false },
            &[AtMost(1.0, "rpcbind")],
        ),
        both(
            "warm start with 10,000 to first answer",
            "ms",
            |which| Measure::Start { which, warm: true },
            &[AtMost(1.0, "rpcbind")],
        ),
        both(
            "idle, resident",
            "KiB",
            |which| Measure::Memory {
                which,
                registered: 0,
                idle: 0,
            },
            &[Below(4_000.0)],
        ),
        both(
            "with 10,000 registered, resident",
            "KiB",
            |which| Measure::Memory {
                which,
                registered: MANY,
                idle: 0,
            },
            &[Below(5_900.0)],
        ),
        both(
            "with 2,000 idle connections, resident",
            "KiB",
            |which| Measure::Memory {
                which,
                registered: FEW,
                idle: 2_000,
            },
            &[Below(8_000.0)],
        ),
        Row {
            what: "GETPORT udp c1k16 beside 2,000 idle, against none".to_owned(),
            unit: "calls/s",
            sides: vec![
                (
                    "ours without",
                    calls(Program::Rpcbind(Which::Ours, FEW).alone()),
                ),
                ("ours", calls(crowd(Which::Ours))),
            ],
            goals: vec![AtLeast(0.95, "ours without")],
            proof: None,
        },
    ]
}

/// Nanoseconds of coding one value.
fn codec() -> Vec<Row> {
    let row = |case: &'static str, times: u32, goals: &[Goal]| {
        let mut sides = Vec::new();
        let theirs = case.replace("borrow", "decode");
        sides.push((
            "libtirpc",
            Measure::Codec {
                ours: false,
                case: theirs,
                times,
            },
        ));
        if let Some((kind @ ("numbers" | "blob"), _)) = case.split_once('-') {
            let case = format!("{kind}-copy");
            sides.push((
                "memcpy",
                Measure::Codec {
                    ours: true,
                    case,
                    times,
                },
            ));
        }
        sides.push((
            "ours",
            Measure::Codec {
                ours: true,
                case: case.to_owned(),
                times,
            },
        ));
        Row {
            what: format!("codec: {case}"),
            unit: "ns",
            sides,
            goals: goals.to_vec(),
            proof: None,
        }
    };
    // So many times as fast as the other.
    let times = |factor: f64, name| AtMost(1.0 / factor, name);
    let numbers = [times(15.0, "libtirpc"), times(0.5, "memcpy")];
    vec![
        row("header-decode", 5_000_000, &[Below(5.0)]),
        row("small-encode", 5_000_000, &[times(4.0, "libtirpc")]),
        row("small-borrow", 5_000_000, &[times(5.0, "libtirpc")]),
        row("numbers-encode", 2_000, &numbers),
        row("numbers-decode", 2_000, &numbers),
        row("blob-encode", 20_000, &[times(0.95, "memcpy")]),
        row("blob-decode", 20_000, &[times(0.95, "memcpy")]),
        row("entries-encode", 100, &[times(8.0, "libtirpc")]),
        row("entries-decode", 100, &[times(4.0, "libtirpc")]),
        row("entries-borrow", 100, &[times(15.0, "libtirpc")]),
    ]
}

/// hello.x.
const HELLO: &str = "0x20000e10 1";

/// Registrations of an ordinary host.
const FEW: u32 = 10;

/// Registrations of which a list is long.
const MANY: u32 = 10_000;
