//! `-s` and `-n`: the main function of a server.

use std::time::Duration;

use super::imports::Imports;
use super::{Samples, WIDTH, fill};

/// How a server is to be served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Serving {
    /// Where it listens.
    pub transports: Vec<Transport>,
    /// Whether it takes the socket that inetd or systemd hands it as standard input, if it is one. Its log
    /// goes to syslog then, since standard error is that socket, too.
    pub inetd: bool,
    /// When it ends by itself.
    pub idle: Idle,
    /// Whether its log goes to syslog instead of standard error.
    pub syslog: bool,
}

impl Default for Serving {
    /// As Sun's server does: UDP and TCP.
    fn default() -> Self {
        Self {
            transports: vec![Transport::Udp, Transport::Tcp],
            inetd: false,
            idle: Idle::Never,
            syslog: false,
        }
    }
}

/// Where a server can listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Transport {
    /// `udp`: over IPv4.
    Udp,
    /// `tcp`: over IPv4.
    Tcp,
    /// `udp6`: over IPv6.
    Udp6,
    /// `tcp6`: over IPv6.
    Tcp6,
    /// `local` or `unix`: a Unix socket.
    Local,
}

/// When a server ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Idle {
    /// It does not.
    Never,
    /// When nobody has called for so long, and at the latest when it has been twice as long.
    After(Duration),
}

impl Idle {
    /// What a server of inetd's does unless it is told otherwise, as Sun's: the next call starts it again.
    pub const INETD: Self = Self::After(Duration::from_secs(120));
}

impl Serving {
    /// Whether the log goes to syslog.
    pub(super) fn to_syslog(&self) -> bool {
        self.syslog || self.inetd
    }
}

impl Samples {
    /// The main function of a server that listens, registers with rpcbind, and serves until it is told to stop.
    /// It expects what [`service`](Self::service) makes as its module `service`.
    pub fn main(&self, serving: &Serving) -> String {
        let mut transports = serving.transports.clone();
        transports.sort_unstable();
        transports.dedup();
        let mut functions = String::new();
        let mut piece = |wanted: bool, template: &str| {
            if wanted {
                functions += &fill(template, &[("package", &self.package.name())]);
            }
        };
        let idle = match serving.idle {
            // A server that ended at once would not answer the call that it was started for.
            Idle::After(time) => Some(time.as_secs().max(1)),
            Idle::Never => None,
        };
        piece(
            transports.contains(&Transport::Local),
            include_str!("templates/local.rs.in"),
        );
        piece(idle.is_some(), include_str!("templates/idle.rs.in"));
        piece(serving.to_syslog(), include_str!("templates/syslog.rs.in"));
        let (begin, say, fail) = match serving.to_syslog() {
            false => (
                "    env_logger::init();\n",
                r#"        println!("{bound}");"#,
                format!(
                    r#"            eprintln!("{}-server: {{error}}");"#,
                    self.package.name()
                ),
            ),
            true => (
                "    ToSyslog::start()?;\n",
                r#"        log::info!("listening at {bound}");"#,
                r#"            log::error!("{error}");"#.to_owned(),
            ),
        };
        let mut begin = begin.to_owned();
        if idle.is_some() {
            begin += "    let calls = Arc::new(AtomicU64::new(0));\n";
            begin += "    let counted = |service| Counted::new(service, &calls);\n";
        }
        begin += &self.states();
        let constants = idle.map_or_else(String::new, |seconds| {
            format!(
                "\n/// How long nobody may call until the server ends.\n\
                 const IDLE: Duration = Duration::from_secs({seconds});\n"
            )
        });
        let mut ends = String::new();
        if idle.is_some() {
            ends += "        () = idle(&calls) => {}\n";
        }
        if serving.inetd {
            // A connection that inetd has accepted (`nowait`) is all there is to serve.
            ends += "        () = running.finished() => {}\n";
        }
        let listen: Vec<_> = transports
            .iter()
            .map(|transport| transport.listen())
            .collect();
        let imports = imports(&transports, idle.is_some(), serving);
        fill(
            include_str!("templates/main.rs.in"),
            &[
                ("files", &self.package.files()),
                (
                    "or",
                    if idle.is_some() {
                        ", or until nobody calls"
                    } else {
                        ""
                    },
                ),
                ("std", &imports.declarations(true)),
                ("crates", &imports.declarations(false)),
                ("constants", &constants),
                ("begin", &begin),
                (
                    "server",
                    &chain("Server::new()", &self.services(idle.is_some())),
                ),
                (
                    "listening",
                    match serving.inetd {
                        true => include_str!("templates/inetd.rs.in"),
                        false => "    let server = listening(server);\n",
                    },
                ),
                ("say", say),
                ("fail", &fail),
                ("mut", if serving.inetd { "mut " } else { "" }),
                ("idle", &ends),
                ("listen", &chain("server", &listen)),
                ("functions", &functions),
            ],
        )
    }

