//! The `rpcping` command from end to end: what it says of a service of ours, and of mistakes.
#![expect(clippy::unwrap_used, reason = "tests")]

#[expect(dead_code, reason = "the daemon's own tests ask more of it")]
mod instance;

use std::io::{Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use instance::{Place, words};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;
use serde_json::Value;
use tokio::net::TcpSocket;

/// What a command has said, and its exit status.
#[derive(Debug)]
struct Said {
    out: String,
    err: String,
    status: Option<i32>,
}

fn rpcping(words: &str) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rpcping"));
    let output = command.args(words.split(' ')).output().unwrap();
    Said {
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
        status: output.status.code(),
    }
}

/// The complaint of a command that has failed and printed nothing else.
fn complaint(words: &str) -> String {
    let said = rpcping(words);
    assert_eq!(said.out, "", "{words}");
    assert_eq!(said.status, Some(1), "{words}");
    let complaint = said.err.strip_prefix("rpcping: ").unwrap();
    complaint.strip_suffix('\n').unwrap().to_owned()
}

/// How NULL of an instance's version 4 is called over each transport.
fn everywhere(place: &Place) -> [String; 3] {
    let (port, socket) = (place.port, place.path.join("sock"));
    [
        format!("-p {port} 127.0.0.1 100000 4"),
        format!("-T udp -p {port} 127.0.0.1 100000 4"),
        format!("-T local {} 100000 4", socket.display()),
    ]
}

#[test]
fn every_call_is_counted_over_every_transport() {
    let place = Place::new("rpcping-counts");
    let _instance = place.start(&[]);
    for target in everywhere(&place) {
        for shape in ["-n 1", "-n 500 -k 7 --busy-poll", "-n 501 -c 3 -k 5 -j 2"] {
            let said = rpcping(&format!("--json {shape} {target}"));
            assert_eq!((&said.err[..], said.status), ("", Some(0)), "{target}");
            let report: Value = serde_json::from_str(&said.out).unwrap();
            let number = |name: &str| report[name].as_f64().unwrap();

            let calls: f64 = shape.split(' ').nth(1).unwrap().parse().unwrap();
            let lost = number("lost");
            assert_eq!(number("calls") + lost, calls, "{shape} {target}");
            assert!(lost == 0.0 || target.contains("udp"), "{said:?}");
            let rate = number("calls") / number("seconds");
            assert!((number("calls_per_second") / rate - 1.0).abs() < 0.01);
            assert!((0.0..=1.0).contains(&number("busy")), "{said:?}");
            assert_eq!(report["ended_early"], Value::Null);
            assert_eq!(report["refused"], Value::Array(Vec::new()));

            let quantiles = ["p50_us", "p99_us", "p999_us", "longest_us"].map(number);
            assert!(quantiles[0] > 0.0 && quantiles.is_sorted(), "{said:?}");
            let rows = report["histogram"].as_array().unwrap();
            let row = |at: usize, name: &str| rows[at][name].as_f64().unwrap();
            let in_rows: f64 = (0..rows.len()).map(|at| row(at, "calls")).sum();
            assert_eq!(in_rows, number("calls"));
            // Each row ends at twice the time of the one before, and the longest call is in the last.
            assert!((1..rows.len()).all(|at| row(at, "below_us") == 2.0 * row(at - 1, "below_us")));
            assert!(quantiles[3] <= row(rows.len() - 1, "below_us"));
        }
    }
}

#[test]
fn people_read_a_rate_times_and_a_histogram() {
    let place = Place::new("rpcping-text");
    let _instance = place.start(&[]);
    for target in everywhere(&place) {
        let said = rpcping(&format!("-n 100 {target}"));
        assert_eq!((&said.err[..], said.status), ("", Some(0)), "{target}");
        let mut lines = said.out.lines();
        let mut line = || lines.next().unwrap();
        let first = line();
        assert!(first.starts_with("100 calls in "), "{first}");
        assert!(first.ends_with(" calls/s"), "{first}");
        let times = line();
        for time in ["p50 ", "  p99 ", "  p99.9 ", "  longest "] {
            assert!(times.contains(time), "{times}");
        }
        assert!(line().starts_with("rpcping itself was busy "));
        assert_eq!(line(), "");
        let histogram: Vec<&str> = lines.collect();
        let marks = |line: &&str| line.chars().filter(|mark| *mark == '#').count();
        assert!(
            histogram
                .iter()
                .all(|line| line.trim_start().starts_with("< "))
        );
        assert_eq!(histogram.iter().map(marks).max(), Some(50), "{}", said.out);
    }
}

