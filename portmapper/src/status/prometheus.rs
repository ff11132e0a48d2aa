//! The status as Prometheus reads it: its
//! [text format](https://prometheus.io/docs/instrumenting/exposition_formats/), version 0.0.4.
//!
//! Names do not change once they are there: alerts are written for them. Registrations are not listed, only
//! counted: a series for each would outlive it in every database.

use std::fmt::Write as _;

use super::proto::{Calls, Status};
use crate::tally::procedure_name;

/// The page.
///
/// Every label is a word of ours, in which nothing has to be escaped.
pub fn page(status: &Status) -> String {
    let mut page = Page(String::new());
    page.gauge(
        "build_info",
        "The release of rpcbind.",
        [(format!("{{version=\"{}\"}}", status.release), 1)],
    );
    page.gauge(
        "uptime_seconds",
        "Time since it began to serve.",
        [bare(status.uptime)],
    );
    page.counter(
        "calls_total",
        "Calls by version, procedure and what became of them.",
        status.calls.iter().flat_map(calls),
    );
    page.counter(
        "changes_total",
        "SET and UNSET by what became of them.",
        status.changes.iter().map(|row| {
            let labels = format!(
                "{{request=\"{}\",outcome=\"{}\"}}",
                row.request, row.outcome
            );
            (labels, row.count)
        }),
    );
    page.counter(
        "connections_accepted_total",
        "Connections that were served.",
        [bare(status.connections.accepted)],
    );
    page.counter(
        "connections_refused_total",
        "Connections that were closed, since their peer had as many as one may have.",
        [bare(status.connections.refused)],
    );
    page.counter(
        "connections_evicted_total",
        "Connections that were ended, since nobody used them and others needed their places.",
        [bare(status.connections.evicted)],
    );
    page.counter(
        "refused_datagrams_total",
        "Datagrams that were not looked at: too many, or of senders that nobody is.",
        [bare(status.refused_datagrams)],
    );
    page.counter(
        "dropped_datagrams_total",
        "Datagrams that came faster than they were read, as the kernel counts.",
        status.dropped_datagrams.map(bare),
    );
    page.counter(
        "forwarded_calls_total",
        "Calls for others: made, at hand already, above the rate; and of those made, given up for later ones.",
        status.forwarded.iter().flat_map(|counts| {
            let event = |event, count| (format!("{{event=\"{event}\"}}"), count);
            [
                event("called", counts.called),
                event("repeated", counts.repeated),
                event("too_many", counts.too_many),
                event("given_up", counts.given_up),
            ]
        }),
    );
    let journal = status.journal.as_ref();
    page.gauge(
        "journal_bytes",
        "Length of the journal.",
        journal.map(|j| bare(j.bytes)),
    );
    page.counter(
        "journal_records_total",
        "Records that were added to the journal.",
        journal.map(|j| bare(j.records)),
    );
    page.counter(
        "journal_renewals_total",
        "How often the journal was written anew, at the start or since.",
        journal.map(|j| bare(j.renewals)),
    );
    let limit = |name| format!("{{limit=\"{name}\"}}");
    let limits = || status.limits.iter();
    page.gauge(
        "limit_used",
        "How much of a limit is used now.",
        limits().map(|row| (limit(&row.name), row.used)),
    );
    page.gauge(
        "limit_most",
        "How much of it there can be.",
        limits().map(|row| (limit(&row.name), row.most)),
    );
    page.0
}

/// A sample that needs no labels.
fn bare(value: u64) -> (String, u64) {
    (String::new(), value)
}

fn calls(row: &Calls) -> [(String, u64); 4] {
    let version = row.version;
    let procedure = row
        .procedure
        .and_then(|procedure| procedure_name(version, procedure));
    let procedure = procedure.unwrap_or("other");
    let outcome = |outcome, count| {
        let labels =
            format!("{{version=\"{version}\",procedure=\"{procedure}\",outcome=\"{outcome}\"}}");
        (labels, count)
    };
    [
        outcome("answered", row.answered),
        outcome("refused", row.refused),
        outcome("unanswered", row.unanswered),
        outcome("abandoned", row.abandoned),
    ]
}

struct Page(String);

impl Page {
    fn counter(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (String, u64)>,
    ) {
        self.family(name, "counter", help, samples);
    }

    fn gauge(&mut self, name: &str, help: &str, samples: impl IntoIterator<Item = (String, u64)>) {
        self.family(name, "gauge", help, samples);
    }

    /// A family of samples, each with its labels; nothing at all where there is none.
    fn family(
        &mut self,
        name: &str,
        kind: &str,
        help: &str,
        samples: impl IntoIterator<Item = (String, u64)>,
    ) {
        let mut samples = samples.into_iter().peekable();
        if samples.peek().is_none() {
            return;
        }
        let Self(page) = self;
        // INVARIANT: a String takes whatever is written.
        let _ = writeln!(
            page,
            "# HELP rpcbind_{name} {help}\n# TYPE rpcbind_{name} {kind}"
        );
        for (labels, value) in samples {
            let _ = writeln!(page, "rpcbind_{name}{labels} {value}");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::status::tests::busy;

    #[test]
    fn the_page_is_laid_out_as_prometheus_reads_it() {
        let page = page(&busy());
        for lines in [
            "# HELP rpcbind_build_info The release of rpcbind.\n\
             # TYPE rpcbind_build_info gauge\n\
             rpcbind_build_info{version=\"0.1.0\"} 1\n",
            "# TYPE rpcbind_uptime_seconds gauge\nrpcbind_uptime_seconds 93784\n",
            "rpcbind_calls_total{version=\"2\",procedure=\"GETPORT\",outcome=\"answered\"} 1000000\n",
            "rpcbind_calls_total{version=\"4\",procedure=\"other\",outcome=\"refused\"} 3\n",
            "rpcbind_changes_total{request=\"set\",outcome=\"declined\"} 2\n",
            "rpcbind_connections_refused_total 1\n",
            "rpcbind_connections_evicted_total 5\n",
            "rpcbind_refused_datagrams_total 8\n",
            "rpcbind_dropped_datagrams_total 4\n",
            "rpcbind_forwarded_calls_total{event=\"too_many\"} 2\n",
            "rpcbind_journal_bytes 4096\n",
            "rpcbind_limit_used{limit=\"registrations\"} 3\n",
            "rpcbind_limit_most{limit=\"registrations\"} 65536\n",
        ] {
            assert!(page.contains(lines), "{lines}\n{page}");
        }
    }

    #[test]
    fn each_series_is_there_once_and_behind_its_family() {
        let page = page(&busy());
        let mut seen = HashSet::new();
        let mut family = "";
        for line in page.lines() {
            if let Some(kind) = line.strip_prefix("# TYPE ") {
                family = kind.split(' ').next().unwrap();
            } else if !line.starts_with("# HELP ") {
                let (series, value) = line.rsplit_once(' ').unwrap();
                assert_eq!(series.split('{').next(), Some(family), "{line}");
                assert!(value.parse::<u64>().is_ok(), "{line}");
                assert!(seen.insert(series), "{line}");
            }
        }
    }

    #[test]
    fn what_is_not_known_has_no_family() {
        let page = page(&Status::default());
        for family in ["dropped_datagrams", "forwarded_calls", "journal", "calls"] {
            assert!(!page.contains(&format!("rpcbind_{family}")), "{page}");
        }
    }
}
