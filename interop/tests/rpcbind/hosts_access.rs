//! hosts.allow and hosts.deny, as libwrap judges for the real rpcbind.

use oncrpc_interop::{
    Answer, Caller, Daemon, Host, Message, Reply, Transport, Which, call, needs_root,
    wait_for_edits,
};

/// An rpcbind whose files a test writes.
struct Judge {
    host: Host,
    _rpcbind: Daemon,
}

/// Who is judged: over IPv4 and IPv6, from this host and from another.
const CLIENTS: [(Caller, Transport); 4] = [
    (Caller::User, Transport::Udp),
    (Caller::User, Transport::Udp6),
    (Caller::Remote, Transport::Udp),
    (Caller::Remote, Transport::Udp6),
];

impl Judge {
    fn new(which: Which) -> Self {
        let host = Host::new();
        host.private_etc();
        host.run("printf '127.0.0.1 localhost\\n203.0.113.5 Node.example.com node\\n' >/etc/hosts")
            .success();
        let rpcbind = host.rpcbind(which, &[]);
        Self {
            host,
            _rpcbind: rpcbind,
        }
    }

    fn write(&self, allow: &str, deny: &str) {
        for (path, text) in [("/etc/hosts.allow", allow), ("/etc/hosts.deny", deny)] {
            // As an editor does it.
            let new = self.host.path("/etc/new");
            std::fs::write(&new, text).expect("/etc is its own");
            std::fs::rename(new, self.host.path(path)).expect("/etc is its own");
        }
        wait_for_edits();
    }

    /// What each client is answered.
    fn answers(&self) -> [Answer; 4] {
        let getport = call(2, 3).u32s(&[100_000, 2, 17, 0]);
        // Theirs has a process for each line that it logs, until somebody reads it.
        self.host.syslog();
        CLIENTS.map(|(caller, transport)| self.host.ask(caller, transport, &getport))
    }
}

/// Tables for one rpcbind: ours answers a network elsewhere 400 datagrams at once, and each table takes two.
const TABLES: usize = 100;

#[track_caller]
fn same(tables: impl IntoIterator<Item = (String, String)>) {
    let mut judges = Which::BOTH.map(Judge::new);
    let mut judged = [0, 0];
    for (number, (allow, deny)) in tables.into_iter().enumerate() {
        if number > 0 && number % TABLES == 0 {
            judges = Which::BOTH.map(Judge::new);
        }
        for judge in &judges {
            judge.write(&allow, &deny);
        }
        let [theirs, ours] = judges.each_ref().map(Judge::answers);
        assert_eq!(ours, theirs, "hosts.allow {allow:?}, hosts.deny {deny:?}");
        let (yes, no): (Vec<_>, Vec<_>) = theirs
            .iter()
            .partition(|answer| answer.replies[0].len() == 28);
        judged[0] += yes.len();
        judged[1] += no.len();
    }
    assert!(
        judged[0] > 20 && judged[1] > 20,
        "{judged:?} permitted and denied"
    );
}