#[test]
fn the_arguments_of_files_are_taken_in_turn() {
    let place = Place::new("rpcping-files");
    let instance = place.start(&[]);
    let file = |program: u32| {
        let path = place.path.join(program.to_string());
        let bytes = instance::rpcb(program, "udp", "0.0.0.0.8.1");
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let files: [PathBuf; 2] = [600_000, 600_001].map(file);
    let [first, second] = files.each_ref().map(|path| path.display());
    let socket = instance.socket.display();
    let said = rpcping(&format!(
        "-n 2 -a {first} -a {second} -T local {socket} 100000 4 1"
    ));
    assert_eq!(said.status, Some(0), "{said:?}");
    assert!(instance.lists(600_000) && instance.lists(600_001));
}

#[test]
fn a_refusal_is_counted_and_named_and_the_status_tells() {
    let place = Place::new("rpcping-refusals");
    let _instance = place.start(&[]);
    let [tcp, ..] = everywhere(&place);
    let tcp = tcp.strip_suffix("100000 4").unwrap();
    for (called, why) in [
        ("100001 1", "the program is not there (PROG_UNAVAIL)"),
        (
            "100000 9",
            "not this version of the program (PROG_MISMATCH)",
        ),
        (
            "100000 4 99",
            "the program has no such procedure (PROC_UNAVAIL)",
        ),
        (
            "100000 4 3",
            "the arguments do not fit the procedure (GARBAGE_ARGS)",
        ),
    ] {
        let said = rpcping(&format!("-n 10 {tcp}{called}"));
        assert_eq!((&said.err[..], said.status), ("", Some(1)), "{called}");
        let refused = format!("10 of them were refused: {why}\n");
        assert!(said.out.contains(&refused), "{}", said.out);

        let said = rpcping(&format!("--json -n 10 {tcp}{called}"));
        assert_eq!(said.status, Some(1));
        let report: Value = serde_json::from_str(&said.out).unwrap();
        assert_eq!(report["refused"][0]["why"], why);
        assert_eq!(report["refused"][0]["calls"], 10);
    }
}

#[test]
fn where_nobody_listens_is_said_at_once() {
    // A socket that is connected to another has the port and takes nothing from us; so has one that does not listen.
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    udp.connect("127.0.0.1:9").unwrap();
    let port = udp.local_addr().unwrap().port();
    let refused = "Connection refused (os error 111)";
    assert_eq!(
        complaint(&format!("-T udp -p {port} 127.0.0.1 100000 4")),
        format!("127.0.0.1:{port} over UDP: {refused}")
    );
    let tcp = TcpSocket::new_v4().unwrap();
    tcp.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let port = tcp.local_addr().unwrap().port();
    assert_eq!(
        complaint(&format!("-p {port} 127.0.0.1 100000 4")),
        format!("cannot connect to 127.0.0.1:{port} over TCP: {refused}")
    );
    assert_eq!(
        complaint("-T local /nowhere/rpcbind.sock 100000 4"),
        "cannot connect to /nowhere/rpcbind.sock: No such file or directory (os error 2)"
    );
    let name = complaint("-p 111 no-such-host.invalid 100000 4");
    assert!(name.starts_with("no-such-host.invalid: "), "{name}");
}

#[test]
fn who_does_not_speak_rpc_or_hangs_up_is_named() {
    // Answers with what a web server says, or not at all.
    let serve = |answer: &'static [u8]| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                // The call is read whole, so that no reset overtakes the answer.
                stream.read_exact(&mut [0; 44]).unwrap();
                stream.write_all(answer).unwrap();
            }
        });
        port
    };
    let port = serve(b"\x80\0\0\x08HTTP/1.1");
    assert_eq!(
        complaint(&format!("-p {port} 127.0.0.1 100000 4")),
        format!("127.0.0.1:{port} over TCP: what answers does not speak RPC")
    );
    let port = serve(b"");
    assert_eq!(
        complaint(&format!("-p {port} 127.0.0.1 100000 4")),
        format!("127.0.0.1:{port} over TCP: the server has closed the connection")
    );
}

#[test]
fn a_server_that_goes_away_ends_it_early_with_what_was_measured() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        let mut call = [0; 44];
        for _ in 0..3 {
            stream.read_exact(&mut call).unwrap();
            let reply = [&[0x80, 0, 0, 24][..], &call[4..8], &words(&[1, 0, 0, 0, 0])];
            stream.write_all(&reply.concat()).unwrap();
        }
        // The fourth is read and left.
        stream.read_exact(&mut call).unwrap();
    });
    let said = rpcping(&format!("-p {port} 127.0.0.1 100000 4"));
    server.join().unwrap();
    assert_eq!((&said.err[..], said.status), ("", Some(1)));
    assert!(said.out.starts_with("3 calls in "), "{}", said.out);
    let last = "\nended early: the server has closed the connection\n";
    assert!(said.out.ends_with(last), "{}", said.out);
}

