//! A client: mounts, walks, lists and reads.

use std::fmt;
use std::num::NonZero;

use oncrpc::CallError;
use oncrpc_client::{Channel, Target, auth_sys};
use oncrpc_xdr::{Bytes, XdrString};
use tokio::task::JoinSet;

use crate::nfs3::*;

/// A directory that a server exports.
#[derive(Clone, Debug)]
pub struct Export {
    nfs: nfs_program::v3::Client<Channel>,
    root: NfsFh3,
}

/// Why something could not be had.
#[derive(Debug)]
pub enum Error {
    /// The call itself failed.
    Call(CallError),
    /// MOUNT refused.
    Mount(Mountstat3),
    /// NFS refused.
    Nfs(Nfsstat3),
    /// The server answered what makes no sense.
    Nonsense(&'static str),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(error) => error.fmt(f),
            Self::Mount(status) => write!(f, "the server does not export it: {status:?}"),
            Self::Nfs(status) => write!(f, "the server refuses: {status:?}"),
            Self::Nonsense(what) => write!(f, "the server's answer makes no sense: {what}"),
        }
    }
}

impl std::error::Error for Error {}

impl From<CallError> for Error {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

/// Where the two programs are; `None` asks rpcbind.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ports {
    /// MOUNT's port.
    pub mount: Option<NonZero<u16>>,
    /// NFS' port.
    pub nfs: Option<NonZero<u16>>,
}

impl Export {
    /// Mounts `path` of a host.
    pub async fn mount(host: &Target, path: &[u8], ports: Ports) -> Result<Self, Error> {
        use mount_program::v3 as mount;
        use nfs_program::v3 as nfs;
        let channel = |port: Option<NonZero<u16>>, program, version| {
            let mut builder = Channel::builder(host.clone());
            // Without a name of this host there is no credential to send, and many servers want none.
            if let Ok(credential) = auth_sys() {
                builder = builder.auth(std::sync::Arc::new(credential));
            }
            match port {
                Some(port) => builder.port(port.get()),
                None => builder.program(program, version),
            }
        };
        let mount =
            mount::Client::new(channel(ports.mount, mount_program::PROGRAM, mount::VERSION));
        let root = match mount.mnt(&Dirpath::from(path)).await? {
            Mountres3::Ok(mounted) => NfsFh3 {
                data: mounted.fhandle,
            },
            Mountres3::Default(status) => return Err(Error::Mount(status)),
        };
        let nfs = nfs::Client::new(channel(ports.nfs, nfs_program::PROGRAM, nfs::VERSION));
        Ok(Self { nfs, root })
    }

    /// The file at a path below the mounted directory, and its attributes. Links are not followed.
    pub async fn find(&self, path: &[u8]) -> Result<(NfsFh3, Fattr3), Error> {
        let mut file = self.root.clone();
        let mut known = None;
        let names = path.split(|byte| *byte == b'/');
        for name in names.filter(|name| !name.is_empty()) {
            let what = Diropargs3 {
                dir: file,
                name: XdrString::from(name),
            };
            match self.nfs.lookup(&Lookup3Args { what }).await? {
                Lookup3Res::Ok(found) => {
                    file = found.object;
                    known = found.obj_attributes;
                }
                Lookup3Res::Default { status, .. } => return Err(Error::Nfs(status)),
            }
        }
        if let Some(attributes) = known {
            return Ok((file, attributes));
        }
        let args = Getattr3Args { object: file };
        match self.nfs.getattr(&args).await? {
            Getattr3Res::Ok(found) => Ok((args.object, found.obj_attributes)),
            Getattr3Res::Default(status) => Err(Error::Nfs(status)),
        }
    }

    /// The entries of a directory, `.` and `..` apart.
    pub async fn list(&self, dir: &NfsFh3) -> Result<Vec<Entryplus3>, Error> {
        let mut entries: Vec<Entryplus3> = Vec::new();
        let mut args = Readdirplus3Args {
            dir: dir.clone(),
            cookie: 0,
            cookieverf: Cookieverf3::default(),
            dircount: PAGE,
            maxcount: PAGE,
        };
        loop {
            let page = match self.nfs.readdirplus(&args).await? {
                Readdirplus3Res::Ok(page) => page,
                Readdirplus3Res::Default { status, .. } => return Err(Error::Nfs(status)),
            };
            args.cookieverf = page.cookieverf;
            let last = page.reply.entries.last().map(|entry| entry.cookie);
            let own =
                |entry: &Entryplus3| ![b"."[..].into(), b".."[..].into()].contains(&entry.name);
            entries.extend(page.reply.entries.into_iter().filter(own));
            match last {
                _ if page.reply.eof => return Ok(entries),
                Some(cookie) if cookie != args.cookie => args.cookie = cookie,
                // No entry and no end would go on for ever.
                _ => return Err(Error::Nonsense("a page of a directory with nothing in it")),
            }
        }
    }

    /// Reads a file, several pieces at a time, and gives them in order to `take`.
    pub async fn read<E: From<Error>>(
        &self,
        file: &NfsFh3,
        size: u64,
        mut take: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut next = 0;
        let mut wanted = 0;
        let mut under_way = JoinSet::new();
        let mut early = std::collections::BTreeMap::new();
        while next < size {
            while wanted < size && under_way.len() + early.len() < IN_FLIGHT {
                let (export, file, offset) = (self.clone(), file.clone(), wanted);
                let count = u64::from(PIECE).min(size - offset) as u32;
                under_way.spawn(async move { (offset, export.piece(&file, offset, count).await) });
                wanted += u64::from(count);
            }
            let Some(Ok((offset, piece))) = under_way.join_next().await else {
                return Err(Error::Nonsense("a file that ends before its size").into());
            };
            early.insert(offset, piece?);
            while let Some(piece) = early.remove(&next) {
                next += piece.len() as u64;
                take(&piece)?;
            }
        }
        Ok(())
    }

    /// `count` bytes of a file from `offset` on, in as many calls as the server needs.
    async fn piece(&self, file: &NfsFh3, offset: u64, count: u32) -> Result<Bytes, Error> {
        let mut args = Read3Args {
            file: file.clone(),
            offset,
            count,
        };
        let mut pieces = Vec::new();
        loop {
            let data = match self.nfs.read(&args).await? {
                Read3Res::Ok(read) => read.data,
                Read3Res::Default { status, .. } => return Err(Error::Nfs(status)),
            };
            let Some(left) = args.count.checked_sub(data.len() as u32) else {
                return Err(Error::Nonsense("more bytes than were asked for"));
            };
            // Mostly all comes at once, and is not copied.
            if left == 0 && pieces.is_empty() {
                return Ok(data);
            }
            if data.is_empty() {
                return Err(Error::Nonsense("a file that ends before its size"));
            }
            (args.offset, args.count) = (args.offset + data.len() as u64, left);
            pieces.push(data);
            if left == 0 {
                return Ok(pieces.concat().into());
            }
        }
    }
}

/// Bytes of a page of a directory, as Linux' client asks for.
const PAGE: u32 = 1 << 15;

/// Bytes of one READ: half of what servers allow at least today.
const PIECE: u32 = 1 << 19;

/// READ calls at a time.
const IN_FLIGHT: usize = 8;
