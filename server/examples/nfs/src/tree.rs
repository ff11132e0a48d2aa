//! A directory as NFS sees it: files by handles, which lead nowhere else.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use nix::dir::Dir;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2, readlinkat};
use nix::sys::statvfs::{Statvfs, fstatvfs};
use oncrpc_xdr::Bytes;

use crate::nfs3::{Fattr3, Ftype3, NfsFh3, Nfsstat3, Nfstime3, Specdata3};
use crate::status;

/// A directory and what is below it.
///
/// A handle is the number of a node, and a node is a name in another one. So a handle stays good for as long as
/// the server runs and the file keeps its name; then it is stale, as NFS calls that. The kernel itself is told to
/// resolve every path below the directory and through no link (`openat2`), so that nothing outside can be named,
/// whatever a client sends and whoever renames what meanwhile.
#[derive(Debug)]
pub struct Tree {
    root: OwnedFd,
    /// What parts our handles from those of a server that ran before.
    instance: [u8; 8],
    nodes: Mutex<Nodes>,
    /// The directory that was listed last: a client reads a large one in many calls.
    listed: Mutex<Option<Arc<Listing>>>,
}

/// A file that a handle stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Node(u64);

#[derive(Debug, Default)]
struct Nodes {
    /// The parent and the name of each node; the root is its own parent.
    names: Vec<(Node, Box<[u8]>)>,
    numbers: HashMap<(Node, Box<[u8]>), Node>,
}

/// The names in a directory at one time.
#[derive(Debug)]
pub struct Listing {
    node: Node,
    /// When the directory changed last, by which a client's cookie is judged.
    pub verifier: [u8; 8],
    /// The names, `.` and `..` first, in a fixed order.
    pub names: Vec<Box<[u8]>>,
}

impl Tree {
    /// The directory itself.
    pub const ROOT: Node = Node(0);

    /// Opens a directory.
    pub fn open(path: &Path) -> io::Result<Self> {
        let root = File::open(path)?;
        if !root.metadata()?.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        let started = SystemTime::now().duration_since(UNIX_EPOCH);
        let started = started.map_or(0, |since| since.as_nanos() as u64);
        let mut nodes = Nodes::default();
        nodes.names.push((Self::ROOT, Box::default()));
        Ok(Self {
            root: root.into(),
            instance: started.to_be_bytes(),
            nodes: Mutex::new(nodes),
            listed: Mutex::default(),
        })
    }

    /// The handle of a node.
    pub fn handle(&self, node: Node) -> NfsFh3 {
        let data = [self.instance, node.0.to_be_bytes()].concat();
        NfsFh3 {
            data: Bytes::from(data),
        }
    }

    /// The node of a handle.
    pub fn node(&self, handle: &NfsFh3) -> Result<Node, Nfsstat3> {
        let Ok(words) = <[u8; 16]>::try_from(&handle.data[..]) else {
            return Err(Nfsstat3::ErrBadhandle);
        };
        let (instance, number) = words.split_at(8);
        if instance != self.instance {
            return Err(Nfsstat3::ErrStale);
        }
        let number = number
            .iter()
            .fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        let known = self.nodes().names.len() as u64;
        (number < known)
            .then_some(Node(number))
            .ok_or(Nfsstat3::ErrBadhandle)
    }

    /// The file called `name` in a directory, if it is there.
    pub fn lookup(&self, dir: Node, name: &[u8]) -> Result<Node, Nfsstat3> {
        match name {
            b"" => return Err(Nfsstat3::ErrInval),
            b"." => return Ok(dir),
            b".." => return Ok(self.nodes().names[dir.0 as usize].0),
            _ if name.contains(&b'/') || name.contains(&0) => return Err(Nfsstat3::ErrInval),
            _ if name.len() > MAX_NAME => return Err(Nfsstat3::ErrNametoolong),
            _ => {}
        }
        if !self.metadata(dir)?.is_dir() {
            return Err(Nfsstat3::ErrNotdir);
        }
        let path = self.path(dir).join(OsStr::from_bytes(name));
        self.open_path(&path, OFlag::O_PATH)
            .map_err(|error| status::nfs(&error))?;
        self.nodes().child(dir, name).ok_or(Nfsstat3::ErrJukebox)
    }

