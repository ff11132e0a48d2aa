//! Debian's daemons that register with rpcbind: the lists and what can be called are the same with either, when they
//! start, end, are killed, and when rpcbind itself ends and comes back.

use oncrpc_interop::{Daemon, Host, Which, needs_root};

use crate::compare::{same_output, transcript};

/// A daemon that registers, from start to end.
struct Program {
    /// Its process.
    name: &'static str,
    /// What has to be there.
    prepare: &'static str,
    /// Puts it in the background.
    start: &'static str,
    number: u32,
    versions: &'static [u32],
    /// The version and the netid of its registration that comes last.
    last: (u32, &'static str),
    /// What is asked of it.
    calls: &'static [&'static str],
}

const STATD: Program = Program {
    name: "rpc.statd",
    prepare: "mkdir -p /var/lib/nfs/sm /var/lib/nfs/sm.bak && chown -R statd /var/lib/nfs",
    start: "rpc.statd --no-notify --port 32765 --outgoing-port 32766",
    number: 100_024,
    versions: &[1],
    last: (1, "tcp6"),
    calls: &["rpcinfo -T udp6 ::1 status"],
};

const MOUNTD: Program = Program {
    name: "rpc.mountd",
    prepare: "mkdir -p /var/lib/nfs/v4recovery && touch /var/lib/nfs/etab /var/lib/nfs/rmtab && \
              echo '/run *(ro,no_subtree_check)' >/etc/exports && exportfs -r",
    start: "rpc.mountd --port 4001",
    number: 100_005,
    versions: &[1, 2, 3],
    last: (3, "tcp6"),
    calls: &[
        "showmount --exports 127.0.0.1",
        "showmount --exports 192.0.2.1",
        "showmount --all",
        "showmount --directories localhost",
        "rpcinfo -T tcp6 ::1 mountd",
        "rpcinfo -u localhost mountd 3",
    ],
};

const RQUOTAD: Program = Program {
    name: "rpc.rquotad",
    prepare: "",
    start: "rpc.rquotad -p 4002",
    number: 100_011,
    versions: &[1, 2],
    last: (2, "tcp6"),
    calls: &["rpcinfo -u 127.0.0.1 rquotad", "rpcinfo -t ::1 rquotad"],
};

const RSTATD: Program = Program {
    name: "rpc.rstatd",
    prepare: "",
    start: "rpc.rstatd >/dev/null 2>&1",
    number: 100_001,
    versions: &[1, 2, 3, 5],
    last: (1, "udp"),
    calls: &["rpcinfo -u 127.0.0.1 rstatd 3"],
};

const RUSERSD: Program = Program {
    name: "rpc.rusersd",
    prepare: "",
    start: "rpc.rusersd",
    number: 100_002,
    versions: &[2, 3],
    last: (2, "udp"),
    calls: &["rpcinfo -u 127.0.0.1 rusersd", "rusers -a 127.0.0.1"],
};

const RWALLD: Program = Program {
    name: "rpc.rwalld",
    prepare: "",
    start: "rpc.rwalld",
    number: 100_008,
    versions: &[1],
    last: (1, "udp"),
    calls: &["rpcinfo -u 127.0.0.1 walld"],
};

/// NIS: a domain with one map.
const NIS: &str = "mkdir -p /run/yp/test.domain /run/yp/binding && cp /var/yp/securenets /run/yp && \
     mount --bind /run/yp /var/yp && echo test.domain >/proc/sys/kernel/domainname && \
     echo 'domain test.domain server 127.0.0.1' >/etc/yp.conf && \
     echo 'alice alice:x:1:1' | /usr/lib/yp/makedbm -m host - /var/yp/test.domain/passwd.byname";

const YPSERV: Program = Program {
    name: "ypserv",
    prepare: NIS,
    start: "ypserv -p 900",
    number: 100_004,
    versions: &[1, 2],
    last: (2, "tcp6"),
    calls: &[
        "ypcat -d test.domain -h 127.0.0.1 passwd.byname",
        "yppoll -h 127.0.0.1 passwd.byname | grep --only-matching host$",
        "rpcinfo -T tcp6 ::1 ypserv",
    ],
};

