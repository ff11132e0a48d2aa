//! What a command line asks for.

use std::path::{Path, PathBuf};

use oncrpc_rpcgen::options::{Part, Parts, Serde};
use oncrpc_rpcgen::preprocess::FAMILY;
use oncrpc_rpcgen::samples::{Idle, Serving, Transport};
use oncrpc_rpcgen::{Options, Reading};

use super::CommandLine;
use super::values::Format;

/// What there is to do: nothing in it contradicts itself.
#[derive(Debug)]
pub(super) struct Job {
    /// What is made.
    pub(super) make: Make,
    /// The files that it is made of, one at least; [`STDIN`] stands alone.
    pub(super) inputs: Vec<PathBuf>,
    /// Where it goes.
    pub(super) output: Output,
    /// Whether files that rpcgen did not write are overwritten.
    pub(super) force: bool,
    /// How errors look.
    pub(super) format: Format,
    /// How the inputs are read.
    pub(super) reading: Reading,
    /// How Rust is generated.
    pub(super) options: Options,
    /// Where the packages of oncrpc lie that a sample depends on, if not where packages come from.
    pub(super) oncrpc_path: Option<PathBuf>,
}

/// What can be made.
#[derive(Debug)]
pub(super) enum Make {
    /// A file of Rust for each input.
    Files,
    /// One part of that.
    Part(Part),
    /// A program or a file to begin with.
    Sample(Sample),
    /// The main function of a server.
    Main(Serving),
    /// A crate to begin with.
    Crate(Serving),
    /// Nothing: the inputs are only checked.
    Check,
    /// The inputs, tidied.
    Tidy,
}

/// A file to begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sample {
    /// The implementation of the server's traits.
    Service,
    /// A client that calls every procedure.
    Client,
    /// The manifest of a crate.
    Manifest,
}

/// Where the output goes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Output {
    /// To where it goes by itself: beside the input for whole files, else to standard output.
    Default,
    /// To standard output.
    Stdout,
    /// Into this file.
    File(PathBuf),
    /// Into this folder.
    Folder(PathBuf),
}

/// Standard input, as an input is called.
pub(super) const STDIN: &str = "-";

impl Job {
    /// Finds out what a command line means; an error is what to tell the user.
    pub(super) fn new(line: CommandLine) -> Result<Self, String> {
        if line.kernighan_ritchie {
            return Err(
                "-k asks for C as it was before 1989; what rpcgen writes here is Rust".to_owned(),
            );
        }
        let make = make(&line)?;
        let inputs = inputs(&make, line.inputs)?;
        let output = output(&make, line.output, line.out_dir, &inputs)?;
        let mut defines = line.define;
        if let Some(name) = make.define()
            && !defines
                .iter()
                .any(|(name, _)| FAMILY.contains(&name.as_str()))
        {
            // The header's as well: a part is written against the types, all of which the header has.
            defines.extend(["RPC_HDR", name].map(|name| (name.to_owned(), None)));
        }
        let options = Options {
            naming: line.naming,
            strings: line.string,
            opaque: line.opaque,
            enums: line.enums,
            lists: line.lists,
            serde: line.serde.unwrap_or(Serde::Off),
            no_std: line.no_std,
            parts: match make {
                Make::Part(part) => Parts::only([part]),
                _ => Parts::default(),
            },
            derives: line.derive,
        };
        options.check().map_err(|error| error.to_string())?;
        let reading = Reading {
            include: line.include,
            defines,
            extern_types: line.extern_type.into_iter().collect(),
            bounds: line.bound.into_iter().collect(),
            cpp: line.cpp.or_else(|| line.cpp_dir.map(|dir| dir.join("cpp"))),
            sun: line.sun,
            new_style: line.new_style,
        };
        Ok(Self {
            make,
            inputs,
            output,
            force: line.force,
            format: line.format,
            reading,
            options,
            oncrpc_path: line.oncrpc_path,
        })
    }
}

