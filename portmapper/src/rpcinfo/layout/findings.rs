//! What has become of everything that is registered: `--probe`.

use std::time::Duration;

use oncrpc::proto::rpcb::Rpcb;

use super::list::push_registration;
use crate::services::ProgramNames;

/// What has become of a registration.
#[derive(Debug, PartialEq)]
pub struct Finding {
    /// The registration.
    pub entry: Rpcb,
    /// What NULL came to.
    pub outcome: Outcome,
}

/// What NULL of a registration came to.
#[derive(Debug, PartialEq)]
pub enum Outcome {
    /// There was an answer, after this time.
    Answers(Duration),
    /// There was none, or one that says that it is not there; why.
    Dead(String),
    /// It could not be called from here, or not without calling somebody else; why.
    NotCalled(&'static str),
    /// The time was up before it was called.
    TooLate,
}

/// A line for each registration and what has become of it.
pub fn findings(findings: &[Finding], names: &ProgramNames) -> String {
    let mut text =
        "   program version netid     address                service    answer\n".to_owned();
    for Finding { entry, outcome } in findings {
        push_registration(&mut text, entry, names);
        let outcome = match outcome {
            Outcome::Answers(after) => format!("{:.3} ms", after.as_secs_f64() * 1e3),
            Outcome::Dead(why) => format!("none: {why}"),
            Outcome::NotCalled(why) => format!("not called: {why}"),
            Outcome::TooLate => format!("not called: {TOO_LATE}"),
        };
        text.push(' ');
        text.push_str(&outcome);
        text.push('\n');
    }
    text
}

/// What is said of those that there was no time for.
pub(super) const TOO_LATE: &str = "the time is up";

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(netid: &str, uaddr: &str) -> Rpcb {
        Rpcb {
            r_prog: 100_000,
            r_vers: 4,
            r_netid: netid.into(),
            r_addr: uaddr.into(),
            r_owner: "superuser".into(),
        }
    }

    #[test]
    fn a_line_says_what_has_become_of_a_registration() {
        let finding = |outcome| Finding {
            entry: entry("tcp", "0.0.0.0.0.111"),
            outcome,
        };
        let list = [
            finding(Outcome::Answers(Duration::from_micros(213))),
            finding(Outcome::Dead("RPC: Timed out".to_owned())),
            finding(Outcome::NotCalled("only that host can call it")),
            finding(Outcome::TooLate),
        ];
        let expected = "   program version netid     address                service    answer
    100000    4    tcp       0.0.0.0.0.111          portmapper 0.213 ms
    100000    4    tcp       0.0.0.0.0.111          portmapper none: RPC: Timed out
    100000    4    tcp       0.0.0.0.0.111          portmapper not called: only that host can call it
    100000    4    tcp       0.0.0.0.0.111          portmapper not called: the time is up
";
        let names = ProgramNames::parse("portmapper 100000");
        assert_eq!(findings(&list, &names), expected);
    }
}
