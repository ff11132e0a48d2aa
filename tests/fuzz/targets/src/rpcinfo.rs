//! What rpcinfo prints of an answer: a peer's bytes do nothing to a terminal and add no line.

use oncrpc::proto::portmap::Pmaplist;
use oncrpc::proto::rpcb::{RpList, Rpcb, RpcbEntry, RpcbEntryList, RpcbStat};
use oncrpc_portmapper::rpcinfo::layout::findings::{Finding, Outcome, findings};
use oncrpc_portmapper::rpcinfo::layout::{json, list, statistics, text};
use oncrpc_portmapper::services::ProgramNames;
use oncrpc_xdr::wire::{Fixed, List};
use oncrpc_xdr::{Bytes, Reader, Wire, XdrString};

/// Any bytes as each answer of rpcbind, in each layout.
pub fn print(data: &[u8]) {
    let Some((answer, body)) = data.split_first() else {
        return;
    };
    let body = Bytes::copy_from_slice(body);
    let names = ProgramNames::parse("portmapper 100000\n");
    let printable = text::printable(&XdrString::from(&body[..])).into_owned();
    assert!(!printable.contains(char::is_control), "{printable:?}");
    match answer % 4 {
        0 => {
            let Some(nodes) = decode::<List<RpList>>(&body) else {
                return;
            };
            let list: Vec<Rpcb> = nodes.into_iter().map(|node| node.rpcb_map).collect();
            is_lines(&list::registrations(&list, &names), 1 + list.len());
            is_lines(&list::programs(&list, &names), 1 + list.len());
            is_json(&json::registrations(&list, &names));
            is_json(&json::programs(&list, &names));
            let found: Vec<_> = list.into_iter().map(finding).collect();
            is_lines(&findings(&found, &names), 1 + found.len());
            is_json(&json::findings(&found, &names));
        }
        1 => {
            let Some(nodes) = decode::<List<Pmaplist>>(&body) else {
                return;
            };
            let list: Vec<_> = nodes.into_iter().map(|node| node.map).collect();
            is_lines(&list::mappings(&list, &names), 1 + list.len());
            is_json(&json::mappings(&list, &names));
        }
        2 => {
            let Some(nodes) = decode::<List<RpcbEntryList>>(&body) else {
                return;
            };
            let list: Vec<RpcbEntry> = nodes.into_iter().map(|node| node.rpcb_entry_map).collect();
            is_lines(&list::addresses(&list, (7, 1), &names), 1 + list.len());
            is_json(&json::addresses(&list, (7, 1), &names));
        }
        _ => {
            let Some(versions) = decode::<Fixed<RpcbStat, 3>>(&body) else {
                return;
            };
            let rows = versions
                .iter()
                .map(|stat| stat.addrinfo.len() + stat.rmtinfo.len());
            is_lines(
                &statistics::statistics(&versions, &names),
                40 + rows.sum::<usize>(),
            );
            is_json(&json::statistics(&versions, &names));
        }
    }
}

fn decode<W: Wire>(body: &Bytes) -> Option<W::Value> {
    W::decode(&mut Reader::of(body)).ok()
}

fn finding(entry: Rpcb) -> Finding {
    Finding {
        entry,
        outcome: Outcome::NotCalled("it is somewhere else"),
    }
}

/// At most so many lines of what a terminal shows. (Tabs stand in layouts of rpcinfo, and are escaped in texts.)
#[track_caller]
fn is_lines(text: &str, most: usize) {
    assert!(text.lines().count() <= most, "{text:?}");
    assert!(text.is_empty() || text.ends_with('\n'));
    let is_harmless = |c: char| matches!(c, '\n' | '\t') || !c.is_control();
    assert!(text.chars().all(is_harmless), "{text:?}");
}

/// What JSON says of a peer is within quotes, and escaped where it is not printable.
#[track_caller]
fn is_json(text: &str) {
    assert!(text.ends_with('\n'));
    let is_harmless = |c: char| c == '\n' || !c.is_control();
    assert!(text.chars().all(is_harmless), "{text:?}");
}
