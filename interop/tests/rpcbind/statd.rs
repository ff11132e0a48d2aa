//! rpc.statd, the daemon of NFS locks, which registers as a user of its own.

use oncrpc_interop::{Host, Which, needs_root};

/// Where statd keeps its state: the owner of it is whom it runs as.
const PREPARE: &str = "mkdir -p /var/lib/nfs/sm /var/lib/nfs/sm.bak && chown -R statd /var/lib/nfs";

#[test]
fn statd_starts_and_is_listed_with_its_owner() {
    needs_root!();
    let [theirs, ours] = Which::BOTH.map(|which| {
        let host = Host::new();
        let _rpcbind = host.rpcbind(which, &["-w"]);
        host.run(PREPARE).success();
        // It is in the background when it has registered.
        let started = host.run("rpc.statd --no-notify --port 32765 --outgoing-port 32766");
        assert_eq!(started.code, Some(0), "with {which:?}: {started:?}");
        let listed = host.run("rpcinfo").success();
        let called = host.run("rpcinfo -T udp 127.0.0.1 status && rpcinfo -T tcp6 ::1 status");
        let ended = host
            .run("kill $(cat /run/rpc.statd.pid) && until ! rpcinfo -s | grep status; do :; done");
        assert_eq!(ended.code, Some(0), "with {which:?}: {ended:?}");
        (listed, called.success())
    });
    let uid = users_id("statd");
    let owned = theirs
        .0
        .lines()
        .filter(|line| line.contains("status") && line.ends_with(&uid));
    assert_eq!(owned.count(), 4, "udp, tcp, udp6 and tcp6: {}", theirs.0);
    assert_eq!(ours, theirs);
}

/// The user's id as /etc/passwd has it.
fn users_id(name: &str) -> String {
    let passwd = std::fs::read_to_string("/etc/passwd").expect("it can be read");
    let line = passwd
        .lines()
        .find(|line| line.starts_with(&format!("{name}:")));
    line.and_then(|line| line.split(':').nth(2))
        .expect("nfs-common makes it")
        .to_owned()
}