const YPPASSWDD: Program = Program {
    name: "rpc.yppasswdd",
    prepare: NIS,
    start: "rpc.yppasswdd --port 910",
    number: 100_009,
    versions: &[1],
    last: (1, "tcp6"),
    calls: &["rpcinfo -T udp 127.0.0.1 yppasswdd"],
};

const YPXFRD: Program = Program {
    name: "rpc.ypxfrd",
    prepare: NIS,
    start: "rpc.ypxfrd -p 920",
    number: 600_100_069,
    versions: &[1],
    last: (1, "tcp6"),
    calls: &["rpcinfo -T tcp 127.0.0.1 600100069"],
};

const GANESHA: Program = Program {
    name: "ganesha.nfsd",
    prepare: "mkdir -p /run/export /run/ganesha /var/lib/nfs/ganesha && echo text >/run/export/file && echo '
        NFS_CORE_PARAM { Protocols = 3; mount_path_pseudo = false;
            Enable_NLM = true; Enable_RQUOTA = true; MNT_Port = 4101; NLM_Port = 4102; Rquota_Port = 4103; }
        EXPORT { Export_Id = 1; Path = /run/export; Pseudo = /export; Access_Type = RO;
            SecType = sys, none; Protocols = 3; Transports = TCP, UDP; FSAL { Name = VFS; } }
        ' >/run/ganesha.conf",
    start: "ganesha.nfsd -f /run/ganesha.conf -L /run/ganesha.log -p /run/ganesha.pid",
    number: 100_011,
    versions: &[1, 2],
    last: (2, "tcp6"),
    calls: &[
        "until nfs-cat 'nfs://127.0.0.1/run/export/file?version=3' 2>/dev/null; do :; done",
        "showmount --exports ::1",
        "rpcinfo -t 127.0.0.1 nfs",
        "rpcinfo -u ::1 nlockmgr 4",
        "rpcinfo -s | cut -c 1-70",
    ],
};

/// What is registered, without the ports: some daemons take any that is free.
const LIST: &str = r"rpcinfo | sed -E 's/\.[0-9]+\.[0-9]+ +/.PORT /'";

impl Program {
    /// Starts it, and goes on when it has registered.
    fn start(&self) -> [String; 2] {
        let Self { number, .. } = self;
        let (version, netid) = self.last;
        let listed = format!("rpcinfo | grep -Eq '^ *{number} +{version} +{netid} '");
        [self.start.to_owned(), format!("until {listed}; do :; done")]
    }

    /// Ends it by a signal, and goes on when it has.
    fn end(&self, signal: &str) -> String {
        let name = self.name;
        format!("kill -{signal} $(pidof {name}) && while pidof {name} >/dev/null; do :; done")
    }

    /// It starts, is listed and called, and ends; starts again, is killed, and what it has left is deleted.
    #[track_caller]
    fn lives_and_dies_alike(&self) -> String {
        let Self { number, .. } = self;
        let list = || LIST.to_owned();
        let mut lines: Vec<String> = self.start().into();
        lines.extend([list(), "rpcinfo -p | cut -c 1-20".to_owned()]);
        lines.extend(self.calls.iter().map(|&line| line.to_owned()));
        lines.extend([self.end("TERM"), list()]);
        lines.extend(self.start());
        lines.extend([self.end("KILL"), list()]);
        lines.push(format!("rpcinfo -T udp 127.0.0.1 {number}"));
        // Nobody but root and the owner may, and nothing says whether anything was there.
        let [first, ..] = self.versions else {
            panic!("{} has a version", self.name)
        };
        let stranger = "setpriv --reuid=4321 --regid=4321 --clear-groups";
        lines.push(format!("{stranger} rpcinfo -d {number} {first}"));
        lines.push(list());
        for version in self.versions {
            lines.push(format!("rpcinfo -d {number} {version}"));
        }
        lines.push(list());
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let said = same_output(&["-w"], |host| prepared(host, &[self]), &lines);
        let registered = said.matches(&format!("{number}  ")).count();
        assert!(registered > 2, "{said}");
        said
    }
}

