//! What the daemon may still do once it serves.

use oncrpc_interop::{Host, Which, needs_root, wait_for_edits};

/// Which user each is, which privileges it has, and whether it can get others.
#[test]
fn it_is_nobody_and_stays_nobody() {
    needs_root!();
    let [theirs, ours] = Which::BOTH.map(|which| {
        let host = Host::new();
        let rpcbind = host.rpcbind(which, &["-w"]);
        let status = std::fs::read_to_string(format!("/proc/{}/status", rpcbind.id()));
        let status = status.expect("it runs");
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.map(|value| value.trim().to_owned())
        };
        let same = ["Uid:", "Gid:", "Groups:", "CapEff:", "CapPrm:"].map(field);
        (same, field("NoNewPrivs:"))
    });
    assert_eq!(ours.0, theirs.0);
    assert_eq!(
        (theirs.1.as_deref(), ours.1.as_deref()),
        (Some("0"), Some("1"))
    );
}

/// Its files are removed at the end, its state is written, and edits of /etc count, with Landlock and without.
#[test]
fn the_daemon_is_held_to_what_it_needs() {
    needs_root!();
    for flags in [&["-w", "-d"][..], &["-w", "--set", "sandbox=false"]] {
        let host = Host::new();
        host.private_etc();
        // Where an unprivileged daemon can remove what it has made.
        host.run("mkdir -m 777 /run/own").success();
        // An administrator who keeps such files elsewhere.
        host.run("mkdir /run/etc.d && mv /etc/hosts.allow /run/etc.d && ln -s /run/etc.d/hosts.allow /etc")
            .success();
        let files = ["--socket", "/run/own/sock", "--lock", "/run/own/lock"];
        let rpcbind = host.rpcbind(Which::Ours, &[flags, &files].concat());
        host.run("rpcinfo -p 127.0.0.1").success();
        host.run("echo 'ALL: ALL' >/etc/new && mv /etc/new /etc/hosts.deny")
            .success();
        wait_for_edits();
        assert_eq!(host.run("rpcinfo -p 127.0.0.1").code, Some(1));
        host.run(
            "echo 'rpcbind: 127.0.0.1' >/run/etc.d/new && mv /run/etc.d/new /run/etc.d/hosts.allow",
        )
        .success();
        wait_for_edits();
        host.run("rpcinfo -p 127.0.0.1").success();
        let said = rpcbind.stderr();
        assert!(!said.contains("cannot"), "{said}");
        assert_eq!(rpcbind.terminate().code, Some(0));
        assert_eq!(host.run("ls /run/own").success(), "", "{flags:?}");
        let state = host
            .run("stat --format=%s /run/rpcbind/rpcbind.xdr")
            .success();
        assert!(state.trim() != "0", "{flags:?}");
    }
}
