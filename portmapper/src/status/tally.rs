//! Calls, by procedure and by what became of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use oncrpc::ProcedureInfo;
use oncrpc::proto::portmap::pmapprog;
use oncrpc::proto::rpcb::rpcbprog;
use oncrpc_server::{Finished, Observer, Outcome};

use super::proto::Calls;

/// Counts calls of the three versions; clones count together.
///
/// Calls of other programs and versions are answered before anybody counts.
#[derive(Clone, Debug, Default)]
pub struct Tally(Arc<[[Counts; ROWS]; 3]>);

/// What became of the calls of one procedure.
#[derive(Debug, Default)]
struct Counts {
    answered: AtomicU64,
    refused: AtomicU64,
    unanswered: AtomicU64,
    abandoned: AtomicU64,
}

/// Procedures of version 4, which has the most, and one row for what a version does not have.
const ROWS: usize = 14;

/// What the versions have, from version 2 on.
const PROCEDURES: [&[ProcedureInfo]; 3] = [
    pmapprog::v2::PROCEDURES,
    rpcbprog::v3::PROCEDURES,
    rpcbprog::v4::PROCEDURES,
];

/// A procedure of ours.
fn known(version: u32, procedure: u32) -> Option<&'static ProcedureInfo> {
    let procedures = PROCEDURES.get(usize::try_from(version.checked_sub(2)?).ok()?)?;
    procedures.iter().find(|info| info.number == procedure)
}

/// The name of a procedure of ours: `GETADDR`.
pub fn procedure_name(version: u32, procedure: u32) -> Option<&'static str> {
    let info = known(version, procedure)?;
    let without_prefix = info.name.split_once("PROC_").map(|(_, name)| name);
    Some(without_prefix.unwrap_or(info.name))
}

impl Tally {
    /// What was called, procedure by procedure; those that were not are left out.
    pub fn calls(&self) -> Vec<Calls> {
        let versions = self.0.iter().zip(2..);
        let rows = versions.flat_map(|(rows, version)| {
            rows.iter().zip(0..).map(move |(counts, procedure)| {
                let has_name = known(version, procedure).is_some();
                Calls {
                    version,
                    procedure: has_name.then_some(procedure),
                    ..counts.read()
                }
            })
        });
        let is_empty =
            |row: &Calls| row.answered + row.refused + row.unanswered + row.abandoned == 0;
        rows.filter(|row| !is_empty(row)).collect()
    }

    fn row(&self, version: u32, procedure: u32) -> Option<&Counts> {
        let rows = self.0.get(usize::try_from(version.checked_sub(2)?).ok()?)?;
        match known(version, procedure) {
            Some(_) => rows.get(usize::try_from(procedure).ok()?),
            None => rows.last(),
        }
    }
}

impl Observer for Tally {
    fn finished(&self, call: &Finished<'_>) {
        let id = call.procedure;
        let Some(counts) = self.row(id.version, id.procedure) else {
            return;
        };
        let count = match call.outcome {
            Outcome::Success => &counts.answered,
            Outcome::Refused(_) => &counts.refused,
            Outcome::Abandoned => &counts.abandoned,
            _ => &counts.unanswered,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }

    fn wants_time(&self) -> bool {
        false
    }
}

impl Counts {
    fn read(&self) -> Calls {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Calls {
            answered: read(&self.answered),
            refused: read(&self.refused),
            unanswered: read(&self.unanswered),
            abandoned: read(&self.abandoned),
            ..Calls::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn procedures_have_the_names_of_the_rfc() {
        for (version, procedure, name) in [
            (2, 0, Some("NULL")),
            (2, 3, Some("GETPORT")),
            (2, 6, None),
            (3, 5, Some("CALLIT")),
            (3, 9, None),
            (4, 0, Some("NULL")),
            (4, 5, Some("BCAST")),
            (4, 12, Some("GETSTAT")),
            (4, 13, None),
            (1, 0, None),
            (5, 0, None),
        ] {
            assert_eq!(procedure_name(version, procedure), name);
        }
    }

    #[test]
    fn what_a_version_does_not_have_is_one_row() {
        let tally = Tally::default();
        for (version, procedure) in [(2, 6), (2, u32::MAX), (4, 12), (4, 13)] {
            let row = tally.row(version, procedure).unwrap();
            row.refused.fetch_add(1, Ordering::Relaxed);
        }
        assert!(tally.row(1, 0).is_none() && tally.row(5, 0).is_none());
        let rows: Vec<_> = tally
            .calls()
            .iter()
            .map(|row| (row.version, row.procedure, row.refused))
            .collect();
        assert_eq!(rows, [(2, None, 2), (4, Some(12), 1), (4, None, 1)]);
    }
}
