//! The group of rpcbinds, ff02::202, by which all of them on a link are asked at once over IPv6.

use std::io;
use std::net::{Ipv6Addr, SocketAddr, UdpSocket};

use nix::libc::ENODEV;
use oncrpc_client::broadcast::RPCBIND_GROUP;
use oncrpc_server::Listen;

use crate::interfaces::{Changes, Interfaces};
use crate::merge::Interface;

/// The sockets by which the group is heard.
#[derive(Debug)]
pub struct Group(Vec<UdpSocket>);

impl Group {
    /// Those of these sockets by which it can be: UDP over IPv6, bound to all addresses. One that is bound to
    /// an address of `-h` hears that one alone.
    pub fn of<'a>(sockets: impl IntoIterator<Item = &'a Listen>) -> io::Result<Self> {
        let hears = |socket: &UdpSocket| {
            let any = |address: SocketAddr| address.ip() == Ipv6Addr::UNSPECIFIED;
            socket.local_addr().is_ok_and(any)
        };
        // Of several at one address the first, which is the one that answers what is sent to many.
        let first = |listen: &'a Listen| listen.udp_sockets().first();
        let sockets = sockets.into_iter().filter_map(first);
        let sockets = sockets.filter(|socket| hears(socket));
        let sockets = sockets.map(UdpSocket::try_clone);
        sockets.collect::<io::Result<_>>().map(Self)
    }

    /// Joins on each interface that has neighbours over IPv6.
    pub fn join(&self, interfaces: &[Interface]) {
        for index in links(interfaces) {
            for socket in &self.0 {
                match socket.join_multicast_v6(&RPCBIND_GROUP, index) {
                    Ok(()) => log::debug!("joined {RPCBIND_GROUP} on interface {index}"),
                    // It is in the group already.
                    Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                    // It has gone since the list was made.
                    Err(error) if error.raw_os_error() == Some(ENODEV) => {}
                    Err(error) => {
                        log::warn!("cannot join {RPCBIND_GROUP} on interface {index}: {error}");
                    }
                }
            }
        }
    }

    /// Follows the changes of `interfaces` for as long as there is word of them, and joins where one is new.
    pub async fn follow(self, interfaces: Interfaces, changes: Changes) {
        let error = loop {
            match changes.next().await {
                Ok(()) => {
                    interfaces.changed();
                    self.join(&interfaces.list());
                }
                Err(error) => break error,
            }
        };
        log::error!("changes of interfaces are no longer heard of: {error}");
        interfaces.no_longer_followed();
    }
}

/// The interfaces on which there may be neighbours, by number, each once.
fn links(interfaces: &[Interface]) -> Vec<u32> {
    let ipv6 = |interface: &&Interface| interface.address.is_ipv6();
    let with_neighbours = |interface: &&Interface| interface.up && interface.multicast;
    let usable = interfaces.iter().filter(ipv6).filter(with_neighbours);
    let mut links: Vec<u32> = usable.map(|interface| interface.index).collect();
    links.sort_unstable();
    links.dedup();
    links
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_group_is_joined_where_there_are_neighbours_over_ipv6() {
        let interface = |index, address: &str| Interface {
            index,
            address: address.parse().unwrap(),
            prefix: 64,
            up: true,
            general: true,
            multicast: true,
        };
        let loopback = Interface {
            multicast: false,
            ..interface(1, "::1")
        };
        let down = Interface {
            up: false,
            ..interface(4, "fe80::4")
        };
        let list = [
            loopback,
            interface(3, "fe80::3"),
            interface(2, "192.0.2.1"),
            interface(3, "2001:db8::3"),
            down,
            interface(5, "fe80::5"),
        ];
        assert_eq!(links(&list), [3, 5]);
    }

    #[test]
    fn only_a_socket_that_is_bound_to_all_addresses_hears_it() {
        let udp = |address: &str| Listen::UdpSocket(UdpSocket::bind(address).unwrap());
        // Where there is no IPv6, there is no group either.
        if UdpSocket::bind("[::1]:0").is_ok() {
            let sockets = [udp("127.0.0.1:0"), udp("[::1]:0"), udp("[::]:0")];
            assert_eq!(Group::of(&sockets).unwrap().0.len(), 1);
        }
    }
}
