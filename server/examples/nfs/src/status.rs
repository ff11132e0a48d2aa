//! The errors of the system as NFS has them.

use std::io;

use nix::errno::Errno;

use crate::nfs3::{Mountstat3, Nfsstat3};

/// What NFS calls an error of the system's (RFC 1813 section 2.6).
pub fn nfs(error: &io::Error) -> Nfsstat3 {
    let Some(errno) = error.raw_os_error().map(Errno::from_raw) else {
        return Nfsstat3::ErrServerfault;
    };
    match errno {
        Errno::EPERM => Nfsstat3::ErrPerm,
        Errno::ENOENT => Nfsstat3::ErrNoent,
        Errno::ENXIO => Nfsstat3::ErrNxio,
        Errno::EACCES => Nfsstat3::ErrAcces,
        Errno::ENODEV => Nfsstat3::ErrNodev,
        Errno::ENOTDIR => Nfsstat3::ErrNotdir,
        Errno::EISDIR => Nfsstat3::ErrIsdir,
        // A link where there should be none, or a way out of the directory.
        Errno::EINVAL | Errno::ELOOP | Errno::EXDEV => Nfsstat3::ErrInval,
        Errno::EFBIG => Nfsstat3::ErrFbig,
        Errno::EROFS => Nfsstat3::ErrRofs,
        Errno::ENAMETOOLONG => Nfsstat3::ErrNametoolong,
        Errno::ESTALE => Nfsstat3::ErrStale,
        // For now there is too much at hand: the client asks again (RFC 1813 section 2.6).
        Errno::EMFILE | Errno::ENFILE | Errno::ENOMEM => Nfsstat3::ErrJukebox,
        _ => Nfsstat3::ErrIo,
    }
}

/// What MOUNT calls an error of NFS's.
pub fn mount(status: Nfsstat3) -> Mountstat3 {
    match status {
        Nfsstat3::ErrPerm => Mountstat3::ErrPerm,
        Nfsstat3::ErrNoent | Nfsstat3::ErrStale => Mountstat3::ErrNoent,
        Nfsstat3::ErrAcces => Mountstat3::ErrAcces,
        Nfsstat3::ErrNotdir => Mountstat3::ErrNotdir,
        Nfsstat3::ErrInval => Mountstat3::ErrInval,
        Nfsstat3::ErrNametoolong => Mountstat3::ErrNametoolong,
        _ => Mountstat3::ErrIo,
    }
}
