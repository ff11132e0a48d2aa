//! What a pipelined call allocates, on a connection that has carried some already.

use allocation_counter::measure;
use oncrpc_tests::{BATCH, Load, serve};

/// Allocations of `batches` more batches, for each call.
fn per_call(load: Load) -> f64 {
    let allocations = |batches| measure(|| serve(load, batches)).count_total;
    // The worker's buffers are this thread's first.
    allocations(1);
    let calls = (100 * BATCH) as f64;
    let per_call = (allocations(150) - allocations(50)) as f64 / calls;
    println!("{load:?}: {per_call} allocations per call");
    per_call
}

#[test]
fn a_call_whose_handler_does_not_wait_allocates_nothing() {
    assert_eq!(per_call(Load::Null), 0.0);
    assert_eq!(per_call(Load::NullSys), 0.0);
    assert_eq!(per_call(Load::AddSys), 0.0);
}

#[test]
fn arguments_and_results_that_are_slices_of_the_record_allocate_nothing() {
    assert_eq!(per_call(Load::Greet), 0.0);
}

#[test]
fn a_call_whose_handler_waits_allocates_a_few_times() {
    let waiting = per_call(Load::Wait);
    assert!((1.0..=5.0).contains(&waiting), "{waiting}");
}
