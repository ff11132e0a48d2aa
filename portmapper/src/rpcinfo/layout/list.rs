//! Registrations as rpcinfo lays them out. Widths and headings are those of rpcinfo 1.2.6, byte for byte.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use oncrpc::proto::portmap::{IPPROTO_TCP, IPPROTO_UDP, Mapping};
use oncrpc::proto::rpcb::{NC_TPI_CLTS, NC_TPI_COTS, Rpcb, RpcbEntry};

use super::text::{printable, push_padded};
use crate::registry::c_string;
use crate::services::ProgramNames;

/// What is said of an empty list, whichever it is.
const NOTHING: &str = "No remote programs registered.\n";

/// A line for each registration: rpcinfo without a letter.
pub fn registrations(list: &[Rpcb], names: &ProgramNames) -> String {
    if list.is_empty() {
        return NOTHING.to_owned();
    }
    let mut text =
        "   program version netid     address                service    owner\n".to_owned();
    for entry in list {
        push_registration(&mut text, entry, names);
        let _ = writeln!(text, " {}", printable(&entry.r_owner));
    }
    text
}

/// A registration without its owner, as far as every layout that begins like this has it.
pub(super) fn push_registration(text: &mut String, entry: &Rpcb, names: &ProgramNames) {
    let _ = write!(text, "{:10}{:5}    ", entry.r_prog, entry.r_vers);
    push_padded(text, &printable(&entry.r_netid), 9);
    text.push(' ');
    push_padded(text, &printable(&entry.r_addr), 22);
    text.push(' ');
    push_padded(text, names.name(entry.r_prog).unwrap_or("-"), 10);
}

/// A line for each program, with all its versions and transports, the last registered first: `-s`.
pub fn programs(list: &[Rpcb], names: &ProgramNames) -> String {
    if list.is_empty() {
        return NOTHING.to_owned();
    }
    let mut text =
        "   program version(s) netid(s)                         service     owner\n".to_owned();
    for row in merged(list) {
        let _ = write!(text, "{:10}  ", row.program);
        let versions = row.versions.iter().rev().map(u32::to_string);
        push_padded(&mut text, &versions.collect::<Vec<_>>().join(","), 10);
        let netids = row.netids.iter().rev();
        let netids = netids.map(|entry| printable(&entry.r_netid));
        push_padded(&mut text, &netids.collect::<Vec<_>>().join(","), 32);
        text.push(' ');
        push_padded(&mut text, names.name(row.program).unwrap_or("-"), 11);
        let _ = writeln!(text, " {}", printable(&row.first.r_owner));
    }
    text
}

/// A program with what it is registered with, in the order of the registrations.
pub(super) struct Row<'a> {
    pub(super) program: u32,
    /// Whose owner is the program's.
    pub(super) first: &'a Rpcb,
    pub(super) versions: Vec<u32>,
    /// One registration for each netid.
    pub(super) netids: Vec<&'a Rpcb>,
}

/// The list by programs, in the order in which they come in it.
pub(super) fn merged(list: &[Rpcb]) -> Vec<Row<'_>> {
    let mut rows: Vec<Row<'_>> = Vec::new();
    let mut at = HashMap::new();
    // A list may be long, and all of one program.
    let (mut versions, mut netids) = (HashSet::new(), HashSet::new());
    for entry in list {
        let program = entry.r_prog;
        let at = *at.entry(program).or_insert_with(|| {
            let behind = rows.len();
            rows.push(Row {
                program,
                first: entry,
                versions: Vec::new(),
                netids: Vec::new(),
            });
            behind
        });
        let Some(row) = rows.get_mut(at) else {
            continue;
        };
        if versions.insert((program, entry.r_vers)) {
            row.versions.push(entry.r_vers);
        }
        if netids.insert((program, c_string(&entry.r_netid))) {
            row.netids.push(entry);
        }
    }
    rows
}

/// A line for each mapping of version 2: `-p`.
pub fn mappings(list: &[Mapping], names: &ProgramNames) -> String {
    if list.is_empty() {
        return NOTHING.to_owned();
    }
    let mut text = "   program vers proto   port  service\n".to_owned();
    for map in list {
        let _ = write!(text, "{:10}{:5}", map.prog, map.vers);
        let _ = match map.prot {
            IPPROTO_UDP => write!(text, "{:>6}", "udp"),
            IPPROTO_TCP => write!(text, "{:>6}", "tcp"),
            other => write!(text, "{other:6}"),
        };
        let _ = write!(text, "{:7}", map.port);
        if let Some(name) = names.name(map.prog) {
            text.push_str("  ");
            text.push_str(name);
        }
        text.push('\n');
    }
    text
}

