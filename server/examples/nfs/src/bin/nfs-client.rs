//! Lists and reads what an NFS server exports, without mounting it.

use std::error::Error;
use std::io::{self, Write};
use std::num::NonZero;
use std::os::unix::ffi::OsStringExt;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use oncrpc_client::Target;
use oncrpc_nfs::client::{Export, Ports};
use oncrpc_nfs::nfs3::{Fattr3, Ftype3};

/// Lists and reads what an NFS server exports, without mounting it.
#[derive(Parser)]
struct Command {
    /// MOUNT's port; without it rpcbind is asked
    #[arg(long)]
    mount_port: Option<NonZero<u16>>,
    /// NFS' port; without it rpcbind is asked
    #[arg(long)]
    nfs_port: Option<NonZero<u16>>,
    /// The server
    host: Target,
    /// The directory that it exports
    export: std::ffi::OsString,
    /// What to do
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// List a directory
    Ls {
        /// Below the exported directory
        #[arg(default_value = "/")]
        path: std::ffi::OsString,
    },
    /// Write a file to standard output
    Cat { path: std::ffi::OsString },
    /// Tell the attributes of a file
    Stat { path: std::ffi::OsString },
}

#[tokio::main]
async fn main() -> ExitCode {
    env_logger::init();
    match run(Command::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("nfs-client: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> Result<(), Box<dyn Error>> {
    let ports = Ports {
        mount: command.mount_port,
        nfs: command.nfs_port,
    };
    let export = Export::mount(&command.host, &command.export.into_vec(), ports).await?;
    let mut out = io::stdout().lock();
    match command.what {
        What::Ls { path } => {
            let (dir, _) = export.find(&path.into_vec()).await?;
            let mut entries = export.list(&dir).await?;
            entries.sort_by(|a, b| a.name.as_bytes().cmp(b.name.as_bytes()));
            for entry in entries {
                if let Some(attributes) = &entry.name_attributes {
                    write!(out, "{} ", line(attributes))?;
                }
                // A name is bytes: it goes out as it came.
                out.write_all(entry.name.as_bytes())?;
                out.write_all(b"\n")?;
            }
        }
        What::Cat { path } => {
            let (file, attributes) = export.find(&path.into_vec()).await?;
            let take = |piece: &[u8]| -> Result<(), Box<dyn Error>> { Ok(out.write_all(piece)?) };
            export.read(&file, attributes.size, take).await?;
        }
        What::Stat { path } => {
            let (_, attributes) = export.find(&path.into_vec()).await?;
            writeln!(out, "{} {}", line(&attributes), attributes.fileid)?;
        }
    }
    Ok(out.flush()?)
}

/// Type, mode, links, owner, group and size.
fn line(attributes: &Fattr3) -> String {
    let kind = match attributes.r#type {
        Ftype3::Nf3reg => '-',
        Ftype3::Nf3dir => 'd',
        Ftype3::Nf3blk => 'b',
        Ftype3::Nf3chr => 'c',
        Ftype3::Nf3lnk => 'l',
        Ftype3::Nf3sock => 's',
        Ftype3::Nf3fifo => 'p',
        Ftype3::Unknown(_) => '?',
    };
    let Fattr3 {
        mode,
        nlink,
        uid,
        gid,
        size,
        ..
    } = attributes;
    format!("{kind}{mode:04o} {nlink:3} {uid:5} {gid:5} {size:12}")
}
