//! A long day of rpcbind's: calls of all kinds, hostile peers, a restart each hour; nothing grows.
//!
//! Time is virtual, and sockets are pipes in memory. Of each run of the tests a sample is a part; `make soak` is 24 hours.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail it")]

mod hostile;
mod world;

use std::time::{Duration, Instant};

use allocation_counter::measure;
use tokio::runtime::{Builder, Handle};
use tokio::time::sleep;

use world::World;

/// Longest time that a hostile connection lasts: one that has made a call, even if it was for a program that there is not,
/// may be idle for as long.
const LONGEST: Duration = Duration::from_secs(62);

/// Tasks at once: one for each end of a connection.
const MOST_TASKS: usize =
    2 * (world::CALLERS + world::HOSTILE as usize * LONGEST.as_secs() as usize);

#[test]
fn a_day_of_good_and_bad_calls_and_a_restart_each_hour_leaves_nothing_behind() {
    let is_full = std::env::var_os("ONCRPC_SOAK").is_some_and(|wanted| wanted == "full");
    // And how many bytes more may be held at the end than after the first sixth of the time.
    let (hours, hour, most_growth) = match is_full {
        true => (24, 3600, 64 << 10),
        false => (12, 60, 4 << 10),
    };
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let mut world = runtime.block_on(async { World::new() });
    let (mut held, mut most_tasks) = (Vec::new(), 0);
    let begun = Instant::now();
    for _ in 0..hours {
        let grown = measure(|| {
            runtime.block_on(async {
                for second in 0..hour {
                    world.second(second).await;
                    most_tasks = most_tasks.max(Handle::current().metrics().num_alive_tasks());
                }
                // Whoever was hostile to the end has its time.
                sleep(LONGEST).await;
                let quiet = Handle::current().metrics().num_alive_tasks();
                assert_eq!(
                    quiet,
                    2 * world::CALLERS,
                    "only those who call well are left"
                );
                world.restart().await;
            });
        });
        held.push(grown.bytes_current);
    }
    let later: i64 = held[hours / 6..].iter().sum();
    println!(
        "{} calls, {} hostile connections in {hours} x {hour} s of virtual time, {:.1?} of real time; {most_tasks} tasks at most; \
         {later} bytes more after the first sixth; by the hour: {held:?}",
        world.calls,
        world.hostile,
        begun.elapsed()
    );
    assert!(later <= most_growth, "{later} bytes: {held:?}");
    assert!(most_tasks <= MOST_TASKS, "{most_tasks} tasks");
}