#[test]
fn rules_mean_what_they_mean_to_libwrap() {
    needs_root!();
    let clients = [
        "203.0.113.5",
        "203.0.113.",
        "203.0.113.0/24",
        "203.0.113.0/255.255.255.0",
        "203.0.113.5/24",
        "203.0.113.0/33",
        "0.0.0.0/0",
        "0.0.0.0/0.0.0.0",
        "128.0.0.0/1",
        "203.0.113.5/",
        "203.0.*",
        "203.0.113.?",
        "203.000.113.005",
        "203.000.113.005/32",
        "203.0.113.5.",
        ".113.5",
        ".",
        "*",
        "[2001:db8:ff::5]",
        "[2001:db8:ff:0::5]",
        "[2001:db8::]/32",
        "[2001:db8:ffff::]/33",
        "[::]/0",
        "[::1]",
        "::1",
        "[2001:db8:ff::5]/129",
        "[2001:db8:ff::5]/128",
        "2001:db8:ff::5",
        "2001*",
        "[203.0.113.5]",
        "[::ffff:203.0.113.5]",
        "ALL",
        "all",
        "KNOWN",
        "UNKNOWN",
        "LOCAL",
        "PARANOID",
        "localhost",
        "LOCALHOST",
        "node.example.com",
        "NODE.*",
        ".example.com",
        ".EXAMPLE.com",
        "example.com",
        "node",
        "@group",
        "ALL EXCEPT 203.0.113.5",
        "ALL EXCEPT 203.0.113. EXCEPT 203.0.113.5",
        "EXCEPT ALL",
        "ALL EXCEPT",
        "10.1.1.1 except ALL 203.0.113.5",
        "ALL,EXCEPT,LOCAL",
        "root@203.0.113.5",
        "ALL@203.0.113.5",
        "unknown@203.0.113.5",
        "KNOWN@203.0.113.5",
        "a@",
        "/nonexistent",
        "ALL: DENY",
        "ALL : allow",
        "ALL: allow # x",
        "ALL:",
        "ALL: :allow",
        "ALL: bogus",
        "ALL: deny: allow",
        "ALL: severity auth.info",
        "ALL: severity bogus",
        "ALL: umask 022",
        "ALL: umask 9",
        "ALL: nice",
        "ALL: keepalive",
        "ALL: keepalive 1",
        "ALL: spawn true",
        "ALL: spawn true: deny",
        "ALL: twist true",
        "ALL: twist true: allow",
        "ALL: linger 5",
        "ALL: setenv A b",
        "ALL: user root",
        "ALL: group root",
    ];
    let daemons = [
        "RPCBIND",
        "rpc*",
        "portmap",
        "portmap, rpcbind",
        "ALL",
        "KNOWN",
        "ALL EXCEPT rpcbind",
        "rpcbind@unknown",
        "rpcbind@ALL",
        "rpcbind@KNOWN",
        "rpcbind@192.0.2.1",
        "@x",
        "rpcbind@",
    ];
    let lines = [
        "ALL: ALL",
        "# ALL: ALL\n",
        " # rpcbind : ALL\n",
        "rpcbind: \\\n203.0.113.5\n",
        "\\\n#x\\\nrpcbind: ALL\n",
        "rpcbind: 10.1.1.1\\\n203.0.113.5\n",
        "rpcbind: ALL\r\n",
        "rpcbind ALL\n:ALL\nALL:\nrpcbind,x:1.1.1.1,203.0.113.5\n",
        "[ : ALL\nrpcbind: ALL\n",
        "x] : ALL\nrpcbind: ALL\n",
    ];
    let rules = clients
        .iter()
        .map(|clients| format!("rpcbind: {clients}\n"));
    let rules = rules.chain(daemons.iter().map(|daemons| format!("{daemons}: ALL\n")));
    let rules = rules.chain(lines.map(str::to_owned));
    let nobody = || "ALL: ALL\n".to_owned();
    same(rules.flat_map(|rule| [(rule.clone(), nobody()), (String::new(), rule)]));
}

/// Rules put together from words by a fixed generator.
#[test]
fn generated_rules_mean_what_they_mean_to_libwrap() {
    needs_root!();
    const WORDS: [&str; 24] = [
        "rpcbind",
        "ALL",
        "EXCEPT",
        "portmap",
        "203.0.113.5",
        "203.0.113.",
        "203.0.112.0/23",
        "127.",
        "LOCAL",
        "KNOWN",
        "UNKNOWN",
        "[::1]",
        "[2001:db8::]/32",
        ".example.com",
        "localhost",
        "*",
        "2*",
        ":",
        ":",
        ":",
        ",",
        "allow",
        "deny",
        "rpcbind:",
    ];
    let mut state = 5_u64;
    let mut below = |bound: usize| {
        // Knuth's MMIX; its upper half is good enough for words.
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % bound
    };
    let mut table = || {
        let mut text = String::new();
        for _ in 0..below(4) {
            text += ["rpcbind: ", "ALL: ", ""][below(3)];
            for _ in 0..1 + below(5) {
                text += WORDS[below(WORDS.len())];
                text += " ";
            }
            text += "\n";
        }
        text
    };
    same((0..400).map(|_| (table(), table())).collect::<Vec<_>>());
}

