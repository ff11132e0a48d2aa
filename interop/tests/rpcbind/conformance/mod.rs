//! The conformance table: messages, sent to theirs and to ours, and their replies compared byte by
//! byte. A scenario is a list of messages for one rpcbind; after each, both tables are compared too.

mod addresses;
mod auth;
mod dispatch;
mod lookup;
mod records;
mod registration;
mod statistics;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use oncrpc_interop::{
    Answer, Caller, Daemon, Host, Message, Reply, Transport, Which, call, needs_root, words,
};

use crate::differences::Difference;

/// Messages for one rpcbind, in their order; run anew for each transport.
pub struct Scenario {
    flags: &'static [&'static str],
    transports: &'static [Transport],
    steps: fn(Transport) -> Vec<Step>,
}

impl Scenario {
    fn new(steps: fn(Transport) -> Vec<Step>) -> Self {
        Self {
            flags: &[],
            transports: &Transport::ALL,
            steps,
        }
    }

    fn flags(self, flags: &'static [&'static str]) -> Self {
        Self { flags, ..self }
    }

    fn on(self, transports: &'static [Transport]) -> Self {
        Self { transports, ..self }
    }
}

/// A message and what may be said of its answers.
pub struct Step {
    what: String,
    caller: Caller,
    // Where it is not the scenario's.
    transport: Option<Transport>,
    message: Message,
    // The answer of ours that differs from theirs, and why.
    ours: Option<(Difference, Answer)>,
    // The answer of ours where it differs from theirs, which it does in some step of the scenario.
    or_ours: Option<(Difference, Answer)>,
    // Why the tables differ from here on.
    diverges: Option<Difference>,
    // The last word of a reply is the time.
    is_time: bool,
}

fn step(what: impl Into<String>, caller: Caller, message: Message) -> Step {
    Step {
        what: what.into(),
        caller,
        transport: None,
        message,
        ours: None,
        or_ours: None,
        diverges: None,
        is_time: false,
    }
}

impl Step {
    /// Goes over this transport whatever the scenario's is: what others need to be there.
    fn over(self, transport: Transport) -> Self {
        Self {
            transport: Some(transport),
            ..self
        }
    }

    /// Ours gives this answer, and theirs another.
    fn ours(self, difference: Difference, answer: Answer) -> Self {
        Self {
            ours: Some((difference, answer)),
            ..self
        }
    }

    /// Ours gives the same answer as theirs, or this one. Some step of the scenario has to show it.
    fn or_ours(self, difference: Difference, answer: Answer) -> Self {
        Self {
            or_ours: Some((difference, answer)),
            ..self
        }
    }

    /// The same, under a condition such as the transport.
    fn or_ours_if(self, condition: bool, difference: Difference, answer: Answer) -> Self {
        if condition {
            self.or_ours(difference, answer)
        } else {
            self
        }
    }

    /// Ours gives this answer, under a condition such as the transport.
    fn ours_if(self, condition: bool, difference: Difference, answer: Answer) -> Self {
        if condition {
            self.ours(difference, answer)
        } else {
            self
        }
    }

    /// From here on the tables of ours and theirs differ.
    fn diverges(self, difference: Difference) -> Self {
        Self {
            diverges: Some(difference),
            ..self
        }
    }

    /// A reply ends with the time in seconds.
    fn time(self) -> Self {
        Self {
            is_time: true,
            ..self
        }
    }
}

/// The differences that the table shows.
pub fn differences() -> Vec<Difference> {
    let mut shown = Vec::new();
    for scenario in all() {
        for &transport in scenario.transports {
            let steps = (scenario.steps)(transport);
            shown.extend(steps.iter().filter_map(|step| Some(step.ours.as_ref()?.0)));
            shown.extend(
                steps
                    .iter()
                    .filter_map(|step| Some(step.or_ours.as_ref()?.0)),
            );
            shown.extend(steps.iter().filter_map(|step| step.diverges));
        }
    }
    shown
}

macro_rules! scenarios {
    ($($module:ident: $($name:ident),*;)*) => {
        $($(
            #[test]
            fn $name() {
                needs_root!();
                conform(&$module::$name());
            }
        )*)*

        fn all() -> Vec<Scenario> {
            vec![$($($module::$name()),*),*]
        }
    };
}

scenarios! {
    dispatch: versions_programs_and_procedures, other_messages, short_messages, argument_lengths;
    auth: credentials, verifiers, refusals_look_like_this;
    records: fragments_make_one_record;
    registration: who_may_set, loopback_that_calls_another_address, set_v2, set_v3_and_v4, who_may_unset, unset_v2,
        unset_of_every_netid, insecure_mode;
    lookup: getport, getaddr_and_getversaddr, getaddrlist;
    addresses: merged_addresses, hints, uaddr2taddr_and_taddr2uaddr;
    statistics: gettime, getstat, calls_that_are_not_forwarded;
}

