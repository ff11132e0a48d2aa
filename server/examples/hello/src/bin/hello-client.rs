//! Calls the hello program, wherever rpcbind says it is.

use std::error::Error;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use oncrpc::CallError;
use oncrpc::netid::Netid;
use oncrpc_client::{Channel, Rpcbind, RpcbindAt, Target};
use oncrpc_hello::hello_program::{PROGRAM, v1};
use oncrpc_hello::{HelloBlob, Pair, Shape, Sides, SumResult};

/// Calls the hello program.
#[derive(Parser)]
struct Command {
    /// Ask this rpcbind: this-host, tcp:ADDRESS:PORT or unix:PATH; else the one on HOST
    #[arg(long, value_parser = oncrpc_hello::rpcbind_at)]
    rpcbind: Option<RpcbindAt>,
    /// Wait for a server that cannot be reached yet
    #[arg(long)]
    wait: bool,
    /// The transport: tcp6, udp6, local; or a class to be tried: tcp, udp, netpath, visible
    netid: String,
    /// The server: HOST, HOST:PORT, unix:PATH, unix:@NAME or "stdio:COMMAND"
    host: Target,
    /// What to call
    #[command(subcommand)]
    call: Call,
}

#[derive(Clone, Subcommand)]
enum Call {
    /// Nothing: is the service there?
    Null,
    /// Be greeted
    Greet { name: String },
    /// Add two numbers
    Add {
        #[arg(allow_negative_numbers = true)]
        left: i32,
        #[arg(allow_negative_numbers = true)]
        right: i32,
    },
    /// Send bytes and get them back
    Echo { bytes: usize },
    /// The area of a shape
    Area {
        #[command(subcommand)]
        shape: ShapeArg,
    },
    /// Everyone greeted so far
    Guests,
    /// Wait for an answer that takes its time
    Wait { millis: u32 },
    /// List what the rpcbind has registered
    List,
}

#[derive(Clone, Subcommand)]
enum ShapeArg {
    /// A point
    Point,
    /// A circle
    Circle { radius: f64 },
    /// A rectangle
    Rectangle { width: f64, height: f64 },
}

#[tokio::main]
async fn main() -> ExitCode {
    env_logger::init();
    let command = Command::parse();
    match run(command).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hello-client: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> Result<(), Box<dyn Error>> {
    let Command {
        rpcbind,
        wait,
        netid,
        host,
        call,
    } = command;
    if let Call::List = call {
        return Ok(list(&rpcbind.unwrap_or(RpcbindAt::ThisHost)).await?);
    }
    let mut builder = match netid.parse() {
        Ok(class) => Channel::builder(host).nettype(class),
        Err(_) => Channel::builder(host).netid(Netid::from(netid.as_str())),
    };
    builder = builder.wait_for_server(wait);
    if let Some(rpcbind) = rpcbind {
        builder = builder.rpcbind(rpcbind);
    }
    let hello = v1::Client::new(builder.program(PROGRAM, v1::VERSION));
    match call {
        Call::Null => {
            hello.null().await?;
            println!("null");
        }
        Call::Greet { name } => println!("{}", hello.greet(&name.into()).await?),
        Call::Add { left, right } => match hello.add(&Pair { left, right }).await? {
            SumResult::Ok(sum) => println!("{sum}"),
            SumResult::Default(_) => println!("overflow"),
        },
        Call::Echo { bytes } => echo(&hello, bytes).await?,
        Call::Area { shape } => {
            let shape = match shape {
                ShapeArg::Point => Shape::Point,
                ShapeArg::Circle { radius } => Shape::Circle(radius),
                ShapeArg::Rectangle { width, height } => Shape::Rectangle(Sides { width, height }),
            };
            println!("{}", hello.area(&shape).await?);
        }
        Call::Guests => {
            for guest in hello.guests().await? {
                println!("{} {}", guest.name, guest.greetings);
            }
        }
        Call::Wait { millis } => println!("{}", hello.wait(millis).await?),
        Call::List => {}
    }
    Ok(())
}

/// Sends bytes that a shifted, repeated or lost piece would not leave as they are, and compares.
async fn echo(hello: &v1::Client<Channel>, len: usize) -> Result<(), Box<dyn Error>> {
    let byte = |index: usize| ((index as u32).wrapping_mul(0x9E37_79B1) >> 24) as u8;
    let sent = HelloBlob::from((0..len).map(byte).collect::<Vec<u8>>());
    let got = hello.echo(&sent).await?;
    if got != sent {
        return Err(format!("echo: {} other bytes came back", got.len()).into());
    }
    println!("{} bytes came back", got.len());
    Ok(())
}

async fn list(at: &RpcbindAt) -> Result<(), CallError> {
    for mapping in Rpcbind::connect(at).await?.dump().await? {
        println!("{mapping}, registered by {}", mapping.owner);
    }
    Ok(())
}
