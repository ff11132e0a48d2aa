//! Whether it is rpcbind that answers at a Unix socket.

use std::io;

use nix::unistd::{Uid, User};
use oncrpc::peer::Peer;

use crate::Endpoint;

/// Users that distributions have rpcbind run as: Debian's, Red Hat's.
const RPCBIND_USERS: [&str; 2] = ["_rpc", "rpc"];

/// What the kernel shows for a user whom our user namespace does not know: `/proc/sys/kernel/overflowuid`, which
/// nobody changes.
const OVERFLOW_UID: u32 = 65_534;

/// That who listens at a socket of rpcbind's name may be rpcbind, by the user that the kernel vouches for (SO_PEERCRED);
/// an error if not.
///
/// Anybody may listen at an abstract name, and an answer of GETADDR sends calls wherever it likes. So rpcbind is
/// root, or a user that is there for it, or we: who can answer as us has no need to.
pub(crate) fn for_rpcbind(server: &Peer, at: &Endpoint) -> io::Result<()> {
    let Some(process) = server.unix() else {
        return Ok(());
    };
    let uid = process.uid;
    let may_be = match uid {
        0 => true,
        // In a container without the host's users, the host's root is nobody whom the kernel could name; we may be
        // nobody, too. At a path that is enough: only root could put a socket there. An abstract name is open to all
        // who have no name here.
        OVERFLOW_UID => matches!(at, Endpoint::Unix(_)),
        uid => uid == Uid::effective().as_raw() || is_rpcbinds_user(uid),
    };
    if may_be {
        return Ok(());
    }
    // In such a container it is no news.
    let level = match uid {
        OVERFLOW_UID => log::Level::Debug,
        _ => log::Level::Warn,
    };
    log::log!(
        level,
        "{at} is passed over: who listens there is uid {uid}, which is not rpcbind's"
    );
    let message = format!("who listens is uid {uid}, neither root nor rpcbind's user");
    Err(io::Error::new(io::ErrorKind::PermissionDenied, message))
}

fn is_rpcbinds_user(uid: u32) -> bool {
    RPCBIND_USERS.iter().any(|name| {
        let user = User::from_name(name);
        user.is_ok_and(|user| user.is_some_and(|user| user.uid.as_raw() == uid))
    })
}

#[cfg(test)]
mod tests {
    use oncrpc::peer::UnixPeer;

    use super::*;

    #[test]
    fn rpcbind_is_root_or_its_own_user_or_we() {
        let answers = |uid, at: &Endpoint| {
            let (gid, pid) = (0, None);
            let server = Peer::process(UnixPeer { uid, gid, pid });
            for_rpcbind(&server, at).map_err(|error| error.to_string())
        };
        let name = Endpoint::Abstract(b"/run/rpcbind.sock".to_vec());
        let path = Endpoint::Unix("/run/rpcbind.sock".into());
        for at in [&name, &path] {
            assert!(answers(0, at).is_ok());
            let ours = answers(Uid::effective().as_raw(), at);
            assert!(ours.is_ok() || Uid::effective().as_raw() == OVERFLOW_UID);
            let stranger = answers(4_000_000_000, at).unwrap_err();
            let said = "who listens is uid 4000000000, neither root nor rpcbind's user";
            assert_eq!(stranger, said);
        }
        assert!(answers(OVERFLOW_UID, &path).is_ok());
        assert!(answers(OVERFLOW_UID, &name).is_err());
    }
}
