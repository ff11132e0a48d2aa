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
    for arguments in ["-x", "-v", "-L", "-fx", "-h", "-wh"] {
        let said = same(0, arguments, |_| {});
        assert_eq!(said.code, Some(1), "{arguments}: {said:?}");
        assert!(
            said.stderr.contains("usage: rpcbind [-adhilswfr]\n"),
            "{said:?}"
        );
    }
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
