//! Lengths and counts that do not fit what follows them, and data at and over its bound.

use super::hazard::{Guard, Hazard, Make, behind, with_count, with_length, with_number};
use super::shape::{Kind, Shape};
use super::types::{ANY, DEPTH};

pub const HAZARDS: &[Hazard] = &[
    Hazard {
        name: "beyond_the_end",
        guards: Guard {
            file: "xdr/src/reader.rs",
            code: "None => Err(self.truncated(len)),",
            mutant: "None => Ok(core::mem::take(&mut self.rest)),",
        },
        make: Make::Field(|shape, at| sized(shape, at, |behind| behind + 1)),
    },
    Hazard {
        name: "all_that_is_left",
        guards: Guard {
            file: "xdr/src/reader.rs",
            code: "None => Err(self.truncated(N)),",
            mutant: "None => Ok(&[0; N]),",
        },
        make: Make::Field(|shape, at| sized(shape, at, |behind| behind)),
    },
    Hazard {
        name: "wraps_when_padded",
        guards: Guard {
            file: "xdr/src/reader.rs",
            code: "None => Err(self.truncated(len)),",
            mutant: "None => self.take(codec::padding(len)),",
        },
        make: Make::Field(|shape, at| sized(shape, at, |_| u32::MAX - 2)),
    },
    Hazard {
        name: "wraps_when_multiplied",
        guards: Guard {
            file: "xdr/src/reader.rs",
            code: "None => Err(self.truncated(len)),",
            mutant: "None => self.take(len * 4 % (1 << 32)),",
        },
        make: Make::Field(|shape, at| sized(shape, at, |_| (1 << 30) + 1)),
    },
    Hazard {
        name: "at_its_bound",
        guards: Guard {
            file: "xdr/src/reader.rs",
            code: "if found > max {",
            mutant: "if found >= max {",
        },
        make: Make::Field(|shape, at| filled(shape, at, |bound| bound)),
    },
    Hazard {
        name: "over_its_bound",
        guards: Guard {
            file: "xdr/src/reader.rs",
            code: "let count = self.count(max, W::MIN_LEN)?;",
            mutant: "let count = self.count(u32::MAX, W::MIN_LEN)?;",
        },
        make: Make::Field(|shape, at| filled(shape, at, |bound| bound + 1)),
    },
    Hazard {
        name: "far_over_its_bound",
        guards: Guard {
            file: "rpc/src/auth/mod.rs",
            code: "self.body.len() > MAX_AUTH_BODY as usize",
            mutant: "self.body.len() == 1 + MAX_AUTH_BODY as usize",
        },
        make: Make::Field(|shape, at| filled(shape, at, |bound| 4 * bound)),
    },
    Hazard {
        name: "long",
        guards: Guard {
            file: "xdr/src/reader.rs",
            code: "if found > max {",
            mutant: "if found > max.min(4096) {",
        },
        make: Make::Field(|shape, at| match shape.fields[at].kind {
            Kind::Length(ANY) => with_length(shape, at, 8000),
            _ => None,
        }),
    },
    Hazard {
        name: "empty",
        guards: Guard {
            file: "xdr/src/reader.rs",
            code: "let bytes = self.take(found as usize)?;",
            mutant: "let bytes = self.take((found as usize).max(1))?;",
        },
        make: Make::Field(|shape, at| match shape.fields[at].kind {
            Kind::Length(_) => with_length(shape, at, 0),
            _ => None,
        }),
    },
    Hazard {
        name: "padded_with_ones",
        guards: Guard {
            file: "xdr/src/reader.rs",
            code: "self.limits.padding == Padding::Reject && padding",
            mutant: "padding",
        },
        make: Make::Field(|mut shape, at| {
            let Kind::Data(len) = shape.fields[at].kind else {
                return None;
            };
            let padding = &mut shape.fields[at].bytes[len..];
            padding.fill(0xff);
            (!padding.is_empty()).then_some(shape)
        }),
    },
    Hazard {
        name: "cut_in_its_padding",
        guards: Guard {
            file: "xdr/src/reader.rs",
            code: "let padding = self.take(codec::padding(len))?;",
            mutant: "let padding = self.take(codec::padding(len)).unwrap_or_default();",
        },
        make: Make::Field(|mut shape, at| {
            let Kind::Data(len) = shape.fields[at].kind else {
                return None;
            };
            let is_padded = len % 4 != 0;
            shape.fields.truncate(at + 1);
            shape.fields[at].bytes.truncate(len);
            is_padded.then_some(shape)
        }),
    },
    Hazard {
        name: "thousands",
        guards: Guard {
            file: "xdr/src/reader.rs",
            code: "while self.bool()? {",
            mutant: "while list.len() < 4096 && self.bool()? {",
        },
        make: Make::Field(thousands),
    },
    Hazard {
        name: "as_deep_as_can_be",
        guards: Guard {
            file: "xdr/src/limits.rs",
            code: "depth: Self::DEFAULT_DEPTH,",
            mutant: "depth: Self::DEFAULT_DEPTH - 1,",
        },
        make: Make::Field(|shape, at| nested(shape, at, DEPTH)),
    },
    Hazard {
        name: "too_deep",
        guards: Guard {
            file: "xdr/src/reader.rs",
            code: "let Some(depth) = self.depth.checked_sub(1) else {",
            mutant: "let Some(depth) = Some(self.depth) else {",
        },
        make: Make::Field(|shape, at| nested(shape, at, DEPTH + 1)),
    },
    Hazard {
        name: "far_too_deep",
        guards: Guard {
            file: "xdr/src/reader.rs",
            code: "let Some(depth) = self.depth.checked_sub(1) else {",
            mutant: "let Some(depth) = Some(self.depth) else {",
        },
        make: Make::Field(|shape, at| nested(shape, at, 700)),
    },
];

/// The call with another length or count at `at`, made of the number of bytes behind it.
fn sized(shape: Shape, at: usize, of: impl Fn(u32) -> u32) -> Option<Shape> {
    let behind = behind(&shape, at);
    match shape.fields[at].kind {
        Kind::Length(_) | Kind::Body(_) | Kind::Count { .. } => {
            with_number(shape, at, |_| of(behind))
        }
        _ => None,
    }
}

/// The call with another size of what is behind the length or count at `at`, and in it, made of its bound.
fn filled(shape: Shape, at: usize, of: impl Fn(u32) -> u32) -> Option<Shape> {
    let kind = shape.fields[at].kind;
    let size = of(kind.bound()?);
    match kind {
        Kind::Count { .. } => with_count(shape, at, size),
        _ => with_length(shape, at, size),
    }
}

/// The call with its list of two made one of thousands.
fn thousands(mut shape: Shape, at: usize) -> Option<Shape> {
    if !shape.fields[at].name.ends_with("[1].link") {
        return None;
    }
    let node = shape.fields[at..shape.fields.len() - 1].to_vec();
    for _ in 0..5000 {
        shape.fields.splice(at..at, node.clone());
    }
    Some(shape)
}

/// The call with a tree of so many levels below its root, each on the left of the one above.
fn nested(mut shape: Shape, at: usize, levels: u32) -> Option<Shape> {
    let name = &shape.fields[at].name;
    if !name.ends_with(".left.is_there") {
        return None;
    }
    let more = levels as usize - name.matches("left.it.").count();
    // Each level: there is one, its value, and, once what is on its left has ended, nothing on its right.
    let down = [[0, 0, 0, 1], [0, 0, 0, 9]].concat().repeat(more);
    let up = [0, 0, 0, 0].repeat(more);
    shape.fields[at].bytes = [down, vec![0; 4], up].concat();
    Some(shape)
}
