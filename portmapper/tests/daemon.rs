//! The daemon itself: a private instance, as a container or a test would start one.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod instance;

use std::fs;
use std::net::{TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use instance::{Place, ask, call, rpcb, words};
use nix::sys::signal::Signal;

#[test]
fn a_private_instance_answers_on_every_transport() {
    let place = Place::new("answers");
    let instance = place.start(&[]);
    assert!(instance.call(0, &[]).is_empty());
    for host in ["127.0.0.1", "::1"] {
        // Where there is no IPv6, it is not served either.
        let Ok(mut stream) = TcpStream::connect((host, place.port)) else {
            assert_eq!(host, "::1");
            continue;
        };
        assert!(ask(&mut stream, 0, &[]).is_empty());
        let socket = UdpSocket::bind((host, 0)).unwrap();
        socket.connect((host, place.port)).unwrap();
        socket.send(&call(0, &[])).unwrap();
        let mut reply = [0; 100];
        let len = socket.recv(&mut reply).unwrap();
        assert_eq!(reply[..len], words(&[7, 1, 0, 0, 0, 0]));
    }
    let mode = fs::metadata(&instance.socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o666);
}

#[test]
fn registrations_outlive_every_end_of_the_daemon() {
    let place = Place::new("outlive");
    for (program, signal) in [
        (400_001, Signal::SIGTERM),
        (400_002, Signal::SIGINT),
        (400_003, Signal::SIGQUIT),
        (400_004, Signal::SIGKILL),
    ] {
        let instance = place.start(&[]);
        assert!((400_001..program).all(|earlier| instance.lists(earlier)));
        instance.set(program);
        let status = instance.end(signal);
        assert_eq!(status.success(), signal != Signal::SIGKILL, "{signal}");
    }
    let instance = place.start(&[]);
    assert!((400_001..=400_004).all(|program| instance.lists(program)));
}

#[test]
fn hangup_and_the_user_signals_change_nothing() {
    let place = Place::new("signals");
    let instance = place.start(&[]);
    instance.set(400_001);
    for signal in [
        Signal::SIGHUP,
        Signal::SIGUSR1,
        Signal::SIGUSR2,
        Signal::SIGPIPE,
    ] {
        instance.signal(signal);
        assert!(instance.lists(400_001), "{signal}");
    }
    assert!(instance.end(Signal::SIGTERM).success());
}

#[test]
fn a_second_instance_is_refused_in_rpcbinds_words() {
    let place = Place::new("second");
    let instance = place.start(&[]);
    let second = place.command(&[]).output().unwrap();
    assert_eq!(second.status.code(), Some(1));
    let expected = "rpcbind: another rpcbind is already running. Aborting\n";
    assert_eq!(String::from_utf8_lossy(&second.stderr), expected);
    assert!(instance.call(0, &[]).is_empty());
}

#[test]
fn a_damaged_state_file_is_reported_and_the_daemon_starts_without_it() {
    let place = Place::new("damaged");
    let instance = place.start(&[]);
    instance.set(400_001);
    assert!(instance.end(Signal::SIGTERM).success());
    let state = place.path.join("state/rpcbind.xdr");
    let mut list = fs::read(&state).unwrap();
    list.truncate(list.len() - 4);
    fs::write(&state, list).unwrap();
    let (instance, log) = place.start_logged(&[]);
    assert!(!instance.lists(400_001));
    let log = fs::read_to_string(log).unwrap();
    assert!(log.contains("rpcbind.xdr is damaged"), "{log}");
}

#[test]
fn an_address_that_is_not_ours_is_an_error() {
    let place = Place::new("address");
    for flags in [
        &["-h", "192.0.2.77"][..],
        &["--check", "-h", "192.0.2.77"],
        &["--bind", "192.0.2.77"],
    ] {
        let refused = place.command(flags).output().unwrap();
        assert_eq!(refused.status.code(), Some(1));
        let expected = "rpcbind: cannot bind 192.0.2.77 on udp: Cannot assign requested address\n";
        assert_eq!(String::from_utf8_lossy(&refused.stderr), expected);
    }
}

#[test]
fn what_is_not_understood_ends_with_the_usage_and_status_1() {
    let rpcbind = env!("CARGO_BIN_EXE_rpcbind");
    let refused = Command::new(rpcbind).arg("-x").output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let expected = format!("{rpcbind}: invalid option -- 'x'\nusage: rpcbind [-adhilswfr]\n");
    assert_eq!(String::from_utf8_lossy(&refused.stderr), expected);
}

#[test]
fn check_says_what_a_start_would_do_and_does_nothing() {
    let place = Place::new("check");
    let checked = place.command(&["--check", "-l"]).output().unwrap();
    assert_eq!(checked.status.code(), Some(0));
    let said = String::from_utf8_lossy(&checked.stdout);
    let (path, port) = (place.path.display(), place.port);
    for line in [
        format!("  local {path}/sock"),
        format!("  udp 0.0.0.0:{port}"),
        format!("  tcp 0.0.0.0:{port}"),
        format!("keeps registrations in {path}/state, which is not there and would be made"),
        "  log-requests = true              # command line".to_owned(),
        "  idle-seconds = 60".to_owned(),
    ] {
        assert!(
            said.lines().any(|said| said.starts_with(&line)),
            "{line:?} in\n{said}"
        );
    }
    assert_eq!(
        fs::read_dir(&place.path).unwrap().count(),
        0,
        "nothing is made"
    );
}

#[test]
fn a_page_that_nobody_reads_to_its_end_is_no_failure_and_one_that_cannot_be_written_is() {
    let place = Place::new("page");
    for option in ["--help", "--version", "--check"] {
        let (unread, end) = std::io::pipe().unwrap();
        drop(unread);
        let closed = place.command(&[option]).stdout(end).output().unwrap();
        assert_eq!(closed.status.code(), Some(0), "{option}");
        assert_eq!(String::from_utf8_lossy(&closed.stderr), "", "{option}");
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let full = place.command(&[option]).stdout(full).output().unwrap();
        assert_eq!(full.status.code(), Some(1), "{option}");
        let expected = "rpcbind: No space left on device\n";
        assert_eq!(String::from_utf8_lossy(&full.stderr), expected, "{option}");
    }
}

#[test]
fn whoever_starts_it_in_the_background_hears_that_there_is_no_such_user() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("not run: it takes root to become another user");
        return;
    }
    let place = Place::new("nobody");
    for (user, why) in [
        ("nobody at all", "there is no user nobody at all"),
        ("root", "root is root"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rpcbind"));
        command.args(["--port", &place.port.to_string()]);
        command.arg("--socket").arg(place.path.join("sock"));
        command.arg("--lock").arg(place.path.join("lock"));
        let refused = command
            .args(["--set", &format!("user = '{user}'")])
            .output();
        let refused = refused.unwrap();
        let expected = format!("rpcbind: cannot become another user: {why}\n");
        assert_eq!(String::from_utf8_lossy(&refused.stderr), expected);
        assert_eq!(refused.status.code(), Some(1));
        assert!(!place.path.join("sock").exists());
    }
}

