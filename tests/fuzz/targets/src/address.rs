//! Universal addresses and socket addresses.

use oncrpc::netid::{Family, Netid};
use oncrpc::uaddr::Uaddr;
use oncrpc_portmapper::taddr;
use oncrpc_xdr::XdrString;

/// An address that is read is printed as an address that is read the same; a socket address made of a universal one
/// is within its room, and the universal address of it makes it again.
pub fn uaddr_taddr(data: &[u8]) {
    let text = XdrString::from(data);
    let _ = Netid::from(&text);
    for family in [Family::Inet, Family::Inet6, Family::Loopback] {
        match Uaddr::parse(data, family) {
            Ok(uaddr) => {
                let printed = XdrString::from(&uaddr);
                assert_eq!(Uaddr::parse(printed.as_bytes(), family), Ok(uaddr));
            }
            Err(error) => assert!(error.at <= data.len(), "{error:?}"),
        }
        let socket = taddr::from_uaddr(&text, family);
        assert!(socket.bytes.len() <= socket.max as usize);
        if !socket.bytes.is_empty() {
            let uaddr = taddr::to_uaddr(&socket.bytes, family);
            if family != Family::Loopback {
                assert_eq!(taddr::from_uaddr(&uaddr, family), socket);
            }
        }
        // Any bytes of a peer as a socket address: there is an address that is read, or no text.
        let uaddr = taddr::to_uaddr(data, family);
        if family != Family::Loopback && !uaddr.is_empty() {
            assert!(Uaddr::parse(uaddr.as_bytes(), family).is_ok(), "{uaddr}");
        }
    }
}
