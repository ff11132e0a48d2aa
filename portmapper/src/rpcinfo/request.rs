//! What a command line means, with the tables of /etc at hand.

use oncrpc::netconfig::NetworkConfig;
use oncrpc::netid::Protocol;

use super::cli::{Misuse, Mode, Options, decimal};
use crate::services::ProgramNames;

/// What is asked of whom.
#[derive(Debug, PartialEq)]
pub enum Request {
    /// Everything that is registered, in one of two layouts.
    Registrations {
        /// The host, or this one.
        host: Option<String>,
        /// The transport by which its rpcbind is asked, or whichever gets through.
        over: Option<NetworkConfig>,
        /// `-s`: a line for each program.
        by_program: bool,
    },
    /// `-p`: what version 2 knows.
    Mappings {
        /// The host, or this one.
        host: Option<String>,
    },
    /// `-m`: how often what was asked.
    Statistics {
        /// The host, or this one.
        host: Option<String>,
    },
    /// `-l`: the addresses of a program.
    Addresses {
        /// The host.
        host: String,
        /// The transport by which its rpcbind is asked, or whichever gets through.
        over: Option<NetworkConfig>,
        /// The program.
        program: u32,
        /// Its version.
        version: u32,
    },
    /// `-t`, `-u`, `-T`, `-a`: whether a program answers.
    Ping {
        /// Where it is.
        place: Place,
        /// The program.
        program: u32,
        /// Its version, or all that it has.
        version: Option<u32>,
    },
    /// `-b`: where on the network a program answers.
    Broadcast {
        /// The program.
        program: u32,
        /// Its version.
        version: u32,
    },
    /// `-d`: that a program be forgotten.
    Delete {
        /// The transport, or all.
        over: Option<NetworkConfig>,
        /// The program.
        program: u32,
        /// Its version.
        version: u32,
        /// Both as they were written.
        written: [String; 2],
    },
    /// `--probe`: whether all that is registered answers.
    Probe {
        /// The host, or this one.
        host: Option<String>,
    },
}

/// How a program is found.
#[derive(Debug, PartialEq)]
pub enum Place {
    /// On a host, over a protocol; its rpcbind knows the port, unless it is given.
    Protocol {
        /// TCP or UDP.
        protocol: Protocol,
        /// The host.
        host: String,
        /// The port.
        port: Option<u16>,
    },
    /// On a host, over a transport; its rpcbind knows the address.
    Transport {
        /// The transport.
        over: NetworkConfig,
        /// The host.
        host: String,
    },
    /// At an address.
    Address {
        /// The transport.
        over: NetworkConfig,
        /// The universal address on it.
        uaddr: String,
    },
}

