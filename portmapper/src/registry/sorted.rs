//! A sorted set that takes little more room than what is in it.

/// Values in order, each once.
///
/// What is registered in order, as it is by a start with what was there before, or where one service registers all its versions,
/// leaves the nodes of a `BTreeSet` half empty, and each of these values is searched for from the root. Here it fills one run
/// after the other.
#[derive(Debug)]
pub(super) struct Sorted<T> {
    /// None is empty, and each is before the next; two neighbours that have room in half a run are joined.
    runs: Vec<Vec<T>>,
}

/// Most values of a run: to make room among so few costs about as much as to find the run.
const RUN: usize = 64;

impl<T: Ord> Sorted<T> {
    pub(super) fn insert(&mut self, value: T) {
        let is_behind_all = |run: &Vec<T>| run.last() < Some(&value);
        if self.runs.last().is_none_or(is_behind_all) {
            return self.push(value);
        }
        let at = self.run_of(&value);
        let Some(run) = self.runs.get_mut(at) else {
            return;
        };
        let Err(within) = run.binary_search(&value) else {
            return;
        };
        if run.len() < RUN {
            return run.insert(within, value);
        }
        let mut next = Vec::with_capacity(RUN);
        next.extend(run.drain(RUN / 2..));
        match within.checked_sub(RUN / 2) {
            Some(within) => next.insert(within, value),
            None => run.insert(within, value),
        }
        self.runs.insert(at.saturating_add(1), next);
    }

    /// Adds a value behind all others: runs that are filled so are never split.
    fn push(&mut self, value: T) {
        match self.runs.last_mut() {
            Some(run) if run.len() < RUN => run.push(value),
            _ => {
                let mut run = Vec::with_capacity(RUN);
                run.push(value);
                self.runs.push(run);
            }
        }
    }

    pub(super) fn remove(&mut self, value: &T) {
        let at = self.run_of(value);
        let Some(run) = self.runs.get_mut(at) else {
            return;
        };
        let Ok(within) = run.binary_search(value) else {
            return;
        };
        run.remove(within);
        if run.is_empty() {
            self.runs.remove(at);
        } else {
            self.join(at);
            self.join(at.saturating_sub(1));
        }
    }

    /// The values from this one on, which need not be there.
    pub(super) fn from<'a>(&'a self, value: &T) -> impl Iterator<Item = &'a T> + use<'a, T> {
        let runs = self.runs.get(self.run_of(value)..).unwrap_or_default();
        let before = |run: &Vec<T>| run.partition_point(|there| there < value);
        let before = runs.first().map_or(0, before);
        runs.iter().flatten().skip(before)
    }

    /// The last value up to this one, which need not be there.
    pub(super) fn last_to(&self, value: &T) -> Option<&T> {
        let run = self.runs.get(self.run_of(value))?;
        let upto = run.partition_point(|there| there <= value);
        run.get(upto.checked_sub(1)?)
    }

    /// Where the run is that has this value, if any has.
    fn run_of(&self, value: &T) -> usize {
        let upto = |run: &Vec<T>| run.first() <= Some(value);
        self.runs.partition_point(upto).saturating_sub(1)
    }

    /// Joins a run and the next one, if that leaves room.
    fn join(&mut self, at: usize) {
        let next = at.saturating_add(1);
        let Some([run, rest]) = self.runs.get_mut(at..=next) else {
            return;
        };
        if run.len().saturating_add(rest.len()) <= RUN / 2 {
            run.append(rest);
            self.runs.remove(next);
        }
    }
}

impl<T> Default for Sorted<T> {
    fn default() -> Self {
        Self { runs: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_comes_in_order_fills_its_runs() {
        let mut sorted = Sorted::default();
        for value in 0..1_000 {
            sorted.insert(value);
        }
        assert_eq!(sorted.runs.len(), 1_000_usize.div_ceil(RUN));
        assert!(sorted.runs.iter().all(|run| run.capacity() == RUN));
    }

    #[test]
    fn however_much_has_gone_what_is_left_is_in_few_runs() {
        let mut sorted = Sorted::default();
        for round in 0..100 {
            for value in 0..1_000 {
                sorted.insert((value, round));
            }
            for value in (0..1_000).filter(|value| value % 100 != 0) {
                sorted.remove(&(value, round));
            }
        }
        assert_eq!(sorted.from(&(0, 0)).count(), 1_000);
        assert!(sorted.runs.len() <= 2 * 1_000_usize.div_ceil(RUN / 2));
        for value in (0..1_000).step_by(100) {
            for round in 0..100 {
                sorted.remove(&(value, round));
            }
        }
        assert!(sorted.runs.is_empty());
    }

    proptest! {
        #[test]
        fn it_behaves_like_a_tree(
            steps in prop::collection::vec((0..3, 0..600_u32), 1..2_000),
            descending in any::<bool>(),
        ) {
            let (mut sorted, mut tree) = (Sorted::default(), BTreeSet::new());
            let each = 150..450;
            let mut before: Vec<u32> = each.collect();
            if descending {
                before.reverse();
            }
            for value in before {
                sorted.insert(value);
                tree.insert(value);
            }
            for (what, value) in steps {
                if what == 0 {
                    sorted.insert(value);
                    tree.insert(value);
                } else {
                    sorted.remove(&value);
                    tree.remove(&value);
                }
                prop_assert_eq!(sorted.last_to(&value), tree.range(..=value).next_back());
            }
            for value in (0..600).step_by(7) {
                prop_assert!(sorted.from(&value).eq(tree.range(value..)));
            }
        }
    }
}
