//! The status as JSON: one object.

use serde_json::{Map, Value, json};

use super::proto::{Calls, Registration, Status};
use crate::rpcinfo::layout::json::{printed, text};
use crate::services::ProgramNames;
use crate::tally::procedure_name;

/// Everything; what is not known is null.
pub fn status(status: &Status, registrations: &[Registration], names: &ProgramNames) -> String {
    let registrations = registrations.iter().map(|row| registration(row, names));
    let mut changes: Map<String, Value> = Map::new();
    for row in &status.changes {
        let request = changes.entry(text(&row.request));
        request.or_insert_with(|| json!({}))[text(&row.outcome)] = row.count.into();
    }
    let limits = status.limits.iter().map(|row| {
        let limit = json!({ "used": row.used, "most": row.most });
        (text(&row.name), limit)
    });
    let mut whole = printed(&json!({
        "release": text(&status.release),
        "pid": status.pid,
        "uptime_seconds": status.uptime,
        "registrations": registrations.collect::<Vec<_>>(),
        "calls": status.calls.iter().map(calls).collect::<Vec<_>>(),
        "changes": changes,
        "connections": {
            "accepted": status.connections.accepted,
            "refused": status.connections.refused,
            "evicted": status.connections.evicted,
        },
        "refused_datagrams": status.refused_datagrams,
        "dropped_datagrams": status.dropped_datagrams,
        "forwarded_calls": status.forwarded.as_ref().map(|counts| json!({
            "called": counts.called,
            "repeated": counts.repeated,
            "too_many": counts.too_many,
            "given_up": counts.given_up,
        })),
        "journal": status.journal.as_ref().map(|journal| json!({
            "bytes": journal.bytes,
            "records": journal.records,
            "renewals": journal.renewals,
        })),
        "limits": limits.collect::<Map<_, _>>(),
    }));
    whole.push('\n');
    whole
}

fn registration(row: &Registration, names: &ProgramNames) -> Value {
    let registrant = row.registrant.as_ref();
    json!({
        "program": row.program,
        "version": row.version,
        "netid": text(&row.netid),
        "address": text(&row.uaddr),
        "service": names.name(row.program),
        "owner": text(&row.owner),
        "uid": registrant.map(|process| process.uid),
        "pid": registrant.and_then(|process| process.pid),
        "age_seconds": row.age,
    })
}

fn calls(row: &Calls) -> Value {
    let name = row
        .procedure
        .and_then(|procedure| procedure_name(row.version, procedure));
    json!({
        "version": row.version,
        "procedure": row.procedure,
        "name": name,
        "answered": row.answered,
        "refused": row.refused,
        "unanswered": row.unanswered,
        "abandoned": row.abandoned,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::tests::{busy, registrations};

    #[test]
    fn everything_is_one_object_of_printable_characters() {
        let names = ProgramNames::parse("status 100024");
        let json = super::status(&busy(), &registrations(), &names);
        let one_line = json.strip_suffix('\n').unwrap();
        assert!(one_line.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
        let value: Value = serde_json::from_str(&json).unwrap();
        let expected = json!({
            "program": 100_024, "version": 1, "netid": "udp", "address": "0.0.0.0.8.1",
            "service": "status", "owner": "103", "uid": 103, "pid": 812, "age_seconds": 61,
        });
        assert_eq!(value["registrations"][0], expected);
        assert_eq!(value["registrations"][1]["address"], "/run/x\x1b[2J\\xff");
        assert_eq!(value["registrations"][1]["pid"], Value::Null);
        assert_eq!(value["registrations"][2]["age_seconds"], Value::Null);
        assert_eq!(value["calls"][0]["name"], "GETPORT");
        assert_eq!(value["changes"]["set"]["declined"], 2);
        assert_eq!(value["changes"]["unset"]["foreign"], 1);
        assert_eq!(value["limits"]["registrations"]["most"], 65_536);
        assert_eq!(value["connections"]["evicted"], 5);
        assert_eq!(value["refused_datagrams"], 8);
        assert_eq!(value["journal"]["records"], 6);
        assert_eq!(value["forwarded_calls"]["given_up"], 1);
    }

    #[test]
    fn what_is_not_there_is_null() {
        let json = super::status(&Status::default(), &[], &ProgramNames::default());
        let value: Value = serde_json::from_str(&json).unwrap();
        for name in ["dropped_datagrams", "forwarded_calls", "journal"] {
            assert_eq!(value[name], Value::Null);
        }
        assert_eq!(value["registrations"], json!([]));
    }
}
