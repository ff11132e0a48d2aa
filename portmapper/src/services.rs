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

/// The names of programs, by number.
#[derive(Clone, Debug, Default)]
pub struct ProgramNames(HashMap<u32, String>);

impl ProgramNames {
    /// Reads a file, of which anything may be missing.
    pub fn read(path: &Path) -> Self {
        let text = fs::read(path).unwrap_or_default();
        Self::parse(&String::from_utf8_lossy(&text))
    }

    /// The names in a table like `/etc/rpc`; of two for one program the first.
    pub fn parse(table: &str) -> Self {
        let mut names = HashMap::new();
        for (_, fields) in fields::lines(table) {
            if let [name, number, ..] = fields[..]
                && let Ok(number) = number.parse()
            {
                names.entry(number).or_insert_with(|| name.to_owned());
            }
        }
        Self(names)
    }

    /// The name of a program.
    pub fn name(&self, program: u32) -> Option<&str> {
        self.0.get(&program).map(String::as_str)
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
        let names =
            ProgramNames::parse("# x\nportmapper 100000 sunrpc\nnfs 100003\nnfs2 100003\nbad x");
        assert_eq!(names.name(100_000), Some("portmapper"));
        assert_eq!(names.name(100_003), Some("nfs"));
        assert_eq!(names.name(5), None);
        assert_eq!(ProgramNames::read(Path::new("/nonexistent")).name(1), None);
    }
}
