//! The units of systemd.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::{portmapper, success};

const SERVICE: &str = "systemd/rpcbind.service";
const SOCKET: &str = "systemd/rpcbind.socket";

/// Where Debian's are.
const THEIRS: &str = "/lib/systemd/system";

/// Most exposure of the service, in tenths: rpcbind 1.2.6 has 95, and what ours has left is that it is a server
/// whom anybody may ask over IP and Unix sockets.
const EXPOSURE: &str = "--threshold=15";

#[test]
fn systemd_has_nothing_to_say_about_the_units() {
    let units = [SERVICE, SOCKET].map(portmapper);
    let mut verify = Command::new("systemd-analyze");
    assert_eq!(success(verify.args(["verify", "--man=no"]).args(units)), "");
}

#[test]
fn the_service_is_exposed_by_15_tenths_at_most() {
    let mut security = Command::new("systemd-analyze");
    security.args(["security", "--offline=yes", EXPOSURE]);
    success(security.arg(portmapper(SERVICE)));
}

#[test]
fn an_activated_rpcbind_has_no_capability_and_is_never_root() {
    let service = settings(&portmapper(SERVICE));
    for setting in [
        "[Service] CapabilityBoundingSet=",
        "[Service] AmbientCapabilities=",
        "[Service] NoNewPrivileges=yes",
        "[Service] User=_rpc",
    ] {
        assert!(service.contains(setting), "{setting}");
    }
}

#[test]
fn whatever_others_know_of_debians_units_is_true_of_ours() {
    for (ours, theirs) in [(SERVICE, "rpcbind.service"), (SOCKET, "rpcbind.socket")] {
        let theirs = settings(&Path::new(THEIRS).join(theirs));
        let ours = settings(&portmapper(ours));
        for setting in theirs {
            let is_there = match setting.split_once("After=") {
                // A list of ours may say more than theirs.
                Some((section, unit)) => ours.iter().any(|setting| {
                    let list = setting.strip_prefix(section);
                    let list = list.and_then(|setting| setting.strip_prefix("After="));
                    list.is_some_and(|list| list.split(' ').any(|listed| listed == unit))
                }),
                None => ours.contains(&setting),
            };
            // The processes of a service are one here, so it does not matter whom systemd kills.
            assert!(
                is_there || setting == "[Service] KillMode=process",
                "{setting}"
            );
        }
    }
}

/// The settings of a unit, each with its section.
fn settings(unit: &Path) -> BTreeSet<String> {
    let text =
        fs::read_to_string(unit).unwrap_or_else(|error| panic!("{}: {error}", unit.display()));
    let mut section = "";
    let mut settings = BTreeSet::new();
    for line in text.lines() {
        if line.starts_with('[') {
            section = line;
        } else if !line.is_empty() && !line.starts_with('#') {
            settings.insert(format!("{section} {line}"));
        }
    }
    settings
}
