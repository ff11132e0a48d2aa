//! A row of the table, from what was measured.

use std::fmt::Write as _;

use super::measure::Sample;
use super::rows::{Goal, Row};

/// The first lines of the table.
pub(crate) const HEAD: &str = "\
| what | ours | to each (least-greatest; theirs): what it is to be | generator | reached |
|---|--:|---|---|---|
";

/// Ours; ours to each of the others; what the generator can do; whether ours is what it is to be. The samples are those of the row's
/// sides, in the same order, and of its proof.
pub(crate) fn line(row: &Row, samples: &[Vec<Sample>], proof: &[Sample]) -> String {
    let Some((ours, others)) = samples.split_last() else {
        return String::new();
    };
    let our_values = values(ours);
    let [least, median, most] = spread(our_values.clone());
    let mut line = format!("| {} | {} {} |", row.what, short(median), row.unit);
    let mut reached = true;
    let mut judged = false;
    for goal in &row.goals {
        if let Goal::Below(bound) = goal {
            judged = true;
            reached &= median <= *bound;
            let (least, most) = (short(least), short(most));
            let _ = write!(line, " ({least}-{most}): ≤ {};", short(*bound));
        }
    }
    for ((name, _), theirs) in row.sides.iter().zip(others) {
        let theirs = values(theirs);
        let ratios = our_values
            .iter()
            .zip(&theirs)
            .map(|(ours, theirs)| ours / theirs);
        let [least, ratio, most] = spread(ratios.collect());
        let rate = spread(theirs)[1];
        let _ = write!(
            line,
            " **{ratio:.2}** × {name} ({least:.2}-{most:.2}; {})",
            short(rate)
        );
        for goal in &row.goals {
            let (holds, text) = match goal {
                Goal::AtLeast(times, of) if of == name => (ratio >= *times, format!(": ≥ {times}")),
                Goal::AtMost(times, of) if of == name => {
                    (ratio <= *times, format!(": ≤ {times:.3}"))
                }
                _ => continue,
            };
            judged = true;
            reached &= holds;
            line.push_str(&text);
        }
        line.push(';');
    }
    let (generator, counts) = generator(row, samples, proof, median);
    let verdict = match (judged, reached) {
        (false, _) => "-",
        (_, true) => "yes",
        (_, false) => "**no**",
    };
    let verdict = match counts {
        true => verdict.to_owned(),
        false => format!("{verdict}; does not count"),
    };
    let _ = writeln!(line, " | {generator} | {verdict} |");
    line
}

/// What the generator can do, as far as that was seen, and whether that is 1.3 times what it saw of ours.
fn generator(row: &Row, samples: &[Vec<Sample>], proof: &[Sample], ours: f64) -> (String, bool) {
    if row.proof.is_none() {
        return ("-".to_owned(), true);
    }
    let mut most = spread(values(proof))[1];
    for ((name, _), samples) in row.sides.iter().zip(samples) {
        if *name == "bare" {
            most = most.max(spread(values(samples))[1]);
        }
    }
    let busy = samples.last().map_or(0.0, |ours| {
        spread(ours.iter().map(|sample| sample.busy).collect())[1]
    });
    let share = most / ours;
    (
        format!("{share:.2} × against bare; {:.0} % busy", busy * 100.0),
        share >= ENOUGH,
    )
}

fn values(samples: &[Sample]) -> Vec<f64> {
    samples.iter().map(|sample| sample.value).collect()
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

/// Three digits or so.
fn short(value: f64) -> String {
    match value {
        large if large >= 100.0 => format!("{large:.0}"),
        small => format!("{small:.2}"),
    }
}

/// A row counts if the generator can do so many times what it saw of ours.
const ENOUGH: f64 = 1.3;