#[test]
fn metrics_and_the_lock_need_a_directory_that_is_there_and_the_check_knows() {
    let place = Place::new("folder");
    let (missing, path) = (place.path.join("no/file"), place.path.display());
    for (option, reason) in [
        (
            "--metrics",
            format!("cannot bind {path}/no/file: there is no directory {path}/no"),
        ),
        (
            "--lock",
            format!("{path}/no/file: No such file or directory"),
        ),
    ] {
        for check in [&[][..], &["--check"]] {
            let refused = place.command(check).arg(option).arg(&missing).output();
            let refused = refused.unwrap();
            assert_eq!(
                String::from_utf8_lossy(&refused.stderr),
                format!("rpcbind: {reason}\n")
            );
            assert_eq!(refused.status.code(), Some(1));
        }
    }
    // One directory is made for the state files, not the one that it is to be in.
    let state = place.path.join("no/state");
    for check in [&[][..], &["--check"]] {
        let mut refused = place.command(check);
        refused.arg("--state-dir").arg(&state);
        refused.arg("--metrics").arg(state.join("metrics"));
        let refused = refused.output().unwrap();
        let expected = format!(
            "rpcbind: cannot bind {path}/no/state/metrics: there is no directory {path}/no/state\n"
        );
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(said.ends_with(&expected), "{said}");
        assert_eq!(refused.status.code(), Some(1));
    }
    // The directory of the state files is made at a warm start, in time for the metrics.
    let metrics = place.path.join("state/metrics");
    let metrics = metrics.to_str().unwrap();
    let checked = place.command(&["--check", "--metrics", metrics]).output();
    assert_eq!(checked.unwrap().status.code(), Some(0));
    let _instance = place.start(&["--metrics", metrics]);
    assert!(fs::exists(metrics).unwrap());
}

#[test]
fn settings_that_make_no_sense_end_the_start_with_their_line() {
    let place = Place::new("settings");
    let settings = place.path.join("settings");
    fs::write(&settings, "# x\nidle-seconds = 0\n").unwrap();
    for check in [&[][..], &["--check"]] {
        let refused = place.command(check).arg("--config").arg(&settings).output();
        let refused = refused.unwrap();
        assert_eq!(refused.status.code(), Some(1));
        let expected = format!(
            "rpcbind: {} line 2: idle-seconds is a number from 1 to 86400\n",
            settings.display()
        );
        assert_eq!(String::from_utf8_lossy(&refused.stderr), expected);
    }
}

