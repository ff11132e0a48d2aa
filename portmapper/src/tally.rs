//! Calls, by procedure and by what became of them, and look-ups, by what they ask for: GETSTAT tells how many there were, and the
//! operator sees the rest.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use oncrpc::proto::portmap::pmapprog;
use oncrpc::proto::rpcb::rpcbprog;
use oncrpc::{Answer, Answered, Framing, ProcedureInfo, Reply, Step};

use crate::statistics::{MAX_ROWS, Version};
use crate::status::proto::Calls;

/// Counts the calls of the three versions.
///
/// Every call counts, and none waits for another's: each dispatcher has a sheet of its own. Most dispatchers stay; where there are
/// more workers than processors others come and go, and each goes on with the sheet of one that has ended.
#[derive(Debug, Default)]
pub struct Tally(Mutex<Vec<Arc<Sheet>>>);

/// What one dispatcher counts, which answers the calls of one version, one at a time.
#[derive(Debug)]
pub struct Sheet {
    version: Version,
    /// Those of each procedure of the version.
    procedures: Box<[Counts]>,
    /// Those of what the version does not have.
    others: Counts,
    /// Look-ups, by their rows in the statistics.
    look_ups: Box<[LookUps]>,
}

/// What became of the look-ups of one row.
#[derive(Debug, Default)]
struct LookUps {
    success: AtomicU64,
    failure: AtomicU64,
}

/// What became of the calls of one procedure: those that nothing else became of were answered.
#[derive(Debug, Default)]
struct Counts {
    begun: AtomicU64,
    refused: AtomicU64,
    unanswered: AtomicU64,
    abandoned: AtomicU64,
    /// Those whose handlers still wait.
    waiting: AtomicU64,
}

/// A call whose handler waits; it has ended when this is dropped, with an answer or without.
struct Waiting {
    sheet: Arc<Sheet>,
    procedure: u32,
    ended: Option<Answered>,
}

impl Version {
    /// All of them, in order.
    pub const ALL: [Self; 3] = [Self::V2, Self::V3, Self::V4];

    fn procedures(self) -> &'static [ProcedureInfo] {
        match self {
            Self::V2 => pmapprog::v2::PROCEDURES,
            Self::V3 => rpcbprog::v3::PROCEDURES,
            Self::V4 => rpcbprog::v4::PROCEDURES,
        }
    }

    fn number(self) -> u32 {
        self as u32 + 2
    }
}

/// The name of a procedure of ours: `GETADDR`.
pub fn procedure_name(version: u32, procedure: u32) -> Option<&'static str> {
    let is_this = |known: &Version| known.number() == version;
    let procedures = Version::ALL.into_iter().find(is_this)?.procedures();
    let info = procedures.iter().find(|info| info.number == procedure)?;
    let without_prefix = info.name.split_once("PROC_").map(|(_, name)| name);
    Some(without_prefix.unwrap_or(info.name))
}

impl Tally {
    /// A sheet for one dispatcher of this version.
    pub fn sheet(&self, version: Version) -> Arc<Sheet> {
        let mut sheets = self.sheets();
        // Nobody else has it: all that was counted there is seen, and no handler waits any more.
        for sheet in sheets.iter_mut().filter(|sheet| sheet.version == version) {
            if Arc::get_mut(sheet).is_some() {
                return sheet.clone();
            }
        }
        let procedures = version.procedures().iter();
        let sheet = Arc::new(Sheet {
            version,
            procedures: procedures.map(|_| Counts::default()).collect(),
            others: Counts::default(),
            // And one row for all that find none.
            look_ups: (0..=MAX_ROWS).map(|_| LookUps::default()).collect(),
        });
        sheets.push(sheet.clone());
        sheet
    }

    /// How often each procedure of this version was called, answered or not.
    pub fn begun(&self, version: Version) -> Vec<u64> {
        let mut sums = vec![0; version.procedures().len()];
        self.each_of(version, |sheet| {
            for (sum, counts) in sums.iter_mut().zip(&sheet.procedures) {
                *sum += counts.begun.load(Ordering::Relaxed);
            }
        });
        sums
    }

    /// How often what each row of this version stands for was found, and how often not.
    pub fn looked_up(&self, version: Version) -> Vec<(u64, u64)> {
        let mut sums = vec![(0, 0); MAX_ROWS + 1];
        self.each_of(version, |sheet| {
            for ((success, failure), row) in sums.iter_mut().zip(&sheet.look_ups) {
                *success += row.success.load(Ordering::Relaxed);
                *failure += row.failure.load(Ordering::Relaxed);
            }
        });
        sums
    }