    /// Makes what the versions of each program share.
    fn states(&self) -> String {
        let servers = self.servers().into_iter();
        let states = servers.map(|server| {
            let (variable, name) = (server.variable, server.name);
            format!("    let {variable} = Arc::new(service::{name}::default());\n")
        });
        states.collect()
    }

    /// Adds a service for each version.
    fn services(&self, counted: bool) -> Vec<String> {
        let mut calls = Vec::new();
        for server in self.servers() {
            let versions = &server.program.versions;
            for (index, version) in versions.iter().enumerate() {
                let clone = if index + 1 < versions.len() {
                    ".clone()"
                } else {
                    ""
                };
                let state = format!("{}{clone}", server.variable);
                let service = format!("{}::service({state})", version.path);
                calls.push(match counted {
                    false => format!(".service({service})"),
                    true => format!(".service(counted({service}))"),
                });
            }
        }
        calls
    }
}

impl Transport {
    fn listen(self) -> String {
        match self {
            Self::Udp => ".listen(Listen::Udp((Ipv4Addr::UNSPECIFIED, 0).into()))",
            Self::Tcp => ".listen(Listen::Tcp((Ipv4Addr::UNSPECIFIED, 0).into()))",
            Self::Udp6 => ".listen(Listen::Udp((Ipv6Addr::UNSPECIFIED, 0).into()))",
            Self::Tcp6 => ".listen(Listen::Tcp((Ipv6Addr::UNSPECIFIED, 0).into()))",
            Self::Local => ".listen(Listen::Unix(socket_path()))",
        }
        .to_owned()
    }
}

/// A server with some more calls: one in the same line, if there is place for it, or each in a line of its own.
fn chain(begin: &str, calls: &[String]) -> String {
    let line = format!("    let server = {begin}{};\n", calls.concat());
    if calls.len() == 1 && line.len() <= WIDTH {
        return line;
    }
    let calls: String = calls
        .iter()
        .map(|call| format!("\n        {call}"))
        .collect();
    format!("    let server = {begin}{calls};\n")
}

fn imports(transports: &[Transport], idle: bool, serving: &Serving) -> Imports {
    let mut imports = Imports::default();
    let v4 = transports
        .iter()
        .any(|transport| matches!(transport, Transport::Udp | Transport::Tcp));
    let v6 = transports
        .iter()
        .any(|transport| matches!(transport, Transport::Udp6 | Transport::Tcp6));
    let local = transports.contains(&Transport::Local);
    imports.add(true, "std::error", &["Error"]);
    imports.add(true, "std::process", &["ExitCode"]);
    imports.add(true, "std::sync", &["Arc"]);
    imports.add(true, "std::time", &["Duration"]);
    imports.add(v4, "std::net", &["Ipv4Addr"]);
    imports.add(v6, "std::net", &["Ipv6Addr"]);
    imports.add(local, "std::path", &["PathBuf"]);
    imports.add(serving.inetd, "std::os::fd", &["AsFd"]);
    imports.add(idle, "std::sync::atomic", &["AtomicU64", "Ordering"]);
    imports.add(
        idle,
        "oncrpc",
        &["Call", "Dispatch", "ProcedureInfo", "Reply", "Service"],
    );
    imports.add(
        true,
        "oncrpc_server",
        &["Listen", "Policy", "RpcbindAt", "Server"],
    );
    imports.add(true, "tokio::signal::unix", &["SignalKind", "signal"]);
    let syslog = [
        "Facility", "LogFlags", "Priority", "Severity", "openlog", "syslog",
    ];
    imports.add(serving.to_syslog(), "nix::syslog", &syslog);
    imports
}
