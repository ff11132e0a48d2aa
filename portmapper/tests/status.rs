//! What the daemon tells whoever looks after the host: `--status`, and metrics.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[allow(dead_code, reason = "others use more of it")]
mod instance;

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Output};

use instance::{Instance, Place, ask, call, rpcb, words};
use nix::sys::signal::Signal;
use nix::unistd::geteuid;
use serde_json::{Value, json};

/// A user who is neither root nor the daemon.
const STRANGER: u32 = 4711;

fn status(place: &Place, flags: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rpcbind"));
    let state = place.path.join("state");
    command.arg("--status").arg("--state-dir").arg(state);
    command.args(flags).output().unwrap()
}

fn json(place: &Place) -> Value {
    let output = status(place, &["--json"]);
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn registration(status: &Value, program: u32) -> &Value {
    let registrations = status["registrations"].as_array().unwrap();
    registrations
        .iter()
        .find(|row| row["program"] == program)
        .unwrap()
}

/// A copy of the command where every user gets at it.
fn copy_for_all(place: &Place) -> PathBuf {
    let copy = place.path.join("rpcbind");
    // A process of its own makes it: were it open for writing here, others that start meanwhile would have it open,
    // too, and what is being written cannot be started.
    let command = env!("CARGO_BIN_EXE_rpcbind");
    let mut install = Command::new("install");
    let made = install.args(["-m", "755", command]).arg(&copy).status();
    assert!(made.unwrap().success());
    copy
}

/// Says something at the socket of the metrics, and nothing more; gives back what is answered.
fn say(place: &Place, bytes: &[u8]) -> String {
    let mut stream = UnixStream::connect(place.path.join("metrics")).unwrap();
    // Who is answered early is not listened to any more.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(std::net::Shutdown::Write);
    read(stream)
}

/// All that comes, even if it ends with an error: some of what was said was not read.
fn read(mut stream: UnixStream) -> String {
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8(answer).unwrap()
}

fn with_metrics(place: &Place) -> Instance {
    let metrics = place.path.join("metrics");
    place.start(&["--metrics", metrics.to_str().unwrap()])
}

const SCRAPE: &[u8] = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";

#[test]
fn a_registration_has_its_process_if_the_kernel_knows_it() {
    let place = Place::new("status-process");
    let instance = place.start(&[]);
    instance.set(400_001);
    let mut stream = TcpStream::connect(("127.0.0.1", place.port)).unwrap();
    let set = rpcb(400_002, "udp", "0.0.0.0.8.2");
    assert_eq!(ask(&mut stream, 1, &set), words(&[1]));
    let status = json(&place);
    let over_unix = registration(&status, 400_001);
    assert_eq!(over_unix["pid"], std::process::id());
    assert_eq!(over_unix["uid"], geteuid().as_raw());
    assert_eq!(over_unix["address"], "0.0.0.0.8.1");
    assert!(over_unix["age_seconds"].is_u64());
    let over_tcp = registration(&status, 400_002);
    assert_eq!(
        (&over_tcp["uid"], &over_tcp["pid"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(over_tcp["owner"], "unknown");
    assert!(over_tcp["age_seconds"].is_u64());
    let own = registration(&status, 100_000);
    assert_eq!(own["pid"], instance.process.id());
    assert_eq!(own["pid"], status["pid"]);
}

#[test]
fn what_was_registered_before_the_start_is_there_without_its_history() {
    let place = Place::new("status-warm");
    let instance = place.start(&[]);
    instance.set(400_001);
    assert!(instance.end(Signal::SIGTERM).success());
    assert!(
        !place.path.join("state/status.sock").exists(),
        "it goes with the daemon"
    );
    let _instance = place.start(&[]);
    let status = json(&place);
    let row = registration(&status, 400_001);
    for unknown in ["uid", "pid", "age_seconds"] {
        assert_eq!(row[unknown], Value::Null);
    }
    assert_eq!(row["address"], "0.0.0.0.8.1");
}

#[test]
fn calls_and_changes_are_counted_by_what_became_of_them() {
    let place = Place::new("status-counts");
    let instance = place.start(&[]);
    instance.set(400_001);
    let other = rpcb(400_001, "udp", "0.0.0.0.9.9");
    assert_eq!(instance.call(1, &other), words(&[0]), "taken");
    let mut stream = TcpStream::connect(("127.0.0.1", place.port)).unwrap();
    assert_eq!(
        ask(&mut stream, 2, &rpcb(400_001, "udp", "")),
        words(&[0]),
        "foreign"
    );
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(("127.0.0.1", place.port)).unwrap();
    // Procedure 13, and GETADDR without arguments.
    for refused in [call(13, &[]), call(3, &[])] {
        socket.send(&refused).unwrap();
        socket.recv(&mut [0; 100]).unwrap();
    }
    // INDIRECT over a stream is met with silence, so that something else has to say that it was read.
    stream.write_all(&words(&[0x8000_0028])).unwrap();
    stream.write_all(&call(10, &[])).unwrap();
    assert!(ask(&mut stream, 0, &[]).is_empty());
    let status = json(&place);
    let counted = |name: &str, what: &str| {
        let calls = status["calls"].as_array().unwrap();
        let row = calls.iter().find(|row| row["name"] == name);
        row.map_or(0, |row| row[what].as_u64().unwrap())
    };
    assert_eq!(counted("SET", "answered"), 2);
    assert_eq!(counted("UNSET", "answered"), 1);
    assert_eq!(counted("GETADDR", "refused"), 1);
    assert_eq!(counted("INDIRECT", "unanswered"), 1);
    let calls = status["calls"].as_array().unwrap();
    let other = calls.iter().find(|row| row["procedure"] == Value::Null);
    assert_eq!(other.unwrap()["refused"], 1, "procedure 13");
    let changes = &status["changes"];
    assert_eq!(changes["set"]["accepted"], 1);
    assert_eq!(changes["set"]["taken"], 1);
    assert_eq!(changes["unset"]["foreign"], 1);
    assert_eq!(changes["unset"]["accepted"], 0);
    // The stream, and the two of `instance`, which may have ended.
    assert_eq!(status["connections"]["accepted"], 3);
    assert!(status["limits"]["connections"]["used"].as_u64() >= Some(1));
    assert_eq!(status["limits"]["connections"]["most"], 4096);
    assert_eq!(status["limits"]["registrations_of_unknown"]["used"], 0);
    assert_eq!(status["journal"]["records"], 1);
    let journal = fs::metadata(place.path.join("state/journal")).unwrap();
    assert_eq!(status["journal"]["bytes"], journal.len());
    assert_eq!(status["dropped_datagrams"], 0);
    assert_eq!(status["forwarded_calls"], Value::Null);
}

#[test]
fn a_connection_that_is_ended_for_another_is_counted() {
    let place = Place::new("status-evicted");
    let metrics = place.path.join("metrics");
    let flags = ["--set", "connections = 2", "--metrics"];
    let _instance = place.start(&[&flags[..], &[metrics.to_str().unwrap()]].concat());
    let connect = || TcpStream::connect(("127.0.0.1", place.port)).unwrap();
    let silent = [connect(), connect()];
    // Whoever comes when all places are taken has that of one who has said nothing.
    assert!(ask(&mut connect(), 0, &[]).is_empty());
    assert_eq!(json(&place)["connections"]["evicted"], 1);
    let page = say(&place, SCRAPE);
    assert!(
        page.contains("\nrpcbind_connections_evicted_total 1\n"),
        "{page}"
    );
    drop(silent);
}

#[test]
fn a_datagram_that_is_not_looked_at_is_counted() {
    if !geteuid().is_root() {
        eprintln!("not run: it takes root to send from the port of echo");
        return;
    }
    let place = Place::new("status-refused-datagram");
    let _instance = place.start(&[]);
    let echo = UdpSocket::bind("127.0.0.7:7").unwrap();
    let caller = UdpSocket::bind("127.0.0.1:0").unwrap();
    // They are read in the order in which they come, and one of them is answered.
    for socket in [&echo, &caller] {
        let to = ("127.0.0.1", place.port);
        socket.send_to(&call(0, &[]), to).unwrap();
    }
    caller.recv(&mut [0; 100]).unwrap();
    assert_eq!(json(&place)["refused_datagrams"], 1);
}

#[test]
fn calls_for_others_are_counted_while_they_are_at_hand() {
    let place = Place::new("status-forward");
    let instance = place.start(&["-r"]);
    let service = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = service.local_addr().unwrap().port();
    let uaddr = format!("127.0.0.1.{}.{}", port >> 8, port & 255);
    let set = rpcb(400_001, "udp", &uaddr);
    assert_eq!(instance.call(1, &set), words(&[1]));
    let caller = UdpSocket::bind("127.0.0.1:0").unwrap();
    caller.connect(("127.0.0.1", place.port)).unwrap();
    // Procedure 3 without arguments, which the service hears of and does not answer; and the same once more.
    let callit = call(5, &words(&[400_001, 1, 3, 0]));
    caller.send(&callit).unwrap();
    service.recv(&mut [0; 100]).unwrap();
    caller.send(&callit).unwrap();
    // Datagrams are read in the order in which they come.
    caller.send(&call(0, &[])).unwrap();
    caller.recv(&mut [0; 100]).unwrap();
    let status = json(&place);
    let expected = json!({ "called": 1, "repeated": 1, "too_many": 0, "given_up": 0 });
    assert_eq!(status["forwarded_calls"], expected);
    let at_hand = json!({ "used": 1, "most": 64 });
    assert_eq!(status["limits"]["forwarded_calls"], at_hand);
}

#[test]
fn a_thousand_registrations_and_more_come_in_order() {
    let place = Place::new("status-pages");
    let instance = place.start(&[]);
    let mut stream = UnixStream::connect(&instance.socket).unwrap();
    for program in 500_000..502_100 {
        let set = rpcb(program, "udp", "0.0.0.0.8.1");
        assert_eq!(ask(&mut stream, 1, &set), words(&[1]));
    }
    let status = json(&place);
    let registrations = status["registrations"].as_array().unwrap();
    let programs = registrations
        .iter()
        .map(|row| row["program"].as_u64().unwrap());
    let ours = programs.filter(|&program| program >= 500_000);
    assert!(ours.eq(500_000..502_100));
}

#[test]
fn people_read_tables() {
    let place = Place::new("status-text");
    let instance = place.start(&[]);
    instance.set(400_001);
    let output = status(&place, &[]);
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let row = text.lines().find(|line| line.contains("400001")).unwrap();
    let fields: Vec<_> = row.split_whitespace().collect();
    assert_eq!(fields[..5], ["400001", "1", "udp", "0.0.0.0.8.1", "-"]);
    assert_eq!(fields[7], std::process::id().to_string());
    assert!(text.starts_with("rpcbind "), "{text}");
    assert!(text.contains("\nlimit "), "{text}");
}

#[test]
fn only_root_and_the_daemons_user_may_ask() {
    let place = Place::new("status-refused");
    let _instance = place.start(&[]);
    let socket = place.path.join("state/status.sock");
    let mode = fs::metadata(&socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    if !geteuid().is_root() {
        eprintln!("not run: it takes root to be somebody else");
        return;
    }
    let command = copy_for_all(&place);
    let refusal = || {
        let state = place.path.join("state");
        let mut asks = Command::new(&command);
        asks.arg("--status").arg("--state-dir").arg(state);
        let output = asks.uid(STRANGER).gid(STRANGER).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(output.stdout.is_empty());
        String::from_utf8(output.stderr).unwrap()
    };
    let path = socket.display();
    let expected =
        format!("rpcbind: {path}: only root and the user of the daemon may ask for its status\n");
    assert_eq!(refusal(), expected, "the directory is closed");
    fs::set_permissions(place.path.join("state"), fs::Permissions::from_mode(0o777)).unwrap();
    assert_eq!(refusal(), expected, "the socket is closed");
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o777)).unwrap();
    assert_eq!(refusal(), expected, "the daemon knows who asks");
    assert!(status(&place, &[]).status.success());
}

#[test]
fn where_nobody_serves_that_is_said() {
    let place = Place::new("status-nobody");
    let output = status(&place, &[]);
    assert_eq!(output.status.code(), Some(1));
    let path = place.path.join("state/status.sock");
    let expected = format!(
        "rpcbind: no rpcbind answers: unix:{}: No such file or directory (os error 2)\n",
        path.display()
    );
    assert_eq!(String::from_utf8(output.stderr).unwrap(), expected);
}

#[test]
fn metrics_are_had_by_http_where_that_is_asked_for() {
    let place = Place::new("metrics");
    let instance = with_metrics(&place);
    instance.set(400_001);
    let socket = place.path.join("metrics");
    let mode = fs::metadata(&socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let response = say(&place, SCRAPE);
    let (head, page) = response.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.0 200 OK\r\n"), "{head}");
    assert!(head.contains(&format!("Content-Length: {}", page.len())));
    for series in [
        "rpcbind_calls_total{version=\"4\",procedure=\"SET\",outcome=\"answered\"} 1\n",
        "rpcbind_changes_total{request=\"set\",outcome=\"accepted\"} 1\n",
        "rpcbind_limit_most{limit=\"registrations\"} 65536\n",
    ] {
        assert!(page.contains(series), "{page}");
    }
    assert!(instance.end(Signal::SIGTERM).success());
    let left = fs::read_dir(&place.path).unwrap();
    let left = left.filter(|entry| entry.as_ref().unwrap().path() == socket);
    assert_eq!(left.count(), 0, "it goes with the daemon");
}

#[test]
fn without_being_asked_for_there_are_no_metrics() {
    let place = Place::new("metrics-off");
    let _instance = place.start(&[]);
    let mut names: Vec<_> = fs::read_dir(&place.path)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["lock", "ready", "sock", "state"]);
}

#[test]
fn what_is_no_request_is_answered_so_and_the_next_one_is_served() {
    let place = Place::new("metrics-hostile");
    let instance = with_metrics(&place);
    let endless = [
        b"GET /metrics HTTP/1.1\r\n",
        &b"X: y\r\n".repeat(100_000)[..],
    ]
    .concat();
    for (said, status) in [
        (&endless[..], "HTTP/1.0 431 "),
        (&[b'x'; 100_000], "HTTP/1.0 431 "),
        (b"\0\xff\n\xfe", "HTTP/1.0 400 "),
        (b"SSH-2.0-x\r\n", "HTTP/1.0 400 "),
        (b"GET /metrics HTTP/1.1\r\nHo", "HTTP/1.0 400 "),
        (b"GET /etc/passwd HTTP/1.1\r\n\r\n", "HTTP/1.0 404 "),
        (b"DELETE /metrics HTTP/1.1\r\n\r\n", "HTTP/1.0 405 "),
        (b"", ""),
    ] {
        let answer = say(&place, said);
        assert!(answer.starts_with(status), "{answer}");
        assert!(say(&place, SCRAPE).starts_with("HTTP/1.0 200 OK\r\n"));
    }
    assert!(instance.call(0, &[]).is_empty());
}

#[test]
fn who_says_nothing_holds_up_the_metrics_alone() {
    let place = Place::new("metrics-silent");
    let instance = with_metrics(&place);
    let silent = UnixStream::connect(place.path.join("metrics")).unwrap();
    let mut half = UnixStream::connect(place.path.join("metrics")).unwrap();
    half.write_all(b"GET /metrics").unwrap();
    assert!(instance.call(0, &[]).is_empty());
    assert!(status(&place, &[]).status.success());
    drop((silent, half));
    assert!(say(&place, SCRAPE).starts_with("HTTP/1.0 200 OK\r\n"));
}
