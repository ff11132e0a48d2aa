//! What was measured, for people and for programs.

use std::fmt::{self, Write};
use std::time::Duration;

use serde_json::json;

use super::load::Measured;

/// As a table and a histogram.
pub fn text(measured: &Measured, threads: usize) -> String {
    let mut out = String::new();
    // INVARIANT: a String takes everything that is written to it.
    let _ = write_text(&mut out, measured, threads);
    out
}

fn write_text(out: &mut String, measured: &Measured, threads: usize) -> fmt::Result {
    let tally = &measured.tally;
    let times = &tally.times;
    let (calls, seconds) = (times.total(), measured.elapsed.as_secs_f64());
    writeln!(
        out,
        "{calls} calls in {seconds:.2} s: {:.0} calls/s",
        rate(measured)
    )?;
    for (verdict, count) in &tally.refused {
        writeln!(out, "{count} of them were refused: {verdict}")?;
    }
    if tally.lost > 0 {
        writeln!(out, "{} more were not answered within a second", tally.lost)?;
    }
    writeln!(
        out,
        "p50 {}  p99 {}  p99.9 {}  longest {}",
        time(times.quantile(0.5)),
        time(times.quantile(0.99)),
        time(times.quantile(0.999)),
        time(times.longest()),
    )?;
    let share = share_of_load(measured, threads);
    writeln!(
        out,
        "rpcping itself was busy {:.0} % of the time",
        share * 100.0
    )?;
    let rows = times.by_doubling();
    let most = rows.iter().map(|(_, count)| *count).max().unwrap_or(0);
    if most > 0 {
        writeln!(out)?;
    }
    for (upper, count) in rows {
        // A call is a mark at least.
        let marks = (count * BAR).div_ceil(most) as usize;
        let bar = "#".repeat(marks);
        writeln!(
            out,
            "{:>11} {count:>12} {bar}",
            format!("< {}", time(upper))
        )?;
    }
    if let Some(failed) = &measured.failed {
        writeln!(out, "ended early: {failed}")?;
    }
    Ok(())
}

/// The same as JSON; times are microseconds.
pub fn json(measured: &Measured, threads: usize) -> String {
    let tally = &measured.tally;
    let times = &tally.times;
    let micros = |time: Duration| time.as_nanos() as f64 / 1_000.0;
    let refused: Vec<_> = tally
        .refused
        .iter()
        .map(|(verdict, count)| json!({ "why": verdict.to_string(), "calls": count }))
        .collect();
    let histogram: Vec<_> = times
        .by_doubling()
        .into_iter()
        .map(|(upper, count)| json!({ "below_us": micros(upper), "calls": count }))
        .collect();
    let report = json!({
        "calls": times.total(),
        "seconds": measured.elapsed.as_secs_f64(),
        "calls_per_second": rate(measured),
        "refused": refused,
        "lost": tally.lost,
        "p50_us": micros(times.quantile(0.5)),
        "p99_us": micros(times.quantile(0.99)),
        "p999_us": micros(times.quantile(0.999)),
        "longest_us": micros(times.longest()),
        "busy": share_of_load(measured, threads),
        "histogram": histogram,
        "ended_early": measured.failed,
    });
    format!("{report}\n")
}

/// Calls a second.
fn rate(measured: &Measured) -> f64 {
    match measured.elapsed.as_secs_f64() {
        0.0 => 0.0,
        seconds => measured.tally.times.total() as f64 / seconds,
    }
}

/// How much of what our threads could have done they did: at 1, another generator might see more.
fn share_of_load(measured: &Measured, threads: usize) -> f64 {
    match measured.elapsed.as_secs_f64() * threads as f64 {
        0.0 => 0.0,
        possible => measured.busy.as_secs_f64() / possible,
    }
}

/// Three digits or so, with a unit.
fn time(time: Duration) -> String {
    match time.as_nanos() as f64 / 1_000.0 {
        micros if micros < 1_000.0 => format!("{micros:.1} us"),
        micros if micros < 1_000_000.0 => format!("{:.1} ms", micros / 1_000.0),
        micros => format!("{:.1} s", micros / 1_000_000.0),
    }
}

/// Marks of the longest bar.
const BAR: u64 = 50;