/// A line for each address of one version of a program: `-l`.
pub fn addresses(
    list: &[RpcbEntry],
    (program, version): (u32, u32),
    names: &ProgramNames,
) -> String {
    if list.is_empty() {
        return NOTHING.to_owned();
    }
    let mut text = "   program vers  tp_family/name/class    address\t\t  service\n".to_owned();
    for entry in list {
        let _ = write!(text, "{program:10}{version:3}    ");
        let transport = format!(
            "{}/{}/{} ",
            printable(&entry.r_nc_protofmly),
            printable(&entry.r_nc_proto),
            class(entry.r_nc_semantics)
        );
        push_padded(&mut text, &transport, 24);
        push_padded(&mut text, &printable(&entry.r_maddr), 24);
        text.push(' ');
        push_padded(&mut text, names.name(program).unwrap_or("-"), 13);
        text.push('\n');
    }
    text
}

/// How a transport delivers, in a word.
pub(super) fn class(semantics: u32) -> &'static str {
    match semantics {
        NC_TPI_CLTS => "clts",
        NC_TPI_COTS => "cots",
        _ => "cots_ord",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> ProgramNames {
        ProgramNames::parse("portmapper 100000\na_program_of_a_long_name 7\n")
    }

    fn entry(program: u32, version: u32, netid: &str, uaddr: &str, owner: &str) -> Rpcb {
        Rpcb {
            r_prog: program,
            r_vers: version,
            r_netid: netid.into(),
            r_addr: uaddr.into(),
            r_owner: owner.into(),
        }
    }

    #[test]
    fn registrations_stand_in_columns_until_they_are_too_long() {
        let list = [
            entry(100_000, 4, "tcp6", "::.0.111", "superuser"),
            entry(536_874_512, 1, "local", "/run/hello.sock", "1000"),
            entry(
                7,
                u32::MAX,
                "netid_of_12+",
                "a longer address than that",
                "",
            ),
        ];
        let expected = "   program version netid     address                service    owner
    100000    4    tcp6      ::.0.111               portmapper superuser
 536874512    1    local     /run/hello.sock        -          1000
         74294967295    netid_of_12+ a longer address than that a_program_of_a_long_name \n";
        assert_eq!(registrations(&list, &names()), expected);
    }

    #[test]
    fn a_program_is_one_line_of_what_came_last_first() {
        let list = [
            entry(100_000, 4, "tcp6", "", "superuser"),
            entry(100_000, 3, "tcp6", "", "superuser"),
            entry(7, 1, "udp", "", "x"),
            entry(100_000, 3, "udp", "", "unknown"),
            entry(100_000, 2, "local", "", "superuser"),
            entry(7, 1, "udp", "", "x"),
        ];
        let expected = "   program version(s) netid(s)                         service     owner
    100000  2,3,4     local,udp,tcp6                   portmapper  superuser
         7  1         udp                              a_program_of_a_long_name x\n";
        assert_eq!(programs(&list, &names()), expected);
    }

    #[test]
    fn a_long_list_of_one_program_is_merged_in_one_pass() {
        let list: Vec<_> = (0..100_000)
            .map(|n| entry(7, n, &n.to_string(), "", ""))
            .collect();
        let rows = merged(&list);
        assert_eq!(
            (rows.len(), rows[0].versions.len(), rows[0].netids.len()),
            (1, 100_000, 100_000)
        );
    }

    #[test]
    fn mappings_name_the_protocols_that_have_a_name() {
        let map = |prog, prot, port| Mapping {
            prog,
            vers: 2,
            prot,
            port,
        };
        let list = [map(100_000, 6, 111), map(5, 17, 65_535), map(5, 132, 1)];
        let expected = "   program vers proto   port  service
    100000    2   tcp    111  portmapper
         5    2   udp  65535
         5    2   132      1\n";
        assert_eq!(mappings(&list, &names()), expected);
    }

    #[test]
    fn addresses_are_listed_by_transport() {
        let entry = |family: &str, protocol: &str, semantics, uaddr: &str| RpcbEntry {
            r_maddr: uaddr.into(),
            r_nc_netid: "x".into(),
            r_nc_semantics: semantics,
            r_nc_protofmly: family.into(),
            r_nc_proto: protocol.into(),
        };
        let list = [
            entry("inet", "udp", 1, "127.0.0.1.11.84"),
            entry("inet6", "tcp", 3, "::1.11.84"),
            entry("loopback", "-", 2, "/run/hello.sock"),
        ];
        let expected = "   program vers  tp_family/name/class    address\t\t  service
    100000  1    inet/udp/clts           127.0.0.1.11.84          portmapper   
    100000  1    inet6/tcp/cots_ord      ::1.11.84                portmapper   
    100000  1    loopback/-/cots         /run/hello.sock          portmapper   \n";
        assert_eq!(addresses(&list, (100_000, 1), &names()), expected);
    }

    #[test]
    fn an_empty_list_says_so() {
        let names = names();
        for text in [
            registrations(&[], &names),
            programs(&[], &names),
            mappings(&[], &names),
            addresses(&[], (1, 1), &names),
        ] {
            assert_eq!(text, "No remote programs registered.\n");
        }
    }

    #[test]
    fn a_name_cannot_add_a_line() {
        let list = [entry(9, 1, "tcp\n100003", "\x1b[H", "me\nyou")];
        for text in [registrations(&list, &names()), programs(&list, &names())] {
            assert_eq!(text.lines().count(), 2);
            assert!(!text.contains('\x1b'), "{text}");
        }
    }
}
