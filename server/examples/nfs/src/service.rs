//! NFS version 3 of a [`Tree`], which nobody may change.

use std::sync::Arc;

use oncrpc::{CallContext, Reject};

use crate::nfs3::nfs_program::v3;
use crate::nfs3::*;
use crate::readdir::{Page, entries, entries_plus};
use crate::tree::{MAX_READ, Tree};

/// Answers NFS calls.
///
/// Files are read as the user that the server runs as: whoever may call may read what that user may.
#[derive(Clone, Debug)]
pub struct Nfs {
    tree: Arc<Tree>,
}

impl Nfs {
    /// Serves `tree`.
    pub fn new(tree: Arc<Tree>) -> Self {
        Self { tree }
    }

    /// Does what may wait for a disk where waiting holds up nobody.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Tree) -> T + Send + 'static,
    ) -> Result<T, Reject> {
        let tree = self.tree.clone();
        let done = tokio::task::spawn_blocking(move || work(&tree)).await;
        done.map_err(|_| Reject::SystemErr)
    }

    /// The attributes of a file, where there are any to tell.
    fn known(tree: &Tree, handle: &NfsFh3) -> PostOpAttr {
        tree.node(handle)
            .and_then(|node| tree.attributes(node))
            .ok()
    }
}

/// The answer to a call that would change something.
macro_rules! read_only {
    ($($procedure:ident($args:ty) -> $result:ident, $fail:ident;)*) => {$(
        async fn $procedure(&self, _: &CallContext, _: $args) -> Result<$result, Reject> {
            Ok($result::Default {
                status: Nfsstat3::ErrRofs,
                resfail: $fail::default(),
            })
        }
    )*};
}

impl v3::Server for Nfs {
    async fn getattr(&self, _: &CallContext, args: Getattr3Args) -> Result<Getattr3Res, Reject> {
        self.blocking(move |tree| {
            let node = tree.node(&args.object);
            match node.and_then(|node| tree.attributes(node)) {
                Ok(obj_attributes) => Getattr3Res::Ok(Getattr3Resok { obj_attributes }),
                Err(status) => Getattr3Res::Default(status),
            }
        })
        .await
    }

    async fn lookup(&self, _: &CallContext, args: Lookup3Args) -> Result<Lookup3Res, Reject> {
        self.blocking(move |tree| {
            let Diropargs3 { dir, name } = args.what;
            let dir_attributes = Self::known(tree, &dir);
            let node = tree.node(&dir);
            match node.and_then(|node| tree.lookup(node, name.as_bytes())) {
                Ok(node) => Lookup3Res::Ok(Lookup3Resok {
                    object: tree.handle(node),
                    obj_attributes: tree.attributes(node).ok(),
                    dir_attributes,
                }),
                Err(status) => Lookup3Res::Default {
                    status,
                    resfail: Lookup3Resfail { dir_attributes },
                },
            }
        })
        .await
    }

    async fn access(&self, _: &CallContext, args: Access3Args) -> Result<Access3Res, Reject> {
        self.blocking(move |tree| {
            let node = tree.node(&args.object);
            match node.and_then(|node| tree.attributes(node)) {
                Ok(attributes) => Access3Res::Ok(Access3Resok {
                    obj_attributes: Some(attributes),
                    access: args.access & (ACCESS3_READ | ACCESS3_LOOKUP | ACCESS3_EXECUTE),
                }),
                Err(status) => Access3Res::Default {
                    status,
                    resfail: Access3Resfail::default(),
                },
            }
        })
        .await
    }

    async fn readlink(&self, _: &CallContext, args: Readlink3Args) -> Result<Readlink3Res, Reject> {
        self.blocking(move |tree| {
            let symlink_attributes = Self::known(tree, &args.symlink);
            let node = tree.node(&args.symlink);
            match node.and_then(|node| tree.link(node)) {
                Ok(target) => Readlink3Res::Ok(Readlink3Resok {
                    symlink_attributes,
                    data: target.into(),
                }),
                Err(status) => Readlink3Res::Default {
                    status,
                    resfail: Readlink3Resfail { symlink_attributes },
                },
            }
        })
        .await
    }

    async fn read(&self, _: &CallContext, args: Read3Args) -> Result<Read3Res, Reject> {
        self.blocking(move |tree| {
            let node = tree.node(&args.file);
            let read = node.and_then(|node| tree.read(node, args.offset, args.count));
            let file_attributes = Self::known(tree, &args.file);
            match read {
                Ok((data, eof)) => Read3Res::Ok(Read3Resok {
                    file_attributes,
                    count: data.len() as u32,
                    eof,
                    data,
                }),
                Err(status) => Read3Res::Default {
                    status,
                    resfail: Read3Resfail { file_attributes },
                },
            }
        })
        .await
    }

