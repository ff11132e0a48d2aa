//! Joins a chat room.

use std::error::Error;
use std::time::Duration;

use clap::Parser;
use oncrpc::CallError;
use oncrpc::netid::Netid;
use oncrpc_chat::chat::{CHAT_MAX_NAME, ChatName, ChatStatus, chat_room};
use oncrpc_chat::member::{Joined, Lines, Way};
use oncrpc_client::{Broadcast, Channel, Target};
use oncrpc_xdr::XdrString;
use tokio::io::{AsyncBufReadExt, BufReader, stdin};

/// Joins a chat room: what is typed is said, what is said is printed.
#[derive(Parser)]
struct Command {
    /// Where the room is: a host, or unix:PATH [default: any that answers on these networks]
    room: Option<Target>,
    /// The room's TCP port, instead of asking rpcbind
    #[arg(long, requires = "room")]
    port: Option<u16>,
    /// Who joins
    #[arg(long, env = "USER", value_parser = name)]
    name: ChatName,
}

/// Time that rooms have to answer.
const SEARCH: Duration = Duration::from_secs(3);

/// Time that a room which was lost has to come back.
const RETURN: Duration = Duration::from_secs(60);

/// Times that a room is asked which ends the connection instead of answering.
const ASKED: usize = 5;

#[tokio::main]
async fn main() {
    env_logger::init();
    if let Err(error) = run(Command::parse()).await {
        eprintln!("chat: {error}");
        // To return would be to wait for the thread that reads what is typed.
        std::process::exit(1);
    }
}

async fn run(command: Command) -> Result<(), Box<dyn Error>> {
    let (way, mut lines) = way(command.room, command.port).await?;
    let mut joined = join(&way, &command.name).await?;
    println!("here: {}", list(&joined));
    let mut typed = BufReader::new(stdin()).lines();
    loop {
        tokio::select! {
            line = typed.next_line() => match line? {
                Some(line) if line.trim().is_empty() => {}
                Some(line) => match joined.say(XdrString::from(line)).await {
                    Ok(Some(_)) => {}
                    Ok(None) => joined = join(&way, &command.name).await?,
                    Err(CallError::Encode(error)) => eprintln!("not said: {error}"),
                    Err(error) => eprintln!("perhaps not said: {error}"),
                },
                None => return Ok(()),
            },
            Some(line) = lines.next() => println!("{}: {}", line.from, line.text),
            () = way.lost() => {
                eprintln!("the room is lost");
                joined = join(&way, &command.name).await?;
                println!("here again: {}", list(&joined));
            }
        }
    }
}

/// The way to the room that is named, or else to the first that is found.
async fn way(room: Option<Target>, port: Option<u16>) -> Result<(Way, Lines), Box<dyn Error>> {
    let (room, port) = match room {
        Some(room) => (room, port),
        None => {
            let search = Broadcast::new().timeout(SEARCH);
            let (program, version) = (chat_room::PROGRAM, chat_room::v1::VERSION);
            let mut rooms = search.find(program, version, &Netid::Tcp).await?;
            let found = rooms.next().await.and_then(|room| room.inet());
            let found = found.ok_or("nobody on these networks has a room; name its host")?;
            println!("found a room at {found}");
            (Target::from(found.ip()), Some(found.port()))
        }
    };
    let builder = Channel::builder(room).timeout(RETURN).wait_for_server(true);
    Ok(Way::new(builder, |builder| match port {
        Some(port) => builder.port(port),
        None => builder.program(chat_room::PROGRAM, chat_room::v1::VERSION),
    }))
}

/// Joins the room. A room that is closing may take the connection and end it: then the next one is waited for, since
/// whoever was let in by the old one is no member of it any more.
async fn join(way: &Way, name: &ChatName) -> Result<Joined, Box<dyn Error>> {
    let mut joined = way.join(name).await;
    for _ in 1..ASKED {
        if !matches!(joined, Err(CallError::Disconnected(_))) {
            break;
        }
        joined = way.join(name).await;
    }
    joined?.map_err(|status| {
        match status {
            ChatStatus::NameTaken => format!("somebody is there as {name}"),
            ChatStatus::Full => "the room is full".to_owned(),
            other => format!("the room does not let us in: {other:?}"),
        }
        .into()
    })
}

fn list(joined: &Joined) -> String {
    let names: Vec<_> = joined.names.iter().map(ToString::to_string).collect();
    names.join(", ")
}

fn name(text: &str) -> Result<ChatName, String> {
    match text.len() {
        1..=32 => Ok(text.into()),
        len => Err(format!("a name has 1 to {CHAT_MAX_NAME} bytes, not {len}")),
    }
}
