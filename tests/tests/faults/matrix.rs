//! The fault matrix: 24 settings, 3 transports, 4 sizes, 2 sides.
//!
//! Of every run of the tests a tenth of the cells is a part. All of them: `make faults`.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use oncrpc_transport::testing::Dice;
use tokio::runtime::Builder;

use crate::cell::{Cell, Outcome, Side};
use crate::program::Size;
use crate::setting::{SETTINGS, Transport};

/// Every cell.
fn cells() -> Vec<Cell> {
    let mut cells = Vec::new();
    for setting in SETTINGS {
        for transport in Transport::ALL {
            for size in Size::ALL {
                for side in [Side::Client, Side::Server] {
                    cells.push(Cell {
                        setting,
                        transport,
                        size,
                        side,
                    });
                }
            }
        }
    }
    cells
}

/// What all follows from: `ONCRPC_FAULTS_SEED`, or always the same.
fn seed() -> u64 {
    let seed = std::env::var("ONCRPC_FAULTS_SEED").map_or(4, |seed| seed.parse().unwrap());
    println!("ONCRPC_FAULTS_SEED={seed}");
    seed
}

/// Runs cells on every processor, each in a time of its own; gives back the outcomes in the order of the cells.
fn run(cells: &[Cell], calls: impl Fn(Cell) -> u32 + Sync, seed: u64) -> Vec<Outcome> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, NonZero::get) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(cell) = cells.get(index) else {
                        return;
                    };
                    let mut paused = Builder::new_current_thread();
                    let runtime = paused.enable_time().start_paused(true).build().unwrap();
                    let seed = seed.wrapping_add(index as u64);
                    let outcome = runtime.block_on(cell.run(calls(*cell), seed));
                    done.lock().unwrap().insert(index, outcome);
                }
            });
        }
    });
    done.into_inner().unwrap().into_values().collect()
}

/// Runs cells and fails with everything that is wrong with them.
fn judge(cells: &[Cell], calls: impl Fn(Cell) -> u32 + Sync, seed: u64) -> Vec<Outcome> {
    let outcomes = run(cells, &calls, seed);
    assert_eq!(outcomes.len(), cells.len());
    let judged = cells.iter().zip(&outcomes);
    let wrong: Vec<_> = judged
        .filter_map(|(cell, outcome)| cell.judge(calls(*cell), outcome).err())
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    outcomes
}

#[test]
fn in_a_tenth_of_the_matrix_every_call_ends_once_and_in_time() {
    let seed = seed();
    let mut dice = Dice::new(seed);
    let mut all = cells();
    let tenth = all.len().div_ceil(10);
    let sample: Vec<_> = (0..tenth)
        .map(|_| all.swap_remove(dice.below(all.len() as u64) as usize))
        .collect();
    // A debug build takes its time over the 1 MiB, the more the smaller the pieces.
    let calls = |cell: Cell| if cell.size == Size::Echo { 4 } else { 100 };
    judge(&sample, calls, seed);
}

#[test]
#[ignore = "takes minutes: make faults"]
fn in_the_whole_matrix_every_call_ends_once_and_in_time() {
    let begun = Instant::now();
    let (cells, seed) = (cells(), seed());
    let outcomes = judge(&cells, |_| 100, seed);
    println!("right answers of 800 calls; over datagrams, which do not hold 1 MiB, of 600");
    println!("{:15} {:?}", "", Transport::ALL);
    for setting in SETTINGS {
        let right = Transport::ALL.map(|transport| {
            let both = cells.iter().zip(&outcomes);
            let of = both.filter(|(c, _)| (c.setting, c.transport) == (setting, transport));
            of.map(|(_, outcome)| outcome.right).sum::<u32>()
        });
        println!("{:15} {right:4?}", format!("{setting:?}"));
    }
    println!("{} cells in {:?}", cells.len(), begun.elapsed());
}
