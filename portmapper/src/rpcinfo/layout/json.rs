//! Everything as JSON: lists have a line for each element, so that they can be looked through by lines, too.

use std::fmt::Write as _;
use std::time::Duration;

use oncrpc::proto::portmap::{IPPROTO_TCP, IPPROTO_UDP, Mapping};
use oncrpc::proto::rpcb::{
    RPCB_HIGHPROC_2, RPCB_HIGHPROC_3, RPCB_HIGHPROC_4, Rpcb, RpcbEntry, RpcbStat, RpcbStatByvers,
};
use oncrpc_xdr::XdrString;
use serde_json::{Map, Value, json};

use super::findings::{Finding, Outcome, TOO_LATE};
use super::list::{class, merged};

use super::statistics::{PROCEDURES, PROCEDURES_2};
use super::text::is_printable;
use crate::services::ProgramNames;

/// What rpcinfo prints without a letter.
pub fn registrations(list: &[Rpcb], names: &ProgramNames) -> String {
    array(list.iter().map(|entry| registration(entry, names)))
}

fn registration(entry: &Rpcb, names: &ProgramNames) -> Value {
    json!({
        "program": entry.r_prog,
        "version": entry.r_vers,
        "netid": text(&entry.r_netid),
        "address": text(&entry.r_addr),
        "service": names.name(entry.r_prog),
        "owner": text(&entry.r_owner),
    })
}

/// `-s`
pub fn programs(list: &[Rpcb], names: &ProgramNames) -> String {
    array(merged(list).into_iter().map(|row| {
        let netids = row.netids.iter().rev().map(|entry| text(&entry.r_netid));
        json!({
            "program": row.program,
            "versions": row.versions.iter().rev().collect::<Vec<_>>(),
            "netids": netids.collect::<Vec<_>>(),
            "service": names.name(row.program),
            "owner": text(&row.first.r_owner),
        })
    }))
}

/// `-p`
pub fn mappings(list: &[Mapping], names: &ProgramNames) -> String {
    array(list.iter().map(|map| {
        json!({
            "program": map.prog,
            "version": map.vers,
            "protocol": match map.prot {
                IPPROTO_TCP => "tcp".into(),
                IPPROTO_UDP => "udp".into(),
                other => Value::from(other),
            },
            "port": map.port,
            "service": names.name(map.prog),
        })
    }))
}

/// `-l`
pub fn addresses(
    list: &[RpcbEntry],
    (program, version): (u32, u32),
    names: &ProgramNames,
) -> String {
    array(list.iter().map(|entry| {
        json!({
            "program": program,
            "version": version,
            "netid": text(&entry.r_nc_netid),
            "family": text(&entry.r_nc_protofmly),
            "protocol": text(&entry.r_nc_proto),
            "class": class(entry.r_nc_semantics),
            "address": text(&entry.r_maddr),
            "service": names.name(program),
        })
    }))
}

/// `-m`
pub fn statistics(versions: &RpcbStatByvers, names: &ProgramNames) -> String {
    let highest = [RPCB_HIGHPROC_2, RPCB_HIGHPROC_3, RPCB_HIGHPROC_4];
    let mut whole = Map::new();
    for ((stat, highest), version) in versions.iter().zip(highest).zip(2..) {
        let procedures: &[&str] = match version {
            2 => &PROCEDURES_2,
            _ => PROCEDURES.get(..=highest as usize).unwrap_or(&PROCEDURES),
        };
        whole.insert(format!("version{version}"), counts(stat, procedures, names));
    }
    let mut text = printed(&Value::Object(whole));
    text.push('\n');
    text
}

fn counts(stat: &RpcbStat, procedures: &[&str], names: &ProgramNames) -> Value {
    let calls = procedures.iter().zip(stat.info);
    let calls = calls.map(|(&name, count)| (name.to_owned(), count.into()));
    let look_ups = stat.addrinfo.iter().map(|row| {
        json!({
            "program": row.prog,
            "version": row.vers,
            "netid": text(&row.netid),
            "service": names.name(row.prog),
            "success": row.success,
            "failure": row.failure,
        })
    });
    let called_through = stat.rmtinfo.iter().map(|row| {
        json!({
            "program": row.prog,
            "version": row.vers,
            "procedure": row.proc,
            "netid": text(&row.netid),
            "service": names.name(row.prog),
            "success": row.success,
            "failure": row.failure,
            "indirect": row.indirect,
        })
    });
    json!({
        "calls": calls.collect::<Map<_, _>>(),
        "set": stat.setinfo,
        "unset": stat.unsetinfo,
        "look_ups": look_ups.collect::<Vec<_>>(),
        "called_through": called_through.collect::<Vec<_>>(),
    })
}

