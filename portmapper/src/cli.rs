//! The command line of `rpcbind`.
//!
//! Its letters are read as getopt(3) reads `"adh:ilswfr"` for rpcbind, down to the messages: clusters
//! (`-wf`), an argument joined to its letter or behind it, operands anywhere and ignored, `--` ends it all.
//! Init scripts and unit files pass whatever grew over decades, and `-h` is an address here, not help. That
//! is why a general argument parser does not do it. The long options are ours.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::binding::reason;
use crate::own_address::OwnAddress;

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "there is one in a process")]
pub enum Command {
    /// To serve, or to say how, or how it goes.
    Serve(Options),
    /// `--help`: to print [`HELP`].
    Help,
    /// `--version`: to print the version.
    Version,
    /// `-v`: to print the version and what is built in, as rpcbind 1.2.8 does.
    Built,
}

/// How to serve.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// `-a`: abort on errors, with `-d` only.
    pub abort: bool,
    /// `-d`, any number of times: say more.
    pub debug: u32,
    /// `-f`: stay in the foreground and log to stderr.
    pub foreground: bool,
    /// `-h`, any number of times: addresses for UDP, beside the loopback ones.
    pub hosts: Vec<OsString>,
    /// `-i`: SET and UNSET from any host.
    pub insecure: bool,
    /// `-l`: log every request.
    pub log: bool,
    /// `-r`: forward calls.
    pub remote_calls: bool,
    /// `-s`: run as `daemon`.
    pub as_daemon: bool,
    /// `-w`: read the state files.
    pub warm_start: bool,
    /// `--bind`, any number of times: addresses for TCP and UDP, beside the loopback ones.
    pub bind: Vec<OwnAddress>,
    /// `--bind-missing`: serve also the transports that the service manager has passed no socket for.
    pub bind_missing: bool,
    /// `--check`: say what would be done, and do nothing.
    pub check: bool,
    /// `--status`: ask the one that serves how it is, and do nothing.
    pub status: bool,
    /// `--json`: print that for programs.
    pub json: bool,
    /// `--config`: another file of settings than `/etc/rpcbind.toml`.
    pub config: Option<PathBuf>,
    /// `--set`, any number of times: a line of that file.
    pub set: Vec<String>,
    /// `--port`: another port than that of `sunrpc`.
    pub port: Option<u16>,
    /// `--socket`: another Unix socket than `/run/rpcbind.sock`.
    pub socket: Option<PathBuf>,
    /// `--state-dir`: another directory for the state files than `/run/rpcbind`.
    pub state_directory: Option<PathBuf>,
    /// `--lock`: another lock file than `/run/rpcbind.lock`.
    pub lock: Option<PathBuf>,
    /// `--metrics`: a Unix socket at which Prometheus' metrics are had.
    pub metrics: Option<PathBuf>,
}

/// A command line that makes no sense; prints the complaint and the usage.
#[derive(Debug, PartialEq, Eq)]
pub struct UsageError {
    complaint: String,
}

/// What rpcbind prints when it does not understand.
pub const USAGE: &str = "usage: rpcbind [-adhilswfr]";

/// What `-v` prints behind the version: what C's rpcbind chooses when it is built. It goes to stderr, as theirs does.
pub const BUILT: &str = "debug: yes, libset debug: no, libwrap: yes, nss modules: files, remote calls: yes, \
statedir: /run/rpcbind, systemd: yes, user: _rpc, warm start: yes\n";

/// What `--help` prints.
pub const HELP: &str = "\
usage: rpcbind [-adhilswfr] [OPTION]...

Maps RPC program numbers to universal addresses.

  -f          stay in the foreground and log to stderr
  -w          warm start: register what the last rpcbind left in the state files
  -h ADDRESS  answer UDP on this address (and on loopback) only; may be repeated
  -i          let any host register and unregister services
  -l          log every request through syslog
  -s          run as user daemon instead of _rpc
  -d          log more; may be repeated
  -a          with -d, abort on errors
  -v          print the version and what is built in
  -r          call services of this host for others: CALLIT, BCAST, INDIRECT

  --bind ADDRESS    listen on this address (and on loopback) only, with TCP and UDP,
                    such as 192.0.2.1 or fe80::1%eth0; may be repeated
  --bind-missing    when a service manager passes sockets, serve the other
                    transports of /etc/netconfig, too

  --config FILE     settings, instead of /etc/rpcbind.toml
  --set LINE        a line of that file, such as idle-seconds=30; may be repeated
  --check           say what would be done and why; bind nothing, serve nothing
  --status          ask the rpcbind that serves how it is, and serve nothing: what is
                    registered by whom and since when, what it counts, how full it
                    is; for root and the user that it runs as
  --json            with --status, for programs
  --metrics PATH    have Prometheus' metrics (GET /metrics) at this Unix socket, for
                    root and whoever starts rpcbind