/// Scenarios share what they begin with, and that counts once.
#[test]
fn each_transport_gets_more_than_two_hundred_different_calls() {
    for transport in Transport::ALL {
        let scenarios = all();
        let over = scenarios
            .iter()
            .filter(|scenario| scenario.transports.contains(&transport));
        let steps = over.flat_map(|scenario| (scenario.steps)(transport));
        let sent = steps.filter(|step| step.transport.is_none());
        let calls: BTreeSet<_> = sent
            .map(|step| (format!("{:?}", step.caller), step.message.record()))
            .collect();
        assert!(
            calls.len() > 200,
            "{} over {}",
            calls.len(),
            transport.netid()
        );
    }
}

/// Sends a scenario's messages to theirs and to ours and compares.
fn conform(scenario: &Scenario) {
    let mut wrong = String::new();
    let mut claimed = Vec::new();
    let mut shown = Vec::new();
    for &transport in scenario.transports {
        let steps = (scenario.steps)(transport);
        let run = |which| {
            let host = Host::new();
            let rpcbind = host.rpcbind(which, scenario.flags);
            let seen = steps
                .iter()
                .map(|step| see(&host, &rpcbind, transport, step));
            seen.collect::<Vec<_>>()
        };
        let [theirs, ours] = Which::BOTH.map(run);
        let mut diverged = None;
        for (step, (theirs, ours)) in steps.iter().zip(theirs.iter().zip(&ours)) {
            let over = step.transport.unwrap_or(transport).netid();
            let Step { what, caller, .. } = step;
            // Seen with --nocapture: the table as theirs answers it.
            println!("{what} ({caller:?} over {over}): {:?}", theirs.answer);
            diverged = diverged.or(step.diverges);
            if let Some((difference, _)) = step.or_ours {
                claimed.push(difference);
                if theirs.answer != ours.answer {
                    shown.push(difference);
                }
            }
            if let Some(complaint) = step.judge(theirs, ours, diverged) {
                let _ = writeln!(wrong, "{what} ({caller:?} over {over}): {complaint}");
            }
        }
    }
    for difference in claimed {
        if !shown.contains(&difference) {
            let _ = writeln!(wrong, "{difference:?} is none: theirs does the same");
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// An address, as GETADDR tells it.
fn told(uaddr: &str) -> Answer {
    let text = [
        words(&[u32::try_from(uaddr.len()).unwrap_or(u32::MAX)]),
        uaddr.into(),
        vec![0; uaddr.len().next_multiple_of(4) - uaddr.len()],
    ];
    Answer::reply([Reply::success(&[]), text.concat()].concat())
}

/// What can be seen of a message's effect.
struct Seen {
    answer: Answer,
    // The tables of version 2 and of versions 3 and 4.
    tables: [Answer; 2],
}

fn see(host: &Host, _rpcbind: &Daemon, transport: Transport, step: &Step) -> Seen {
    let mut answer = host.ask(
        step.caller,
        step.transport.unwrap_or(transport),
        &step.message,
    );
    if step.is_time {
        mask_time(&mut answer);
    }
    let tables = [call(2, 4), call(3, 4)].map(|dump| host.ask(Caller::Root, Transport::Tcp, &dump));
    Seen { answer, tables }
}

impl Step {
    fn judge(&self, theirs: &Seen, ours: &Seen, diverged: Option<Difference>) -> Option<String> {
        let expected = match &self.ours {
            None => match &self.or_ours {
                Some((_, expected)) if ours.answer != theirs.answer => expected,
                _ => &theirs.answer,
            },
            Some((difference, expected)) if *expected == theirs.answer => {
                return Some(format!("{difference:?} is none: theirs does the same"));
            }
            Some((_, expected)) => expected,
        };
        if ours.answer != *expected {
            let (theirs, ours) = (&theirs.answer, &ours.answer);
            return Some(format!(
                "\n  theirs   {theirs:?}\n  ours     {ours:?}\n  expected {expected:?}"
            ));
        }
        if let Some(difference) = diverged {
            let same = ours.tables == theirs.tables;
            return same.then(|| format!("{difference:?} is none: the tables are the same"));
        }
        let [theirs, ours] = [theirs, ours].map(|seen| format!("{:?}", seen.tables));
        if ours != theirs {
            // From where they differ on; all of both is too much to read.
            let same = theirs
                .bytes()
                .zip(ours.bytes())
                .take_while(|(a, b)| a == b)
                .count();
            let rest = |table: &str| table.chars().skip(same).take(200).collect::<String>();
            let (theirs, ours) = (rest(&theirs), rest(&ours));
            return Some(format!(
                "afterwards the tables differ\n  theirs … {theirs}\n  ours   … {ours}"
            ));
        }
        None
    }
}

/// Replaces the time by zero if it is the present one.
fn mask_time(answer: &mut Answer) {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("the clock is set")
        .as_secs();
    for reply in &mut answer.replies {
        let at = reply.len() - 4;
        let time = u32::from_be_bytes(reply[at..].try_into().expect("four bytes"));
        assert!(now.abs_diff(u64::from(time)) < 60, "{time} is not the time");
        reply[at..].fill(0);
    }
}