/// `-t`, `-u`, `-T`, `-a`: versions, and why they do not answer if they do not.
pub fn answers(program: u32, found: &[(u32, Option<String>)]) -> String {
    array(found.iter().map(|(version, why)| {
        json!({
            "program": program,
            "version": version,
            "answers": why.is_none(),
            "error": why,
        })
    }))
}

/// `--probe`
pub fn findings(list: &[Finding], names: &ProgramNames) -> String {
    array(list.iter().map(|finding| {
        let (answers, milliseconds, error) = match &finding.outcome {
            Outcome::Answers(after) => (Some(true), Some(milliseconds(*after)), None),
            Outcome::Dead(why) => (Some(false), None, Some(why.as_str())),
            Outcome::NotCalled(why) => (None, None, Some(*why)),
            Outcome::TooLate => (None, None, Some(TOO_LATE)),
        };
        let mut value = registration(&finding.entry, names);
        if let Some(fields) = value.as_object_mut() {
            fields.insert("answers".to_owned(), answers.into());
            fields.insert("milliseconds".to_owned(), milliseconds.into());
            fields.insert("error".to_owned(), error.into());
        }
        value
    }))
}

fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

/// One answer to `-b`, in a line of its own: they come when they come.
pub fn broadcast_answer(uaddr: &str, host: &str) -> String {
    let mut line = printed(&json!({ "address": uaddr, "host": host }));
    line.push('\n');
    line
}

/// `-d`
pub fn deleted() -> String {
    "{\"deleted\":true}\n".to_owned()
}

fn array(elements: impl Iterator<Item = Value>) -> String {
    let mut array = "[".to_owned();
    for (element, first) in elements.zip(std::iter::once(true).chain(std::iter::repeat(false))) {
        array.push_str(if first { "\n" } else { ",\n" });
        array.push_str(&printed(&element));
    }
    array.push_str("\n]\n");
    array
}

/// What JSON lets stand though a terminal would do something about it is escaped, too.
pub(crate) fn printed(value: &Value) -> String {
    let json = value.to_string();
    if json.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return json;
    }
    let mut printed = String::new();
    for c in json.chars() {
        if is_printable(c) {
            printed.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(printed, "\\u{unit:04x}");
            }
        }
    }
    printed
}

/// A peer's text; what is not UTF-8 is escaped as in Rust.
pub(crate) fn text(text: &XdrString) -> String {
    let mut whole = String::new();
    for chunk in text.as_bytes().utf8_chunks() {
        whole.push_str(chunk.valid());
        whole.extend(chunk.invalid().escape_ascii().map(char::from));
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_json_with_a_line_for_each_element() {
        let names = ProgramNames::parse("portmapper 100000");
        let entry = |program, owner: &[u8]| Rpcb {
            r_prog: program,
            r_vers: 4,
            r_netid: "tcp".into(),
            r_addr: "0.0.0.0.0.111".into(),
            r_owner: owner.into(),
        };
        let list = [
            entry(100_000, b"superuser"),
            entry(u32::MAX, b"\x1b\"\xff\xc2\x9b\0"),
        ];
        let json = registrations(&list, &names);
        assert_eq!(json.lines().count(), 4);
        assert!(
            json.bytes()
                .all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte))
        );
        let value: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(value[0]["service"], "portmapper");
        assert_eq!(value[1]["service"], Value::Null);
        assert_eq!(value[1]["program"], u32::MAX);
        assert_eq!(value[1]["owner"], "\x1b\"\\xff\u{9b}\0");
        assert_eq!(registrations(&[], &names), "[\n]\n");
    }

    #[test]
    fn every_list_is_json() {
        let names = ProgramNames::default();
        let finding = |outcome| Finding {
            entry: Rpcb::default(),
            outcome,
        };
        let map = |prot| Mapping {
            prot,
            ..Mapping::default()
        };
        for json in [
            programs(&[Rpcb::default()], &names),
            mappings(&[map(6), map(17), map(132)], &names),
            addresses(&[RpcbEntry::default()], (1, 2), &names),
            statistics(&RpcbStatByvers::default(), &names),
            answers(7, &[(1, None), (2, Some("RPC: Timed out".to_owned()))]),
            findings(
                &[
                    finding(Outcome::Answers(Duration::from_micros(1500))),
                    finding(Outcome::Dead("x".to_owned())),
                    finding(Outcome::NotCalled("y")),
                ],
                &names,
            ),
            broadcast_answer("192.0.2.1.0.111", "host"),
            deleted(),
        ] {
            let value: Result<Value, _> = serde_json::from_str(&json);
            assert!(value.is_ok(), "{json}");
        }
    }
}
