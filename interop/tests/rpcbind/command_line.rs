//! Flags, messages and exit codes.

use nix::sys::signal::Signal;
use oncrpc_interop::{Host, Output, Which, needs_root};

/// Runs an rpcbind that calls itself `rpcbind`, whatever its path.
fn run(host: &Host, which: Which, uid: u32, arguments: &str) -> Output {
    let program = which.rpcbind();
    host.run_as(
        uid,
        &format!(
            "exec bash -c 'exec -a rpcbind {} {arguments}'",
            program.display()
        ),
    )
}

#[track_caller]
fn same(uid: u32, arguments: &str, prepare: impl Fn(&Host)) -> Output {
    let [theirs, ours] = Which::BOTH.map(|which| {
        let host = Host::new();
        prepare(&host);
        run(&host, which, uid, arguments)
    });
    assert_eq!(ours, theirs, "{arguments}");
    ours
}

#[test]
fn wrong_flags_say_the_same_and_end_with_1() {
    needs_root!();
    for arguments in ["-x", "-L", "-fx", "-h", "-wh"] {
        let said = same(0, arguments, |_| {});
        assert_eq!(said.code, Some(1), "{arguments}: {said:?}");
        assert!(
            said.stderr.contains("usage: rpcbind [-adhilswfr]\n"),
            "{said:?}"
        );
    }
}

#[test]
fn what_is_odd_but_not_wrong_is_served() {
    needs_root!();
    for arguments in ["-a", "-a -d", "junk -w more", "-- -x", "-ilsw", "-h '*'x"] {
        let said = same(0, arguments, |_| {});
        assert_eq!(said.code, Some(0), "{arguments}: {said:?}");
    }
}

/// Debian's 1.2.6 has no `-v`; 1.2.8 prints this to its standard error.
#[test]
fn v_prints_what_is_built_in() {
    needs_root!();
    let said = run(&Host::new(), Which::Ours, 1000, "-fvx");
    assert_eq!((said.code, &said.stdout[..]), (Some(0), ""));
    let built = "debug: yes, libset debug: no, libwrap: yes, nss modules: files, remote calls: yes, \
                 statedir: /run/rpcbind, systemd: yes, user: _rpc, warm start: yes\n";
    let (name, rest) = said.stderr.split_once('\n').expect("two lines");
    assert!(name.starts_with("rpcbind "), "{said:?}");
    assert_eq!(rest, built);
}

/// What listens, without the numbers of processes.
fn listening(host: &Host) -> String {
    let all =
        host.run("ss --no-header --numeric --listening --tcp --udp | awk '{print $1, $5}' | sort");
    all.success()
}

#[test]
fn h_restricts_udp_and_keeps_loopback() {
    needs_root!();
    for flags in [
        &["-h", "192.0.2.1"][..],
        &["-h", "2001:db8:1::1", "-h", "192.0.2.1"],
        &["-h", "192.0.2.1", "-h", "198.51.100.1"],
        &["-h", "nobody.invalid", "-h", "192.0.2.1"],
    ] {
        let [theirs, ours] = Which::BOTH.map(|which| {
            let host = Host::new();
            let _rpcbind = host.rpcbind(which, flags);
            (listening(&host), host.run("rpcinfo").success())
        });
        assert_eq!(ours, theirs, "{flags:?}");
    }
}

/// Theirs aborts at a loopback address, which the comments of /etc/default/rpcbind recommend.
#[test]
fn h_with_loopback_is_loopback_alone() {
    needs_root!();
    for flags in [
        &["-h", "127.0.0.1", "-h", "::1"][..],
        &["-h", "127.0.0.1"],
        &["-h", "localhost"],
    ] {
        let host = Host::new();
        let _rpcbind = host.rpcbind(Which::Ours, flags);
        let expected = "tcp 0.0.0.0:111\ntcp [::]:111\nudp 127.0.0.1:111\nudp [::1]:111\n";
        assert_eq!(listening(&host), expected, "{flags:?}");
    }
}

