//! A long time on the real clock: 5,000 calls of all kinds in each second, hostile peers beside them, and nothing grows.
//!
//! Three seconds of it are a part of each run of the tests; `make soak-real` is half an hour (`ONCRPC_SOAK_SECONDS=1800`).
//! The day in virtual time (`tests/tests/soak`) counts what is allocated; here the kernel says what the process has.

mod callers;
mod hostile;

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::instance::{Instance, Place};
use crate::weather::{MOST_MEMORY, PATIENCE, middle, raise_descriptors};

/// What is on the list all the time.
const REGISTERED: u32 = 200;

/// From how long on memory is judged: hostile connections are there for a minute, and until then they get more and more.
const LONG: Duration = Duration::from_secs(600);

/// The most that the daemon may hold more at the end than in the second sixth of the time, in KiB: a slope of nothing, and
/// what an allocator rounds. A page for each 100,000 calls would be more in half an hour.
const MOST_GROWTH: u64 = 256;

/// The longest that journal and log together may be, in bytes: of 1,000 changes in a second hardly one is of use after it, and
/// of bad calls the log has a line in ten seconds.
const MOST_WRITTEN: u64 = 256 << 10;

/// What the kernel says of the daemon at one time.
#[derive(Clone, Copy)]
struct Sample {
    /// KiB that it holds for itself.
    memory: u64,
    descriptors: usize,
    threads: usize,
    /// Bytes of what it writes.
    written: u64,
    processor: Duration,
}

impl Sample {
    fn of(instance: &Instance, files: &[&Path]) -> Self {
        let threads = format!("/proc/{}/task", instance.process.id());
        let bytes = |file: &&Path| fs::metadata(file).map_or(0, |file| file.len());
        Self {
            memory: instance.memory("RssAnon"),
            descriptors: instance.descriptors(),
            threads: fs::read_dir(threads).unwrap().count(),
            written: files.iter().map(bytes).sum(),
            processor: instance.processor_time(),
        }
    }
}

/// What it held for most of the time.
fn held(samples: &[Sample]) -> u64 {
    middle(samples.iter().map(|sample| sample.memory).collect())
}

fn most<T: Ord>(samples: &[Sample], of: impl Fn(&Sample) -> T) -> T {
    samples.iter().map(of).max().unwrap()
}

#[test]
fn a_long_time_of_good_and_bad_calls_leaves_nothing_behind() {
    let seconds = std::env::var("ONCRPC_SOAK_SECONDS").map_or(3, |said| said.parse().unwrap());
    let length = Duration::from_secs(seconds);
    raise_descriptors();
    let place = Place::new("storm-soak");
    let (instance, log) = place.start_logged(&[]);
    for number in 0..REGISTERED {
        instance.set(callers::REGISTERED + number);
    }
    let journal = place.path.join("state").join("journal");
    let files = [journal.as_path(), log.as_path()];
    let before = Sample::of(&instance, &files);

    let (begun, over) = (Instant::now(), AtomicBool::new(false));
    let (calls, crowd, samples) = thread::scope(|scope| {
        let crowd = scope.spawn(|| hostile::be_hostile(place.port, &over));
        let sampling = scope.spawn(|| {
            let mut samples = Vec::new();
            while !over.load(Ordering::Relaxed) {
                samples.push(Sample::of(&instance, &files));
                thread::park_timeout((length / 600).min(Duration::from_secs(1)));
            }
            samples
        });
        let calls = callers::call_for(length, place.port, &instance.socket);
        over.store(true, Ordering::Relaxed);
        (calls, crowd.join().unwrap(), sampling.join().unwrap())
    });
    let took = begun.elapsed();
    // All have left by now.
    let left = Instant::now();
    while instance.descriptors() > before.descriptors && left.elapsed() < PATIENCE {
        thread::yield_now();
    }
    let after = Sample::of(&instance, &files);

    let sixth = samples.len() / 6;
    let (second, last) = (&samples[sixth..2 * sixth], &samples[5 * sixth..]);
    let [early, late] = [second, last].map(held);
    let a_call = (after.processor - before.processor).div_f64(calls as f64);
    println!(
        "soak: {calls} calls in {took:.0?}, {a_call:.2?} of the processor for each; {crowd}; KiB held {early} in the second sixth, \
         {late} in the last, {} at most, {} at the end; descriptors {} before, {} at most, {} after; threads {} to {}; \
         {} bytes written at most; memory {} KiB at most",
        most(&samples, |sample| sample.memory),
        after.memory,
        before.descriptors,
        most(&samples, |sample| sample.descriptors),
        after.descriptors,
        before.threads,
        most(&samples, |sample| sample.threads),
        most(&samples, |sample| sample.written),
        instance.memory("VmHWM"),
    );
    let parts = samples.chunks(samples.len().div_ceil(12));
    let by_parts: Vec<_> = parts.map(held).collect();
    println!("soak: KiB held in each twelfth: {by_parts:?}");
    assert!(length < LONG || late <= early + MOST_GROWTH, "memory grows");
    assert!(after.descriptors <= before.descriptors, "descriptors");
    assert!(
        most(&samples, |sample| sample.descriptors)
            <= before.descriptors + callers::CONNECTIONS + hostile::MOST,
        "descriptors meanwhile"
    );
    assert_eq!(
        most(&samples, |sample| sample.threads),
        before.threads,
        "threads"
    );
    assert!(
        most(&samples, |sample| sample.written) <= MOST_WRITTEN,
        "journal and log"
    );
    assert!(instance.memory("VmHWM") <= MOST_MEMORY);
}