#[test]
fn whom_the_files_turn_away_is_answered_alike() {
    needs_root!();
    let rpcb = |message: Message| message.rpcb(400_000, 1, "udp", "0.0.0.0.8.1", "x");
    let mut messages = Vec::new();
    for version in 1..=5 {
        for procedure in (0..=13).filter(|procedure| ![5, 10].contains(procedure)) {
            let bare = call(version, procedure);
            messages.push(bare.clone());
            messages.push(rpcb(bare.clone()));
            messages.push(bare.u32s(&[400_000, 1, 17, 2049]));
        }
    }
    let [theirs, ours] = Which::BOTH.map(|which| {
        let judge = Judge::new(which);
        judge.write("", "ALL: ALL\n");
        let callers = [
            (Caller::Root, Transport::Tcp),
            (Caller::Remote, Transport::Tcp),
            (Caller::Remote, Transport::Tcp6),
        ];
        callers.map(|(caller, transport)| {
            let answers = messages
                .iter()
                .map(|message| judge.host.ask(caller, transport, message));
            answers.collect::<Vec<_>>()
        })
    });
    for (theirs, ours) in theirs.iter().zip(&ours) {
        for (message, (theirs, ours)) in messages.iter().zip(theirs.iter().zip(ours)) {
            let sent = message.bytes();
            assert_eq!(ours, theirs, "{sent:?}");
        }
    }
}

/// Over the Unix socket nobody is asked, or no service of this host could register.
#[test]
fn who_uses_the_unix_socket_is_not_judged() {
    needs_root!();
    for which in Which::BOTH {
        let judge = Judge::new(which);
        judge.write("", "ALL: ALL\n");
        judge.host.run("rpcinfo").success();
        let said = judge.host.run("rpcinfo -p 127.0.0.1");
        assert_eq!(said.code, Some(1), "{which:?} {said:?}");
    }
}

/// Theirs forwards for whom it turns away otherwise.
#[test]
fn calls_for_others_are_judged_as_well() {
    needs_root!();
    let host = Host::new();
    host.private_etc();
    let _rpcbind = host.rpcbind(Which::Ours, &["-r"]);
    let null = call(2, 5).u32s(&[100_000, 2, 0]).opaque("");
    let forwarded = Answer::reply(Reply::success(&[111, 0]));
    assert_eq!(host.ask(Caller::User, Transport::Udp, &null), forwarded);
    host.run("echo 'rpcbind: 127.0.0.1' >/etc/hosts.deny")
        .success();
    wait_for_edits();
    let refused = Answer::reply(Reply::auth_error(5));
    assert_eq!(host.ask(Caller::User, Transport::Udp, &null), refused);
}

#[test]
fn the_log_says_who_was_turned_away() {
    needs_root!();
    let [theirs, ours] = Which::BOTH.map(|which| {
        let host = Host::new();
        host.private_etc();
        host.run("echo 'rpcbind: 203.0.113.5' >/etc/hosts.deny")
            .success();
        // In the background, where it logs to syslog. It is killed with its host.
        let program = which.rpcbind();
        host.run(&format!(
            "exec bash -c 'exec -a rpcbind {}'",
            program.display()
        ))
        .success();
        host.syslog();
        host.ask(
            Caller::Remote,
            Transport::Tcp,
            &call(3, 3).rpcb(100_003, 3, "", "", ""),
        );
        host.syslog_with("getport")
    });
    let line = "<36> rpcbind: connect from 203.0.113.5 to getport/addr(nfs): request from unauthorized host";
    assert_eq!(theirs, line);
    assert_eq!(ours, theirs);
}
