//! The command line of `rpcinfo`, as far as its letters go; [`request`](super::request) says what they mean.
//!
//! Letters are read as getopt(3) reads `"a:bdlmn:pstT:u"`, down to the messages, all of which are printed before
//! the usage is: clusters, arguments joined to their letter or behind it, operands anywhere, `--` before operands
//! alone. The long options are ours.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// What the command line asks for.
#[derive(Debug, PartialEq)]
pub enum Command {
    /// To ask somebody something.
    Ask(Options),
    /// `--help`: to print [`HELP`].
    Help,
    /// `--version`: to print the version.
    Version,
}

/// The letter that says what is done; at most one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// `-p`
    Mappings,
    /// `-s`
    Programs,
    /// `-m`
    Statistics,
    /// `-l`
    Addresses,
    /// `-t`
    Tcp,
    /// `-u`
    Udp,
    /// `-a`
    Address,
    /// `-b`
    Broadcast,
    /// `-d`
    Delete,
    /// `--probe`
    Probe,
}

/// A command line taken apart.
#[derive(Debug, Default, PartialEq)]
pub struct Options {
    /// What is done, if a letter says so.
    pub mode: Option<Mode>,
    /// `-T`: over which transport.
    pub netid: Option<String>,
    /// `-a`: at which address.
    pub address: Option<String>,
    /// `-n`: at which port; 0 is none in particular.
    pub service_port: u16,
    /// `--json`: for programs to read.
    pub json: bool,
    /// `--timeout`: most time for all of it.
    pub timeout: Option<Duration>,
    /// `--port`: where rpcbinds are, instead of 111.
    pub port: Option<u16>,
    /// `--socket`: where the one of this host is, instead of `/run/rpcbind.sock`.
    pub socket: Option<PathBuf>,
    /// What is no option.
    pub operands: Vec<String>,
}

/// A command line that makes no sense: the complaints, and whether the usage follows.
#[derive(Debug, PartialEq, Eq)]
pub struct Misuse {
    /// A line each.
    pub complaints: Vec<String>,
    /// Whether [`USAGE`] follows.
    pub usage: bool,
}

impl Misuse {
    /// A use that there is not.
    pub(super) fn usage() -> Self {
        Self {
            complaints: Vec::new(),
            usage: true,
        }
    }

    /// A word that is not what it should be.
    pub(super) fn because(complaint: impl fmt::Display) -> Self {
        Self {
            complaints: vec![format!("rpcinfo: {complaint}")],
            usage: false,
        }
    }
}

/// What rpcinfo prints when it does not understand.
pub const USAGE: &str = "\
Usage: rpcinfo [-m | -s] [host]
       rpcinfo -p [host]
       rpcinfo -T netid host prognum [versnum]
       rpcinfo -l host prognum versnum
       rpcinfo [-n portnum] -u | -t host prognum [versnum]
       rpcinfo -a serv_address -T netid prognum [version]
       rpcinfo -b prognum versnum
       rpcinfo -d [-T netid] prognum versnum
";

/// What `--help` prints.
pub const HELP: &str = "\
usage: rpcinfo [-p | -s | -m | --probe] [HOST]
       rpcinfo -l [-T NETID] HOST PROGRAM VERSION
       rpcinfo -t | -u [-n PORT] HOST PROGRAM [VERSION]
       rpcinfo -T NETID HOST PROGRAM [VERSION]
       rpcinfo -a ADDRESS -T NETID PROGRAM [VERSION]
       rpcinfo -b PROGRAM VERSION
       rpcinfo -d [-T NETID] PROGRAM VERSION

Asks rpcbind which RPC programs a host has, this one unless another is named,
and programs whether they answer.

  (no letter)  list what is registered
  -s           the same, a line for each program
  -p           the same, as version 2 of rpcbind (the portmapper) has it
  -m           how often rpcbind was asked for what
  --probe      call everything that is registered, and say what answers;
               status 1 if something does not
  -l           list the addresses of one version of a program
  -t, -u       call a program over TCP or UDP: one version, or all that it has
  -T NETID     call it over this transport: tcp, udp, tcp6, udp6, local
  -a ADDRESS   call it at this universal address; rpcbind is not asked
  -n PORT      with -t and -u, call it at this port; rpcbind is not asked
  -b           have every rpcbind on the network call a program, and list
               where it answered
  -d           remove a program from this host's rpcbind

  --json             print JSON instead
  --timeout SECONDS  give up after this time
  --port PORT        ask the rpcbind at this port instead of 111
  --socket PATH      ask this host's at this socket instead of /run/rpcbind.sock

  --help, --version
";

