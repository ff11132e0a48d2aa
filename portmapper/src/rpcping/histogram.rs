//! How long calls took, counted.

use std::time::Duration;

/// Counts of times, in classes that are at most a sixteenth of their time wide.
///
/// A time goes where its highest bit and the four below it say, so that a nanosecond and a minute fit into one table that never
/// grows, and what is said of a quantile is at most 6.3 % above the truth.
#[derive(Clone, Debug)]
pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
    longest: Duration,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            counts: vec![0; CLASSES],
            total: 0,
            longest: Duration::ZERO,
        }
    }
}

impl Histogram {
    /// Counts a call that took this long.
    pub fn add(&mut self, took: Duration) {
        self.add_many(took, 1);
    }

    /// Counts so many calls that took this long each.
    pub fn add_many(&mut self, took: Duration, calls: u64) {
        self.counts[class(nanoseconds(took))] += calls;
        self.total += calls;
        self.longest = self.longest.max(took);
    }

    /// Takes over what another counted.
    pub fn merge(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.total += other.total;
        self.longest = self.longest.max(other.longest);
    }

    /// How many were counted.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The longest, exactly.
    pub fn longest(&self) -> Duration {
        self.longest
    }

    /// The time within which this share of them ended, `0.5` being half; nothing if none were counted.
    pub fn quantile(&self, share: f64) -> Duration {
        let within = (self.total as f64 * share).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (class, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= within {
                return Duration::from_nanos(end(class)).min(self.longest);
            }
        }
        self.longest
    }

    /// Counts of calls by powers of two of a microsecond: the end of each class, and how many took less than that and not
    /// less than the one before. From the first that has one to the last.
    pub fn by_doubling(&self) -> Vec<(Duration, u64)> {
        let mut rows: Vec<(Duration, u64)> = Vec::new();
        for (class, &count) in self.counts.iter().enumerate() {
            if count == 0 && rows.is_empty() {
                continue;
            }
            let microseconds = end(class).div_ceil(1_000).next_power_of_two();
            let upper = Duration::from_micros(microseconds);
            match rows.last_mut() {
                Some((last, sum)) if *last == upper => *sum += count,
                _ => rows.push((upper, count)),
            }
        }
        while rows.last().is_some_and(|(_, count)| *count == 0) {
            rows.pop();
        }
        rows
    }
}

/// Bits below the highest that a class is told by.
const FINE: u32 = 4;

/// Classes: those of the times below 2^FINE nanoseconds, one each, and 2^FINE for each highest bit above.
const CLASSES: usize = (64 - FINE as usize + 1) << FINE;

fn nanoseconds(took: Duration) -> u64 {
    u64::try_from(took.as_nanos()).unwrap_or(u64::MAX)
}

fn class(nanoseconds: u64) -> usize {
    let bits = u64::BITS - nanoseconds.leading_zeros();
    let shift = bits.saturating_sub(FINE + 1);
    ((shift as usize) << FINE) + (nanoseconds >> shift) as usize
}

/// The longest time of a class, in nanoseconds.
fn end(class: usize) -> u64 {
    let shift = (class >> FINE).saturating_sub(1);
    let first = (class - (shift << FINE)) as u128;
    u64::try_from(((first + 1) << shift) - 1).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_holds_its_times_and_is_narrow() {
        for nanoseconds in [0, 1, 15, 16, 17, 31, 32, 33, 1_000, 123_456_789, u64::MAX] {
            let end = end(class(nanoseconds));
            assert!(nanoseconds <= end, "{nanoseconds} {end}");
            assert!(end - nanoseconds <= nanoseconds / 16, "{nanoseconds} {end}");
        }
        assert_eq!(class(u64::MAX), CLASSES - 1);
    }

    #[test]
    fn quantiles_are_of_all_that_were_merged() {
        let mut all = Histogram::default();
        for hundred in 0..10 {
            let mut some = Histogram::default();
            for at in 1..=100 {
                some.add(Duration::from_micros(hundred * 100 + at));
            }
            all.merge(&some);
        }
        assert_eq!(all.total(), 1_000);
        assert_eq!(all.longest(), Duration::from_micros(1_000));
        assert_eq!(all.quantile(1.0), Duration::from_micros(1_000));
        let half = all.quantile(0.5).as_nanos() as f64 / 500_000.0;
        assert!((1.0..1.07).contains(&half), "{half}");
        let counted: u64 = all.by_doubling().iter().map(|(_, count)| count).sum();
        assert_eq!(counted, 1_000);
    }

    #[test]
    fn of_nothing_every_quantile_is_nothing() {
        assert_eq!(Histogram::default().quantile(0.99), Duration::ZERO);
        assert_eq!(Histogram::default().by_doubling(), []);
    }
}
