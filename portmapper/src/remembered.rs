//! What a dispatcher remembers of where services are.
//!
//! Nearly all that a portmapper is asked is where the same few services are, and what is registered changes rarely. All
//! dispatchers share the books, one at a time; but how often the registry has changed they see without opening them. So each
//! remembers what it found there last, and answers by that for as long as nothing is registered or removed.

use std::sync::Arc;

use oncrpc::netid::Netid;

use crate::registry::{Address, place};
use crate::tally::Sheet;

/// What one dispatcher remembers, and the sheet on which it counts what it is asked.
#[derive(Debug)]
pub struct Remembered {
    sheet: Arc<Sheet>,
    places: Box<[Option<Answer>]>,
}

/// A question for the address of a service.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Program and version.
    pub service: (u32, u32),
    /// The transport on which it is to be.
    pub netid: &'a Netid,
    /// Whether no other version will do.
    pub exactly: bool,
}

/// What the books say.
#[derive(Debug)]
pub struct Located {
    /// In which [revision](crate::registry::Revision) of the registry.
    pub revision: u64,
    /// Where the service is, if it is registered.
    pub address: Option<Address>,
    /// The row of the statistics in which the question is counted.
    pub row: usize,
}

#[derive(Debug)]
struct Answer {
    service: (u32, u32),
    netid: Netid,
    exactly: bool,
    found: Located,
}

/// Questions that are remembered at a time: more than most hosts have services.
const PLACES: usize = 64;

impl Remembered {
    /// Nothing yet, for the dispatcher that has this sheet.
    pub fn new(sheet: Arc<Sheet>) -> Self {
        Self {
            sheet,
            places: (0..PLACES).map(|_| None).collect(),
        }
    }

    /// The sheet on which it is counted.
    #[inline]
    pub fn sheet(&self) -> &Arc<Sheet> {
        &self.sheet
    }

    /// What was found when this was last asked, if that was in this revision; otherwise what `find` finds.
    #[inline]
    pub fn found(
        &mut self,
        question: Question<'_>,
        revision: u64,
        find: impl FnOnce() -> Located,
    ) -> &Located {
        let place = &mut self.places[question.place()];
        if !matches!(place, Some(answer) if answer.is_to(question) && answer.found.revision == revision)
        {
            *place = None;
        }
        let answer = place.get_or_insert_with(|| Answer {
            service: question.service,
            netid: question.netid.clone(),
            exactly: question.exactly,
            found: find(),
        });
        &answer.found
    }
}

impl Question<'_> {
    /// Where it is remembered. Who asks for two services in turn that have the same place has the books opened each time.
    #[inline]
    fn place(self) -> usize {
        let (program, version) = self.service;
        let netid = place(self.netid).unwrap_or(u32::MAX);
        // By the golden ratio, which spreads numbers that follow each other.
        let mixed =
            (program ^ version.rotate_left(8) ^ netid.rotate_left(16)).wrapping_mul(0x9e37_79b1);
        (mixed >> (u32::BITS - PLACES.ilog2())) as usize
    }
}

impl Answer {
    #[inline]
    fn is_to(&self, question: Question<'_>) -> bool {
        self.service == question.service
            && self.exactly == question.exactly
            && self.netid == *question.netid
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::Version;
    use crate::tally::Tally;

    fn nothing() -> Remembered {
        Remembered::new(Tally::default().sheet(Version::V4))
    }

    /// What is told, and whether it was looked for.
    fn ask(
        remembered: &mut Remembered,
        (program, netid, exactly): (u32, &Netid, bool),
        revision: u64,
        port: Option<u16>,
    ) -> (Option<u32>, bool) {
        let mut looked = false;
        let question = Question {
            service: (program, 1),
            netid,
            exactly,
        };
        let found = remembered.found(question, revision, || {
            looked = true;
            Located {
                revision,
                address: port.map(|port| Address::Wildcard { ipv6: false, port }),
                row: 0,
            }
        });
        (found.address.as_ref().and_then(Address::port), looked)
    }

    #[test]
    fn what_was_found_is_found_again_until_the_registry_changes() {
        let mut remembered = nothing();
        let mut ask = |question, revision, port| ask(&mut remembered, question, revision, port);
        let (udp, tcp, other) = (Netid::Udp, Netid::Tcp, Netid::from("sctp"));
        assert_eq!(ask((7, &udp, false), 1, Some(9)), (Some(9), true));
        assert_eq!(ask((7, &udp, false), 1, None), (Some(9), false));
        assert_eq!(ask((7, &udp, false), 2, None), (None, true));
        assert_eq!(
            ask((7, &udp, false), 2, Some(9)),
            (None, false),
            "nothing is known as well"
        );
        for another in [
            (8, &udp, false),
            (7, &tcp, false),
            (7, &udp, true),
            (7, &other, false),
        ] {
            assert_eq!(ask(another, 2, Some(9)), (Some(9), true), "{another:?}");
            assert_eq!(ask(another, 2, None), (Some(9), false), "{another:?}");
        }
    }

    #[test]
    fn whatever_is_asked_each_answer_is_that_to_its_question() {
        let mut remembered = nothing();
        for round in 0..3 {
            for program in 0..1000_u16 {
                let question = (program.into(), &Netid::Udp, false);
                let (port, _) = ask(&mut remembered, question, 1, Some(program));
                assert_eq!(port, Some(program.into()), "{round}");
            }
        }
    }

    #[test]
    fn programs_that_follow_each_other_have_places_of_their_own() {
        for step in [1, 2, 1000] {
            let places: std::collections::HashSet<usize> = (0..10)
                .map(|at| Question {
                    service: (400_000 + at * step, 1),
                    netid: &Netid::Udp,
                    exactly: false,
                })
                .map(Question::place)
                .collect();
            assert!(places.len() >= 9, "{step}: {places:?}");
        }
    }
}
