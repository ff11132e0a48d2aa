//! The `rpcinfo` command.

use std::io::{self, Write};
use std::process::ExitCode;

use oncrpc_portmapper::rpcinfo::cli::{self, Command};
use oncrpc_portmapper::rpcinfo::{Context, Terminal, run};

fn main() -> ExitCode {
    let options = match cli::parse(std::env::args_os()) {
        Ok(Command::Ask(options)) => options,
        Ok(Command::Help) => return print(cli::HELP),
        Ok(Command::Version) => {
            return print(&format!("rpcinfo (oncrpc) {}\n", env!("CARGO_PKG_VERSION")));
        }
        Err(misuse) => return complain(misuse),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return complain(format_args!("rpcinfo: {error}\n")),
    };
    let well = runtime.block_on(run(
        &Context::new(&options),
        &options,
        &mut Terminal {
            out: &mut io::stdout(),
            err: &mut io::stderr(),
        },
    ));
    // A name that is still being looked up is not waited for.
    runtime.shutdown_background();
    match well {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

fn print(text: &str) -> ExitCode {
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Prints a complaint; where nobody hears it there is still the status.
fn complain(complaint: impl std::fmt::Display) -> ExitCode {
    let _ = write!(io::stderr(), "{complaint}");
    ExitCode::FAILURE
}
