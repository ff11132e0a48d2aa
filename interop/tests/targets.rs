//! Where our client finds servers: ours and C's, as people name them.

use std::path::PathBuf;
use std::sync::OnceLock;

use oncrpc_interop::{Host, Ready, Which, needs_root, ours};

const PORT: u16 = 2900;

/// Nobody's.
const STRANGER: u32 = 65_000;

fn client() -> &'static str {
    static OURS: OnceLock<PathBuf> = OnceLock::new();
    let program = OURS.get_or_init(|| ours("ONCRPC_HELLO_CLIENT", "oncrpc-hello", "hello-client"));
    program.to_str().unwrap_or_default()
}

fn server() -> &'static str {
    static OURS: OnceLock<PathBuf> = OnceLock::new();
    let program = OURS.get_or_init(|| ours("ONCRPC_HELLO_SERVER", "oncrpc-hello", "hello-server"));
    program.to_str().unwrap_or_default()
}

#[test]
fn a_server_on_the_link_is_found_by_its_interface() {
    needs_root!();
    for which in Which::BOTH {
        let [here, there] = [Host::new(), Host::new()];
        here.cable(1, &there);
        let _rpcbind = there.rpcbind(which, &[]);
        let netids = ["tcp6", "udp6"];
        for server in [
            |host: &Host, netids: &[&str]| host.our_hello_server(PORT, netids),
            |host: &Host, netids: &[&str]| host.c_hello_server(PORT, netids),
        ] {
            let _server = server(&there, &netids);
            for netid in netids {
                let said = here.our_hello_client(&format!("{netid} fe80::2%c1 greet {netid}"));
                assert_eq!(said.success(), format!("Hello, {netid}\n"), "{which:?}");
            }
            let said = here.our_hello_client(&format!("tcp '[fe80::2%c1]:{PORT}' greet port"));
            assert_eq!(said.success(), "Hello, port\n", "{which:?}");
        }
        let said = here.our_hello_client("tcp6 fe80::2 greet nobody");
        let why = "hello-client: cannot connect: fe80::2 is on many links, fe80::2%eth0 on that of eth0\n";
        assert_eq!(said.stderr, why);
    }
}

#[test]
fn transports_are_tried_as_the_user_says() {
    needs_root!();
    let host = Host::new();
    let _rpcbind = host.rpcbind(Which::Theirs, &[]);
    let _server = host.c_hello_server(PORT, &["tcp"]);
    let greet = |netpath: &str, class: &str| {
        let client = client();
        host.run(&format!("{netpath} {client} {class} 127.0.0.1 greet me"))
    };
    // UDP is what /etc/netconfig has first.
    for class in ["netpath", "visible", "circuit_v", "circuit_n", "tcp"] {
        assert_eq!(greet("", class).success(), "Hello, me\n", "{class}");
    }
    let said = greet("NETPATH=udp:tcp", "netpath").success();
    assert_eq!(said, "Hello, me\n");
    let said = greet("NETPATH=udp", "netpath").stderr;
    assert!(said.ends_with("is not registered for udp\n"), "{said}");
    let said = greet("NETPATH=sctp", "netpath").stderr;
    assert!(
        said.ends_with("this system has none of netpath\n"),
        "{said}"
    );
}

#[test]
fn a_command_serves_on_its_standard_input_and_output() {
    needs_root!();
    let host = Host::new();
    let line = format!("{} tcp 'stdio:{} --stdin' echo 300000", client(), server());
    assert_eq!(host.run(&line).success(), "300000 bytes came back\n");
}

#[test]
fn whoever_listens_at_the_name_of_rpcbind_is_not_taken_for_it() {
    needs_root!();
    let host = Host::new();
    // Debian's does not listen at the abstract name.
    let _rpcbind = host.rpcbind(Which::Theirs, &[]);
    // A stranger need not be able to look into cargo's directory.
    let program = "/run/impostor";
    std::fs::copy(server(), host.path(program)).expect("there is space in /run");
    let mut impostor = host.command(STRANGER, program);
    impostor.args(["--unix", "@/run/rpcbind.sock"]);
    impostor.args(["--rpcbind", "unix:/run/rpcbind.sock"]);
    let _impostor = host.start(impostor, Ready::Line);
    let said = host.run(&format!("RUST_LOG=warn {} tcp localhost list", client()));
    let warning = "unix:@/run/rpcbind.sock is passed over: who listens there is uid 65000";
    assert!(said.stderr.contains(warning), "{said:?}");
    let listed = said.stdout;
    assert!(
        listed.contains("program 100000 version 4 at local /run/rpcbind.sock"),
        "{listed}"
    );
}