/// Reads a command line, the program's name first.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Command, Misuse> {
    let lossy = |arg: OsString| arg.to_string_lossy().into_owned();
    let mut args = args.into_iter().map(lossy);
    let mut walk = Walk {
        name: args.next().unwrap_or_else(|| "rpcinfo".into()),
        options: Options::default(),
        misuse: Misuse {
            complaints: Vec::new(),
            usage: false,
        },
        ended: false,
    };
    while let Some(arg) = args.next() {
        if walk.ended {
            break;
        } else if arg == "--" {
            walk.options.operands.extend(args.by_ref());
        } else if let Some(long) = arg.strip_prefix("--") {
            match long {
                "help" => return Ok(Command::Help),
                "version" => return Ok(Command::Version),
                long => walk.long(long, &mut args),
            }
        } else if let Some(letters) = arg.strip_prefix('-').filter(|letters| !letters.is_empty()) {
            walk.cluster(letters, &mut args);
        } else {
            walk.options.operands.push(arg);
        }
    }
    if walk.misuse.usage || walk.ended {
        return Err(walk.misuse);
    }
    Ok(Command::Ask(walk.options))
}

/// A command line on the way from its first word to its last.
struct Walk {
    /// The program, as it was called.
    name: String,
    options: Options,
    misuse: Misuse,
    /// It ends here, as rpcinfo does at a port that is none.
    ended: bool,
}

impl Walk {
    /// `-p`, `-tn2049`, `-T udp`
    fn cluster(&mut self, letters: &str, args: &mut impl Iterator<Item = String>) {
        for (at, letter) in letters.char_indices() {
            let mode = match letter {
                'p' => Mode::Mappings,
                's' => Mode::Programs,
                'm' => Mode::Statistics,
                'l' => Mode::Addresses,
                't' => Mode::Tcp,
                'u' => Mode::Udp,
                'b' => Mode::Broadcast,
                'd' => Mode::Delete,
                'a' | 'n' | 'T' => {
                    let joined = letters.get(at.saturating_add(1)..).unwrap_or_default();
                    let argument = match joined {
                        "" => args.next(),
                        joined => Some(joined.to_owned()),
                    };
                    let missing = format_args!("option requires an argument -- '{letter}'");
                    return match argument {
                        Some(argument) => self.argument(letter, argument),
                        None => self.complain(missing),
                    };
                }
                other => {
                    self.complain(format_args!("invalid option -- '{other}'"));
                    continue;
                }
            };
            self.mode(mode);
        }
    }

    fn argument(&mut self, letter: char, argument: String) {
        match letter {
            'a' => {
                self.options.address = Some(argument);
                self.mode(Mode::Address);
            }
            'T' => self.options.netid = Some(argument),
            _ => match decimal(&argument).and_then(|port| u16::try_from(port).ok()) {
                Some(port) => self.options.service_port = port,
                None => {
                    let complaint = format!("rpcinfo: {argument} is illegal port number");
                    self.misuse.complaints.push(complaint);
                    self.misuse.usage = false;
                    self.ended = true;
                }
            },
        }
    }

    /// A second one is one too many.
    fn mode(&mut self, mode: Mode) {
        self.misuse.usage |= self.options.mode.is_some();
        self.options.mode.get_or_insert(mode);
    }

    /// `--timeout 5`, `--timeout=5`
    fn long(&mut self, option: &str, args: &mut impl Iterator<Item = String>) {
        let (name, joined) = match option.split_once('=') {
            Some((name, joined)) => (name, Some(joined.to_owned())),
            None => (option, None),
        };
        match name {
            "json" | "probe" | "help" | "version" if joined.is_some() => {
                self.complain_long(format_args!("option '--{name}' doesn't allow an argument"));
            }
            "json" => self.options.json = true,
            "probe" => self.mode(Mode::Probe),
            "timeout" | "port" | "socket" => match joined.or_else(|| args.next()) {
                Some(value) => self.value(name, &value),
                None => self.complain_long(format_args!("option '--{name}' requires an argument")),
            },
            _ => self.complain_long(format_args!("unrecognized option '--{name}'")),
        }
    }

    fn value(&mut self, name: &str, value: &str) {
        match name {
            "timeout" => match seconds(value) {
                Some(timeout) => self.options.timeout = Some(timeout),
                None => self.complain_long(format_args!(
                    "option '--timeout': {value} is no number of seconds"
                )),
            },
            "port" => match value.parse().ok().filter(|&port| port != 0) {
                Some(port) => self.options.port = Some(port),
                None => self.complain_long(format_args!("option '--port': {value} is not a port")),
            },
            _ => self.options.socket = Some(value.into()),
        }
    }

    /// The usage says nothing of these.
    fn complain_long(&mut self, complaint: fmt::Arguments<'_>) {
        self.complain(format_args!("{complaint} (--help shows all options)"));
    }

    fn complain(&mut self, complaint: fmt::Arguments<'_>) {
        let name = &self.name;
        self.misuse.complaints.push(format!("{name}: {complaint}"));
        self.misuse.usage = true;
    }
}

/// A number as strtol reads it, with nothing behind it: blanks and a sign may stand in front.
pub(super) fn decimal(text: &str) -> Option<i64> {
    // What isspace calls blank.
    let blank = |c: char| matches!(c, ' ' | '\t' | '\n' | '\x0b' | '\x0c' | '\r');
    text.trim_start_matches(blank).parse().ok()
}

