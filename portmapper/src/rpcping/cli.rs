//! The command line of `rpcping`.

use std::ffi::OsString;
use std::net::Ipv6Addr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use oncrpc::netid::Netid;

use super::calls::Called;
use super::connection::PLACES;

/// What the command line asks for.
#[derive(Debug, PartialEq)]
pub enum Command {
    /// To make calls.
    Load(Options),
    /// `--help`: to print [`HELP`].
    Help,
    /// `--version`: to print the version.
    Version,
}

/// A command line that was understood.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// `-T`: over which transport.
    pub netid: Netid,
    /// `-p`: at which port; rpcbind is asked if there is none.
    pub port: Option<u16>,
    /// Whom to call: a host, or the path of a Unix socket.
    pub host: String,
    /// What to call.
    pub called: Called,
    /// `-c`: connections.
    pub connections: usize,
    /// `-k`: calls in flight on each.
    pub in_flight: usize,
    /// `-j`: threads.
    pub threads: Option<usize>,
    /// `-s`: how many bytes of zeros are the arguments.
    pub size: usize,
    /// `-a`: files that have the arguments, of one call after the other.
    pub arguments: Vec<PathBuf>,
    /// `-t`: how long.
    pub time: Duration,
    /// `-n`: how many calls.
    pub count: Option<u64>,
    /// `--busy-poll`: without sleeping.
    pub busy_poll: bool,
    /// `--json`: for programs to read.
    pub json: bool,
}

/// What `--help` prints.
pub const HELP: &str = "\
usage: rpcping [-T NETID] [-p PORT] [OPTION]... HOST PROGRAM VERSION [PROCEDURE]

Calls a procedure of an RPC program as often as it can, and says how often that
was and how long the calls took. PROCEDURE is 0 unless given: every program has
it, and it does nothing.

  -T NETID    over this transport: tcp (the default; of an IPv6 address tcp6),
              udp, tcp6, udp6, or local, where HOST is the path of a Unix socket
  -p PORT     at this port; without it, rpcbind of the host is asked
  -c NUMBER   connections (1)
  -k NUMBER   calls in flight on each connection (1)
  -j NUMBER   threads that share the connections (one for each processor)
  -s BYTES    arguments of so many bytes, all of them zero (0)
  -a FILE     arguments as they are in this file, in XDR; may be given again:
              the calls take them in turn
  -t SECONDS  make calls for this long (10)
  -n NUMBER   make so many calls, if the time allows it

  --busy-poll look for replies again and again instead of sleeping until
              there are some
  --json      print JSON instead

  --help, --version
";

/// Reads a command line, the program's name first. The error is the complaint.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Command, String> {
    let mut args = args.into_iter().skip(1).map(text);
    let mut options = Options {
        netid: Netid::Tcp,
        port: None,
        host: String::new(),
        called: Called {
            program: 0,
            version: 0,
            procedure: 0,
        },
        connections: 1,
        in_flight: 1,
        threads: None,
        size: 0,
        arguments: Vec::new(),
        time: Duration::from_secs(10),
        count: None,
        busy_poll: false,
        json: false,
    };
    let (mut operands, mut says_transport) = (Vec::new(), false);
    while let Some(arg) = args.next() {
        let arg = arg?;
        match arg.as_str() {
            "--help" => return Ok(Command::Help),
            "--version" => return Ok(Command::Version),
            "--busy-poll" => options.busy_poll = true,
            "--json" => options.json = true,
            "--" => {
                for operand in args.by_ref() {
                    operands.push(operand?);
                }
            }
            option if option.len() > 1 && option.starts_with('-') => {
                let mut letters = option[1..].chars();
                let letter = letters.next().filter(|letter| LETTERS.contains(*letter));
                let letter = letter.ok_or_else(|| format!("there is no option {option}"))?;
                let value = match letters.as_str() {
                    "" => args
                        .next()
                        .unwrap_or_else(|| Err(format!("-{letter} needs a value")))?,
                    joined => joined.to_owned(),
                };
                says_transport |= letter == 'T';
                options.set(letter, &value)?;
            }
            _ => operands.push(arg),
        }
    }
    options.operands(&operands)?;
    if !says_transport && is_ipv6(&options.host) {
        options.netid = Netid::Tcp6;
    }
    options.check()?;
    Ok(Command::Load(options))
}

impl Options {
    fn set(&mut self, letter: char, value: &str) -> Result<(), String> {
        match letter {
            'T' => self.netid = transport(value)?,
            'p' => self.port = Some(number(letter, value, 1..=u64::from(u16::MAX))? as u16),
            'c' => self.connections = number(letter, value, 1..=CONNECTIONS)? as usize,
            'k' => self.in_flight = number(letter, value, 1..=PLACES as u64)? as usize,
            'j' => self.threads = Some(number(letter, value, 1..=THREADS)? as usize),
            's' => self.size = number(letter, value, 0..=SIZE)? as usize,
            'a' => self.arguments.push(value.into()),
            't' => {
                let time = value.parse().ok();
                let time = time.and_then(|time| Duration::try_from_secs_f64(time).ok());
                let fits = |time: &Duration| Duration::ZERO < *time && *time <= LONGEST;
                self.time = time.filter(fits).ok_or_else(|| {
                    format!("-t {value}: not a number of seconds, of which a day has the most")
                })?;
            }
            // The last of LETTERS.
            _ => self.count = Some(number(letter, value, 1..=u64::MAX)?),
        }
        Ok(())
    }

