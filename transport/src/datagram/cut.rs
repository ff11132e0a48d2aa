//! Several datagrams that the kernel is given as one, and cuts apart (`UDP_SEGMENT`, `udp(7)`; Linux 4.18).

use std::io;
use std::os::fd::AsFd;

use nix::libc::{EINVAL, EIO, EMSGSIZE};
use nix::sys::socket::getsockopt;
use nix::sys::socket::sockopt::UdpGsoSegment;

/// Longest datagrams, in bytes, of which the kernel is given several as one: each has to fit the way's MTU, and that of IPv6
/// is 1,280 everywhere (RFC 8200 §5), 48 of them for headers.
pub const MAX_SEGMENT: usize = 1232;

/// Most datagrams that the kernel cuts at once (`UDP_MAX_SEGMENTS` of the oldest Linux that cuts).
pub const MAX_SEGMENTS: usize = 64;

/// Whether the kernel cuts what this socket is given.
pub fn is_known(socket: &impl AsFd) -> bool {
    getsockopt(socket, UdpGsoSegment).is_ok()
}

/// Whether an error may come of what was to be cut: the way out makes no checksums, or takes shorter datagrams only.
pub fn is_refused(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(EIO | EINVAL | EMSGSIZE))
}