#[test]
fn any_two_options_start_serve_and_end() {
    let place = Place::new("pairs");
    let options: [&[&str]; 9] = [
        &["-a"],
        &["-d"],
        &["-h", "127.0.0.1"],
        &["-h", "127.0.0.2"],
        &["-i"],
        &["-l"],
        &["-r"],
        &["--bind", "127.0.0.1"],
        &["--set", "strict = true"],
    ];
    for (at, first) in options.iter().enumerate() {
        for second in &options[at..] {
            let flags = [*first, *second].concat();
            // Addresses for UDP alone and for everything exclude each other.
            if flags.contains(&"-h") && flags.contains(&"--bind") {
                continue;
            }
            let mut command = place.command(&flags);
            let instance = place.launch(command.stderr(Stdio::null()));
            assert!(instance.call(0, &[]).is_empty(), "{flags:?}");
            assert!(instance.end(Signal::SIGTERM).success(), "{flags:?}");
        }
    }
}

#[test]
fn a_quota_of_the_settings_holds() {
    // The test is one user over the Unix socket; root has no quota.
    let place = Place::new("quota");
    let settings = place.path.join("settings");
    fs::write(
        &settings,
        "registrations-of-unknown = 2\nreserved-for-root = true\n",
    )
    .unwrap();
    let config = settings.to_str().unwrap();
    let _instance = place.start(&["--config", config]);
    let mut stream = TcpStream::connect(("127.0.0.1", place.port)).unwrap();
    let mut set = |program, uaddr| ask(&mut stream, 1, &rpcb(program, "udp", uaddr));
    assert_eq!(
        set(100_003, "0.0.0.0.8.1"),
        words(&[0]),
        "NFS is the system's"
    );
    assert_eq!(
        set(400_001, "0.0.0.0.3.255"),
        words(&[0]),
        "so is port 1023"
    );
    for (program, accepted) in [(400_001, 1), (400_002, 1), (400_003, 0), (400_002, 1)] {
        assert_eq!(set(program, "0.0.0.0.8.1"), words(&[accepted]), "{program}");
    }
}

#[test]
fn what_one_thread_has_registered_every_other_finds_at_once() {
    let place = Place::new("threads");
    let instance = place.start(&["--set", "udp-threads=4"]);
    let tasks = format!("/proc/{}/task", instance.process.id());
    assert_eq!(fs::read_dir(tasks).unwrap().count(), 4);
    let clients = [0; 16].map(|_| {
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        client.connect(("127.0.0.1", place.port)).unwrap();
        client
    });
    for program in 400_000..400_100 {
        instance.set(program);
        let getaddr = call(3, &rpcb(program, "udp", ""));
        // All at once, so that no thread can answer alone.
        for client in &clients {
            client.send(&getaddr).unwrap();
        }
        for client in &clients {
            let mut reply = [0; 100];
            let len = client.recv(&mut reply).unwrap();
            assert_eq!(reply[28..len], *b"127.0.0.1.8.1\0\0\0", "{program}");
        }
    }
    assert_eq!(instance.end(Signal::SIGTERM).code(), Some(0));
}

#[test]
fn rpcinfo_asks_a_private_instance_by_its_port_or_its_socket() {
    let place = Place::new("rpcinfo");
    let instance = place.start(&[]);
    let (port, socket) = (place.port.to_string(), place.path.join("sock"));
    let rpcinfo = |words: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rpcinfo"));
        command.args(["--port", &port, "--socket"]).arg(&socket);
        let output = command.args(words.split(' ')).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        (said, output.status.code())
    };
    let (alone, status) = rpcinfo("-s");
    assert_eq!((alone.lines().count(), status), (2, Some(0)), "{alone}");
    let program = 0x2000_0001;
    instance.set(program);
    let (listed, _) = rpcinfo("127.0.0.1");
    assert!(listed.contains("0.0.0.0.8.1"), "{listed}");
    let (called, status) = rpcinfo("-t 127.0.0.1 100000");
    assert_eq!((called.lines().count(), status), (3, Some(0)), "{called}");
    let (deleted, status) = rpcinfo(&format!("--json -d {program} 1"));
    assert_eq!(
        (deleted.as_str(), status),
        ("{\"deleted\":true}\n", Some(0))
    );
    assert_eq!(rpcinfo("-s"), (alone, Some(0)));
}
