//! hosts.allow and hosts.deny: who may call, in the language of hosts_access(5).
//!
//! rpcbind asks libwrap, which reads both files at every request and looks names up while everybody else
//! waits. Here the files are [parsed](Table) once for each state they are in, and a caller's name is what
//! /etc/hosts says, if anything. `interop/tests/rpcbind/hosts_access.rs` holds our judgement to libwrap's.

mod files;
mod list;
mod options;
mod pattern;

use std::io;
use std::net::IpAddr;
use std::path::Path;

pub use files::HostsAccess;

use list::List;
use options::Verdict;
use pattern::{HostPattern, TextPattern};

/// The rules of one file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    rules: Vec<Rule>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    daemons: List<DaemonPattern>,
    clients: List<ClientPattern>,
    /// What its options say whatever the file says.
    verdict: Option<Verdict>,
}

impl Rule {
    /// The rule that libwrap makes of a line that does not end.
    fn nobody() -> Self {
        let name = TextPattern::All;
        let host = HostPattern::Text {
            text: TextPattern::All,
            is_name: false,
        };
        Self {
            daemons: List::of(DaemonPattern { name, host: None }),
            clients: List::of(ClientPattern { user: None, host }),
            verdict: Some(Verdict::Deny),
        }
    }
}

/// `rpcbind`, or `rpcbind@` and a host pattern for the address that was called.
#[derive(Clone, Debug, PartialEq, Eq)]
struct DaemonPattern {
    name: TextPattern,
    host: Option<HostPattern>,
}

/// A host pattern, or a pattern for users, `@` and a host pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
struct ClientPattern {
    user: Option<TextPattern>,
    host: HostPattern,
}

/// Something in a file that does not do what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// The line, from 1; of one that goes on behind a backslash the last.
    pub line: usize,
    /// What is wrong with it.
    pub reason: String,
}

/// A host as patterns see it.
#[derive(Clone, Copy, Debug)]
pub struct Host<'a> {
    /// Its address.
    pub address: Option<IpAddr>,
    /// Its name.
    pub name: Option<&'a str>,
}

/// What libwrap calls a name or an address that it does not know.
const UNKNOWN: &str = "unknown";

/// The name by which the files know us. (Lines for `portmap` are as little ours as they are rpcbind's.)
const DAEMON: &str = "rpcbind";

impl Table {
    /// Reads a file; `open` gives the text of the files that it names.
    pub fn parse(
        text: &str,
        open: &mut dyn FnMut(&Path) -> io::Result<String>,
    ) -> (Self, Vec<Complaint>) {
        let mut reader = Reader {
            open,
            table: Self::default(),
            complaints: Vec::new(),
            line: 0,
        };
        let mut logical = String::new();
        for part in text.split_inclusive('\n') {
            reader.line += usize::from(part.ends_with('\n'));
            match part.strip_suffix("\\\n") {
                Some(part) => logical += part,
                None => {
                    logical += part;
                    reader.line(&logical);
                    logical.clear();
                }
            }
        }
        if !logical.is_empty() {
            reader.line(&logical);
        }
        (reader.table, reader.complaints)
    }

    /// Whether there is no rule in it.
    fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Whether what it says depends on the names of callers.
    fn asks_for_names(&self) -> bool {
        let mut clients = self.rules.iter().flat_map(|rule| rule.clients.patterns());
        clients.any(|client| client.host.asks_for_names())
    }

    /// The first rule for us and a client.
    fn find(&self, client: &Host<'_>) -> Option<&Rule> {
        let server = Host {
            address: None,
            name: None,
        };
        self.rules.iter().find(|rule| {
            rule.daemons.has(|daemon| {
                let by_name = daemon.name.matches(DAEMON);
                by_name
                    && daemon
                        .host
                        .as_ref()
                        .is_none_or(|host| host.matches(&server))
            }) && rule.clients.has(|pattern| {
                let by_user = pattern.user.as_ref();
                pattern.host.matches(client) && by_user.is_none_or(|user| user.matches(UNKNOWN))
            })
        })
    }
}

/// Whether a client may call: if a rule of `allow` finds it, or none of `deny` does, unless the rule's options
/// say otherwise.
pub fn permits(allow: &Table, deny: &Table, client: &Host<'_>) -> bool {
    let verdict = |rule: &Rule, usual| rule.verdict.unwrap_or(usual) == Verdict::Permit;
    if let Some(rule) = allow.find(client) {
        return verdict(rule, Verdict::Permit);
    }
    deny.find(client)
        .is_none_or(|rule| verdict(rule, Verdict::Deny))
}

/// A file that is being read.
struct Reader<'a> {
    open: &'a mut dyn FnMut(&Path) -> io::Result<String>,
    table: Table,
    complaints: Vec<Complaint>,
    line: usize,
}