    /// The file at a path of several names.
    pub fn walk(&self, path: &[u8]) -> Result<Node, Nfsstat3> {
        let names = path.split(|byte| *byte == b'/');
        let mut names = names.filter(|name| !name.is_empty());
        names.try_fold(Self::ROOT, |node, name| self.lookup(node, name))
    }

    /// What the system knows of a file; of a link, not of what it points to.
    pub fn metadata(&self, node: Node) -> Result<Metadata, Nfsstat3> {
        let file = self.file(node, OFlag::O_PATH)?;
        file.metadata().map_err(|error| status::nfs(&error))
    }

    /// The same as NFS has it.
    pub fn attributes(&self, node: Node) -> Result<Fattr3, Nfsstat3> {
        self.metadata(node).map(|metadata| attributes(&metadata))
    }

    /// Up to `count` bytes of a file from `offset` on, and whether it ends there.
    pub fn read(&self, node: Node, offset: u64, count: u32) -> Result<(Bytes, bool), Nfsstat3> {
        let metadata = self.metadata(node)?;
        if metadata.is_dir() {
            return Err(Nfsstat3::ErrIsdir);
        }
        // Nothing but a plain file is opened, and should it be a pipe by now, without waiting.
        if !metadata.is_file() {
            return Err(Nfsstat3::ErrInval);
        }
        let file = self.file(node, OFlag::O_RDONLY | OFlag::O_NONBLOCK)?;
        let left = metadata.len().saturating_sub(offset);
        let wanted = u64::from(count.min(MAX_READ)).min(left);
        let mut bytes = vec![0; wanted as usize];
        let mut read = 0;
        while read < bytes.len() {
            match file.read_at(&mut bytes[read..], offset + read as u64) {
                Ok(0) => break,
                Ok(more) => read += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(status::nfs(&error)),
            }
        }
        let short = read < bytes.len();
        bytes.truncate(read);
        Ok((bytes.into(), short || wanted == left))
    }

    /// Where a link points to.
    pub fn link(&self, node: Node) -> Result<Vec<u8>, Nfsstat3> {
        if !self.metadata(node)?.is_symlink() {
            return Err(Nfsstat3::ErrInval);
        }
        let link = self.file(node, OFlag::O_PATH)?;
        let target = readlinkat(link, "").map_err(|errno| status::nfs(&errno.into()))?;
        Ok(target.into_vec())
    }

    /// The names in a directory.
    pub fn list(&self, node: Node) -> Result<Arc<Listing>, Nfsstat3> {
        let failed = |error: io::Error| status::nfs(&error);
        if !self.metadata(node)?.is_dir() {
            return Err(Nfsstat3::ErrNotdir);
        }
        let dir = self.file(node, OFlag::O_RDONLY | OFlag::O_DIRECTORY)?;
        let metadata = dir.metadata().map_err(failed)?;
        let changed = metadata.mtime().wrapping_mul(1_000_000_000) + metadata.mtime_nsec();
        let verifier = changed.to_be_bytes();
        let mut listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = &*listed
            && known.node == node
            && known.verifier == verifier
        {
            return Ok(known.clone());
        }
        let entries = Dir::from_fd(dir.into()).map_err(|errno| failed(errno.into()))?;
        let mut names: Vec<Box<[u8]>> = vec![b"."[..].into(), b".."[..].into()];
        for entry in entries {
            let entry = entry.map_err(|errno| failed(errno.into()))?;
            match entry.file_name().to_bytes() {
                b"." | b".." => {}
                name => names.push(name.into()),
            }
        }
        names[2..].sort_unstable();
        let listing = Arc::new(Listing {
            node,
            verifier,
            names,
        });
        *listed = Some(listing.clone());
        Ok(listing)
    }

