//! MOUNT version 3: the handle that everything begins with.

use std::path::Path;
use std::sync::Arc;

use oncrpc::{CallContext, Reject};
use oncrpc_xdr::XdrString;

use crate::nfs3::mount_program::v3;
use crate::nfs3::{Dirpath, Exportnode, Exports, Mountlist, Mountres3, Mountres3Ok, Nfsstat3};
use crate::status;
use crate::tree::Tree;

/// Answers MOUNT calls for one directory.
///
/// Who has mounted is not kept: nobody can rely on that list (RFC 1813 section 5.2.2).
#[derive(Debug)]
pub struct Mount {
    tree: Arc<Tree>,
    /// What clients call the directory.
    name: Vec<u8>,
}

/// AUTH_NONE and AUTH_SYS, which calls may come with.
const FLAVORS: [i32; 2] = [0, 1];

impl Mount {
    /// Serves `tree`, which clients call `name`.
    pub fn new(tree: Arc<Tree>, name: &Path) -> Self {
        use std::os::unix::ffi::OsStrExt;
        let name = name.as_os_str().as_bytes().to_vec();
        Self { tree, name }
    }

    /// What is left of a path behind the name of the directory.
    fn below<'a>(&self, path: &'a [u8]) -> Result<&'a [u8], Nfsstat3> {
        match path.strip_prefix(&self.name[..]) {
            Some(rest) if rest.is_empty() || rest.starts_with(b"/") || self.name == b"/" => {
                Ok(rest)
            }
            _ => Err(Nfsstat3::ErrNoent),
        }
    }
}

impl v3::Server for Mount {
    async fn mnt(&self, _: &CallContext, path: Dirpath) -> Result<Mountres3, Reject> {
        let rest = self.below(path.as_bytes()).map(<[u8]>::to_vec);
        let tree = self.tree.clone();
        let mounted = tokio::task::spawn_blocking(move || {
            let node = tree.walk(&rest?)?;
            match tree.metadata(node)?.is_dir() {
                true => Ok(tree.handle(node)),
                false => Err(Nfsstat3::ErrNotdir),
            }
        });
        Ok(match mounted.await.map_err(|_| Reject::SystemErr)? {
            Ok(handle) => Mountres3::Ok(Mountres3Ok {
                fhandle: handle.data,
                auth_flavors: FLAVORS.to_vec(),
            }),
            Err(status) => Mountres3::Default(status::mount(status)),
        })
    }

    async fn dump(&self, _: &CallContext) -> Result<Mountlist, Reject> {
        Ok(Mountlist::new())
    }

    async fn umnt(&self, _: &CallContext, _: Dirpath) -> Result<(), Reject> {
        Ok(())
    }

    async fn umntall(&self, _: &CallContext) -> Result<(), Reject> {
        Ok(())
    }

    async fn export(&self, _: &CallContext) -> Result<Exports, Reject> {
        let ex_dir = XdrString::from(self.name.clone());
        let ex_groups = Vec::new();
        Ok(vec![Exportnode { ex_dir, ex_groups }])
    }
}