impl Reader<'_> {
    fn complain(&mut self, reason: String) {
        let line = self.line;
        self.complaints.push(Complaint { line, reason });
    }

    fn line(&mut self, text: &str) {
        let Some(text) = text.strip_suffix('\n') else {
            self.complain("denies everybody: no newline at its end".to_owned());
            return self.table.rules.push(Rule::nobody());
        };
        if text.starts_with('#') || text.trim_matches([' ', '\t', '\r']).is_empty() {
            return;
        }
        let Some((daemons, rest)) = split_at(text, ':') else {
            return self.complain("not used: no \":\" in it".to_owned());
        };
        let (clients, options) = match split_at(rest, ':') {
            Some((clients, options)) => (clients, Some(options)),
            None => (rest, None),
        };
        let daemons = List::parse(daemons, |token| self.daemon(token));
        // What is not for us need not be understood.
        if !daemons.has(|daemon| daemon.name.matches(DAEMON)) {
            return;
        }
        let clients = List::parse(clients, |token| self.client(token));
        let verdict = options
            .and_then(|options| options::verdict(options, &mut |reason| self.complain(reason)));
        self.table.rules.push(Rule {
            daemons,
            clients,
            verdict,
        });
    }

    fn daemon(&mut self, token: &str) -> DaemonPattern {
        match split_at_host(token) {
            Some((name, host)) => DaemonPattern {
                name: TextPattern::parse(name),
                host: Some(self.host(host, 0)),
            },
            None => DaemonPattern {
                name: TextPattern::parse(token),
                host: None,
            },
        }
    }

    fn client(&mut self, token: &str) -> ClientPattern {
        match split_at_host(token) {
            Some((user, host)) => ClientPattern {
                user: Some(TextPattern::parse(user)),
                host: self.host(host, 0),
            },
            None => ClientPattern {
                user: None,
                host: self.host(token, 0),
            },
        }
    }

    /// A host pattern, at most so many files deep.
    fn host(&mut self, token: &str, depth: usize) -> HostPattern {
        if !token.starts_with('/') {
            return HostPattern::parse(token).unwrap_or_else(|reason| {
                self.complain(format!("{token} matches nobody: {reason}"));
                HostPattern::Nobody
            });
        }
        let text = if depth < MAX_DEPTH {
            (self.open)(Path::new(token))
        } else {
            Err(io::Error::other("files name files too deeply"))
        };
        match text {
            Ok(text) => {
                let patterns = text.split_ascii_whitespace();
                HostPattern::Any(patterns.map(|token| self.host(token, depth + 1)).collect())
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => HostPattern::Nobody,
            Err(error) => {
                self.complain(format!("{token} matches nobody: {error}"));
                HostPattern::Nobody
            }
        }
    }
}

/// How deep files of host patterns may name one another.
const MAX_DEPTH: usize = 4;

/// Splits at the first of these characters that does not stand within brackets.
fn split_at(text: &str, separator: char) -> Option<(&str, &str)> {
    let mut depth = 0_usize;
    for (at, character) in text.char_indices() {
        match character {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ if character == separator && depth == 0 => {
                return Some((&text[..at], &text[at + separator.len_utf8()..]));
            }
            _ => {}
        }
    }
    None
}

