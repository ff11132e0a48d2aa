//! The rows of the table: what is measured of whom, and what is to be reached.

use oncrpc_interop::Which;

use super::registrations::{GETADDR, GETPORT, SET};
use super::servers::{PORT, Peer};

/// A row: the same load for each of these servers by turns.
pub(crate) struct Row {
    pub(crate) what: String,
    /// Ours is the last.
    pub(crate) peers: Vec<Peer>,
    /// The least that ours is to be, as a multiple of the one with this name.
    pub(crate) goals: Vec<(f64, &'static str)>,
    /// rpcping's command line.
    pub(crate) load: String,
}

/// All of them, in the order of the table.
pub(crate) fn rows() -> Vec<Row> {
    let tcp = format!("-p {PORT} 127.0.0.1 {HELLO}");
    let udp = format!("-T udp {tcp}");
    let unix = format!("-T local /run/hello.sock {HELLO}");
    let null = |what: &str, load: String, bare: Peer, goals: &[(f64, &'static str)]| Row {
        what: what.to_owned(),
        peers: vec![bare, Peer::Libtirpc, Peer::Ours],
        goals: goals.to_vec(),
        load,
    };
    let mut rows = vec![
        null(
            "TCP null c4k64",
            format!("-c4 -k64 {tcp}"),
            Peer::BareTcp,
            &[(25.0, "libtirpc"), (0.85, "bare")],
        ),
        null(
            "TCP null c1k64",
            format!("-c1 -k64 {tcp}"),
            Peer::BareTcp,
            &[(4.0, "libtirpc")],
        ),
        null(
            "TCP null c64k1",
            format!("-c64 -k1 {tcp}"),
            Peer::BareTcp,
            &[(1.0, "libtirpc"), (0.9, "bare")],
        ),
        null(
            "TCP null c256k1",
            format!("-c256 -k1 {tcp}"),
            Peer::BareTcp,
            &[(1.0, "libtirpc"), (0.9, "bare")],
        ),
        null(
            "UDP null c16k16",
            format!("-c16 -k16 {udp}"),
            Peer::BareUdp,
            &[(1.2, "libtirpc")],
        ),
        null(
            "Unix null c1k64",
            format!("-c1 -k64 {unix}"),
            Peer::BareUnix,
            &[(1.3, "libtirpc"), (0.92, "bare")],
        ),
        null(
            "Unix null c16k1",
            format!("-c16 -k1 {unix}"),
            Peer::BareUnix,
            &[(1.3, "libtirpc"), (0.92, "bare")],
        ),
    ];
    rows.extend(of_rpcbind());
    let echo = |what: &str, in_flight: u32, to: &str, goal: f64| Row {
        what: format!("echo of 1 MiB {what} k{in_flight}"),
        peers: vec![Peer::Libtirpc, Peer::Ours],
        goals: vec![(goal, "libtirpc")],
        load: format!("-k{in_flight} -a /run/blob {to} 3"),
    };
    rows.push(echo("tcp", 1, &tcp, 0.9));
    rows.push(echo("tcp", 4, &tcp, 1.2));
    rows.push(echo("unix", 1, &unix, 1.8));
    rows.push(echo("unix", 4, &unix, 1.8));
    rows
}

fn of_rpcbind() -> Vec<Row> {
    const AT: &str = "-p 111 127.0.0.1 100000";
    let row = |what: &str, count: u32, goal: f64, load: String| {
        let registered = match count {
            10_000 => "10,000",
            _ => "10",
        };
        Row {
            what: format!("{what}, {registered} registered"),
            peers: [Which::Theirs, Which::Ours]
                .map(|which| Peer::Rpcbind(which, count))
                .to_vec(),
            goals: vec![(goal, "rpcbind")],
            load,
        }
    };
    let getport = format!("-k16 {GETPORT} -T udp {AT} 2 3");
    let getaddr = format!("-k16 {GETADDR} -T udp {AT} 4 3");
    let getport_tcp = format!("-c4 -k64 {GETPORT} {AT} 2 3");
    let dump = |in_flight: u32| format!("-k{in_flight} {AT} 4 4");
    vec![
        row("GETPORT udp c1k16", FEW, 4.0, getport.clone()),
        row("GETPORT udp c1k16", MANY, 7.5, getport),
        row("GETADDR udp c1k16", FEW, 11.0, getaddr.clone()),
        row("GETADDR udp c1k16", MANY, 18.0, getaddr),
        row("GETPORT tcp c4k64", FEW, 80.0, getport_tcp),
        row("DUMP v4 tcp k1", MANY, 7.0, dump(1)),
        row("DUMP v4 tcp k4", MANY, 10.0, dump(4)),
        row("SET unix k16", MANY, 10.0, SET.to_owned()),
    ]
}

/// hello.x.
const HELLO: &str = "0x20000e10 1";

/// Registrations of an ordinary host.
const FEW: u32 = 10;

/// Registrations of which a list is long.
const MANY: u32 = 10_000;
