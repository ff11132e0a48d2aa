//! `/etc/netconfig`, `netconfig(5)`: which transports a host has.

use crate::fields;
use crate::netid::{Family, Netid, Protocol, Semantics, Transport};

/// A transport of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkConfig {
    /// Its name.
    pub netid: Netid,
    /// What it is made of.
    pub transport: Transport,
    /// Whether programs that look for a transport come upon it.
    pub visible: bool,
    /// The line of the table that says so, from 1; a host without a table has none.
    pub line: Option<usize>,
}

/// A line that is no entry; it is passed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLine {
    /// Its number, from 1.
    pub line: usize,
    /// The field at fault, or what is missing.
    pub reason: String,
}

/// Where libtirpc and everybody else find the table.
pub const PATH: &str = "/etc/netconfig";

/// The entries of a table.
pub fn parse(table: &str) -> (Vec<NetworkConfig>, Vec<BadLine>) {
    let (mut entries, mut bad) = (Vec::new(), Vec::new());
    for (line, fields) in fields::lines(table) {
        match entry(line, &fields) {
            Ok(Some(entry)) => entries.push(entry),
            Ok(None) => {}
            Err(reason) => bad.push(BadLine { line, reason }),
        }
    }
    (entries, bad)
}

/// The entries of a host without a table: what Debian installs.
pub fn usual() -> Vec<NetworkConfig> {
    let (mut entries, _) = parse(USUAL);
    for entry in &mut entries {
        entry.line = None;
    }
    entries
}

/// One entry; `None` for a transport that has no addresses we know, such as `rawip`.
fn entry(line: usize, fields: &[&str]) -> Result<Option<NetworkConfig>, String> {
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
        line: Some(line),
    }))
}

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

    #[test]
    fn the_usual_transports_are_what_their_names_say() {
        let (entries, bad) = parse(USUAL);
        assert_eq!((entries.len(), bad.len()), (7, 0));
        for entry in usual() {
            let known = entry.netid.transport();
            assert_eq!(known.unwrap_or(entry.transport), entry.transport);
        }
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
