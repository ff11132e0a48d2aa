//! `/etc/netconfig` as rpcbind reads it: which of the host's transports it serves.

use std::fs;
use std::io;
use std::path::Path;

use oncrpc::netconfig::{self, BadLine, NetworkConfig};
use oncrpc::netid::{Family, Netid};

/// The entries of a file, or the usual ones if there is no such file: rpcbind then serves nothing at all.
pub fn read(path: &Path) -> io::Result<(Vec<NetworkConfig>, Vec<BadLine>)> {
    match fs::read(path) {
        Ok(text) => Ok(netconfig::parse(&String::from_utf8_lossy(&text))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Ok((netconfig::usual(), Vec::new()))
        }
        Err(error) => Err(error),
    }
}

/// The transports that rpcbind serves, in its order: Unix sockets, then what is visible.
///
/// `unix` is asked only where there is no `local`, and either is served though it is not visible. Netids
/// that we cannot tell the meaning of are passed over, as libtirpc passes over them.
pub fn served(entries: &[NetworkConfig]) -> Vec<&NetworkConfig> {
    let named = |netid| entries.iter().find(|entry| entry.netid == netid);
    let local = named(Netid::Local).or_else(|| named(Netid::Unix));
    let over_ip = entries.iter().filter(|entry| {
        entry.visible
            && entry.transport.family != Family::Loopback
            && entry.netid.transport() == Some(entry.transport)
    });
    local.into_iter().chain(over_ip).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn served_of(table: &str) -> Vec<String> {
        let (entries, _) = netconfig::parse(table);
        let served = served(&entries);
        served.iter().map(|entry| entry.netid.to_string()).collect()
    }

    #[test]
    fn the_usual_table_has_the_five_default_transports() {
        let (entries, bad) = read(Path::new("/nonexistent/netconfig")).unwrap();
        assert!(bad.is_empty());
        let served: Vec<_> = served(&entries).iter().map(|entry| &entry.netid).collect();
        use Netid::{Local, Tcp, Tcp6, Udp, Udp6};
        assert_eq!(served, [&Local, &Udp, &Tcp, &Udp6, &Tcp6]);
    }

    #[test]
    fn what_is_served_follows_the_table() {
        let unix = "unix tpi_cots_ord - loopback - - -\n";
        let local = "local tpi_cots_ord v loopback - - -\n";
        let tcp = "tcp tpi_cots_ord v inet tcp - -\n";
        let udp = "udp tpi_clts - inet udp - -\n";
        let odd = "udp4 tpi_clts v inet udp - -\n";
        let wrong = "udp6 tpi_clts v inet udp - -\n";
        assert_eq!(served_of(&[tcp, unix].concat()), ["unix", "tcp"]);
        assert_eq!(served_of(&[unix, local].concat()), ["local"], "and once");
        assert_eq!(served_of(&[tcp, udp, odd, wrong].concat()), ["tcp"]);
        assert!(served_of("").is_empty());
    }
}