    async fn readdir(&self, _: &CallContext, args: Readdir3Args) -> Result<Readdir3Res, Reject> {
        self.blocking(move |tree| {
            let dir_attributes = Self::known(tree, &args.dir);
            let page = Page {
                cookie: args.cookie,
                verifier: args.cookieverf,
                names: args.count,
                whole: args.count,
            };
            let node = tree.node(&args.dir);
            match node.and_then(|node| entries(tree, node, page)) {
                Ok((reply, cookieverf)) => Readdir3Res::Ok(Readdir3Resok {
                    dir_attributes,
                    cookieverf,
                    reply,
                }),
                Err(status) => Readdir3Res::Default {
                    status,
                    resfail: Readdir3Resfail { dir_attributes },
                },
            }
        })
        .await
    }

    async fn readdirplus(
        &self,
        _: &CallContext,
        args: Readdirplus3Args,
    ) -> Result<Readdirplus3Res, Reject> {
        self.blocking(move |tree| {
            let dir_attributes = Self::known(tree, &args.dir);
            let page = Page {
                cookie: args.cookie,
                verifier: args.cookieverf,
                names: args.dircount,
                whole: args.maxcount,
            };
            let node = tree.node(&args.dir);
            match node.and_then(|node| entries_plus(tree, node, page)) {
                Ok((reply, cookieverf)) => Readdirplus3Res::Ok(Readdirplus3Resok {
                    dir_attributes,
                    cookieverf,
                    reply,
                }),
                Err(status) => Readdirplus3Res::Default {
                    status,
                    resfail: Readdirplus3Resfail { dir_attributes },
                },
            }
        })
        .await
    }

    async fn fsstat(&self, _: &CallContext, args: Fsstat3Args) -> Result<Fsstat3Res, Reject> {
        self.blocking(move |tree| {
            let obj_attributes = Self::known(tree, &args.fsroot);
            match tree.node(&args.fsroot).and_then(|_| tree.statistics()) {
                Ok(all) => Fsstat3Res::Ok(Fsstat3Resok {
                    obj_attributes,
                    tbytes: all.blocks() * all.fragment_size(),
                    fbytes: all.blocks_free() * all.fragment_size(),
                    abytes: all.blocks_available() * all.fragment_size(),
                    tfiles: all.files(),
                    ffiles: all.files_free(),
                    afiles: all.files_available(),
                    invarsec: 0,
                }),
                Err(status) => Fsstat3Res::Default {
                    status,
                    resfail: Fsstat3Resfail { obj_attributes },
                },
            }
        })
        .await
    }

    async fn fsinfo(&self, _: &CallContext, args: Fsinfo3Args) -> Result<Fsinfo3Res, Reject> {
        self.blocking(move |tree| {
            let obj_attributes = Self::known(tree, &args.fsroot);
            match tree.node(&args.fsroot) {
                Ok(_) => Fsinfo3Res::Ok(Fsinfo3Resok {
                    obj_attributes,
                    rtmax: MAX_READ,
                    rtpref: MAX_READ,
                    rtmult: 4096,
                    // Nobody writes, but some clients divide by these.
                    wtmax: MAX_READ,
                    wtpref: MAX_READ,
                    wtmult: 4096,
                    dtpref: 1 << 16,
                    maxfilesize: i64::MAX as u64,
                    time_delta: Nfstime3 {
                        seconds: 0,
                        nseconds: 1,
                    },
                    properties: FSF3_SYMLINK | FSF3_HOMOGENEOUS,
                }),
                Err(status) => Fsinfo3Res::Default {
                    status,
                    resfail: Fsinfo3Resfail { obj_attributes },
                },
            }
        })
        .await
    }

    async fn pathconf(&self, _: &CallContext, args: Pathconf3Args) -> Result<Pathconf3Res, Reject> {
        self.blocking(move |tree| {
            let obj_attributes = Self::known(tree, &args.object);
            match tree.node(&args.object) {
                Ok(_) => Pathconf3Res::Ok(Pathconf3Resok {
                    obj_attributes,
                    linkmax: 1,
                    name_max: crate::tree::MAX_NAME as u32,
                    no_trunc: true,
                    chown_restricted: true,
                    case_insensitive: false,
                    case_preserving: true,
                }),
                Err(status) => Pathconf3Res::Default {
                    status,
                    resfail: Pathconf3Resfail { obj_attributes },
                },
            }
        })
        .await
    }

    read_only! {
        setattr(Setattr3Args) -> Setattr3Res, Setattr3Resfail;
        write(Write3Args) -> Write3Res, Write3Resfail;
        create(Create3Args) -> Create3Res, Create3Resfail;
        mkdir(Mkdir3Args) -> Mkdir3Res, Mkdir3Resfail;
        symlink(Symlink3Args) -> Symlink3Res, Symlink3Resfail;
        mknod(Mknod3Args) -> Mknod3Res, Mknod3Resfail;
        remove(Remove3Args) -> Remove3Res, Remove3Resfail;
        rmdir(Rmdir3Args) -> Rmdir3Res, Rmdir3Resfail;
        rename(Rename3Args) -> Rename3Res, Rename3Resfail;
        link(Link3Args) -> Link3Res, Link3Resfail;
        commit(Commit3Args) -> Commit3Res, Commit3Resfail;
    }
}