impl Request {
    /// What these options mean.
    pub fn new(
        options: &Options,
        names: &ProgramNames,
        netconfig: &[NetworkConfig],
    ) -> Result<Self, Misuse> {
        let operands: Vec<&str> = options.operands.iter().map(String::as_str).collect();
        let named = options.netid.as_deref();
        let known = |netid: &str| {
            let mut entries = netconfig.iter();
            entries.find(|entry| entry.netid.as_bytes() == netid.as_bytes())
        };
        // What each letter says of a transport that is not known.
        let over = |complaint: fn(&str) -> String| match named {
            Some(netid) => match known(netid) {
                Some(entry) => Ok(Some(entry.clone())),
                None => Err(Misuse::because(complaint(netid))),
            },
            None => Ok(None),
        };
        let invalid =
            |_: &str| "invalid transport: Netid not found in netconfig database".to_owned();
        let not_found = |netid: &str| format!("Could not find {netid}");
        let unsupported = |netid: &str| format!("netid {netid} not supported");

        let pings = options.mode.is_none() && operands.len() > 1;
        match options.mode {
            None if pings => {
                let (host, program, version) = ping_operands(&operands, names)?;
                let over = over(not_found)?.ok_or_else(Misuse::usage)?;
                let place = Place::Transport { over, host };
                Ok(Self::Ping {
                    place,
                    program,
                    version,
                })
            }
            None | Some(Mode::Programs) => {
                let host = one_host(&operands)?;
                // It is this host's own socket that is asked otherwise.
                let over = if host.is_some() { over(invalid)? } else { None };
                Ok(Self::Registrations {
                    host,
                    over,
                    by_program: options.mode.is_some(),
                })
            }
            Some(Mode::Mappings) if options.service_port != 0 => Err(Misuse::usage()),
            Some(Mode::Mappings) => Ok(Self::Mappings {
                host: one_host(&operands)?,
            }),
            Some(Mode::Probe) => Ok(Self::Probe {
                host: one_host(&operands)?,
            }),
            // Further operands are not looked at.
            Some(Mode::Statistics) => Ok(Self::Statistics {
                host: operands.first().map(|&host| host.to_owned()),
            }),
            Some(Mode::Addresses) => {
                let &[host, program_text, version_text] = &operands[..] else {
                    return Err(Misuse::usage());
                };
                Ok(Self::Addresses {
                    host: host.to_owned(),
                    over: over(invalid)?,
                    program: program(program_text, names)?,
                    version: version(version_text)?,
                })
            }
            Some(mode @ (Mode::Tcp | Mode::Udp)) => {
                let (host, program, version) = ping_operands(&operands, names)?;
                let protocol = match mode {
                    Mode::Tcp => Protocol::Tcp,
                    _ => Protocol::Udp,
                };
                let port = Some(options.service_port).filter(|&port| port != 0);
                let place = Place::Protocol {
                    protocol,
                    host,
                    port,
                };
                Ok(Self::Ping {
                    place,
                    program,
                    version,
                })
            }
            Some(Mode::Address) => {
                let (Some(uaddr), Some(_)) = (&options.address, named) else {
                    return Err(Misuse::usage());
                };
                let (program_text, version_text) = match operands[..] {
                    [program] => (program, None),
                    [program, version] => (program, Some(version)),
                    _ => return Err(Misuse::usage()),
                };
                let over = over(not_found)?.ok_or_else(Misuse::usage)?;
                let uaddr = uaddr.clone();
                Ok(Self::Ping {
                    place: Place::Address { over, uaddr },
                    program: program(program_text, names)?,
                    version: version_text.map(version).transpose()?,
                })
            }
            Some(Mode::Broadcast) => {
                let &[program_text, version_text] = &operands[..] else {
                    return Err(Misuse::usage());
                };
                Ok(Self::Broadcast {
                    program: program(program_text, names)?,
                    version: version(version_text)?,
                })
            }
            Some(Mode::Delete) => {
                let &[program_text, version_text] = &operands[..] else {
                    return Err(Misuse::usage());
                };
                // It is the version that rpcinfo looks at first.
                let (over, version) = (over(unsupported)?, version(version_text)?);
                Ok(Self::Delete {
                    over,
                    program: program(program_text, names)?,
                    version,
                    written: [program_text, version_text].map(str::to_owned),
                })
            }
        }
    }
}

fn one_host(operands: &[&str]) -> Result<Option<String>, Misuse> {
    match operands {
        [] => Ok(None),
        [host] => Ok(Some((*host).to_owned())),
        _ => Err(Misuse::usage()),
    }
}

/// A host, a program, and maybe its version.
fn ping_operands(
    operands: &[&str],
    names: &ProgramNames,
) -> Result<(String, u32, Option<u32>), Misuse> {
    let (host, program_text, version_text) = match *operands {
        [host, program] => (host, program, None),
        [host, program, version] => (host, program, Some(version)),
        _ => return Err(Misuse::usage()),
    };
    let program = program(program_text, names)?;
    Ok((
        host.to_owned(),
        program,
        version_text.map(version).transpose()?,
    ))
}

/// A program by its number, or by a name of /etc/rpc. Digits with no more than one character behind them, which is
/// no letter, are taken for a number and not for a name.
fn program(text: &str, names: &ProgramNames) -> Result<u32, Misuse> {
    let behind = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let mut behind = behind.bytes();
    let is_name = match (behind.next(), behind.next()) {
        (None, _) => false,
        (Some(one), None) => one.is_ascii_alphabetic(),
        _ => true,
    };
    if is_name {
        let number = names.number(text);
        return number.ok_or_else(|| Misuse::because(format_args!("{text} is unknown service")));
    }
    let number = decimal(text).and_then(|number| u32::try_from(number).ok());
    number.ok_or_else(|| Misuse::because(format_args!("{text} is illegal program number")))
}

