//! Asks everybody on the network: who serves the hello program, and who greets back?

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use oncrpc::netid::Netid;
use oncrpc_client::broadcast::Answers;
use oncrpc_client::{Broadcast, Channel};
use oncrpc_hello::hello_program::v1::procedure::Greet;
use oncrpc_hello::hello_program::{PROGRAM, v1};

/// Asks everybody on the network.
#[derive(Parser)]
struct Command {
    /// Wait so many seconds for answers
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// Be content with so many
    #[arg(long)]
    answers: Option<usize>,
    /// What to ask
    #[command(subcommand)]
    question: Question,
}

#[derive(Clone, Subcommand)]
enum Question {
    /// Each rpcbind: where is the hello program, on tcp, udp, tcp6 or udp6? Be greeted there
    Find { netid: String, name: String },
    /// Whoever serves it at this port: to be greeted
    Direct { port: u16, name: String },
    /// Each rpcbind: to have us greeted, wherever the program is there
    Callit { name: String },
}

#[tokio::main]
async fn main() -> ExitCode {
    env_logger::init();
    match run(Command::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hello-everybody: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> Result<(), Box<dyn Error>> {
    let mut everybody = Broadcast::new()
        .timeout(Duration::from_secs(command.seconds))
        .waits(Duration::from_secs(1), Duration::from_secs(4));
    if let Some(answers) = command.answers {
        everybody = everybody.max_answers(answers);
    }
    match command.question {
        Question::Find { netid, name } => {
            let netid = Netid::from(netid.as_str());
            let mut found = everybody.find(PROGRAM, v1::VERSION, &netid).await?;
            while let Some(endpoint) = found.next().await {
                let hello = v1::Client::new(Channel::to(endpoint.clone()));
                println!("{endpoint}: {}", hello.greet(&name.clone().into()).await?);
            }
        }
        Question::Direct { port, name } => {
            print(everybody.direct::<Greet>(port, &name.into()).await?).await;
        }
        Question::Callit { name } => {
            print(everybody.callit::<Greet>(&name.into()).await?).await;
        }
    }
    Ok(())
}

async fn print(mut answers: Answers<Greet>) {
    while let Some((from, greeting)) = answers.next().await {
        println!("{from}: {greeting}");
    }
}
