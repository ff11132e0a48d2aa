//! Lines that anybody can cause, and that shall not fill the log.

use std::time::{Duration, Instant};

/// When such a line was last written, and how often it was not since.
#[derive(Debug, Default)]
pub(crate) struct Seldom {
    last: Option<Instant>,
    unsaid: u64,
}

/// Time for which one line stands for all.
///
/// Anybody can make us refuse something; nobody gets to fill the log, and no line costs a process.
const QUIET: Duration = Duration::from_secs(10);

impl Seldom {
    /// If a line is due, how many were not written before it.
    pub(crate) fn due(&mut self, now: Instant) -> Option<u64> {
        let is_quiet = |last: Instant| now.duration_since(last) < QUIET;
        if self.last.is_some_and(is_quiet) {
            self.unsaid += 1;
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.unsaid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_in_ten_seconds_stands_for_all() {
        let start = Instant::now();
        let mut seldom = Seldom::default();
        let after = [0, 1, 9_999, 10_000, 10_001, 25_000, 40_000];
        let due = after.map(|millis| seldom.due(start + Duration::from_millis(millis)));
        let expected = [Some(0), None, None, Some(2), None, Some(1), Some(0)];
        assert_eq!(due, expected);
    }
}
