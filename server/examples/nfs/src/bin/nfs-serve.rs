//! Serves a directory by NFS version 3, for reading.

use std::error::Error;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use oncrpc_nfs::mount::Mount;
use oncrpc_nfs::nfs3::{mount_program, nfs_program};
use oncrpc_nfs::service::Nfs;
use oncrpc_nfs::tree::Tree;
use oncrpc_server::{Listen, Policy, RpcbindAt, Server};
use tokio::signal::unix::{SignalKind, signal};

/// Serves a directory by NFS version 3, for reading.
#[derive(Parser)]
struct Command {
    /// The directory
    directory: PathBuf,
    /// What clients call it [default: its path]
    #[arg(long, value_name = "PATH")]
    export: Option<PathBuf>,
    /// Listen at this address
    #[arg(long, default_value = "0.0.0.0")]
    address: IpAddr,
    /// The port, over TCP and UDP
    #[arg(long, default_value_t = 2049)]
    port: u16,
    /// Do without rpcbind: clients name the port
    #[arg(long)]
    no_register: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    env_logger::init();
    match serve(Command::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("nfs-serve: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(command: Command) -> Result<(), Box<dyn Error>> {
    let path = command.directory.canonicalize();
    let path = path.map_err(|error| format!("{}: {error}", command.directory.display()))?;
    let tree = Tree::open(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let tree = Arc::new(tree);
    let export = command.export.unwrap_or(path);
    let at = SocketAddr::new(command.address, command.port);
    let mut server = Server::new()
        .service(nfs_program::v3::service(Arc::new(Nfs::new(tree.clone()))))
        .service(mount_program::v3::service(Arc::new(Mount::new(
            tree, &export,
        ))))
        .listen(Listen::Tcp(at))
        .listen(Listen::Udp(at));
    if !command.no_register {
        server = server.register(Policy::Require, RpcbindAt::ThisHost);
    }
    let running = server.start().await?;
    for bound in running.bound() {
        println!("{} is served at {bound}", export.display());
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