    /// What was called, procedure by procedure; those that were not are left out.
    pub fn calls(&self) -> Vec<Calls> {
        let (sheets, mut calls) = (self.sheets(), Vec::new());
        for version in Version::ALL {
            let procedures = version.procedures().iter().map(|info| Some(info.number));
            for procedure in procedures.chain([None]) {
                let mut row = Calls {
                    version: version.number(),
                    procedure,
                    ..Calls::default()
                };
                let nothing = row;
                for sheet in sheets.iter().filter(|sheet| sheet.version == version) {
                    sheet.row(procedure.unwrap_or(u32::MAX)).add_to(&mut row);
                }
                calls.extend((row != nothing).then_some(row));
            }
        }
        calls
    }

    fn each_of(&self, version: Version, look: impl FnMut(&Arc<Sheet>)) {
        let sheets = self.sheets();
        let sheets = sheets.iter().filter(|sheet| sheet.version == version);
        sheets.for_each(look);
    }

    fn sheets(&self) -> MutexGuard<'_, Vec<Arc<Sheet>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sheet {
    /// The place of a procedure, or of all others.
    #[inline]
    fn row(&self, procedure: u32) -> &Counts {
        let row = self.procedures.get(procedure as usize);
        row.unwrap_or(&self.others)
    }

    /// Counts a call that begins.
    #[inline]
    pub fn begun(&self, procedure: u32) {
        count_alone(&self.row(procedure).begun);
    }

    /// The version whose calls are counted here.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Counts a look-up in this row of the statistics.
    #[inline]
    pub fn looked_up(&self, row: usize, found: bool) {
        if let Some(row) = self.look_ups.get(row) {
            count_alone(if found { &row.success } else { &row.failure });
        }
    }

    /// Counts what became of the call, or will become of it.
    #[inline]
    pub fn ended(self: &Arc<Self>, procedure: u32, step: Step, reply: &Reply<'_>) -> Step {
        match step {
            // Not the one that came: it was just written piece by piece, and would be moved as a whole.
            Step::Done if reply.refusal().is_none() => Step::Done,
            step => self.not_answered(procedure, step, reply.framing()),
        }
    }

    /// What ended in another way than with results, or has not ended.
    #[cold]
    fn not_answered(self: &Arc<Self>, procedure: u32, step: Step, framing: Framing) -> Step {
        let row = self.row(procedure);
        match step {
            Step::Done => count(&row.refused),
            Step::Silent | Step::Close => count(&row.unanswered),
            Step::Later(answer) => {
                count(&row.waiting);
                let mut waiting = Waiting {
                    sheet: self.clone(),
                    procedure,
                    ended: None,
                };
                return Step::Later(Box::pin(async move {
                    let answer = answer.await;
                    waiting.end(&answer, framing);
                    answer
                }));
            }
        }
        step
    }
}

