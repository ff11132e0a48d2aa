//! rpcbind under a real systemd: Debian's first, then ours, as their packages install them.

use oncrpc_interop::{Machine, Which};

use crate::SOCKETS;
use crate::debs::{OURS, deb};

/// A machine with the sockets of rpcbind, and rpcbind not yet started.
fn machine(which: Which) -> Machine {
    let machine = Machine::boot();
    machine.done("systemctl enable rpcbind.socket rpcbind.service");
    if which == Which::Ours {
        machine.done(&format!("dpkg --install {}", machine.share(&deb(OURS))));
    }
    // Each case starts it once more, and five times in ten seconds is systemd's limit.
    machine.done(
        "mkdir -p /etc/systemd/system/rpcbind.service.d && cd /etc/systemd/system/rpcbind.service.d \
         && printf '[Unit]\\nStartLimitIntervalSec=0\\n' >limit.conf && systemctl daemon-reload",
    );
    machine.done("systemctl stop rpcbind.service && systemctl start rpcbind.socket");
    machine
}

const CALLS: [&str; 5] = [
    "rpcinfo -T tcp 127.0.0.1 100000 4",
    "rpcinfo -T udp 127.0.0.1 100000 4",
    "rpcinfo -T tcp6 ::1 100000 4",
    "rpcinfo -T udp6 ::1 100000 4",
    // Over the Unix socket.
    "rpcinfo",
];

#[test]
#[ignore = "boots machines, of packages that `make systemd-test` builds"]
fn a_call_over_any_transport_starts_it() {
    for which in Which::BOTH {
        let machine = machine(which);
        for call in CALLS {
            machine.done("systemctl stop rpcbind.service");
            assert_eq!(
                machine.run("systemctl is-active rpcbind.service").stdout,
                "inactive\n"
            );
            machine.done(call);
            // Type=notify: it is active when it has said that it is ready.
            machine.done("systemctl is-active rpcbind.service");
        }
    }
}

#[test]
#[ignore = "boots machines, of packages that `make systemd-test` builds"]
fn who_needs_it_gets_it() {
    for which in Which::BOTH {
        let machine = machine(which);
        machine.done("systemctl stop rpcbind.socket && systemctl start rpc-statd.service");
        machine.done("systemctl is-active rpcbind.socket rpcbind.service portmap.service");
        machine.done("systemctl is-active rpcbind.target remote-fs-pre.target");
        assert!(machine.done("rpcinfo -s").contains("status"), "{which:?}");
    }
}

#[test]
#[ignore = "boots machines, of packages that `make systemd-test` builds"]
fn registrations_and_sockets_outlive_a_restart_and_ours_a_kill() {
    for which in Which::BOTH {
        let machine = machine(which);
        machine.done("systemctl start rpcbind.service && rpc.statd --no-notify");
        let before = (machine.done(SOCKETS), machine.done("rpcinfo -p"));
        assert!(before.1.contains("status"), "{before:?}");
        machine.done("systemctl restart rpcbind.service");
        assert_eq!(
            (machine.done(SOCKETS), machine.done("rpcinfo -p")),
            before,
            "{which:?}"
        );
        machine.done("systemctl kill --signal=KILL --kill-whom=main rpcbind.service");
        // Whoever calls meanwhile waits until systemd has restarted it.
        let after = machine.done("rpcinfo -p");
        match which {
            Which::Theirs => assert!(!after.contains("status"), "{after}"),
            Which::Ours => assert_eq!((machine.done(SOCKETS), after), before),
        }
    }
}

#[test]
#[ignore = "boots machines, of packages that `make systemd-test` builds"]
fn ours_has_no_privilege_and_systemd_notices_when_it_is_stuck() {
    let machine = machine(Which::Ours);
    machine.done(
        "printf '[Service]\\nWatchdogSec=1s\\n' >/etc/systemd/system/rpcbind.service.d/watchdog.conf \
         && systemctl daemon-reload && systemctl start rpcbind.service",
    );
    let main = "systemctl show --value --property=MainPID rpcbind.service";
    let status = machine.done(&format!("cat /proc/$({main})/status"));
    for (field, value) in [
        ("CapInh", "0000000000000000"),
        ("CapPrm", "0000000000000000"),
        ("CapEff", "0000000000000000"),
        ("CapBnd", "0000000000000000"),
        ("CapAmb", "0000000000000000"),
        ("NoNewPrivs", "1"),
        ("Seccomp", "2"),
    ] {
        let line = format!("{field}:\t{value}\n");
        assert!(status.contains(&line), "{line}{status}");
    }
    assert!(machine.done("rpcbind --status").contains("registrations"));
    let user = machine.done(&format!("stat --format=%U /proc/$({main})"));
    assert_eq!(user, "_rpc");
    machine.done(&format!("kill -STOP $({main})"));
    // It answers again because systemd has killed and restarted it.
    machine.done("rpcinfo -p");
    let restarts = machine.done("systemctl show --value --property=NRestarts rpcbind.service");
    assert_ne!(restarts, "0");
}