An instance of one's own, which needs no root:

  --port PORT       TCP and UDP port, instead of that of sunrpc (111)
  --socket PATH     Unix socket, instead of /run/rpcbind.sock
  --state-dir PATH  directory of the state files, instead of /run/rpcbind
  --lock PATH       lock file, instead of /run/rpcbind.lock

  --help, --version
";

impl Options {
    /// Whether this is an instance of somebody's own beside the host's: it needs no root.
    pub fn is_private(&self) -> bool {
        self.port.is_some() && self.socket.is_some()
    }
}

/// Prints a page. Whoever reads it may have seen enough before its end.
pub fn print(page: &str) -> ExitCode {
    let mut out = io::stdout().lock();
    match out.write_all(page.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            eprintln!("rpcbind: {}", reason(&error));
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}

/// Reads a command line, the program's name first.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Command, UsageError> {
    let mut args = args.into_iter();
    let name = args.next().unwrap_or_else(|| "rpcbind".into());
    let complain = |reason: &str| UsageError {
        complaint: format!("{}: {reason}", name.display()),
    };
    // The usage says nothing of these.
    let complain_long = |reason: &str| complain(&format!("{reason} (--help shows all options)"));
    let mut options = Options::default();
    while let Some(arg) = args.next() {
        match arg.as_bytes() {
            b"--" => break,
            [b'-', b'-', long @ ..] => {
                let command = self::long(&mut options, long, &mut args);
                if let Some(command) = command.map_err(|reason| complain_long(&reason))? {
                    return Ok(command);
                }
            }
            [b'-', letters @ ..] => {
                let command = cluster(&mut options, letters, &mut args);
                if let Some(command) = command.map_err(|reason| complain(&reason))? {
                    return Ok(command);
                }
            }
            _ => {}
        }
    }
    if options.json && !options.status {
        return Err(complain("option '--json' is for '--status'"));
    }
    if options.check && options.status {
        return Err(complain(
            "option '--check' asks what would be, and '--status' what is",
        ));
    }
    Ok(Command::Serve(options))
}

/// `-wf`, `-h127.0.0.1`, `-wh 127.0.0.1`
fn cluster(
    options: &mut Options,
    mut letters: &[u8],
    args: &mut impl Iterator<Item = OsString>,
) -> Result<Option<Command>, String> {
    while let [letter, rest @ ..] = letters {
        letters = rest;
        match letter {
            b'a' => options.abort = true,
            b'd' => options.debug += 1,
            b'f' => options.foreground = true,
            b'i' => options.insecure = true,
            b'l' => options.log = true,
            b'r' => options.remote_calls = true,
            b's' => options.as_daemon = true,
            b'v' => return Ok(Some(Command::Built)),
            b'w' => options.warm_start = true,
            b'h' => {
                let joined = std::mem::take(&mut letters);
                let host = match joined {
                    [] => args.next(),
                    _ => Some(OsStr::from_bytes(joined).to_owned()),
                };
                let missing = || "option requires an argument -- 'h'".to_owned();
                options.hosts.push(host.ok_or_else(missing)?);
            }
            &other => return Err(format!("invalid option -- '{}'", char::from(other))),
        }
    }
    Ok(None)
}

/// `--port 1111`, `--port=1111`
fn long(
    options: &mut Options,
    option: &[u8],
    args: &mut impl Iterator<Item = OsString>,
) -> Result<Option<Command>, String> {
    let (name, joined) = match option.iter().position(|&byte| byte == b'=') {
        Some(at) => (&option[..at], Some(OsStr::from_bytes(&option[at + 1..]))),
        None => (option, None),
    };
    let shown = format!("'--{}'", name.escape_ascii());
    let mut value = || {
        let value = joined.map(OsStr::to_owned).or_else(|| args.next());
        value.ok_or_else(|| format!("option {shown} requires an argument"))
    };
    match name {
        b"port" => {
            let value = value()?;
            let port = value.to_str().and_then(|text| text.parse().ok());
            let bad = || format!("option {shown}: {} is not a port", value.display());
            options.port = Some(port.filter(|&port| port != 0).ok_or_else(bad)?);
        }
        b"bind" => {
            let value = value()?;
            let address = value.to_str().and_then(|text| text.parse().ok());
            let bad = || format!("option {shown}: {} is not an IP address", value.display());
            options.bind.push(address.ok_or_else(bad)?);
        }
        b"socket" => options.socket = Some(value()?.into()),
        b"config" => options.config = Some(value()?.into()),
        b"set" => {
            let value = value()?;
            let text = value.to_str().map(str::to_owned);
            let bad = || format!("option {shown}: {} is not text", value.display());
            options.set.push(text.ok_or_else(bad)?);
        }
        b"state-dir" => options.state_directory = Some(value()?.into()),
        b"lock" => options.lock = Some(value()?.into()),
        b"metrics" => options.metrics = Some(value()?.into()),
        b"help" | b"version" | b"bind-missing" | b"check" | b"status" | b"json"
            if joined.is_some() =>
        {
            return Err(format!("option {shown} doesn't allow an argument"));
        }
        b"check" => options.check = true,
        b"status" => options.status = true,
        b"json" => options.json = true,
        b"bind-missing" => options.bind_missing = true,
        b"help" => return Ok(Some(Command::Help)),
        b"version" => return Ok(Some(Command::Version)),
        _ => return Err(format!("unrecognized option {shown}")),
    }
    Ok(None)
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{USAGE}", self.complaint)
    }
}

