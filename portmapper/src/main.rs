//! The `rpcbind` command.

use std::process::ExitCode;

use oncrpc_portmapper::cli::{self, Command};
use oncrpc_portmapper::daemon;

fn main() -> ExitCode {
    match cli::parse(std::env::args_os()) {
        Ok(Command::Serve(options)) => daemon::run(&options),
        Ok(Command::Help) => {
            print!("{}", cli::HELP);
            ExitCode::SUCCESS
        }
        Ok(Command::Version) => {
            println!("rpcbind (oncrpc) {}", env!("CARGO_PKG_VERSION"));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
