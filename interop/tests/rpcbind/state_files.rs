//! State files go from one rpcbind to the other and back.

use nix::sys::signal::Signal::SIGKILL;
use oncrpc_interop::{Answer, Caller, Host, Reply, Transport, Which, call, needs_root};

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
    rpcbind.end(SIGKILL);
    let _rpcbind = host.rpcbind(Which::Ours, &["-w"]);
    assert_eq!(host.run("rpcinfo").success(), listed);
}

/// The answer to SET (procedure 1) or UNSET (procedure 2) of a version of program 400000.
fn is_granted(host: &Host, procedure: u32, version: u32) -> bool {
    let message = call(4, procedure).rpcb(400_000, version, "udp", "0.0.0.0.8.1", "");
    let answer = host.ask(Caller::User, Transport::Udp, &message);
    let is_granted = answer == Answer::reply(Reply::success(&[1]));
    assert!(is_granted || answer == Answer::reply(Reply::success(&[0])));
    is_granted
}

#[test]
fn what_theirs_did_counts_more_than_our_journal() {
    needs_root!();
    let host = Host::new();
    let rpcbind = host.rpcbind(Which::Ours, &["-w"]);
    assert!((1..=3).all(|version| is_granted(&host, 1, version)));
    assert_eq!(rpcbind.terminate().code, Some(0));
    let rpcbind = host.rpcbind(Which::Theirs, &["-w"]);
    assert!(is_granted(&host, 2, 2) && is_granted(&host, 1, 4));
    let listed = host.run("rpcinfo").success();
    assert_eq!(rpcbind.terminate().code, Some(0));
    // Whatever ends ours from now on, it has seen what theirs did.
    for version in 5..8 {
        let rpcbind = host.rpcbind(Which::Ours, &["-w"]);
        assert_eq!(host.run("rpcinfo").success(), listed);
        assert!(is_granted(&host, 1, version) && is_granted(&host, 2, version));
        rpcbind.end(SIGKILL);
    }
    // Theirs takes the files with it when it is killed, and what was in them is no longer known to be so.
    let rpcbind = host.rpcbind(Which::Theirs, &["-w"]);
    let fresh = host.run("rpcinfo | grep -v 400000").success();
    rpcbind.end(SIGKILL);
    let _rpcbind = host.rpcbind(Which::Ours, &["-w"]);
    assert_eq!(host.run("rpcinfo").success(), fresh);
}

#[test]
fn a_damaged_journal_is_reported_and_its_good_part_is_kept() {
    needs_root!();
    let host = Host::new();
    let rpcbind = host.rpcbind(Which::Ours, &["-w"]);
    register(&host);
    let listed = host.run("rpcinfo").success();
    assert!(is_granted(&host, 1, 1));
    rpcbind.end(SIGKILL);
    let journal = host.path("/run/rpcbind/journal");
    let mut bytes = std::fs::read(&journal).expect("ours writes it");
    let half_a_record = bytes.len() - 20;
    bytes.truncate(half_a_record);
    std::fs::write(&journal, bytes).expect("it is there");
    let rpcbind = host.rpcbind(Which::Ours, &["-w"]);
    assert_eq!(host.run("rpcinfo").success(), listed);
    let said = rpcbind.stderr();
    assert!(said.contains("/run/rpcbind/journal is damaged: "), "{said}");
}

/// Theirs grants all, and has nothing to show for it if it is killed.
#[test]
fn ours_refuses_what_it_cannot_write_and_goes_on_when_there_is_room() {
    needs_root!();
    let host = Host::new();
    host.run("mount -t tmpfs -o size=64k,mode=755 tmpfs /run/rpcbind && chown _rpc /run/rpcbind")
        .success();
    let fill = || host.run("head -c 1000000 /dev/zero >/run/rpcbind/filler 2>/dev/null; true");
    let make_room = || host.run("rm /run/rpcbind/filler").success();
    fill().success();
    let rpcbind = host.rpcbind(Which::Ours, &["-w"]);
    assert!(!is_granted(&host, 1, 0));
    make_room();
    assert!(is_granted(&host, 1, 0));
    fill().success();
    let refused = (1..).find(|&version| !is_granted(&host, 1, version));
    let refused = refused.expect("the disk is full");
    let stuck = (0..).find(|&version| !is_granted(&host, 2, version));
    let stuck = stuck.expect("the disk is full");
    assert!(
        stuck < refused && is_granted(&host, 1, stuck),
        "it is still there"
    );
    make_room();
    assert!(is_granted(&host, 1, refused) && is_granted(&host, 2, stuck));
    let listed = host.run("rpcinfo").success();
    let said = rpcbind.stderr();
    assert!(said.contains("No space left on device"), "{said}");
    rpcbind.end(SIGKILL);
    let rpcbind = host.rpcbind(Which::Ours, &["-w"]);
    assert_eq!(host.run("rpcinfo").success(), listed);
    assert_eq!(rpcbind.stderr(), "");
}
