//! `/etc/netconfig`: which transports this host has, and which of them rpcbind serves.

use std::fs;
use std::io;
use std::path::Path;

use oncrpc::netid::{Family, Netid, Protocol, Semantics, Transport};

use crate::fields;

/// A transport of this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkConfig {
    /// Its name.
    pub netid: Netid,
    /// What it is made of.
    pub transport: Transport,
    /// Whether programs that look for a transport come upon it.
    pub visible: bool,
}

/// A line that is no entry; it is passed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLine {
    /// Its number, from 1.
    pub line: usize,
    /// The field at fault, or what is missing.
    pub reason: String,
}

/// Where libtirpc and everybody else find it.
pub const PATH: &str = "/etc/netconfig";

/// The entries of a file, or the usual ones if there is no such file: rpcbind then serves nothing at all.
pub fn read(path: &Path) -> io::Result<(Vec<NetworkConfig>, Vec<BadLine>)> {
    match fs::read(path) {
        Ok(text) => Ok(parse(&String::from_utf8_lossy(&text))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(parse(USUAL)),
        Err(error) => Err(error),
    }
}

/// The entries of a table.
pub fn parse(table: &str) -> (Vec<NetworkConfig>, Vec<BadLine>) {
    let (mut entries, mut bad) = (Vec::new(), Vec::new());
    for (line, fields) in fields::lines(table) {
        match entry(&fields) {
            Ok(Some(entry)) => entries.push(entry),
            Ok(None) => {}
            Err(reason) => bad.push(BadLine { line, reason }),
        }
    }
    (entries, bad)
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

/// One entry; `None` for a transport that has no addresses we know, such as `rawip`.
fn entry(fields: &[&str]) -> Result<Option<NetworkConfig>, String> {
    let &[
        netid,
        semantics,
        flags,
        family,
        protocol,
        _device,
        _libraries,
    ] = fields
    else {
        return Err(format!("{} fields, expected 7", fields.len()));
    };
    let semantics = match semantics {
        "tpi_clts" => Semantics::Clts,
        "tpi_cots" => Semantics::Cots,
        "tpi_cots_ord" => Semantics::CotsOrd,
        "tpi_raw" => Semantics::Raw,
        other => return Err(format!("unknown semantics {other}")),
    };
    let family = match family {
        "inet" => Family::Inet,
        "inet6" => Family::Inet6,
        "loopback" => Family::Loopback,
        _ => return Ok(None),
    };
    let protocol = match protocol {
        "tcp" => Some(Protocol::Tcp),
        "udp" => Some(Protocol::Udp),
        "-" => None,
        _ => return Ok(None),
    };
    Ok(Some(NetworkConfig {
        netid: Netid::from(netid),
        transport: Transport {
            semantics,
            family,
            protocol,
        },
        visible: flags.contains('v'),
    }))
}

/// What Debian installs.
const USUAL: &str = "
    udp    tpi_clts      v  inet      udp  -  -
    tcp    tpi_cots_ord  v  inet      tcp  -  -
    udp6   tpi_clts      v  inet6     udp  -  -
    tcp6   tpi_cots_ord  v  inet6     tcp  -  -
    rawip  tpi_raw       -  inet      -    -  -
    local  tpi_cots_ord  -  loopback  -    -  -
    unix   tpi_cots_ord  -  loopback  -    -  -
";

#[cfg(test)]
mod tests {
    use super::*;

    fn served_of(table: &str) -> Vec<String> {
        let (entries, _) = parse(table);
        let served = served(&entries);
        served.iter().map(|entry| entry.netid.to_string()).collect()
    }

    #[test]
    fn the_usual_table_has_the_five_default_transports() {
        let (entries, bad) = read(Path::new("/nonexistent/netconfig")).unwrap();
        assert_eq!((entries.len(), bad.len()), (7, 0));
        assert_eq!(served_of(USUAL), ["local", "udp", "tcp", "udp6", "tcp6"]);
        for entry in served(&entries) {
            assert_eq!(entry.netid.transport(), Some(entry.transport));
        }
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

    #[test]
    fn a_bad_line_is_named_and_passed_over() {
        let table =
            "tcp tpi_cots_ord v inet tcp - -\nudp tpi_clts v\n# x\nudp tpi_x v inet udp - -\n";
        let (entries, bad) = parse(table);
        assert_eq!(entries.len(), 1);
        let expected = [(2, "3 fields, expected 7"), (4, "unknown semantics tpi_x")];
        let expected = expected.map(|(line, reason)| BadLine {
            line,
            reason: reason.to_owned(),
        });
        assert_eq!(bad, expected);
    }
}