/// A host has what these need.
fn prepared(host: &Host, programs: &[&Program]) -> Vec<Daemon> {
    host.private_etc();
    for program in programs {
        host.run(program.prepare).success();
    }
    Vec::new()
}

/// These run and have registered.
fn started(host: &Host, programs: &[&Program]) {
    prepared(host, programs);
    for line in programs.iter().flat_map(|program| program.start()) {
        let started = host.run(&line);
        assert_eq!(started.code, Some(0), "{line}: {started:?}");
    }
}

#[test]
fn statd() {
    needs_root!();
    STATD.lives_and_dies_alike();
}

#[test]
fn mountd() {
    needs_root!();
    let said = MOUNTD.lives_and_dies_alike();
    assert!(said.contains("/run *\n"), "{said}");
}

#[test]
fn rquotad() {
    needs_root!();
    RQUOTAD.lives_and_dies_alike();
}

#[test]
fn rstatd() {
    needs_root!();
    RSTATD.lives_and_dies_alike();
}

/// It registers as a user of its own.
#[test]
fn rusersd() {
    needs_root!();
    let said = RUSERSD.lives_and_dies_alike();
    assert!(said.contains("65534\n"), "{said}");
}

#[test]
fn rwalld() {
    needs_root!();
    RWALLD.lives_and_dies_alike();
}

#[test]
fn ypserv() {
    needs_root!();
    let said = YPSERV.lives_and_dies_alike();
    assert!(said.contains("alice:x:1:1\n"), "{said}");
}

#[test]
fn yppasswdd() {
    needs_root!();
    YPPASSWDD.lives_and_dies_alike();
}

#[test]
fn ypxfrd() {
    needs_root!();
    YPXFRD.lives_and_dies_alike();
}

#[test]
fn ganesha() {
    needs_root!();
    let said = GANESHA.lives_and_dies_alike();
    assert!(said.contains("\ntext\n"), "{said}");
}

/// The binder of NIS finds its server through rpcbind, and its clients find it.
#[test]
fn ypbind() {
    needs_root!();
    let [start, registered] = YPSERV.start();
    let said = same_output(
        &["-w"],
        |host| prepared(host, &[&YPSERV]),
        &[
            &start,
            &registered,
            "ypbind -p 930 -no-ping -ypset",
            "until ypwhich 2>/dev/null; do :; done",
            LIST,
            "ypcat passwd.byname",
            "ypmatch alice passwd.byname",
            "kill $(pidof ypbind) && while pidof ypbind >/dev/null; do :; done",
            LIST,
        ],
    );
    assert!(said.contains("alice:x:1:1\n"), "{said}");
}

/// A superserver registers what it starts when it is called, and takes that back when it is told to.
#[test]
fn inetd() {
    needs_root!();
    let said = same_output(
        &[],
        |_| Vec::new(),
        &[
            "echo 'rusersd/2-3 dgram rpc/udp wait nobody /usr/sbin/rpc.rusersd rpc.rusersd' >/run/inetd.conf",
            "echo 'rstatd/1-5 dgram rpc/udp wait nobody /usr/sbin/rpc.rstatd rpc.rstatd' >>/run/inetd.conf",
            "echo 'walld/1 stream rpc/tcp nowait nobody /usr/sbin/rpc.rwalld rpc.rwalld' >>/run/inetd.conf",
            "inetd /run/inetd.conf && until rpcinfo | grep -q walld; do :; done",
            LIST,
            "rusers -a 127.0.0.1",
            "rpcinfo -u 127.0.0.1 rusersd",
            "rpcinfo -u 127.0.0.1 rstatd 3",
            "sed -i /rstatd/d /run/inetd.conf && kill -HUP $(pidof inetd) && while rpcinfo | grep -q rstatd; do :; done",
            LIST,
            "kill $(pidof inetd) && while pidof inetd >/dev/null; do :; done",
            LIST,
        ],
    );
    assert!(said.contains("version 3 ready and waiting"), "{said}");
}

