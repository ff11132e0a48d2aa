//! The `rpcbind` command.

use std::process::ExitCode;

use oncrpc_portmapper::cli::{self, Command};
use oncrpc_portmapper::{check, daemon, status};

fn main() -> ExitCode {
    match cli::parse(std::env::args_os()) {
        Ok(Command::Serve(options)) if options.check => check::run(&options),
        Ok(Command::Serve(options)) if options.status => status::client::run(&options),
        Ok(Command::Serve(options)) => daemon::run(&options),
        Ok(Command::Built) => {
            eprint!("rpcbind {}\n{}", env!("CARGO_PKG_VERSION"), cli::BUILT);
            ExitCode::SUCCESS
        }
        Ok(Command::Help) => cli::print(cli::HELP),
        Ok(Command::Version) => cli::print(concat!(
            "rpcbind (oncrpc) ",
            env!("CARGO_PKG_VERSION"),
            "\n"
        )),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
