//! The files of an administrator: what makes no sense in them is named with its line.

use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::path::Path;

use oncrpc::netconfig;
use oncrpc::netid::Protocol;
use oncrpc_portmapper::hosts_access::{Host, Table, permits};
use oncrpc_portmapper::netconfig::served;
use oncrpc_portmapper::services::{ProgramNames, own_port};
use oncrpc_portmapper::settings::{Settings, Source};

/// Any text as each of the files.
pub fn files(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let lines = text.split('\n').count();
    networks(&text, lines);
    names(&text);
    hosts(&text, lines);
    settings(&text, lines);
}

fn networks(text: &str, lines: usize) {
    let (entries, bad) = netconfig::parse(text);
    let known = entries.iter().filter_map(|entry| entry.line);
    let mut told: Vec<_> = known.chain(bad.iter().map(|bad| bad.line)).collect();
    told.sort_unstable();
    assert!(told.windows(2).all(|pair| pair[0] < pair[1]), "once each");
    assert!(told.iter().all(|line| (1..=lines).contains(line)));
    assert!(served(&entries).len() <= entries.len());
}

fn names(text: &str) {
    for protocol in [Protocol::Tcp, Protocol::Udp] {
        let _ = own_port(text, protocol);
    }
    let names = ProgramNames::parse(text);
    for word in text.split_ascii_whitespace() {
        let number = names.number(word);
        assert!(number.is_none_or(|number| names.name(number).is_some()));
    }
}

fn hosts(text: &str, lines: usize) {
    let mut open = |path: &Path| match path.as_os_str().len() {
        // A file that names itself, one of patterns, and none.
        2 => Ok(format!("{} 10.0.0.0/8", path.display())),
        3 => Ok("192.0.2. .example.com".to_owned()),
        _ => Err(io::ErrorKind::NotFound.into()),
    };
    let (table, complaints) = Table::parse(text, &mut open);
    let is_there = |line: usize| line <= lines;
    assert!(complaints.iter().all(|complaint| is_there(complaint.line)));
    let v4 = IpAddr::from([192, 0, 2, 1]);
    let v6 = IpAddr::from(Ipv6Addr::LOCALHOST);
    for address in [Some(v4), Some(v6), None] {
        for name in [None, Some("host.example.com")] {
            let host = Host { address, name };
            let empty = Table::default();
            assert!(permits(&empty, &empty, &host), "who is nowhere may");
            let _ = permits(&table, &empty, &host);
            let _ = permits(&empty, &table, &host);
        }
    }
}

fn settings(text: &str, lines: usize) {
    let mut settings = Settings::default();
    let source = |line: usize| {
        assert!((1..=lines).contains(&line), "line {line} of {lines}");
        Source::File("rpcbind.toml".into(), line)
    };
    match settings.apply(text, source) {
        Ok(()) => {
            let policy = settings.policy();
            assert!(policy.quota.entries >= 1 && policy.to_strangers.factor >= 1);
            assert!(!settings.list().is_empty());
        }
        Err(bad) => assert!(bad.to_string().starts_with("rpcbind.toml"), "{bad}"),
    }
}
