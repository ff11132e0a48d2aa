//! What `rpcinfo` does with servers that are up to something: it says what is wrong, in bounded time and memory.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use oncrpc::netconfig;
use oncrpc_portmapper::rpcinfo::cli::{self, Command};
use oncrpc_portmapper::rpcinfo::connect::Patience;
use oncrpc_portmapper::rpcinfo::ping::MAX_VERSIONS;
use oncrpc_portmapper::rpcinfo::{Context, Terminal, run};
use oncrpc_portmapper::services::ProgramNames;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

/// What a command has said, and whether all was well.
#[derive(Debug)]
struct Said {
    out: String,
    err: String,
    well: bool,
}

/// Runs a command line; `PORT` in it is that of the server, whose rpcbind everything is asked of.
fn rpcinfo(line: &str, server: SocketAddr) -> Said {
    let [high, low] = server.port().to_be_bytes();
    let line = line.replace("PORT", &format!("{high}.{low}"));
    let words = format!("rpcinfo {line}");
    let Ok(Command::Ask(options)) = cli::parse(words.split(' ').map(Into::into)) else {
        panic!("{line}")
    };
    let cx = Context {
        names: ProgramNames::parse("portmapper 100000"),
        netconfig: netconfig::usual(),
        port: server.port(),
        socket: None,
        patience: Patience::new(options.timeout),
        json: options.json,
    };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let well = runtime.block_on(run(
        &cx,
        &options,
        &mut Terminal {
            out: &mut out,
            err: &mut err,
        },
    ));
    let [out, err] = [out, err].map(|text| String::from_utf8(text).unwrap());
    Said { out, err, well }
}

/// A server on a port of its own that gives each connection to `serve`, one after the other.
fn server(mut serve: impl FnMut(TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            serve(stream.unwrap());
        }
    });
    at
}

/// A server that answers each call with what `answer` makes of its version; nothing at all ends the connection.
fn answering(answer: impl Fn(u32) -> Option<Vec<u8>> + Send + 'static) -> SocketAddr {
    server(move |mut stream| {
        while let Some((xid, version)) = call(&mut stream) {
            let Some(body) = answer(version) else { return };
            let reply = [&xid[..], &body].concat();
            let _ = stream.write_all(&record(&reply));
        }
    })
}

/// The xid and the version of the next call.
fn call(stream: &mut TcpStream) -> Option<([u8; 4], u32)> {
    let mut mark = [0; 4];
    stream.read_exact(&mut mark).ok()?;
    let mut call = vec![0; (u32::from_be_bytes(mark) & 0x7fff_ffff) as usize];
    stream.read_exact(&mut call).ok()?;
    let version = u32::from_be_bytes(*call[16..].first_chunk()?);
    Some((*call.first_chunk()?, version))
}

