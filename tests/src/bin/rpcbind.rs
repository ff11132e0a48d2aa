//! rpcbind, for tests of this package.

use std::process::ExitCode;

use oncrpc_portmapper::cli::{self, Command};
use oncrpc_portmapper::daemon;

fn main() -> ExitCode {
    match cli::parse(std::env::args_os()) {
        Ok(Command::Serve(options)) => daemon::run(&options),
        _ => ExitCode::FAILURE,
    }
}
