//! State files go from one rpcbind to the other and back.

use oncrpc_interop::{Host, Which, needs_root};

const FILES: [&str; 2] = ["/run/rpcbind/rpcbind.xdr", "/run/rpcbind/portmap.xdr"];

/// Registers programs that stay when their servers are killed.
fn register(host: &Host) {
    drop(host.c_hello_server(2900, &["udp", "tcp", "udp6", "tcp6", "local"]));
    host.run("mkdir -p /var/lib/nfs/sm /var/lib/nfs/sm.bak && chown -R statd /var/lib/nfs")
        .success();
    let started = host.run("rpc.statd --no-notify --port 32765 --outgoing-port 32766");
    assert_eq!(started.code, Some(0), "{started:?}");
    host.run("kill -9 $(cat /run/rpc.statd.pid)").success();
}

fn files(host: &Host) -> Vec<Vec<u8>> {
    FILES
        .map(|file| std::fs::read(host.path(file)).expect(file))
        .to_vec()
}

#[test]
fn both_write_the_same_bytes_when_they_are_told_to_end() {
    needs_root!();
    let [theirs, ours] = Which::BOTH.map(|which| {
        let host = Host::new();
        let rpcbind = host.rpcbind(which, &[]);
        register(&host);
        assert_eq!(rpcbind.terminate().code, Some(0));
        files(&host)
    });
    assert!(theirs[0].len() > 500, "{} bytes", theirs[0].len());
    assert_eq!(ours, theirs);
}

#[test]
fn registrations_go_from_theirs_to_ours_and_back() {
    needs_root!();
    let host = Host::new();
    let rpcbind = host.rpcbind(Which::Theirs, &["-w"]);
    register(&host);
    let [listed, ports] = ["rpcinfo", "rpcinfo -p"].map(|line| host.run(line).success());
    assert!(
        listed.contains("status") && ports.contains("32765"),
        "{listed}{ports}"
    );
    assert_eq!(rpcbind.terminate().code, Some(0));
    for which in [Which::Ours, Which::Ours, Which::Theirs, Which::Ours] {
        let rpcbind = host.rpcbind(which, &["-w"]);
        assert_eq!(host.run("rpcinfo").success(), listed, "{which:?}");
        assert_eq!(host.run("rpcinfo -p").success(), ports, "{which:?}");
        assert_eq!(rpcbind.terminate().code, Some(0));
    }
}

#[test]
fn without_w_a_start_is_empty() {
    needs_root!();
    for which in Which::BOTH {
        let host = Host::new();
        let rpcbind = host.rpcbind(which, &[]);
        let fresh = host.run("rpcinfo").success();
        register(&host);
        assert_eq!(rpcbind.terminate().code, Some(0));
        let _rpcbind = host.rpcbind(which, &[]);
        assert_eq!(host.run("rpcinfo").success(), fresh, "{which:?}");
    }
}

#[test]
fn a_damaged_file_is_reported_and_the_start_is_empty() {
    needs_root!();
    for which in Which::BOTH {
        let host = Host::new();
        let rpcbind = host.rpcbind(which, &["-w"]);
        let fresh = host.run("rpcinfo").success();
        register(&host);
        assert_eq!(rpcbind.terminate().code, Some(0));
        for file in FILES {
            // A count that promises more than there is.
            std::fs::write(host.path(file), [0, 0, 0, 1, 0, 1, 0x86, 0xa5]).expect(file);
        }
        let rpcbind = host.rpcbind(which, &["-w"]);
        assert_eq!(host.run("rpcinfo").success(), fresh, "{which:?}");
        let said = rpcbind.stderr() + &host.syslog().join("\n");
        assert!(said.contains("rpcbind.xdr"), "{which:?} says {said:?}");
    }
}

/// What theirs loses: it writes its files only when it is told to end.
#[test]
fn ours_keeps_registrations_when_it_is_killed() {
    needs_root!();
    let host = Host::new();
    let rpcbind = host.rpcbind(Which::Ours, &["-w"]);
    register(&host);
    let listed = host.run("rpcinfo").success();
    rpcbind.end(nix::sys::signal::Signal::SIGKILL);
    let _rpcbind = host.rpcbind(Which::Ours, &["-w"]);
    assert_eq!(host.run("rpcinfo").success(), listed);
}
