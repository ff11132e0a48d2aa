//! `/etc/services` and `/etc/rpc`: what ports and programs are called.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use oncrpc::fields;
use oncrpc::netid::Protocol;

/// The port of rpcbind where `/etc/services` does not name it; rpcbind then serves no IP transport.
pub const PORT: u16 = 111;

/// Where the ports are.
pub const SERVICES_PATH: &str = "/etc/services";

/// Where the names of programs are.
pub const RPC_PATH: &str = "/etc/rpc";

/// The port of rpcbind on this host.
///
/// `services` is the text of `/etc/services`: its `sunrpc`, else its `portmapper`, else [`PORT`].
pub fn own_port(services: &str, protocol: Protocol) -> u16 {
    let named = |name| port(services, name, protocol);
    named("sunrpc")
        .or_else(|| named("portmapper"))
        .unwrap_or(PORT)
}

/// The port of the service of this name, or of this other name.
fn port(services: &str, name: &str, protocol: Protocol) -> Option<u16> {
    fields::lines(services).find_map(|(_, fields)| {
        let [official, port, aliases @ ..] = &fields[..] else {
            return None;
        };
        let (number, over) = port.split_once('/')?;
        let named = *official == name || aliases.contains(&name);
        let number = number.parse().ok()?;
        (named && over == protocol.name()).then_some(number)
    })
}

/// The names of programs and their numbers.
#[derive(Clone, Debug, Default)]
pub struct ProgramNames {
    names: HashMap<u32, String>,
    /// By each of their names.
    numbers: HashMap<String, u32>,
}

impl ProgramNames {
    /// Reads a file, of which anything may be missing.
    pub fn read(path: &Path) -> Self {
        let text = fs::read(path).unwrap_or_default();
        Self::parse(&String::from_utf8_lossy(&text))
    }

    /// The names in a table like `/etc/rpc`; of two for one program the first, and of two programs for one
    /// name, too.
    pub fn parse(table: &str) -> Self {
        let mut read = Self::default();
        for (_, fields) in fields::lines(table) {
            if let [name, number, aliases @ ..] = &fields[..]
                && let Ok(number) = number.parse()
            {
                read.names
                    .entry(number)
                    .or_insert_with(|| (*name).to_owned());
                for name in std::iter::once(name).chain(aliases) {
                    read.numbers.entry((*name).to_owned()).or_insert(number);
                }
            }
        }
        read
    }

    /// The name of a program.
    pub fn name(&self, program: u32) -> Option<&str> {
        self.names.get(&program).map(String::as_str)
    }

    /// The program of a name, whichever of its names that is.
    pub fn number(&self, name: &str) -> Option<u32> {
        self.numbers.get(name).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_that_of_sunrpc_or_portmapper_or_111() {
        for (services, tcp, udp) in [
            ("", 111, 111),
            ("sunrpc 1111/tcp portmapper\n", 1111, 111),
            ("portmapper 1112/tcp\nsunrpc 1111/tcp", 1111, 111),
            ("portmapper 1112/udp # sunrpc 5/udp", 111, 1112),
            (
                "rpcbind 1113/tcp sunrpc\nrpcbind 1114/udp x sunrpc",
                1113,
                1114,
            ),
            ("sunrpc\nsunrpc 1\nsunrpc x/tcp\nsunrpc 70000/udp", 111, 111),
        ] {
            assert_eq!(own_port(services, Protocol::Tcp), tcp, "{services}");
            assert_eq!(own_port(services, Protocol::Udp), udp, "{services}");
        }
    }

    #[test]
    fn programs_have_the_first_name_of_the_table() {
        let names = ProgramNames::parse(
            "# x\nportmapper 100000 sunrpc\nnfs 100003\nnfs2 100003 sunrpc\nbad x",
        );
        assert_eq!(names.name(100_000), Some("portmapper"));
        assert_eq!(names.name(100_003), Some("nfs"));
        assert_eq!(names.name(5), None);
        for (name, number) in [
            ("portmapper", Some(100_000)),
            ("sunrpc", Some(100_000)),
            ("nfs2", Some(100_003)),
            ("bad", None),
            ("NFS", None),
        ] {
            assert_eq!(names.number(name), number, "{name}");
        }
        assert_eq!(ProgramNames::read(Path::new("/nonexistent")).name(1), None);
    }
}