fn record(message: &[u8]) -> Vec<u8> {
    let mark = 0x8000_0000 | message.len() as u32;
    [&mark.to_be_bytes(), message].concat()
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// A reply without its xid: SUCCESS, and these results.
fn success(results: &[u8]) -> Vec<u8> {
    [&words(&[1, 0, 0, 0, 0]), results].concat()
}

/// PROG_MISMATCH.
fn mismatch(low: u32, high: u32) -> Vec<u8> {
    words(&[1, 0, 0, 0, 2, low, high])
}

/// An entry of a list, with what says that it is there.
fn entry(program: u32, texts: [&[u8]; 3]) -> Vec<u8> {
    let mut entry = words(&[1, program, 1]);
    for text in texts {
        entry.extend(words(&[text.len() as u32]));
        entry.extend(text);
        entry.resize(entry.len().next_multiple_of(4), 0);
    }
    entry
}

/// All that asks a host's rpcbind for something long.
const LISTS: [&str; 6] = [
    "127.0.0.1",
    "-s 127.0.0.1",
    "-p 127.0.0.1",
    "-m 127.0.0.1",
    "-l 127.0.0.1 100000 2",
    "--probe 127.0.0.1",
];

#[test]
fn a_list_without_an_end_is_left_after_8_mib() {
    let (sender, sent) = mpsc::channel();
    let at = server(move |mut stream| {
        let (xid, _) = call(&mut stream).unwrap();
        // Fragments, none of which is the last.
        let fragment = |bytes: &[u8]| [&(bytes.len() as u32).to_be_bytes(), bytes].concat();
        let list = entry(7, [b"tcp", b"0.0.0.0.0.7", b"x"]).repeat(1000);
        let mut count = 0;
        let mut next = fragment(&[&xid[..], &success(&[])].concat());
        while stream.write_all(&next).is_ok() {
            count += next.len();
            next = fragment(&list);
        }
        sender.send(count).unwrap();
    });
    for line in LISTS {
        let said = rpcinfo(line, at);
        assert!(!said.well && said.out.is_empty(), "{line}: {said:?}");
        assert!(
            said.err.contains("RPC: Unable to receive"),
            "{line}: {said:?}"
        );
        let sent: usize = sent.recv().unwrap();
        // What is more than the limit has been in the buffers of the two sockets.
        assert!(sent < (8 << 20) + (32 << 20), "{line}: {sent}");
    }
}

#[test]
fn a_reply_that_never_ends_is_not_waited_for() {
    // It keeps what it was sent, and sends the beginning of an answer.
    let mut kept = Vec::new();
    let at = server(move |mut stream| {
        let (xid, _) = call(&mut stream).unwrap();
        let reply = record(&[&xid[..], &success(&[0; 1000])].concat());
        stream.write_all(&reply[..500]).unwrap();
        kept.push(stream);
    });
    for line in LISTS {
        let said = rpcinfo(&format!("--timeout 0.2 {line}"), at);
        assert!(
            !said.well && said.err.ends_with("RPC: Timed out\n"),
            "{said:?}"
        );
    }
    let said = rpcinfo("--timeout 0.2 -a 127.0.0.1.PORT -T tcp 7", at);
    assert_eq!(said.err, "rpcinfo: RPC: Timed out\n");
    assert_eq!(said.out, "program 7 version 0 is not available\n");
}

#[test]
fn what_is_no_list_cannot_be_decoded() {
    for results in [
        words(&[1]),
        words(&[2]),
        words(&[1, 7, 1, u32::MAX]),
        words(&[1, 7, 1, 0x7fff_ffff, 0x6162_6364]),
        entry(7, [b"tcp", b"x", b"y"]),
    ] {
        let at = answering(move |_| Some(success(&results)));
        for line in LISTS {
            let said = rpcinfo(line, at);
            assert!(!said.well && said.out.is_empty(), "{line}: {said:?}");
            assert!(
                said.err.ends_with("RPC: Can't decode result\n"),
                "{line}: {said:?}"
            );
        }
    }
}

#[test]
fn connections_that_end_are_errors() {
    let at = answering(|_| None);
    for line in LISTS {
        let said = rpcinfo(line, at);
        assert!(
            !said.well && said.err.contains("RPC: Unable to receive"),
            "{said:?}"
        );
    }
    let said = rpcinfo("-a 127.0.0.1.PORT -T tcp 7 1", at);
    let reset = "RPC: Unable to receive; errno = Connection reset by peer\n";
    assert_eq!(said.err, format!("rpcinfo: {reset}"));
}

#[test]
fn names_do_nothing_to_the_terminal() {
    let list = [
        entry(7, [b"tcp\x1b[2J", b"\x07\r\n", b"\xff\xfe\x9b"]),
        words(&[0]),
    ];
    let results = success(&list.concat());
    let at = answering(move |_| Some(results.clone()));
    for line in [
        "127.0.0.1",
        "-s 127.0.0.1",
        "--probe 127.0.0.1",
        "--json 127.0.0.1",
    ] {
        let said = rpcinfo(line, at);
        let printable = |byte| matches!(byte, b'\n' | b' '..=b'~');
        assert!(said.out.bytes().all(printable), "{line}: {said:?}");
        let lines = if line.starts_with("--json") { 3 } else { 2 };
        assert_eq!(said.out.lines().count(), lines, "{line}: {said:?}");
    }
}

#[test]
fn versions_are_called_up_to_a_bound() {
    let at = answering(|version| match version {
        0 => Some(mismatch(2, u32::MAX)),
        _ => Some(success(&[])),
    });
    let said = rpcinfo("-a 127.0.0.1.PORT -T tcp 7", at);
    assert!(!said.well);
    assert_eq!(said.out.lines().count(), MAX_VERSIONS as usize);
    assert_eq!(
        said.err,
        "rpcinfo: program 7 says that it has versions 2 to 4294967295: not called beyond 1025\n"
    );
    // None at all, the other way round.
    let at = answering(|_| Some(mismatch(5, 3)));
    let said = rpcinfo("-a 127.0.0.1.PORT -T tcp 7", at);
    assert_eq!(
        (said.out.as_str(), said.err.as_str(), said.well),
        ("", "", true)
    );
}

#[test]
fn versions_are_not_called_when_nobody_is_there_any_more() {
    let at = answering(|version| match version {
        0 => Some(mismatch(1, 1000)),
        1 => Some(success(&[])),
        _ => None,
    });
    let said = rpcinfo("-a 127.0.0.1.PORT -T tcp 7", at);
    let expected = "program 7 version 1 ready and waiting\nprogram 7 version 2 is not available\n";
    assert_eq!((said.out.as_str(), said.well), (expected, false));
}

#[test]
fn refusals_are_told_as_libtirpc_tells_them() {
    for (reply, text) in [
        (words(&[1, 0, 0, 0, 1]), "RPC: Program unavailable"),
        (words(&[1, 0, 0, 0, 3]), "RPC: Procedure unavailable"),
        (
            words(&[1, 0, 0, 0, 4]),
            "RPC: Server can't decode arguments",
        ),
        (words(&[1, 0, 0, 0, 5]), "RPC: Remote system error"),
        (words(&[1, 0, 0, 0, 77]), "RPC: Failed (unspecified error)"),
        (
            words(&[1, 1, 0, 2, 3]),
            "RPC: Incompatible versions of RPC; low version = 2, high version = 3",
        ),
        (
            words(&[1, 1, 1, 5]),
            "RPC: Authentication error; why = Client credential too weak",
        ),
        (
            words(&[1, 1, 1, 99]),
            "RPC: Authentication error; why = (unknown authentication error - 99)",
        ),
    ] {
        let at = answering(move |_| Some(reply.clone()));
        let said = rpcinfo("-a 127.0.0.1.PORT -T tcp 7 1", at);
        assert_eq!(said.err, format!("rpcinfo: {text}\n"));
        assert_eq!(said.out, "program 7 version 1 is not available\n");
    }
}

#[test]
fn an_older_rpcbind_is_asked_in_its_version() {
    // Only version 2, which lists mappings.
    let map = [
        words(&[1, 100_000, 2, 6, 111]),
        words(&[1, 7, 1, 132, 258, 0]),
    ]
    .concat();
    let at = answering(move |version| match version {
        2 => Some(success(&map)),
        _ => Some(mismatch(2, 2)),
    });
    let said = rpcinfo("127.0.0.1", at);
    let expected = "   program version netid     address                service    owner
    100000    2    tcp       0.0.0.0.0.111          portmapper unknown
         7    1       132    0.0.0.0.1.2            -          unknown\n";
    assert_eq!(said.out, expected, "{said:?}");
    // Only version 4.
    let at = answering(move |version| match version {
        4 => Some(success(&words(&[0]))),
        _ => Some(mismatch(4, 4)),
    });
    let said = rpcinfo("-s 127.0.0.1", at);
    assert_eq!(said.out, "No remote programs registered.\n", "{said:?}");
    let said = rpcinfo("-p 127.0.0.1", at);
    assert_eq!(
        said.err,
        "127.0.0.1 does not support portmapper.  Try rpcinfo 127.0.0.1 instead\n"
    );
}

#[test]
fn a_probe_of_thousands_ends_when_its_time_is_up() {
    // Nobody answers at the port that all of them are registered at; the list itself comes from another.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let [high, low] = silent.local_addr().unwrap().port().to_be_bytes();
    let uaddr = format!("127.0.0.1.{high}.{low}");
    let mut list = entry(7, [b"tcp", uaddr.as_bytes(), b"x"]).repeat(2000);
    list.extend(words(&[0]));
    let at = answering(move |_| Some(success(&list)));
    let said = rpcinfo("--timeout 0.5 --probe 127.0.0.1", at);
    assert_eq!((said.out.lines().count(), said.well), (2001, false));
    let late = |line: &&str| line.ends_with("imed out") || line.ends_with("the time is up");
    assert_eq!(said.out.lines().filter(late).count(), 2000);
}

#[test]
fn a_program_that_wants_better_credentials_is_there() {
    let at = answering(|_| Some(words(&[1, 1, 1, 5])));
    let [high, low] = at.port().to_be_bytes();
    let uaddr = format!("0.0.0.0.{high}.{low}");
    let list = [entry(7, [b"tcp", uaddr.as_bytes(), b"x"]), words(&[0])].concat();
    let rpcbind = answering(move |_| Some(success(&list)));
    let said = rpcinfo("--probe 127.0.0.1", rpcbind);
    assert!(said.well && said.out.ends_with(" ms\n"), "{said:?}");
}

/// Each case is some commands, which take their time: 48 of them, however many properties elsewhere have.
#[test]
fn no_reply_makes_it_panic() {
    let reply = Arc::new(Mutex::new(Vec::new()));
    let replied = reply.clone();
    let at = answering(move |_| Some(replied.lock().unwrap().clone()));
    let bodies = (any::<Vec<u8>>(), 0..3_usize);
    let mut runner = TestRunner::new(ProptestConfig::with_cases(48));
    let tried = runner.run(&bodies, |(body, header)| {
        *reply.lock().unwrap() = match header {
            0 => success(&body),
            1 => [&words(&[1]), &body[..]].concat(),
            _ => body,
        };
        for line in LISTS {
            let said = rpcinfo(&format!("--timeout 0.05 {line}"), at);
            prop_assert!(said.well || !said.err.is_empty() || !said.out.is_empty());
        }
        Ok(())
    });
    assert_eq!(tried, Ok(()));
}

#[test]
fn time_is_for_the_whole_command() {
    let minute = Duration::from_secs(60);
    let none = Patience::new(Some(Duration::ZERO));
    assert_eq!(none.step(minute), Duration::ZERO);
    assert_eq!(none.or(minute).left(), Some(Duration::ZERO));
    let some = Patience::new(Some(2 * minute));
    assert_eq!(
        some.step(minute),
        minute,
        "no step takes longer than it may"
    );
    let unbounded = Patience::new(None);
    assert_eq!((unbounded.step(minute), unbounded.left()), (minute, None));
}
