//! Fields that are missing, there twice, or not in their place; and messages that end within.

use super::hazard::{Guard, Hazard, Make};
use super::shape::{Kind, Shape};

const TRUNCATED: Guard = Guard {
    file: "xdr/src/reader.rs",
    code: "None => Err(self.truncated(N)),",
    mutant: "None => Ok(&[0; N]),",
};

pub const HAZARDS: &[Hazard] = &[
    Hazard {
        name: "missing",
        guards: TRUNCATED,
        make: Make::Field(|mut shape, at| {
            shape.fields.remove(at);
            Some(shape)
        }),
    },
    Hazard {
        name: "doubled",
        guards: Guard {
            file: "rpc/src/serve/service.rs",
            code: "W::decode(&mut r)",
            mutant: "W::decode(&mut r).and_then(|value| r.finish().map(|()| value))",
        },
        make: Make::Field(|mut shape, at| {
            shape.fields.insert(at, shape.fields[at].clone());
            Some(shape)
        }),
    },
    Hazard {
        name: "before_its_time",
        guards: Guard {
            file: "rpc/src/serve/ladder.rs",
            code: ".filter(|&(p, _)| p == program)",
            mutant: ".filter(|_| true)",
        },
        make: Make::Field(|mut shape, at| {
            let next = shape.fields.get(at + 1)?;
            let same = next.bytes == shape.fields[at].bytes;
            shape.fields.swap(at, at + 1);
            (!same).then_some(shape)
        }),
    },
    Hazard {
        name: "missing_from_its_body",
        guards: Guard {
            file: "rpc/src/auth/server.rs",
            code: "None => AuthVerdict::Deny(AuthStat::Badcred),",
            mutant: "None => AuthVerdict::Accept(None),",
        },
        make: Make::Field(|mut shape, at| {
            let body = body_of(&shape, at)?;
            shape.fields.remove(at);
            resize(shape, body, -1)
        }),
    },
    Hazard {
        name: "doubled_in_its_body",
        guards: Guard {
            file: "rpc/src/auth/server.rs",
            code: "AuthsysParms::decode(&mut Reader::new(body)).ok()?",
            mutant: "oncrpc_xdr::from_bytes::<AuthsysParms>(&body.to_vec().into()).ok()?",
        },
        make: Make::Field(|mut shape, at| {
            let body = body_of(&shape, at)?;
            shape.fields.insert(at, shape.fields[at].clone());
            resize(shape, body, 1)
        }),
    },
    Hazard {
        name: "cut_before",
        guards: TRUNCATED,
        make: Make::Field(|mut shape, at| {
            shape.fields.truncate(at);
            Some(shape)
        }),
    },
    Hazard {
        name: "cut_inside",
        guards: TRUNCATED,
        make: Make::Field(|mut shape, at| {
            shape.fields.truncate(at + 1);
            let bytes = &mut shape.fields[at].bytes;
            let half = bytes.len() / 2;
            bytes.truncate(half);
            (half > 0).then_some(shape)
        }),
    },
];

/// Where the length of the body stands that the field at `at` is in.
fn body_of(shape: &Shape, at: usize) -> Option<usize> {
    let holds = |&body: &usize| match shape.fields[body].kind {
        Kind::Body(fields) => (body + 1..=body + fields).contains(&at),
        _ => false,
    };
    (0..at).rev().find(holds)
}

fn resize(mut shape: Shape, body: usize, by: isize) -> Option<Shape> {
    if let Kind::Body(fields) = &mut shape.fields[body].kind {
        *fields = fields.checked_add_signed(by)?;
    }
    shape.settle();
    Some(shape)
}