/// What another machine sees of the daemons of a host.
#[test]
fn a_second_host_finds_the_daemons_of_the_first() {
    needs_root!();
    let [theirs, ours] = Which::BOTH.map(|which| {
        let [here, there] = [Host::new(), Host::new()];
        here.cable(1, &there);
        let _rpcbind = there.rpcbind(which, &["-w"]);
        started(&there, &[&MOUNTD, &STATD, &RUSERSD]);
        let lines = [
            "showmount --exports 198.18.1.2",
            "showmount --exports fe80::2%c1",
            "rpcinfo 198.18.1.2 | sed -E 's/\\.[0-9]+\\.[0-9]+ +/.PORT /'",
            "rpcinfo -s 198.18.1.2",
            "rpcinfo -p 198.18.1.2 | grep -v rusersd",
            "rpcinfo -l 198.18.1.2 mountd 3",
            "rpcinfo -t 198.18.1.2 mountd",
            "rpcinfo -u fe80::2%c1 mountd 3",
            "rpcinfo -T tcp6 fe80::2%c1 status",
            "rusers -a 198.18.1.2",
            "rpcinfo -d mountd 3",
        ];
        let says = |line: &&str| transcript(line, &here.run(line));
        lines.iter().map(says).collect::<String>()
    });
    assert_eq!(ours, theirs);
    assert!(theirs.contains("/run *\n"), "{theirs}");
}

/// rpcbind ends and comes back under running daemons, each time as the other's program: nobody notices.
#[test]
fn the_program_is_changed_under_running_daemons() {
    needs_root!();
    let host = Host::new();
    let mut rpcbind = host.rpcbind(Which::Theirs, &["-w"]);
    let programs = [&MOUNTD, &STATD, &RQUOTAD];
    started(&host, &programs);
    let seen = |host: &Host| {
        let lines = ["rpcinfo", "rpcinfo -p", "showmount --exports 127.0.0.1"];
        let called = "for program in mountd status rquotad; do rpcinfo -t ::1 $program; done";
        lines
            .map(|line| host.run(line).success())
            .into_iter()
            .chain([host.run(called).success()])
            .collect::<Vec<_>>()
    };
    let before = seen(&host);
    for which in [Which::Ours, Which::Theirs, Which::Ours, Which::Ours] {
        assert_eq!(rpcbind.terminate().code, Some(0));
        rpcbind = host.rpcbind(which, &["-w"]);
        assert_eq!(seen(&host), before, "with {which:?}");
    }
    // Those that end now take back what they have registered with another.
    for program in programs {
        let ended = host.run(&program.end("TERM"));
        assert_eq!(ended.code, Some(0), "{ended:?}");
    }
    let left = host.run("rpcinfo").success();
    assert!(
        left.lines().skip(1).all(|line| line.contains("portmapper")),
        "{left}"
    );
    assert_eq!(rpcbind.terminate().code, Some(0));
}

/// A start without -w knows nobody, and daemons that end then find nothing to take back.
#[test]
fn a_start_without_w_knows_none_of_them() {
    needs_root!();
    let [theirs, ours] = Which::BOTH.map(|which| {
        let host = Host::new();
        let rpcbind = host.rpcbind(which, &[]);
        started(&host, &[&MOUNTD]);
        assert_eq!(rpcbind.terminate().code, Some(0));
        let _rpcbind = host.rpcbind(which, &[]);
        let lines = [
            "rpcinfo".to_owned(),
            "showmount --exports 127.0.0.1".to_owned(),
            "rpcinfo -t 127.0.0.1 mountd".to_owned(),
            MOUNTD.end("TERM"),
            "rpcinfo".to_owned(),
        ];
        lines
            .map(|line| transcript(&line, &host.run(&line)))
            .concat()
    });
    assert_eq!(ours, theirs);
    assert!(theirs.contains("Program not registered"), "{theirs}");
}