fn make(line: &CommandLine) -> Result<Make, String> {
    let letters = [
        (line.types, "-h", Make::Part(Part::Types)),
        (line.codec, "-c", Make::Part(Part::Codec)),
        (line.client, "-l", Make::Part(Part::Client)),
        (line.server, "-m", Make::Part(Part::Server)),
        (line.table, "-t", Make::Part(Part::Table)),
        (line.check, "--check", Make::Check),
        (line.fmt, "--fmt", Make::Tidy),
    ];
    let mut chosen = letters
        .into_iter()
        .find_map(|(is_chosen, letter, make)| is_chosen.then_some((letter, make)));
    if let Some(sample) = line.sample {
        chosen = Some(("-S", Make::Sample(sample)));
    }
    let named: Vec<Transport> = line.serve.iter().chain(&line.netid).copied().collect();
    if let Some((letter, make)) = chosen {
        let serving = !named.is_empty() || line.inetd || line.idle.is_some() || line.syslog;
        return match serving {
            true => Err(format!(
                "-s, -n, -I, -K and -L shape a server's main function, which {letter} does not write"
            )),
            false => Ok(make),
        };
    }
    let serving = Serving {
        // What Sun's server listens at, unless it is told.
        transports: match named.is_empty() {
            true => vec![Transport::Udp, Transport::Tcp],
            false => named.clone(),
        },
        inetd: line.inetd,
        idle: line.idle.unwrap_or(match line.inetd {
            true => Idle::INETD,
            false => Idle::Never,
        }),
        syslog: line.syslog,
    };
    match (line.all, named.is_empty()) {
        (true, _) => Ok(Make::Crate(serving)),
        (false, false) => Ok(Make::Main(serving)),
        (false, true) if line.inetd || line.idle.is_some() || line.syslog => Err(
            "-I, -K and -L shape a server's main function: say -s TRANSPORT or -a, too".to_owned(),
        ),
        (false, true) => Ok(Make::Files),
    }
}

fn inputs(make: &Make, inputs: Vec<PathBuf>) -> Result<Vec<PathBuf>, String> {
    let stdin = inputs.iter().any(|input| input == Path::new(STDIN));
    match (make, &inputs[..]) {
        (Make::Files | Make::Check | Make::Crate(_), []) => Err("no input".to_owned()),
        (_, []) => Ok(vec![STDIN.into()]),
        (Make::Crate(_), _) if stdin => {
            Err("-a needs a file: the crate is called as the file is".to_owned())
        }
        (Make::Part(_), [_, _, ..]) => Err(several("a part", inputs.len())),
        (_, [_, _, ..]) if stdin => Err("`-` stands for standard input, alone".to_owned()),
        _ => Ok(inputs),
    }
}

fn output(
    make: &Make,
    file: Option<PathBuf>,
    folder: Option<PathBuf>,
    inputs: &[PathBuf],
) -> Result<Output, String> {
    match (make, file, folder) {
        (Make::Check, Some(_), _) => Err("--check writes nothing: no -o".to_owned()),
        (Make::Crate(_), Some(_), _) => Err("-a writes a folder: -O DIR instead of -o".to_owned()),
        (Make::Files, Some(_), _) if inputs.len() > 1 => Err(several("-o", inputs.len())),
        (_, _, Some(_)) if inputs[0] == Path::new(STDIN) => {
            Err("-O needs files: what standard input becomes has no name".to_owned())
        }
        (Make::Files | Make::Crate(_), _, Some(folder)) => Ok(Output::Folder(folder)),
        (_, _, Some(_)) => Err("-O is for whole files and for -a; -o for all else".to_owned()),
        (_, Some(file), _) if file == Path::new("-") => Ok(Output::Stdout),
        (_, Some(file), _) => Ok(Output::File(file)),
        (_, None, None) => Ok(Output::Default),
    }
}

fn several(what: &str, found: usize) -> String {
    format!("{what} takes one input, found {found}")
}

impl Make {
    /// The macro that says which of Sun's outputs an input is read for, unless that is the header.
    fn define(&self) -> Option<&'static str> {
        Some(match self {
            Self::Part(Part::Codec) => "RPC_XDR",
            Self::Part(Part::Client) => "RPC_CLNT",
            Self::Part(Part::Server) | Self::Main(_) => "RPC_SVC",
            Self::Part(Part::Table) => "RPC_TBL",
            Self::Sample(Sample::Service) => "RPC_SERVER",
            Self::Sample(Sample::Client) => "RPC_CLIENT",
            Self::Part(Part::Types)
            | Self::Sample(Sample::Manifest)
            | Self::Files
            | Self::Crate(_)
            | Self::Check
            | Self::Tidy => return None,
        })
    }
}
