//! Every field of every message with every hazard that it can have: the suite's messages, by name.

use std::collections::HashSet;

use super::hazard::{Hazard, Make, all};
use super::program::Program;
use super::shape::Shape;

/// A hostile message.
pub struct Case {
    /// `message/field-hazard`.
    pub name: String,
    /// What is wrong with it.
    pub hazard: &'static Hazard,
    /// The message as it should be, which is sent before it: it shall not make a difference.
    pub good: Vec<u8>,
    /// What is sent.
    pub sent: Sent,
}

impl Case {
    /// Whether one field of it is wrong, and the rest is a call.
    pub fn is_of_a_field(&self) -> bool {
        matches!(self.hazard.make, Make::Field(_))
    }
}

/// What is sent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Sent {
    /// A message: a datagram, or a record of one fragment.
    Message(Vec<u8>),
    /// Bytes of a stream, marks among them.
    Stream(Vec<u8>),
}

/// Fields before the arguments of a call in nobody's name.
const HEADER: usize = 10;

/// All hostile messages for a program, each once however many hazards make it.
pub fn of(program: &'static Program) -> Vec<Case> {
    let mut cases = Cases {
        program,
        known: HashSet::new(),
        cases: Vec::new(),
    };
    let (null, others) = shapes(program);
    cases.fields(&null, 0);
    cases.fields(&Shape::in_a_name(program), 0);
    cases.fields(&Shape::with_a_verifier(program), 0);
    cases.whole(&null);
    for shape in &others {
        cases.fields(shape, HEADER);
        cases.whole(shape);
    }
    // Framing does not look into a record: one without arguments and the longest stand for all.
    let longest = others.iter().max_by_key(|shape| shape.message().len());
    for shape in [&null].into_iter().chain(longest) {
        cases.streams(shape);
    }
    cases.cases
}

/// The null call, and the call of each other procedure.
fn shapes(program: &'static Program) -> (Shape, Vec<Shape>) {
    let mut null = Shape::in_nobodys_name(program, program.null, 0);
    null.name = "null".to_owned();
    let procedures = program.procedures.iter();
    let others = procedures.map(|procedure| Shape::of(program, procedure));
    (null, others.collect())
}

struct Cases {
    program: &'static Program,
    known: HashSet<Sent>,
    cases: Vec<Case>,
}

impl Cases {
    fn add(&mut self, name: String, hazard: &'static Hazard, good: &Shape, sent: Sent) {
        let good = good.message();
        if sent != Sent::Message(good.clone()) && self.known.insert(sent.clone()) {
            self.cases.push(Case {
                name,
                hazard,
                good,
                sent,
            });
        }
    }

    /// Each field of the call from the one at `first` on.
    fn fields(&mut self, shape: &Shape, first: usize) {
        for at in first..shape.fields.len() {
            for hazard in all() {
                let Make::Field(make) = hazard.make else {
                    continue;
                };
                if let Some(hostile) = make(shape.clone(), at) {
                    let field = &shape.fields[at].name;
                    let name = format!("{}/{field}-{}", shape.name, hazard.name);
                    self.add(name, hazard, shape, Sent::Message(hostile.message()));
                }
            }
        }
    }

    fn whole(&mut self, shape: &Shape) {
        for hazard in all() {
            if let Make::Message(make) = hazard.make {
                let name = format!("{}/message-{}", shape.name, hazard.name);
                let sent = Sent::Message(make(self.program, &shape.message()));
                self.add(name, hazard, shape, sent);
            }
        }
    }

    fn streams(&mut self, shape: &Shape) {
        for hazard in all() {
            if let Make::Stream(make) = hazard.make {
                let name = format!("{}/stream-{}", shape.name, hazard.name);
                let sent = Sent::Stream(make(self.program, &shape.message()));
                self.add(name, hazard, shape, sent);
            }
        }
    }
}