    /// How full the file system is.
    pub fn statistics(&self) -> Result<Statvfs, Nfsstat3> {
        fstatvfs(self.root.as_fd()).map_err(|errno| status::nfs(&errno.into()))
    }

    /// Opens the file of a node. One whose handle we gave, and that is not there, has gone.
    fn file(&self, node: Node, flags: OFlag) -> Result<File, Nfsstat3> {
        self.open_path(&self.path(node), flags)
            .map_err(|error| match status::nfs(&error) {
                Nfsstat3::ErrNoent | Nfsstat3::ErrNotdir => Nfsstat3::ErrStale,
                other => other,
            })
    }

    fn open_path(&self, path: &Path, flags: OFlag) -> io::Result<File> {
        let flags = flags | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let resolve = ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS;
        let how = OpenHow::new().flags(flags).resolve(resolve);
        let opened = openat2(&self.root, path, how)?;
        Ok(opened.into())
    }

    /// The path of a node from the root.
    fn path(&self, node: Node) -> PathBuf {
        let nodes = self.nodes();
        let mut names = Vec::new();
        let mut node = node;
        while node != Self::ROOT {
            let (parent, name) = &nodes.names[node.0 as usize];
            names.push(name);
            node = *parent;
        }
        let names = names.iter().rev().map(|name| OsStr::from_bytes(name));
        let path: PathBuf = names.collect();
        match path.as_os_str().is_empty() {
            true => ".".into(),
            false => path,
        }
    }

    fn nodes(&self) -> std::sync::MutexGuard<'_, Nodes> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Nodes {
    /// The node for a name in a directory; nothing if there are too many.
    fn child(&mut self, dir: Node, name: &[u8]) -> Option<Node> {
        let key = (dir, name.into());
        if let Some(known) = self.numbers.get(&key) {
            return Some(*known);
        }
        if self.names.len() >= MAX_NODES {
            return None;
        }
        let node = Node(self.names.len() as u64);
        self.names.push(key.clone());
        self.numbers.insert(key, node);
        Some(node)
    }
}

/// What NFS tells of a file (RFC 1813 section 2.5).
pub fn attributes(metadata: &Metadata) -> Fattr3 {
    let kind = metadata.file_type();
    let time = |seconds: i64, nanoseconds: i64| Nfstime3 {
        seconds: seconds as u32,
        nseconds: nanoseconds as u32,
    };
    let rdev = metadata.rdev();
    Fattr3 {
        r#type: match () {
            () if kind.is_dir() => Ftype3::Nf3dir,
            () if kind.is_symlink() => Ftype3::Nf3lnk,
            () if kind.is_block_device() => Ftype3::Nf3blk,
            () if kind.is_char_device() => Ftype3::Nf3chr,
            () if kind.is_socket() => Ftype3::Nf3sock,
            () if kind.is_fifo() => Ftype3::Nf3fifo,
            () => Ftype3::Nf3reg,
        },
        mode: metadata.mode() & 0o7777,
        nlink: metadata.nlink() as u32,
        uid: metadata.uid(),
        gid: metadata.gid(),
        size: metadata.len(),
        used: metadata.blocks() * 512,
        rdev: Specdata3 {
            specdata1: nix::sys::stat::major(rdev) as u32,
            specdata2: nix::sys::stat::minor(rdev) as u32,
        },
        fsid: metadata.dev(),
        fileid: metadata.ino(),
        atime: time(metadata.atime(), metadata.atime_nsec()),
        mtime: time(metadata.mtime(), metadata.mtime_nsec()),
        ctime: time(metadata.ctime(), metadata.ctime_nsec()),
    }
}

/// Most bytes of one READ: 1 MiB, as much as Linux' client asks for.
pub const MAX_READ: u32 = 1 << 20;

/// Longest name in bytes: `NAME_MAX` of Linux.
pub const MAX_NAME: usize = 255;

/// Most files that handles are given for: about 200 MB of names.
const MAX_NODES: usize = 1 << 20;
