//! The command line of `rpcgen`: the letters of Sun's, and long options for what is ours.
//!
//! `-h` is the header there, so help is `-?` and `--help`; `-Ss`, `-Sc` and `-Sm` are one letter with a value.

mod help;
mod job;
mod output;
mod run;
mod values;

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Arg, ArgAction, Command, CommandFactory, FromArgMatches, Parser};
use oncrpc_rpcgen::options::{Enums, Lists, Naming, Opaque, Serde, Strings};
use oncrpc_rpcgen::samples::{Idle, Transport};

use job::Sample;
use values::Format;

/// What the command line says, beside [`GRANTED`]. What it means is a [`job::Job`]; [`help`] explains it.
#[derive(Debug, Parser)]
#[command(
    name = "rpcgen",
    disable_help_flag = true,
    override_usage = help::USAGE,
    group = clap::ArgGroup::new("made").multiple(false)
)]
struct CommandLine {
    #[arg(short = 'h', group = "made")]
    types: bool,
    #[arg(short = 'c', group = "made")]
    codec: bool,
    #[arg(short = 'l', group = "made")]
    client: bool,
    #[arg(short = 'm', group = "made")]
    server: bool,
    #[arg(short = 't', group = "made")]
    table: bool,
    #[arg(short = 'S', value_name = "s|c|m", group = "made", value_parser = values::sample())]
    sample: Option<Sample>,
    #[arg(short = 'a', group = "made")]
    all: bool,
    #[arg(long, group = "made")]
    check: bool,
    #[arg(long, group = "made")]
    fmt: bool,

    #[arg(short = 's', value_name = "TRANSPORT", value_parser = values::transport())]
    serve: Vec<Transport>,
    #[arg(short = 'n', value_name = "NETID", value_parser = values::transport())]
    netid: Vec<Transport>,
    #[arg(short = 'I')]
    inetd: bool,
    #[arg(
        short = 'K',
        value_name = "SECONDS",
        allow_hyphen_values = true,
        value_parser = values::idle
    )]
    idle: Option<Idle>,
    #[arg(short = 'L')]
    syslog: bool,
    #[arg(long, value_name = "DIR")]
    oncrpc_path: Option<PathBuf>,

    #[arg(short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[arg(short = 'O', value_name = "DIR", conflicts_with = "output")]
    out_dir: Option<PathBuf>,
    #[arg(long)]
    force: bool,
    #[arg(
        long,
        value_name = "human|short",
        default_value = "human",
        value_parser = values::format()
    )]
    format: Format,

    #[arg(short = 'D', value_name = "NAME[=VALUE]", value_parser = values::define)]
    define: Vec<(String, Option<String>)>,
    #[arg(long, value_name = "DIR")]
    include: Vec<PathBuf>,
    #[arg(
        long,
        value_name = "PROGRAM",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "cpp"
    )]
    cpp: Option<PathBuf>,
    #[arg(short = 'Y', value_name = "DIR", conflicts_with = "cpp")]
    cpp_dir: Option<PathBuf>,
    #[arg(long, value_name = "NAME=PATH", value_parser = values::extern_type)]
    extern_type: Vec<(String, String)>,
    #[arg(long, value_name = "TYPE.FIELD=N", value_parser = values::bound)]
    bound: Vec<(String, u32)>,
    #[arg(long)]
    sun: bool,
    #[arg(short = 'N', overrides_with = "new_style")]
    new_style: bool,

    #[arg(
        long,
        value_name = "rust|c",
        default_value = "rust",
        value_parser = values::naming()
    )]
    naming: Naming,
    #[arg(
        long,
        value_name = "xdr|utf8|bytes",
        default_value = "xdr",
        value_parser = values::strings()
    )]
    string: Strings,
    #[arg(
        long,
        value_name = "bytes|vec",
        default_value = "bytes",
        value_parser = values::opaque()
    )]
    opaque: Opaque,
    #[arg(
        long,
        value_name = "open|closed|newtype",
        default_value = "open",
        value_parser = values::enums()
    )]
    enums: Enums,
    #[arg(
        long,
        value_name = "vec|box",
        default_value = "vec",
        value_parser = values::lists()
    )]
    lists: Lists,
    #[arg(long, value_name = "PATH", value_parser = values::rust_path)]
    derive: Vec<String>,
    #[arg(
        long,
        value_name = "FEATURE",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "",
        value_parser = values::serde
    )]
    serde: Option<Serde>,
    #[arg(long)]
    no_std: bool,

    #[arg(short = 'k')]
    kernighan_ritchie: bool,
    #[arg(short = '?')]
    usage: bool,
    #[arg(long)]
    help: bool,
    #[arg(long)]
    version: bool,
    #[arg(value_name = "INPUT")]
    inputs: Vec<PathBuf>,
}

/// Letters that Sun's rpcgen has to be asked with and whose wish is always granted here, so that nothing
/// comes of them.
const GRANTED: [&str; 5] = ["C", "M", "T", "b", "5"];

/// The command line as clap knows it.
fn command() -> Command {
    let granted = GRANTED.map(|letter| {
        Arg::new(letter)
            .short(letter.chars().next())
            .action(ArgAction::Count)
    });
    // The size from which C is written inline: fixed runs are read and written at once here, however short.
    let inline = Arg::new("i")
        .short('i')
        .value_name("SIZE")
        .value_parser(values::size);
    CommandLine::command().args(granted).arg(inline)
}

/// Does what the command line asks for.
///
/// The exit status is 0 if that was done, 1 if an input has errors or a file cannot be read or written, and 2
/// if the command line makes no sense.
pub(crate) fn run(words: impl IntoIterator<Item = OsString>) -> ExitCode {
    let matches = command().try_get_matches_from(words);
    let line = match matches.and_then(|matches| CommandLine::from_arg_matches(&matches)) {
        Ok(line) => line,
        Err(error) => return misused(&error),
    };
    let text = match &line {
        CommandLine { usage: true, .. } => help::SHORT,
        CommandLine { help: true, .. } => help::LONG,
        CommandLine { version: true, .. } => VERSION,
        _ => "",
    };
    let done = if !text.is_empty() {
        output::print(text)
    } else {
        match job::Job::new(line) {
            Ok(job) => run::run(&job),
            Err(complaint) => {
                return misused(&command().error(ErrorKind::ArgumentConflict, complaint));
            }
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

/// Says what is wrong with the command line, and where to look.
fn misused(error: &clap::Error) -> ExitCode {
    let said = error.render();
    match io::stderr().is_terminal() {
        true => eprint!("{}", said.ansi()),
        false => eprint!("{said}"),
    }
    eprintln!("\n`rpcgen -?` shows a screen of options, `rpcgen --help` all of them.");
    ExitCode::from(2)
}

const VERSION: &str = concat!("rpcgen (oncrpc-rpcgen) ", env!("CARGO_PKG_VERSION"), "\n");
