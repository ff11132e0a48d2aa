//! Who this process is.

use nix::unistd;
use oncrpc::auth::AuthSys;
use oncrpc::proto::rpc_msg::{AuthsysParms, MAX_GROUPS, MAX_MACHINE_NAME};
use oncrpc_xdr::{EncodeError, XdrString};

/// The AUTH_SYS credential of this process: the host's name, its effective user and group, and the first
/// 16 of its groups, which is as many as fit.
pub fn auth_sys() -> Result<AuthSys, EncodeError> {
    let name = unistd::gethostname()
        .unwrap_or_default()
        .into_encoded_bytes();
    let name = &name[..name.len().min(MAX_MACHINE_NAME as usize)];
    let groups = unistd::getgroups().unwrap_or_default();
    AuthSys::new(&AuthsysParms {
        stamp: 0,
        machinename: XdrString::from(name),
        uid: unistd::geteuid().as_raw(),
        gid: unistd::getegid().as_raw(),
        gids: groups
            .iter()
            .take(MAX_GROUPS as usize)
            .map(|group| group.as_raw())
            .collect(),
    })
}
