//! One measurement, and what many of them come to.

use std::fmt::Write as _;

use super::registrations;
use super::rows::Row;
use super::servers::Served;

/// One measurement.
#[derive(Clone, Copy)]
pub(crate) struct Sample {
    pub(crate) rate: f64,
    pub(crate) busy: f64,
}

/// One load of this server, less than [`SECONDS`] for those that end by themselves.
pub(crate) fn load(served: &Served, rpcping: &std::path::Path, load: &str) -> Sample {
    let rpcping = rpcping.display();
    let line = format!("taskset -c {LOAD} {rpcping} --json -t {SECONDS} {load}; true");
    let output = served.host.run(&line);
    assert_eq!(output.stderr, "", "{load}");
    let said = output.stdout;
    if load == registrations::SET {
        let undo = format!("{rpcping} --json {}", registrations::UNSET);
        served.host.run(&undo).success();
    }
    assert!(
        said.contains("\"ended_early\":null") && said.contains("\"refused\":[]"),
        "{load}: {said}"
    );
    Sample {
        rate: value(&said, "calls_per_second"),
        busy: value(&said, "busy"),
    }
}

/// A number in a line of JSON.
fn value(json: &str, name: &str) -> f64 {
    let (_, rest) = json
        .split_once(&format!("\"{name}\":"))
        .expect("it reports");
    let end = rest.find([',', '}']).expect("JSON ends");
    rest[..end].parse().expect("a number")
}

/// A row of the table: ours to each of the others, whether that is what it is to be, and what ours was. The samples are those of
/// the row's peers, in the same order.
pub(crate) fn line(row: &Row, samples: &[Vec<Sample>]) -> String {
    let mut line = format!("| {} |", row.what);
    let Some((ours, others)) = samples.split_last() else {
        return line;
    };
    let mut verdict = "yes";
    for (peer, theirs) in row.peers.iter().zip(others) {
        let ratios = ours
            .iter()
            .zip(theirs)
            .map(|(ours, theirs)| ours.rate / theirs.rate);
        let [least, median, most] = spread(ratios.collect());
        let rate = spread(theirs.iter().map(|sample| sample.rate).collect())[1];
        let name = peer.name();
        let goal = row.goals.iter().find(|(_, of)| *of == name);
        let goal = goal.map_or(String::new(), |(goal, _)| {
            if median < *goal {
                verdict = "no";
            }
            format!(" of {goal}")
        });
        let _ = write!(
            line,
            " **{median:.2}**{goal} × {name} ({least:.2}-{most:.2}; {rate:.0}/s);"
        );
    }
    let rate = spread(ours.iter().map(|sample| sample.rate).collect())[1];
    let busy = spread(ours.iter().map(|sample| sample.busy).collect())[1];
    if busy > FULL {
        verdict = "the load is at its limit";
    }
    let _ = writeln!(line, " {rate:.0} | {:.0} % | {verdict} |", busy * 100.0);
    line
}

/// The least, the median and the greatest.
fn spread(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    [
        values[0],
        values[values.len() / 2],
        values[values.len() - 1],
    ]
}

/// What a load is at most busy that could have seen a server that is 1.3 times as fast.
const FULL: f64 = 0.77;

/// The processors of the load.
pub(crate) const LOAD: &str = "2,3";

/// How long each sample is.
pub(crate) const SECONDS: f64 = 0.5;
