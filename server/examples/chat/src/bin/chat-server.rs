//! Opens a chat room.

use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use oncrpc_chat::chat::chat_room;
use oncrpc_chat::room::Room;
use oncrpc_server::{Listen, Policy, RpcbindAt, Server};
use tokio::signal::unix::{SignalKind, signal};

/// Opens a chat room, which those who want to join find through rpcbind.
#[derive(Parser)]
struct Command {
    /// Listen at this TCP address; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "0.0.0.0:0")]
    tcp: SocketAddr,
    /// Listen at this Unix socket, too
    #[arg(long, value_name = "PATH")]
    unix: Option<PathBuf>,
    /// Do without rpcbind: who wants to join names the port
    #[arg(long)]
    no_register: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    env_logger::init();
    match serve(Command::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("chat-server: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(command: Command) -> Result<(), Box<dyn Error>> {
    let mut server = Server::new()
        .service(chat_room::v1::service(Arc::new(Room::default())))
        .listen(Listen::Tcp(command.tcp));
    if let Some(path) = command.unix {
        server = server.listen(Listen::Unix(path));
    }
    if !command.no_register {
        server = server.register(Policy::Require, RpcbindAt::ThisHost);
    }
    let running = server.start().await?;
    for bound in running.bound() {
        println!("the room is at {bound}");
    }
    println!("ready");
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => {}
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    running.shutdown(Duration::from_secs(5)).await;
    Ok(())
}