/// `name@host` in its parts; a token that begins with `@` is a netgroup.
fn split_at_host(token: &str) -> Option<(&str, &str)> {
    let first = token.chars().next()?.len_utf8();
    let (_, host) = split_at(&token[first..], '@')?;
    Some((&token[..token.len() - host.len() - 1], host))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn table(text: &str) -> (Table, Vec<Complaint>) {
        Table::parse(text, &mut |path| match path.to_str() {
            Some("/hosts") => Ok("192.0.2.0/24 /more\n".to_owned()),
            Some("/more") => Ok("# 10.0.0.1, 10.0.0.2 /more".to_owned()),
            _ => Err(io::ErrorKind::NotFound.into()),
        })
    }

    fn permitted(allow: &str, deny: &str, client: &str) -> bool {
        let (allow, deny) = (table(allow).0, table(deny).0);
        let address = Some(client.parse().unwrap());
        permits(
            &allow,
            &deny,
            &Host {
                address,
                name: None,
            },
        )
    }

    #[test]
    fn allow_goes_before_deny_and_who_is_in_neither_may() {
        let (us, all) = ("rpcbind: 192.0.2.1\n", "ALL: ALL\n");
        assert!(permitted("", "", "192.0.2.1"));
        assert!(!permitted("", us, "192.0.2.1"));
        assert!(permitted("", us, "192.0.2.2"));
        assert!(permitted(us, all, "192.0.2.1"));
        assert!(!permitted(us, all, "192.0.2.2"));
        assert!(permitted("portmap: ALL\n", "portmap: ALL\n", "192.0.2.1"));
    }

    #[test]
    fn lists_have_exceptions_and_those_have_exceptions() {
        for (clients, expected) in [
            ("192.0.2.1", true),
            ("10.1.1.1,192.0.2.1", true),
            ("ALL EXCEPT 192.0.2.1", false),
            ("ALL except 192.0.2. EXCEPT 192.0.2.1", true),
            ("EXCEPT ALL", false),
            ("ALL EXCEPT", true),
            ("10.1.1.1 EXCEPT ALL 192.0.2.1", false),
        ] {
            let allow = format!("rpcbind: {clients}\n");
            let said = permitted(&allow, "ALL: ALL\n", "192.0.2.1");
            assert_eq!(said, expected, "{clients}");
        }
        assert!(!permitted(
            "ALL EXCEPT rpcbind: ALL\n",
            "ALL: ALL\n",
            "192.0.2.1"
        ));
    }

    #[test]
    fn files_of_patterns_are_patterns() {
        let deny = "ALL: ALL\n";
        assert!(permitted("rpcbind: /hosts\n", deny, "192.0.2.77"));
        assert!(permitted("rpcbind: /hosts\n", deny, "10.0.0.2"));
        assert!(
            !permitted("rpcbind: /hosts\n", deny, "10.0.0.1"),
            "that comma is part of it"
        );
        assert!(!permitted("rpcbind: /missing\n", deny, "10.0.0.2"));
        let (_, complaints) = table("rpcbind: /more\n");
        assert!(
            complaints[0].reason.contains("too deeply"),
            "{complaints:?}"
        );
    }

    #[test]
    fn lines_go_on_behind_a_backslash_and_end_with_a_newline() {
        let deny = "ALL: ALL\n";
        assert!(permitted("rpcbind: \\\n192.0.2.1\n", deny, "192.0.2.1"));
        assert!(!permitted("\\\n#x\\\nrpcbind: ALL\n", deny, "192.0.2.1"));
        assert!(
            !permitted("rpcbind: ALL", deny, "192.0.2.1"),
            "as libwrap has it"
        );
        let (_, complaints) = table("# x\n\nrpcbind ALL\nALL: \\\n @x\nALL: ALL");
        let complaints: Vec<_> = complaints
            .into_iter()
            .map(|complaint| (complaint.line, complaint.reason))
            .collect();
        let expected = [
            (3, "not used: no \":\" in it"),
            (5, "@x matches nobody: netgroups are not looked up"),
            (5, "denies everybody: no newline at its end"),
        ];
        assert_eq!(
            complaints,
            expected.map(|(line, reason)| (line, reason.to_owned()))
        );
    }

    #[test]
    fn options_decide_whatever_the_file() {
        for (allow, deny, expected) in [
            ("rpcbind: ALL: DENY\n", "", false),
            ("", "rpcbind: ALL : allow\n", true),
            ("", "rpcbind: ALL : spawn x\n", false),
            ("rpcbind: ALL : spawn x\n", "ALL: ALL\n", true),
            ("rpcbind: ALL : bogus\n", "", false),
            ("rpcbind: ALL:\n", "", false),
        ] {
            assert_eq!(
                permitted(allow, deny, "192.0.2.1"),
                expected,
                "{allow}{deny}"
            );
        }
    }

    proptest! {
        /// Whatever stands in the files, they are read to their end and say yes or no.
        #[test]
        fn no_text_is_too_odd(
            allow in "([a-zA-Z0-9.:/@\\[\\]*?\\\\ ,\n-]|ALL|EXCEPT|rpcbind: |/hosts){0,60}",
            deny in "\\PC{0,80}\n",
            client in any::<[u8; 16]>(),
        ) {
            let (allow, deny) = (table(&allow).0, table(&deny).0);
            for address in [IpAddr::from(client), IpAddr::from([client[0], client[1], 2, 1])] {
                let host = Host { address: Some(address), name: None };
                let unmatched = allow.find(&host).is_none() && deny.find(&host).is_none();
                prop_assert!(permits(&allow, &deny, &host) || !unmatched);
            }
        }

        /// A network holds exactly the addresses that begin as it does.
        #[test]
        fn a_network_holds_what_begins_as_it_does(
            net in any::<u32>(), len in 1..=32_u32, other in any::<u32>(), near in any::<bool>(),
        ) {
            let mask = u32::MAX << (32 - len);
            // Half of the addresses differ from the network in its last bits alone.
            let client = if near { net & mask | other & !mask } else { other };
            let ip = |bits: u32| std::net::Ipv4Addr::from_bits(bits);
            let rule = format!("rpcbind: {}/{len}\n", ip(net & mask));
            let said = permitted(&rule, "ALL: ALL\n", &ip(client).to_string());
            prop_assert_eq!(said, client & mask == net & mask);
            let rule = format!("rpcbind: {}/{}\n", ip(net & mask), ip(mask));
            prop_assert_eq!(permitted(&rule, "ALL: ALL\n", &ip(client).to_string()), said);
        }
    }
}