    fn operands(&mut self, operands: &[String]) -> Result<(), String> {
        let (host, program, version, procedure) = match operands {
            [host, program, version] => (host, program, version, "0"),
            [host, program, version, procedure] => (host, program, version, procedure.as_str()),
            [] | [_] | [_, _] => {
                return Err("a host, a program and a version are needed".to_owned());
            }
            [_, _, _, _, more, ..] => return Err(format!("{more} is one word too many")),
        };
        host.clone_into(&mut self.host);
        self.called = Called {
            program: word("program", program)?,
            version: word("version", version)?,
            procedure: word("procedure", procedure)?,
        };
        Ok(())
    }

    /// What makes no sense together.
    fn check(&self) -> Result<(), String> {
        if self.netid == Netid::Local && self.port.is_some() {
            return Err("-p: a Unix socket has no port".to_owned());
        }
        if self.netid == Netid::Local && !self.host.starts_with('/') {
            let host = &self.host;
            return Err(format!(
                "{host}: with -T local this is the path of a socket"
            ));
        }
        if self.size > 0 && !self.arguments.is_empty() {
            return Err("-s and -a both say what the arguments are".to_owned());
        }
        if !self.size.is_multiple_of(4) {
            let size = self.size;
            return Err(format!(
                "-s {size}: arguments in XDR are a multiple of 4 bytes"
            ));
        }
        Ok(())
    }
}

/// Whether a host is an IPv6 address, with an interface or without.
fn is_ipv6(host: &str) -> bool {
    let (address, _) = host.split_once('%').unwrap_or((host, ""));
    address.parse::<Ipv6Addr>().is_ok()
}

fn text(arg: OsString) -> Result<String, String> {
    arg.into_string()
        .map_err(|arg| format!("{} is not text", arg.display()))
}

fn transport(value: &str) -> Result<Netid, String> {
    match value {
        "tcp" => Ok(Netid::Tcp),
        "udp" => Ok(Netid::Udp),
        "tcp6" => Ok(Netid::Tcp6),
        "udp6" => Ok(Netid::Udp6),
        "local" | "unix" => Ok(Netid::Local),
        _ => Err(format!(
            "-T {value}: the transports are tcp, udp, tcp6, udp6 and local"
        )),
    }
}

fn number(letter: char, value: &str, range: RangeInclusive<u64>) -> Result<u64, String> {
    let number = value.parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| {
        let (least, most) = (range.start(), range.end());
        format!("-{letter} {value}: not a number from {least} to {most}")
    })
}

/// A word of the protocol, decimal or with 0x.
fn word(what: &str, value: &str) -> Result<u32, String> {
    let word = match value.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => value.parse(),
    };
    word.map_err(|_| format!("{value} is no number of a {what}"))
}

/// The options that have a value.
const LETTERS: &str = "Tpckjsatn";

/// Most connections: what one address has ports for, about.
const CONNECTIONS: u64 = 28_000;

/// Most threads.
const THREADS: u64 = 256;

/// Most bytes of arguments; what is in flight of larger ones is no question of calls.
const SIZE: u64 = 64 << 20;

/// Longest time, a day.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Command, String> {
        parse(
            ["rpcping"]
                .into_iter()
                .chain(line.split(' '))
                .map(OsString::from),
        )
    }

    #[test]
    fn options_stand_anywhere_and_joined_or_not() {
        let Ok(Command::Load(options)) =
            parsed("-Tudp -p 2049 -c16 host --busy-poll -k 4 0x186a3 3 --json -n 100 1")
        else {
            panic!("it is a command line");
        };
        assert_eq!(options.netid, Netid::Udp);
        assert_eq!(options.port, Some(2049));
        assert_eq!((options.connections, options.in_flight), (16, 4));
        assert_eq!((options.host.as_str(), options.count), ("host", Some(100)));
        let called = Called {
            program: 100_003,
            version: 3,
            procedure: 1,
        };
        assert_eq!(options.called, called);
        assert!(options.json && options.busy_poll);
        assert_eq!(parsed("--json --help"), Ok(Command::Help));
    }

    #[test]
    fn an_ipv6_address_is_called_over_ipv6() {
        for (line, netid) in [
            ("::1 1 1", Netid::Tcp6),
            ("fe80::1%eth0 1 1", Netid::Tcp6),
            ("::1 1 1 -T udp6", Netid::Udp6),
            ("127.0.0.1 1 1", Netid::Tcp),
            ("localhost 1 1", Netid::Tcp),
        ] {
            let Ok(Command::Load(options)) = parsed(line) else {
                panic!("{line}");
            };
            assert_eq!(options.netid, netid, "{line}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (line, complaint) in [
            ("h 1", "a host, a program and a version are needed"),
            ("h 1 2 3 4", "4 is one word too many"),
            ("h nfs 3", "nfs is no number of a program"),
            ("h 1 1 -z", "there is no option -z"),
            ("h 1 1 -c", "-c needs a value"),
            ("h 1 1 -c 0", "-c 0: not a number from 1 to 28000"),
            (
                "h 1 1 -T sctp",
                "-T sctp: the transports are tcp, udp, tcp6, udp6 and local",
            ),
            (
                "h 1 1 -t 0",
                "-t 0: not a number of seconds, of which a day has the most",
            ),
            (
                "h 1 1 -T local",
                "h: with -T local this is the path of a socket",
            ),
            ("/h 1 1 -T local -p 1", "-p: a Unix socket has no port"),
            (
                "h 1 1 -s 3",
                "-s 3: arguments in XDR are a multiple of 4 bytes",
            ),
            (
                "h 1 1 -s 4 -a f",
                "-s and -a both say what the arguments are",
            ),
        ] {
            assert_eq!(parsed(line), Err(complaint.to_owned()), "{line}");
        }
    }
}
