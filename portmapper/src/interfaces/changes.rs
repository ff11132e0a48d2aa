//! Word of the kernel that interfaces or their addresses have changed: rtnetlink(7).

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::libc::{RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR, RTMGRP_LINK};
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, socket,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// What changes of this host's interfaces are heard by.
///
/// What the kernel's messages say is not read: that there was one is enough to ask for everything anew. So
/// nothing in them can be misunderstood, and none can be missed by being lost.
#[derive(Debug)]
pub struct Changes(AsyncFd<OwnedFd>);

/// Messages that are read before other tasks get their turn; the list is asked for once for all of them.
const TURN: usize = 1024;

impl Changes {
    /// Listens from now on.
    pub fn open() -> io::Result<Self> {
        let socket = socket(
            AddressFamily::Netlink,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK,
            SockProtocol::NetlinkRoute,
        )?;
        let groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR;
        bind(
            socket.as_raw_fd(),
            &NetlinkAddr::new(0, groups.unsigned_abs()),
        )?;
        #[expect(
            deprecated,
            reason = "what is unsound with types that change their descriptor is not with an owned one"
        )]
        AsyncFd::with_interest(socket, Interest::READABLE).map(Self)
    }

    /// Waits until something has changed.
    pub async fn next(&self) -> io::Result<()> {
        let heard = |socket: &OwnedFd| {
            // The rest of each message is dropped with its beginning.
            let mut beginning = [0; 16];
            recv(socket.as_raw_fd(), &mut beginning, MsgFlags::MSG_DONTWAIT)
                .map(drop)
                .or_else(|errno| match errno {
                    // More was said than there was room for: something has changed.
                    Errno::ENOBUFS => Ok(()),
                    errno => Err(io::Error::from(errno)),
                })
        };
        self.0.async_io(Interest::READABLE, heard).await?;
        for _ in 1..TURN {
            if heard(self.0.get_ref()).is_err() {
                break;
            }
        }
        Ok(())
    }
}