impl std::error::Error for UsageError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Command, UsageError> {
        parse(line.split(' ').map(OsString::from))
    }

    fn options(line: &str) -> Options {
        match parsed(line) {
            Ok(Command::Serve(options)) => options,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn letters_stand_alone_or_in_clusters() {
        let expected = Options {
            foreground: true,
            warm_start: true,
            debug: 2,
            insecure: true,
            ..Options::default()
        };
        for line in [
            "rpcbind -f -w -d -i -d",
            "rpcbind -fwddi",
            "rpcbind x -fw y -di - -d",
        ] {
            assert_eq!(options(line), expected);
        }
        let all = options("rpcbind -adhilswfr");
        assert_eq!(all.hosts, ["ilswfr"], "whatever follows h is its argument");
        assert!(all.abort && !all.foreground);
    }

    #[test]
    fn addresses_follow_h_in_every_way_that_getopt_knows() {
        for line in [
            "rpcbind -h 127.0.0.1 -h ::1",
            "rpcbind -h127.0.0.1 -h::1",
            "rpcbind -fwh 127.0.0.1 -wh::1 -- -x -h y",
        ] {
            assert_eq!(options(line).hosts, ["127.0.0.1", "::1"]);
        }
        assert_eq!(options("rpcbind -h -f").hosts, ["-f"]);
    }

    #[test]
    fn complaints_are_getopts_and_end_with_the_usage() {
        for (line, complaint) in [
            ("rpcbind -x", "rpcbind: invalid option -- 'x'"),
            ("/sbin/rpcbind -fLw", "/sbin/rpcbind: invalid option -- 'L'"),
            (
                "rpcbind -f -h",
                "rpcbind: option requires an argument -- 'h'",
            ),
            ("rpcbind --bogus", "rpcbind: unrecognized option '--bogus'"),
            (
                "rpcbind --port",
                "rpcbind: option '--port' requires an argument",
            ),
            (
                "rpcbind --port=x",
                "rpcbind: option '--port': x is not a port",
            ),
            (
                "rpcbind --port 0",
                "rpcbind: option '--port': 0 is not a port",
            ),
            (
                "rpcbind --port 65536",
                "rpcbind: option '--port': 65536 is not a port",
            ),
            (
                "rpcbind --bind localhost",
                "rpcbind: option '--bind': localhost is not an IP address",
            ),
            (
                "rpcbind --help=x",
                "rpcbind: option '--help' doesn't allow an argument",
            ),
        ] {
            let error = parsed(line).unwrap_err().to_string();
            let more = match line.contains("--") {
                true => " (--help shows all options)",
                false => "",
            };
            assert_eq!(error, format!("{complaint}{more}\n{USAGE}"), "{line}");
        }
    }

    #[test]
    fn json_is_for_the_status() {
        let asked = options("rpcbind --json --state-dir /tmp/d --status");
        assert!(asked.status && asked.json);
        let error = parsed("rpcbind --json").unwrap_err().to_string();
        assert!(error.starts_with("rpcbind: option '--json' is for '--status'\n"));
        let metrics = options("rpcbind --metrics /run/m.sock").metrics;
        assert_eq!(metrics, Some("/run/m.sock".into()));
    }

    #[test]
    fn what_would_be_and_what_is_are_two_questions() {
        let error = parsed("rpcbind --status --check").unwrap_err().to_string();
        let complaint = "option '--check' asks what would be, and '--status' what is";
        assert!(error.starts_with(&format!("rpcbind: {complaint}\n")));
    }

    #[test]
    fn a_private_instance_has_a_port_and_a_socket_of_its_own() {
        let line = "rpcbind --port 1111 --socket=/tmp/s -w --state-dir /tmp/d --lock /tmp/l";
        let private = options(line);
        assert_eq!(private.port, Some(1111));
        assert_eq!(private.socket, Some("/tmp/s".into()));
        assert_eq!(private.state_directory, Some("/tmp/d".into()));
        assert_eq!(private.lock, Some("/tmp/l".into()));
        assert!(private.is_private() && private.warm_start);
        assert!(!options("rpcbind -f --port 1111").is_private());
        assert_eq!(parsed("rpcbind -f --help"), Ok(Command::Help));
        assert_eq!(parsed("rpcbind --version -x"), Ok(Command::Version));
        assert_eq!(parsed("rpcbind -fvx"), Ok(Command::Built));
    }
}
