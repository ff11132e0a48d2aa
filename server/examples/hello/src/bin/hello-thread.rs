//! Calls the hello program without an async runtime, wherever the host's rpcbind says it is.

use std::process::ExitCode;

use clap::Parser;
use oncrpc::CallError;
use oncrpc::netid::Netid;
use oncrpc_client::Target;
use oncrpc_client::blocking::{Channel, Wait};
use oncrpc_hello::hello_program::{PROGRAM, v1};
use oncrpc_xdr::XdrString;

/// Asks the hello program for a greeting.
#[derive(Parser)]
struct Command {
    /// The transport: tcp, udp, tcp6 or udp6
    netid: String,
    /// The server's host
    host: Target,
    /// Whom to greet
    name: String,
}

fn main() -> ExitCode {
    env_logger::init();
    match run(Command::parse()) {
        Ok(greeting) => {
            println!("{greeting}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("hello-thread: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<XdrString, CallError> {
    let netid = Netid::from(command.netid.as_str());
    let channel = Channel::find(&command.host, &netid, PROGRAM, v1::VERSION)?;
    v1::Client::new(channel).greet(&command.name.into()).wait()
}
