//! The package, from Debian's rpcbind to ours and back, on a machine that runs.

use oncrpc_interop::Machine;

use crate::SOCKETS;
use crate::debs::{NEWER, OURS, THEIRS, deb};

/// A machine that runs Debian's rpcbind, with a registration that is not rpcbind's own.
fn with_debians() -> Machine {
    let machine = Machine::boot();
    machine.done("systemctl enable --now rpcbind.socket rpcbind.service && rpc.statd --no-notify");
    assert!(machine.done("rpcinfo -p").contains("status"));
    machine
}

/// Installs a package by this command.
fn install(machine: &Machine, command: &str, name: &str) {
    machine.done(&format!("{command} {}", machine.share(&deb(name))));
}

/// Removes what conflicts, whatever it is.
const APT: &str = "apt-get install --yes --allow-downgrades";
/// Removes what is replaced.
const DPKG: &str = "dpkg --install";

/// The package that `/sbin/rpcbind` is of, which is to run.
fn owner(machine: &Machine) -> String {
    machine.done(
        "systemctl is-active --quiet rpcbind.service rpcbind.socket && dpkg --search /sbin/rpcbind",
    )
}

/// All registrations but rpcbind's own.
fn registrations(machine: &Machine) -> Vec<String> {
    let list = machine.done("rpcinfo");
    let others = list.lines().filter(|line| !line.contains("portmapper"));
    others.map(str::to_owned).collect()
}

#[test]
#[ignore = "boots machines, of packages that `make systemd-test` builds"]
fn one_goes_from_debians_to_ours_and_back_with_all_registrations() {
    let machine = with_debians();
    let before = registrations(&machine);

    install(&machine, APT, OURS);
    assert_eq!(owner(&machine), "oncrpc-rpcbind: /sbin/rpcbind");
    assert_eq!(registrations(&machine), before);
    assert!(machine.done("rpcinfo --version").contains("oncrpc"));
    machine.done("systemctl is-enabled rpcbind.service rpcbind.socket");
    machine.done("systemctl is-active portmap.service");
    machine.done("dpkg --verify oncrpc-rpcbind");

    // Who calls during an upgrade does not find the door closed.
    let sockets = machine.done(SOCKETS);
    install(&machine, APT, NEWER);
    assert_eq!(registrations(&machine), before);
    assert_eq!(machine.done(SOCKETS), sockets);

    install(&machine, APT, THEIRS);
    assert_eq!(owner(&machine), "rpcbind: /sbin/rpcbind");
    assert_eq!(registrations(&machine), before);
    machine.done("dpkg --purge --force-depends oncrpc-rpcbind");
    assert_eq!(owner(&machine), "rpcbind: /sbin/rpcbind");
    machine.done("systemctl is-enabled rpcbind.service rpcbind.socket && dpkg --verify rpcbind");
    assert_eq!(registrations(&machine), before);
}

#[test]
#[ignore = "boots machines, of packages that `make systemd-test` builds"]
fn where_debians_is_purged_afterwards_it_is_configured_once_more() {
    let machine = with_debians();
    install(&machine, APT, OURS);
    // Debian's script takes links and files for its own.
    machine.done("dpkg --purge rpcbind");
    machine.done("! systemctl is-enabled rpcbind.socket rpcbind.service");
    machine.done("dpkg-reconfigure oncrpc-rpcbind");
    assert_eq!(owner(&machine), "oncrpc-rpcbind: /sbin/rpcbind");
    machine.done("systemctl is-enabled rpcbind.socket rpcbind.service");
    machine.done("test -S /run/rpcbind.sock && rpcinfo");
}

#[test]
#[ignore = "boots machines, of packages that `make systemd-test` builds"]
fn removed_it_keeps_its_configuration_and_purged_it_keeps_nothing() {
    let machine = with_debians();
    const FILES: &str = r"find /etc /usr /var/lib /run \( -path /var/lib/dpkg -or -path /run/host \) -prune \
        -or -name '*rpcbind*' -print -or -name '*rpcinfo*' -print -or -name '*portmap*' -print | sort";
    machine.done("dpkg --purge --force-depends rpcbind");
    let before = machine.done(FILES);
    install(&machine, DPKG, OURS);
    machine.done("echo 'OPTIONS=\"-w -l\"' >/etc/default/rpcbind");
    install(&machine, DPKG, NEWER);
    machine.done("grep -- '-w -l' /etc/default/rpcbind");

    machine.done("dpkg --remove --force-depends oncrpc-rpcbind");
    machine.done("grep -- '-w -l' /etc/default/rpcbind");
    machine.done("! ss --listening --numeric --no-header 'sport = 111' | grep .");
    machine.done("! pidof rpcbind");

    machine.done("dpkg --purge --force-depends oncrpc-rpcbind");
    assert_eq!(machine.done(FILES), before);
}