fn version(text: &str) -> Result<u32, Misuse> {
    let number = decimal(text).and_then(|number| u32::try_from(number).ok());
    number.ok_or_else(|| Misuse::because(format_args!("{text} is illegal version number")))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::super::cli::{self, Command};
    use super::*;
    use oncrpc::netconfig;

    fn request(line: &str) -> Result<Request, Misuse> {
        let words = line.split(' ').map(|word| word.replace('_', ""));
        let words = ["rpcinfo".to_owned()].into_iter().chain(words);
        let Ok(Command::Ask(options)) = cli::parse(words.map(OsString::from)) else {
            panic!("{line}")
        };
        let names = ProgramNames::parse("portmapper 100000 rpcbind\nnfs 100003");
        let (entries, _) =
            netconfig::parse("udp tpi_clts v inet udp - -\ntcp tpi_cots_ord v inet tcp - -\n");
        Request::new(&options, &names, &entries)
    }

    fn said(line: &str) -> String {
        request(line).unwrap_err().to_string()
    }

    #[test]
    fn programs_are_named_or_numbered() {
        for (text, program) in [("100003", 100_003), ("rpcbind", 100_000), ("nfs", 100_003)] {
            let expected = Request::Broadcast {
                program,
                version: 3,
            };
            assert_eq!(request(&format!("-b {text} 3")), Ok(expected));
        }
    }

    #[test]
    fn words_that_are_no_numbers_are_named() {
        for (line, text) in [
            ("-b nosuch 1", "nosuch is unknown service"),
            ("-b 5x 1", "5x is unknown service"),
            ("-b 5-- 1", "5-- is unknown service"),
            ("-b 5- 1", "5- is illegal program number"),
            ("-b _ 1", " is illegal program number"),
            ("-b 4294967296 1", "4294967296 is illegal program number"),
            ("-t h nfs x", "x is illegal version number"),
            ("-t h nfs _", " is illegal version number"),
            (
                "-t h nfs 4294967296",
                "4294967296 is illegal version number",
            ),
            ("-T nope h nfs", "Could not find nope"),
            ("-a x -T nope nfs", "Could not find nope"),
            ("-d -T nope nfs 1", "netid nope not supported"),
            (
                "-T nope h",
                "invalid transport: Netid not found in netconfig database",
            ),
            (
                "-l -T nope h nfs 1",
                "invalid transport: Netid not found in netconfig database",
            ),
        ] {
            assert_eq!(said(line), format!("rpcinfo: {text}\n"), "{line}");
        }
    }

    #[test]
    fn too_few_or_too_many_words_get_the_usage() {
        for line in [
            "h nfs",
            "h nfs 1 2",
            "-p a b",
            "-s a b",
            "-p -n 5",
            "-l h nfs",
            "-l h nfs 1 2",
            "-t",
            "-t h",
            "-t h nfs 1 2",
            "-T tcp h nfs 1 2",
            "-a x nfs",
            "-a x -T tcp",
            "-a x -T tcp 1 2 3",
            "-b",
            "-b nfs",
            "-b nfs 1 2",
            "-d nfs",
            "-d nfs 1 2",
            "--probe a b",
        ] {
            assert_eq!(said(line), cli::USAGE, "{line}");
        }
    }

    #[test]
    fn a_transport_counts_where_there_is_a_choice() {
        let Ok(Request::Registrations { host, over, .. }) = request("-T nope") else {
            panic!()
        };
        assert_eq!(
            (host, over),
            (None, None),
            "this host is asked by its socket"
        );
        assert!(matches!(
            request("-T udp h"),
            Ok(Request::Registrations { over: Some(_), .. })
        ));
        assert!(matches!(
            request("-m h and more"),
            Ok(Request::Statistics { host: Some(_) })
        ));
    }
}