/// More than none, and less than a clock can say.
fn seconds(text: &str) -> Option<Duration> {
    let seconds = text.parse().ok()?;
    let time = Duration::try_from_secs_f64(seconds).ok()?;
    (Duration::ZERO < time && time <= LONGEST).then_some(time)
}

/// Longest time that may be asked for, a day: nobody waits longer in front of a terminal.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for complaint in &self.complaints {
            writeln!(f, "{complaint}")?;
        }
        if self.usage {
            f.write_str(USAGE)?;
        }
        Ok(())
    }
}

impl std::error::Error for Misuse {}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &[&str]) -> Result<Command, Misuse> {
        let words = ["rpcinfo"].iter().chain(line);
        parse(words.map(OsString::from))
    }

    fn options(line: &[&str]) -> Options {
        match parsed(line) {
            Ok(Command::Ask(options)) => options,
            other => panic!("{other:?}"),
        }
    }

    fn said(line: &[&str]) -> String {
        parsed(line).unwrap_err().to_string()
    }

    #[test]
    fn letters_and_operands_stand_in_any_order() {
        let expected = Options {
            mode: Some(Mode::Tcp),
            service_port: 2049,
            operands: ["host", "nfs", "3"].map(str::to_owned).to_vec(),
            ..Options::default()
        };
        for line in [
            &["-n", "2049", "-t", "host", "nfs", "3"][..],
            &["host", "-tn2049", "nfs", "3"],
            &["host", "nfs", "-n", " 2049", "-t", "--", "3"],
        ] {
            assert_eq!(options(line), expected, "{line:?}");
        }
        let ping = options(&[
            "-a::1.0.111",
            "-Ttcp6",
            "-",
            "100000",
            "--",
            "-p",
            "--",
            "-z",
        ]);
        assert_eq!(ping.mode, Some(Mode::Address));
        assert_eq!(ping.address.as_deref(), Some("::1.0.111"));
        assert_eq!(ping.netid.as_deref(), Some("tcp6"));
        assert_eq!(ping.operands, ["-", "100000", "-p", "--", "-z"]);
    }

    #[test]
    fn every_complaint_is_printed_before_the_usage() {
        for (line, complaints) in [
            (&["-z"][..], "rpcinfo: invalid option -- 'z'\n"),
            (
                &["-zé", "-T"],
                "rpcinfo: invalid option -- 'z'\nrpcinfo: invalid option -- 'é'\n\
                 rpcinfo: option requires an argument -- 'T'\n",
            ),
            (&["-p", "-s"], ""),
            (&["-tu"], ""),
            (&["-a", "x", "--probe"], ""),
            (&["--bogus"], "rpcinfo: unrecognized option '--bogus'\n"),
            (
                &["--json=1"],
                "rpcinfo: option '--json' doesn't allow an argument\n",
            ),
            (
                &["--timeout"],
                "rpcinfo: option '--timeout' requires an argument\n",
            ),
            (&["--port=0"], "rpcinfo: option '--port': 0 is not a port\n"),
        ] {
            // Of our own options the usage says nothing.
            let complaints = match line[0].starts_with("--") {
                true => complaints.replace('\n', " (--help shows all options)\n"),
                false => complaints.to_owned(),
            };
            assert_eq!(said(line), format!("{complaints}{USAGE}"), "{line:?}");
        }
    }

    #[test]
    fn a_port_that_is_none_ends_it_without_the_usage() {
        for (line, text) in [
            (
                &["-n", "x", "-z"][..],
                "rpcinfo: x is illegal port number\n",
            ),
            (&["-n65536"], "rpcinfo: 65536 is illegal port number\n"),
            (&["-n", ""], "rpcinfo:  is illegal port number\n"),
            (
                &["-zn-1"],
                "rpcinfo: invalid option -- 'z'\nrpcinfo: -1 is illegal port number\n",
            ),
        ] {
            assert_eq!(said(line), text, "{line:?}");
        }
    }

    #[test]
    fn what_is_new_has_long_names() {
        let line = [
            "--json",
            "--timeout",
            "1.5",
            "--port=1111",
            "--socket",
            "/s",
            "--probe",
            "h",
        ];
        let expected = Options {
            mode: Some(Mode::Probe),
            json: true,
            timeout: Some(Duration::from_millis(1500)),
            port: Some(1111),
            socket: Some("/s".into()),
            operands: vec!["h".to_owned()],
            ..Options::default()
        };
        assert_eq!(options(&line), expected);
        assert_eq!(parsed(&["-p", "--help", "-z"]), Ok(Command::Help));
        assert_eq!(parsed(&["--version"]), Ok(Command::Version));
        for bad in ["0", "-1", "x", "inf", "nan", "1e9", ""] {
            let said = said(&["--timeout", bad]);
            assert!(said.contains("no number of seconds"), "{bad}");
        }
    }
}
