//! What may be wrong with a message: the hazards, and of ours the check that each of them watches.

use super::program::Program;
use super::shape::{Field, Kind, Shape};

/// Something that is wrong with a message.
pub struct Hazard {
    /// Its name.
    pub name: &'static str,
    /// A check of ours without which some message of this hazard would come to something else.
    pub guards: Guard,
    /// How a message is made that has it.
    pub make: Make,
}

/// A check of ours, and how it might have been written wrongly: the mutant that the suite catches.
pub struct Guard {
    /// The file that it is in.
    pub file: &'static str,
    /// Its code, at the first place where the file has it.
    pub code: &'static str,
    /// What the mutant has in its place.
    pub mutant: &'static str,
}

/// How a message is made that has a hazard.
pub enum Make {
    /// Of a copy of a call and the place of the field that is hit; `None` where a field of its kind cannot have it.
    Field(fn(Shape, usize) -> Option<Shape>),
    /// Of a whole message.
    Message(fn(&Program, &[u8]) -> Vec<u8>),
    /// Of a whole message, as bytes of a stream.
    Stream(fn(&Program, &[u8]) -> Vec<u8>),
}

/// All of them.
pub fn all() -> impl Iterator<Item = &'static Hazard> {
    [
        super::words::HAZARDS,
        super::sizes::HAZARDS,
        super::order::HAZARDS,
        super::whole::HAZARDS,
        super::marks::HAZARDS,
    ]
    .into_iter()
    .flatten()
}

/// The call with the number at `at` made another; `None` if that changes nothing or there is no number.
pub fn with_number(mut shape: Shape, at: usize, change: impl Fn(u32) -> u32) -> Option<Shape> {
    let found = shape.fields[at].number()?;
    let changed = change(found);
    shape.fields[at].bytes = changed.to_be_bytes().to_vec();
    (found != changed).then_some(shape)
}

/// The call with other bytes in the opaque data or string at `at`, of the same length.
pub fn with_data(mut shape: Shape, at: usize, change: impl Fn(&mut [u8])) -> Option<Shape> {
    let Kind::Data(len @ 1..) = shape.fields[at].kind else {
        return None;
    };
    change(&mut shape.fields[at].bytes[..len]);
    Some(shape)
}

/// The call with `len` bytes where the length at `at` has its own, and that length.
pub fn with_length(mut shape: Shape, at: usize, len: u32) -> Option<Shape> {
    let data = vec![b'x'; len as usize];
    let name = shape.fields[at].name.clone();
    match shape.fields[at].kind {
        Kind::Length(_) => {
            shape.fields[at].bytes = len.to_be_bytes().to_vec();
            shape.fields[at + 1] = Field::data(&name, &data);
            // What holds it has grown with it.
            shape.settle();
        }
        Kind::Body(fields) => {
            let body = &shape.fields[at + 1..][..fields];
            let had: usize = body.iter().map(|field| field.bytes.len()).sum();
            let more = Field::data(&name, data.get(had..)?);
            shape.fields[at].bytes = len.to_be_bytes().to_vec();
            shape.fields.insert(at + 1 + fields, more);
        }
        _ => return None,
    }
    Some(shape)
}

/// The call with `count` elements where the count at `at` has its own, each a copy of the first.
pub fn with_count(mut shape: Shape, at: usize, count: u32) -> Option<Shape> {
    let Kind::Count { each, .. } = shape.fields[at].kind else {
        return None;
    };
    let found = shape.fields[at].number()? as usize;
    let element = shape.fields[at + 1..][..each].to_vec();
    let before = at + 1 + found * each;
    let more: Vec<_> = (found..count as usize)
        .flat_map(|_| element.clone())
        .collect();
    let grown = more.len();
    shape.fields.splice(before..before, more);
    shape.fields[at].bytes = count.to_be_bytes().to_vec();
    // The body of a credential that it stands in.
    for field in &mut shape.fields[..at] {
        if let Kind::Body(fields @ 1..) = &mut field.kind {
            *fields += grown;
        }
    }
    shape.settle();
    Some(shape)
}

/// Bytes of the message behind the field at `at`.
pub fn behind(shape: &Shape, at: usize) -> u32 {
    let behind = shape.fields[at + 1..].iter();
    behind.map(|field| field.bytes.len() as u32).sum()
}