#[test]
fn who_is_stopped_goes_on_where_it_was() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();
    let line = format!("-T udp -n 1 -p {port} 127.0.0.1 100000 4");
    let mut pinging = Command::new(env!("CARGO_BIN_EXE_rpcping"))
        .args(line.split(' '))
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut call = [0; 40];
    let (_, caller) = server.recv_from(&mut call).unwrap();

    let pid = Pid::from_raw(pinging.id().cast_signed());
    kill(pid, Signal::SIGSTOP).unwrap();
    waitpid(pid, Some(WaitPidFlag::WUNTRACED)).unwrap();
    kill(pid, Signal::SIGCONT).unwrap();
    let accepted = [&call[..4], &words(&[1, 0, 0, 0, 0])].concat();
    server.send_to(&accepted, caller).unwrap();
    assert!(pinging.wait().unwrap().success());
}

#[test]
fn mistakes_are_told_with_what_would_be_right() {
    let file = env!("CARGO_MANIFEST_DIR");
    for (words, expected) in [
        ("", "a host, a program and a version are needed"),
        ("host nfs 3", "nfs is no number of a program"),
        ("host 100003 3 0 more", "more is one word too many"),
        (
            "-T sctp host 100003 3",
            "-T sctp: the transports are tcp, udp, tcp6, udp6 and local",
        ),
        (
            "-p 70000 host 100003 3",
            "-p 70000: not a number from 1 to 65535",
        ),
        ("-k 0 host 100003 3", "-k 0: not a number from 1 to 65536"),
        (
            "-s 3 host 100003 3",
            "-s 3: arguments in XDR are a multiple of 4 bytes",
        ),
        (
            "-T local host 100003 3",
            "host: with -T local this is the path of a socket",
        ),
        ("-x host 100003 3", "there is no option -x"),
        ("host 100003 3 -n", "-n needs a value"),
    ] {
        assert_eq!(
            complaint(words),
            format!("{expected} (rpcping --help)"),
            "{words}"
        );
    }
    assert_eq!(
        complaint("-T udp -s 65536 -p 111 127.0.0.1 100000 4"),
        "65536 bytes of arguments: no datagram holds them"
    );
    assert_eq!(
        complaint(&format!("-a {file}/nothing -p 111 127.0.0.1 100000 4")),
        format!("{file}/nothing: No such file or directory (os error 2)")
    );
}

#[test]
fn a_terminal_sees_how_far_it_is_and_an_interruption_gives_the_report() {
    let place = Place::new("rpcping-progress");
    let _instance = place.start(&[]);
    let [target, ..] = everywhere(&place);
    // A terminal of its own, whose Ctrl-C is that of a person.
    let rpcping = Path::new(env!("CARGO_BIN_EXE_rpcping")).display();
    // Without `exec` a shell may stay above it, and end of the Ctrl-C itself.
    let line = format!("exec {rpcping} -t 3600 {target}");
    let mut terminal = Command::new("script")
        .args(["--quiet", "--return", "--command", &line, "/dev/null"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut screen = terminal.stdout.take().unwrap();
    let mut keys = terminal.stdin.take().unwrap();
    let mut seen = Vec::new();
    let mut read = |seen: &mut Vec<u8>| {
        let mut buffer = [0; 4096];
        let length = screen.read(&mut buffer).unwrap();
        seen.extend_from_slice(&buffer[..length]);
        length > 0
    };
    // Where others are at work the first second may pass without a reply.
    let counted = |seen: &[u8]| {
        let seen = String::from_utf8_lossy(seen);
        let mut lines = seen.split("\u{1b}[K");
        lines.any(|line| line.ends_with(" calls/s") && line != "0 calls/s")
    };
    while !counted(&seen) && read(&mut seen) {}
    keys.write_all(b"\x03").unwrap();
    while read(&mut seen) {}
    let seen = String::from_utf8(seen).unwrap();
    let status = terminal.wait().unwrap();
    assert!(status.success(), "{status}: {seen:?}");
    // The line of the progress is gone before the report begins.
    let (progress, report) = seen.rsplit_once("\r\u{1b}[K").unwrap();
    assert!(
        progress.contains("\r\u{1b}[K") && progress.contains(" calls/s"),
        "{seen:?}"
    );
    assert!(
        report.contains(" calls in ") && report.contains("p99.9"),
        "{seen:?}"
    );
}
