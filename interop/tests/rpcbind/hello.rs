//! Servers and clients made of hello.x, by libtirpc and by us, find each other through either rpcbind
//! and call each other over every transport.

use oncrpc_interop::{Daemon, Host, Output, Which, needs_root};

const NETIDS: [&str; 5] = ["udp", "tcp", "udp6", "tcp6", "local"];

/// A port for all of a server's transports.
const PORT: u16 = 2900;

/// The calls over one transport; opaque data as large as it carries.
fn calls(netid: &str) -> Vec<String> {
    let host = match netid {
        "udp" | "tcp" => "127.0.0.1",
        "udp6" | "tcp6" => "::1",
        _ => "localhost",
    };
    // libtirpc sends 300,000 bytes in several fragments; its datagrams hold 8,800.
    let bytes = if netid.starts_with("udp") {
        8_000
    } else {
        300_000
    };
    let calls = [
        "null".to_owned(),
        format!("greet {netid}"),
        format!("greet {netid}"),
        "greet ''".to_owned(),
        "add 40 2".to_owned(),
        "add -- -2147483648 -1".to_owned(),
        "echo 0".to_owned(),
        "echo 1".to_owned(),
        format!("echo {bytes}"),
        "area point".to_owned(),
        "area rectangle 2.5 4".to_owned(),
        "guests".to_owned(),
        "wait 20".to_owned(),
    ];
    calls
        .into_iter()
        .map(|call| format!("{netid} {host} {call}"))
        .collect()
}

/// What a client says to all the calls.
fn says(client: impl Fn(&str) -> Output) -> String {
    let lines = NETIDS.iter().flat_map(|netid| calls(netid));
    lines
        .map(|line| format!("{line}: {}", client(&line).success()))
        .collect()
}

fn c_client(host: &Host, line: &str) -> Output {
    // The C client does not know what `--` means.
    host.c_hello_client(&line.replace("-- ", ""))
}

/// What libtirpc's client hears of libtirpc's server through Debian's rpcbind.
fn expected() -> String {
    let host = Host::new();
    let _rpcbind = host.rpcbind(Which::Theirs, &[]);
    let _server = c_server(&host);
    let said = says(|line| c_client(&host, line));
    assert!(
        said.contains("tcp 127.0.0.1 echo 300000: 300000 bytes came back\n"),
        "{said}"
    );
    assert!(
        said.contains("local localhost add -- -2147483648 -1: overflow\n"),
        "{said}"
    );
    said
}

/// Whoever serves and whoever calls, through either rpcbind, the same is heard.
fn hears_what_is_expected(
    server: impl Fn(&Host) -> Daemon,
    client: impl Fn(&Host, &str) -> Output,
) {
    let expected = expected();
    for which in Which::BOTH {
        let host = Host::new();
        let _rpcbind = host.rpcbind(which, &[]);
        let _server = server(&host);
        assert_eq!(
            says(|line| client(&host, line)),
            expected,
            "through {which:?}"
        );
    }
}

fn c_server(host: &Host) -> Daemon {
    host.c_hello_server(PORT, &NETIDS)
}

fn our_server(host: &Host) -> Daemon {
    host.our_hello_server(PORT, &NETIDS)
}

#[test]
fn c_peers_find_each_other_through_ours() {
    needs_root!();
    hears_what_is_expected(c_server, c_client);
}

#[test]
fn our_client_calls_a_c_server() {
    needs_root!();
    hears_what_is_expected(c_server, Host::our_hello_client);
}

#[test]
fn a_c_client_calls_our_server() {
    needs_root!();
    // One alone is tokio's other runtime.
    for threads in ["1", "2"] {
        let flags = ["--threads", threads];
        let server = |host: &Host| host.our_hello_server_with(PORT, &NETIDS, &flags);
        hears_what_is_expected(server, c_client);
    }
}

#[test]
fn our_client_calls_our_server() {
    needs_root!();
    hears_what_is_expected(our_server, Host::our_hello_client);
}

#[test]
fn our_server_registers_as_a_c_server_does_and_is_gone_when_it_ends() {
    needs_root!();
    for which in Which::BOTH {
        let host = Host::new();
        let _rpcbind = host.rpcbind(which, &[]);
        let before = host.run("rpcinfo").success();
        let c_server = c_server(&host);
        let mut with_theirs: Vec<_> = host
            .run("rpcinfo")
            .success()
            .lines()
            .map(str::to_owned)
            .collect();
        assert_eq!(c_server.terminate().code, Some(0));
        assert_eq!(host.run("rpcinfo").success(), before);
        let our_server = our_server(&host);
        let mut with_ours: Vec<_> = host
            .run("rpcinfo")
            .success()
            .lines()
            .map(str::to_owned)
            .collect();
        // In whatever order the two register their transports.
        with_theirs.sort();
        with_ours.sort();
        assert_eq!(with_ours, with_theirs, "with {which:?}");
        assert_eq!(our_server.terminate().code, Some(0));
        assert_eq!(host.run("rpcinfo").success(), before, "with {which:?}");
    }
}

#[test]
fn a_server_without_rpcbind_says_so() {
    needs_root!();
    let host = Host::new();
    let said = host.our_hello_client("tcp 127.0.0.1 null");
    assert_eq!(said.code, Some(1));
    assert_eq!(
        said.stderr,
        "hello-client: cannot look the program up: rpcbind at tcp 127.0.0.1:111: \
         cannot connect: tcp 127.0.0.1:111: Connection refused (os error 111)\n"
    );
}

#[test]
fn a_thread_finds_and_calls_either_server_through_either_rpcbind() {
    needs_root!();
    for which in Which::BOTH {
        let host = Host::new();
        let _rpcbind = host.rpcbind(which, &[]);
        // Of a program that nobody serves it says so.
        let absent = host.our_hello_thread("tcp 127.0.0.1 nobody");
        assert!(
            absent.stderr.contains("is not registered for tcp"),
            "{absent:?}"
        );
        for server in [c_server, our_server] {
            let server = server(&host);
            for netid in &NETIDS[..4] {
                let at = if netid.ends_with('6') {
                    "::1"
                } else {
                    "127.0.0.1"
                };
                let said = host
                    .our_hello_thread(&format!("{netid} {at} {netid}"))
                    .success();
                assert_eq!(said, format!("Hello, {netid}\n"), "{which:?}");
            }
            assert_eq!(server.terminate().code, Some(0));
        }
    }
}