#[test]
fn bind_restricts_tcp_as_well() {
    needs_root!();
    let host = Host::new();
    let _rpcbind = host.rpcbind(Which::Ours, &["--bind", "192.0.2.1"]);
    let expected = ["127.0.0.1:111", "192.0.2.1:111", "[::1]:111"];
    let expected =
        ["tcp", "udp"].map(|netid| expected.map(|at| format!("{netid} {at}\n")).concat());
    assert_eq!(listening(&host), expected.concat());
    host.run("rpcinfo -p 127.0.0.1").success();
}

#[test]
fn a_user_is_told_that_only_root_may() {
    needs_root!();
    let said = same(1000, "-f", |host| {
        host.run("touch /run/rpcbind.lock").success();
    });
    assert_eq!(said.code, Some(1));
    let said = same(1000, "-f", |_| {});
    assert_eq!(said.code, Some(1));
}

#[test]
fn a_second_one_is_told_that_there_is_one() {
    needs_root!();
    for which in Which::BOTH {
        let host = Host::new();
        let _first = host.rpcbind(which, &[]);
        for second in Which::BOTH {
            let said = run(&host, second, 0, "-f");
            let message = "rpcbind: another rpcbind is already running. Aborting\n";
            assert_eq!(
                (said.code, &said.stderr[..]),
                (Some(1), message),
                "{second:?} after {which:?}"
            );
        }
    }
}

#[test]
fn it_ends_with_0_when_it_is_told_to() {
    needs_root!();
    for which in Which::BOTH {
        for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGQUIT] {
            let host = Host::new();
            let rpcbind = host.rpcbind(which, &["-w"]);
            assert_eq!(rpcbind.end(signal).code, Some(0), "{which:?} and {signal}");
        }
    }
}

#[test]
fn hangup_and_user_signals_are_ignored() {
    needs_root!();
    for which in Which::BOTH {
        let host = Host::new();
        let rpcbind = host.rpcbind(which, &[]);
        host.run(
            "kill -HUP $(pidof rpcbind); kill -USR1 $(pidof rpcbind); kill -USR2 $(pidof rpcbind)",
        )
        .success();
        host.run("rpcinfo").success();
        assert_eq!(rpcbind.terminate().code, Some(0), "{which:?}");
    }
}

#[test]
fn in_the_background_it_answers_when_the_command_returns() {
    needs_root!();
    for which in Which::BOTH {
        let host = Host::new();
        let started = run(&host, which, 0, "");
        assert_eq!(
            (started.code, &started.stderr[..]),
            (Some(0), ""),
            "{which:?}"
        );
        host.run("rpcinfo").success();
    }
}

#[test]
fn files_and_sockets_are_the_same() {
    needs_root!();
    let [theirs, ours] = Which::BOTH.map(|which| {
        let host = Host::new();
        let _rpcbind = host.rpcbind(which, &["-w"]);
        host.run("stat --format='%n %F %a %U:%G' /run/rpcbind.lock /run/rpcbind.sock /run/rpcbind && ps -o user= -p $(pidof rpcbind)")
            .success()
    });
    assert_eq!(ours, theirs);
}

/// What goes wrong, and with `-d` what goes on, is for `daemon`; what is asked, with `-l`, is for `auth`.
#[test]
fn the_log_has_the_same_facilities_and_levels() {
    needs_root!();
    let [theirs, ours] = Which::BOTH.map(|which| {
        let host = Host::new();
        let _busy = host.in_network(|| {
            let tcp = std::net::TcpListener::bind("127.0.0.1:111").expect("it is free");
            let udp = std::net::UdpSocket::bind("0.0.0.0:111").expect("it is free");
            (tcp, udp)
        });
        assert_eq!(run(&host, which, 0, "-d -l").code, Some(0));
        let (wrong, rest): (Vec<_>, Vec<_>) = host
            .syslog()
            .into_iter()
            .partition(|line| line.starts_with("<27>"));
        assert!(rest.iter().any(|line| line.starts_with("<30>")), "{rest:?}");
        host.run("rpcinfo -T tcp6 ::1 100000 4").success();
        (wrong, host.syslog_with("getport"))
    });
    assert_eq!(ours, theirs);
    assert_eq!(theirs.0.len(), 2, "{theirs:?}");
}
