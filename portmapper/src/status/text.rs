//! The status for people.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::proto::{Calls, Registration, Status};
use crate::rpcinfo::layout::text::printable;
use crate::services::ProgramNames;
use crate::tally::procedure_name;

/// Everything, in tables; what is not known is `-`, and what has not happened is left out.
pub fn status(status: &Status, registrations: &[Registration], names: &ProgramNames) -> String {
    let mut text = format!(
        "rpcbind {}, pid {}, serving for {}\n\n",
        printable(&status.release),
        status.pid,
        duration(status.uptime)
    );
    let header = [
        "program>", "version>", "netid", "address", "service", "owner", "uid>", "pid>", "age>",
    ];
    let rows = registrations.iter().map(|row| registration(row, names));
    push_table(&mut text, header, rows.collect());

    if !status.calls.is_empty() {
        text.push('\n');
        let header = [
            "version>",
            "procedure",
            "answered>",
            "refused>",
            "unanswered>",
            "abandoned>",
        ];
        push_table(&mut text, header, status.calls.iter().map(calls).collect());
    }

    let changes = status.changes.iter().filter(|row| row.count > 0);
    let rows = changes.map(|row| {
        let (request, outcome) = (printable(&row.request), printable(&row.outcome));
        [request, outcome, row.count.to_string().into()]
    });
    let rows: Vec<_> = rows.collect();
    if !rows.is_empty() {
        text.push('\n');
        push_table(&mut text, ["request", "outcome", "count>"], rows);
    }

    text.push('\n');
    let rows = status.limits.iter().map(|row| {
        let numbers = [row.used, row.most].map(|number| number.to_string().into());
        let [used, most] = numbers;
        [printable(&row.name), used, most]
    });
    push_table(&mut text, ["limit", "used>", "most>"], rows.collect());

    text.push('\n');
    push_counts(&mut text, status);
    text
}

/// What needs no table.
fn push_counts(text: &mut String, status: &Status) {
    let connections = &status.connections;
    let mut line = |name: &str, what: String| {
        // INVARIANT: a String takes whatever is written.
        let _ = writeln!(text, "{name}: {what}");
    };
    line(
        "connections",
        format!(
            "{} accepted, {} refused, {} ended for the sake of others",
            connections.accepted, connections.refused, connections.evicted
        ),
    );
    line(
        "datagrams not looked at",
        status.refused_datagrams.to_string(),
    );
    line(
        "datagrams dropped by the kernel",
        match status.dropped_datagrams {
            Some(dropped) => dropped.to_string(),
            None => "not known".to_owned(),
        },
    );
    line(
        "calls for others",
        match &status.forwarded {
            Some(counts) => format!(
                "{} made, {} of them given up; {} repeated, {} too many",
                counts.called, counts.given_up, counts.repeated, counts.too_many
            ),
            None => "off".to_owned(),
        },
    );
    line(
        "journal",
        match &status.journal {
            Some(journal) => format!(
                "{} bytes, {} records added, written anew {}",
                journal.bytes,
                journal.records,
                match journal.renewals {
                    1 => "once".to_owned(),
                    times => format!("{times} times"),
                }
            ),
            None => "none: registrations end with the daemon".to_owned(),
        },
    );
}

fn registration<'a>(row: &'a Registration, names: &'a ProgramNames) -> [Cow<'a, str>; 9] {
    let process = row.registrant.as_ref();
    [
        row.program.to_string().into(),
        row.version.to_string().into(),
        printable(&row.netid),
        printable(&row.uaddr),
        names.name(row.program).unwrap_or("-").into(),
        printable(&row.owner),
        known(process.map(|process| process.uid.to_string())),
        known(
            process
                .and_then(|process| process.pid)
                .map(|pid| pid.to_string()),
        ),
        known(row.age.map(duration)),
    ]
}

fn calls(row: &Calls) -> [Cow<'static, str>; 6] {
    let name = row
        .procedure
        .and_then(|procedure| procedure_name(row.version, procedure));
    let number = |number: u64| number.to_string().into();
    [
        row.version.to_string().into(),
        name.unwrap_or("other").into(),
        number(row.answered),
        number(row.refused),
        number(row.unanswered),
        number(row.abandoned),
    ]
}

fn known(value: Option<String>) -> Cow<'static, str> {
    value.map_or("-".into(), Cow::Owned)
}

/// `4s`, `3m04s`, `2h03m`, `1d02h`: as much as one wants to know.
fn duration(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m{:02}s", seconds % 60),
        (0, _, _) => format!("{hours}h{:02}m", minutes % 60),
        _ => format!("{days}d{:02}h", hours % 24),
    }
}

/// Columns as wide as what is in them, two blanks between; those whose name ends with `>` are numbers, which end at
/// the same place.
fn push_table<const N: usize>(
    text: &mut String,
    header: [&'static str; N],
    rows: Vec<[Cow<'_, str>; N]>,
) {
    let names = header.map(|name| name.trim_end_matches('>'));
    let is_number = header.map(|name| name.ends_with('>'));
    let mut widths = names.map(str::len);
    for row in &rows {
        for (width, field) in widths.iter_mut().zip(row) {
            *width = (*width).max(field.chars().count());
        }
    }
    let names = names.map(Cow::Borrowed);
    for row in std::iter::once(&names).chain(&rows) {
        let mut line = String::new();
        for ((field, width), is_number) in row.iter().zip(widths).zip(is_number) {
            let _ = match is_number {
                true => write!(line, "{field:>width$}  "),
                false => write!(line, "{field:width$}  "),
            };
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::tests::{busy, registrations};

    #[test]
    fn everything_stands_in_tables() {
        let names = ProgramNames::parse("status 100024");
        let text = super::status(&busy(), &registrations(), &names);
        let expected = "\
rpcbind 0.1.0, pid 711, serving for 1d02h

program  version  netid  address              service  owner      uid  pid    age
 100024        1  udp    0.0.0.0.8.1          status   103        103  812  1m01s
 400000        1  local  /run/x\\u{1b}[2J\\xff  -        103        103    -     0s
 400001        1  tcp    0.0.0.0.8.2          -        superuser    -    -      -

version  procedure  answered  refused  unanswered  abandoned
      2  GETPORT     1000000        0           0          0
      4  SET               7        2           0          0
      4  other             0        3           0          0

request  outcome   count
set      accepted      5
set      declined      2
unset    foreign       1

limit          used   most
registrations     3  65536
connections       2   4096

connections: 12 accepted, 1 refused, 5 ended for the sake of others
datagrams not looked at: 8
datagrams dropped by the kernel: 4
calls for others: 9 made, 1 of them given up; 3 repeated, 2 too many
journal: 4096 bytes, 6 records added, written anew once
";
        assert_eq!(text, expected);
    }

    #[test]
    fn what_there_is_not_is_said() {
        let text = super::status(&Status::default(), &[], &ProgramNames::default());
        assert!(!text.contains("procedure"), "{text}");
        let end = "\
connections: 0 accepted, 0 refused, 0 ended for the sake of others
datagrams not looked at: 0
datagrams dropped by the kernel: not known
calls for others: off
journal: none: registrations end with the daemon
";
        assert!(text.ends_with(end), "{text}");
    }

    #[test]
    fn durations_have_two_units_at_most() {
        for (seconds, shown) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m00s"),
            (3599, "59m59s"),
            (3600, "1h00m"),
            (86_399, "23h59m"),
            (86_400, "1d00h"),
            (100 * 86_400 + 7200, "100d02h"),
        ] {
            assert_eq!(duration(seconds), shown);
        }
    }
}