impl Waiting {
    /// Notes what became of the call.
    fn end(&mut self, answer: &Answer, framing: Framing) {
        self.ended = Some(Answered::of(answer, framing));
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let row = self.sheet.row(self.procedure);
        match &self.ended {
            Some(Answered::Results(_)) => {}
            Some(Answered::Refused(_)) => count(&row.refused),
            Some(Answered::Silent | Answered::Close) => count(&row.unanswered),
            None => count(&row.abandoned),
        }
        row.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Counts {
    fn add_to(&self, sum: &mut Calls) {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let others = [&self.refused, &self.unanswered, &self.abandoned].map(read);
        let [refused, unanswered, abandoned] = others;
        let not_answered = read(&self.waiting) + others.iter().sum::<u64>();
        // Meanwhile a call may have ended that had not begun yet when we looked.
        sum.answered += read(&self.begun).saturating_sub(not_answered);
        sum.refused += refused;
        sum.unanswered += unanswered;
        sum.abandoned += abandoned;
    }
}

fn count(count: &AtomicU64) {
    count.fetch_add(1, Ordering::Relaxed);
}

/// Counts where nobody else does, so that it need not be done in one step.
#[inline]
fn count_alone(count: &AtomicU64) {
    let before = count.load(Ordering::Relaxed);
    count.store(before.wrapping_add(1), Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use oncrpc::{Refusal, Reject};
    use oncrpc_xdr::{Bytes, Writer};

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

    /// Counts a call of this procedure.
    fn ask(
        sheet: &Arc<Sheet>,
        procedure: u32,
        come_to: impl FnOnce(&mut Reply<'_>) -> Step,
    ) -> Step {
        let mut out = Writer::new();
        let mut reply = Reply::new(&mut out, Framing::Record, 7);
        sheet.begun(procedure);
        let step = come_to(&mut reply);
        sheet.ended(procedure, step, &reply)
    }

    /// Version, procedure, and how many were answered, refused, unanswered and abandoned.
    fn rows(tally: &Tally) -> Vec<(u32, Option<u32>, [u64; 4])> {
        let rows = tally.calls();
        let counts = |row: &Calls| [row.answered, row.refused, row.unanswered, row.abandoned];
        let rows = rows
            .iter()
            .map(|row| (row.version, row.procedure, counts(row)));
        rows.collect()
    }

    #[test]
    fn a_procedure_has_its_number_for_its_place() {
        for version in Version::ALL {
            let numbers = version.procedures().iter().map(|info| info.number);
            assert!(numbers.eq(0..version.procedures().len() as u32));
        }
    }

    #[test]
    fn what_all_dispatchers_count_is_one_sum() {
        let tally = Tally::default();
        let (first, second) = (tally.sheet(Version::V3), tally.sheet(Version::V3));
        for sheet in [&first, &second, &second] {
            let step = ask(sheet, 3, |reply| reply.success::<u32>(&7));
            assert!(matches!(step, Step::Done));
        }
        let _ = ask(&first, 3, |reply| reply.reject(Reject::GarbageArgs));
        let _ = ask(&second, 5, |_| Step::Silent);
        let _ = ask(&second, 5, |_| Step::Close);
        let expected = [(3, Some(3), [3, 1, 0, 0]), (3, Some(5), [0, 0, 2, 0])];
        assert_eq!(rows(&tally), expected);
        assert_eq!(
            [3, 5].map(|procedure| tally.begun(Version::V3)[procedure]),
            [4, 2]
        );
        assert_eq!(tally.begun(Version::V4)[3], 0);
    }

    #[tokio::test]
    async fn of_dispatchers_that_come_and_go_the_counts_stay_and_no_more() {
        let tally = Tally::default();
        for _ in 0..1000 {
            let sheets = Version::ALL.map(|version| tally.sheet(version));
            for sheet in &sheets {
                let _ = ask(sheet, 3, |reply| reply.success::<u32>(&7));
            }
        }
        assert_eq!(tally.sheets().len(), 3);
        assert_eq!(tally.begun(Version::V2)[3], 1000);
        let step = ask(&tally.sheet(Version::V4), 5, |_| {
            Step::Later(Box::pin(async { Answer::Silent }))
        });
        let Step::Later(waiting) = step else {
            panic!("{step:?}");
        };
        // Its sheet is nobody else's as long as it waits.
        for _ in 0..1000 {
            let _ = ask(&tally.sheet(Version::V4), 3, |_| Step::Silent);
        }
        assert_eq!(tally.sheets().len(), 4);
        waiting.await;
        drop([tally.sheet(Version::V4), tally.sheet(Version::V4)]);
        assert_eq!(tally.sheets().len(), 4);
        let calls = |version, procedure| {
            let row = |row: &(u32, Option<u32>, _)| (row.0, row.1) == (version, Some(procedure));
            rows(&tally).into_iter().find(row).unwrap().2
        };
        assert_eq!(calls(3, 3), [1000, 0, 0, 0]);
        assert_eq!(calls(4, 3), [1000, 0, 1000, 0]);
        assert_eq!(calls(4, 5), [0, 0, 1, 0]);
    }

    #[test]
    fn what_a_version_does_not_have_is_one_row() {
        let tally = Tally::default();
        for (version, procedures) in [(Version::V2, [6, u32::MAX]), (Version::V4, [12, 13])] {
            let sheet = tally.sheet(version);
            for procedure in procedures {
                let _ = ask(&sheet, procedure, |reply| reply.reject(Reject::ProcUnavail));
            }
        }
        let expected = [
            (2, None, [0, 2, 0, 0]),
            (4, Some(12), [0, 1, 0, 0]),
            (4, None, [0, 1, 0, 0]),
        ];
        assert_eq!(rows(&tally), expected);
    }

    #[tokio::test]
    async fn a_call_that_waits_is_counted_by_what_it_came_to() {
        let tally = Tally::default();
        let sheet = tally.sheet(Version::V4);
        let later = |answer: fn() -> Answer| {
            let step = ask(&sheet, 5, |_| {
                Step::Later(Box::pin(async move { answer() }))
            });
            let Step::Later(later) = step else {
                panic!("{step:?}");
            };
            later
        };
        let waiting = [
            later(|| Answer::Silent),
            later(|| Answered::Results(Bytes::new()).later(Framing::Record, 7)),
            later(|| Answered::Refused(Refusal::SystemErr).later(Framing::Record, 7)),
        ];
        let abandoned = later(|| Answer::Silent);
        assert_eq!(rows(&tally), [], "nothing has become of any");
        assert_eq!(tally.begun(Version::V4)[5], 4);
        drop(abandoned);
        for answer in waiting {
            answer.await;
        }
        assert_eq!(rows(&tally), [(4, Some(5), [1, 1, 1, 1])]);
    }
}
