//! The `rpcping` command.

use std::io::{self, Write};
use std::process::ExitCode;

use oncrpc_portmapper::rpcping::cli::{self, Command};
use oncrpc_portmapper::rpcping::run;

fn main() -> ExitCode {
    let options = match cli::parse(std::env::args_os()) {
        Ok(Command::Load(options)) => options,
        Ok(Command::Help) => return print(cli::HELP, true),
        Ok(Command::Version) => {
            let version = format!("rpcping (oncrpc) {}\n", env!("CARGO_PKG_VERSION"));
            return print(&version, true);
        }
        Err(misuse) => return complain(format_args!("{misuse} (rpcping --help)")),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return complain(error),
    };
    let ended = runtime.block_on(run(&options));
    // A name that is still being looked up is not waited for.
    runtime.shutdown_background();
    match ended {
        Ok((report, well)) => print(&report, well),
        Err(complaint) => complain(complaint),
    }
}

fn print(text: &str, well: bool) -> ExitCode {
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) if well => ExitCode::SUCCESS,
        Ok(()) | Err(_) => ExitCode::FAILURE,
    }
}

/// Prints a complaint; where nobody hears it there is still the status.
fn complain(complaint: impl std::fmt::Display) -> ExitCode {
    let _ = writeln!(io::stderr(), "rpcping: {complaint}");
    ExitCode::FAILURE
}
