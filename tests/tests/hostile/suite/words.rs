//! Words of every meaning with values that they should not have.

use super::hazard::{Guard, Hazard, Make, with_data, with_number};
use super::shape::{Kind, Shape};

const FLAVOR: Guard = Guard {
    file: "rpc/src/auth/server.rs",
    code: "_ => AuthVerdict::Deny(AuthStat::Rejectedcred),",
    mutant: "_ => AuthVerdict::Accept(None),",
};

pub const HAZARDS: &[Hazard] = &[
    Hazard {
        name: "zero",
        guards: Guard {
            file: "rpc/src/message.rs",
            code: "if rpc_version != RPC_VERSION {",
            mutant: "if rpc_version > RPC_VERSION {",
        },
        make: Make::Field(|shape, at| with_number(shape, at, |_| 0)),
    },
    Hazard {
        name: "one_less",
        guards: Guard {
            file: "rpc/src/serve/ladder.rs",
            code: ".filter(|&(p, _)| p == program)",
            mutant: ".filter(|&(p, _)| p >= program)",
        },
        make: Make::Field(|shape, at| with_number(shape, at, |found| found.wrapping_sub(1))),
    },
    Hazard {
        name: "one_more",
        guards: Guard {
            file: "rpc/src/serve/session.rs",
            code: "auth_and_args.first_chunk() == Some(known)",
            mutant: "auth_and_args.len() >= known.len()",
        },
        make: Make::Field(|shape, at| with_number(shape, at, |found| found.wrapping_add(1))),
    },
    Hazard {
        name: "maximum",
        guards: Guard {
            file: "xdr/src/reader.rs",
            code: "None => Err(self.truncated(len)),",
            mutant: "None => Ok(core::mem::take(&mut self.rest)),",
        },
        make: Make::Field(|shape, at| with_number(shape, at, |_| u32::MAX)),
    },
    Hazard {
        name: "largest_int",
        guards: Guard {
            file: "xdr/src/reader.rs",
            code: "found => Err(self.error_at_last_word(DecodeFault::BadBool { found })),",
            mutant: "_ => Ok(true),",
        },
        make: Make::Field(|shape, at| with_number(shape, at, |_| u32::MAX >> 1)),
    },
    Hazard {
        name: "negative",
        guards: Guard {
            file: "xdr/src/reader.rs",
            code: "found => Err(self.error_at_last_word(DecodeFault::BadBool { found })),",
            mutant: "_ => Ok(false),",
        },
        make: Make::Field(|shape, at| with_number(shape, at, |_| 1 << 31)),
    },
    Hazard {
        name: "other_byte_order",
        guards: FLAVOR,
        make: Make::Field(|shape, at| with_number(shape, at, u32::swap_bytes)),
    },
    Hazard {
        name: "of_auth_short",
        guards: FLAVOR,
        make: Make::Field(|shape, at| with_flavor(shape, at, 2)),
    },
    Hazard {
        name: "of_auth_dh",
        guards: FLAVOR,
        make: Make::Field(|shape, at| with_flavor(shape, at, 3)),
    },
    Hazard {
        name: "of_rpcsec_gss",
        guards: FLAVOR,
        make: Make::Field(|shape, at| with_flavor(shape, at, 6)),
    },
    Hazard {
        name: "of_auth_tls",
        guards: FLAVOR,
        make: Make::Field(|shape, at| with_flavor(shape, at, 7)),
    },
    Hazard {
        name: "unknown_choice",
        guards: Guard {
            file: "rpc/src/message.rs",
            code: "let [xid, CALL, RPC_VERSION, program, version, procedure] = words(head)? else {",
            mutant: "let [xid, _, RPC_VERSION, program, version, procedure] = words(head)? else {",
        },
        make: Make::Field(|shape, at| match shape.fields[at].kind {
            Kind::Choice => with_number(shape, at, |_| 77),
            _ => None,
        }),
    },
    Hazard {
        name: "zeros_inside",
        guards: Guard {
            file: "xdr/src/reader.rs",
            code: "match XdrString::in_place(bytes) {",
            mutant: "if bytes.contains(&0) {
            return Err(self.error(DecodeFault::BadPadding));
        }
        match XdrString::in_place(bytes) {",
        },
        make: Make::Field(|shape, at| with_data(shape, at, |data| data[0] = 0)),
    },
    Hazard {
        name: "control_characters",
        guards: Guard {
            file: "xdr/src/reader.rs",
            code: "match XdrString::in_place(bytes) {",
            mutant: "if bytes.contains(&0x1b) {
            return Err(self.error(DecodeFault::BadPadding));
        }
        match XdrString::in_place(bytes) {",
        },
        make: Make::Field(|shape, at| with_data(shape, at, |data| data.fill(0x1b))),
    },
    Hazard {
        name: "no_utf8",
        guards: Guard {
            file: "xdr/src/reader.rs",
            code: "match XdrString::in_place(bytes) {",
            mutant: "if core::str::from_utf8(bytes).is_err() {
            return Err(self.error(DecodeFault::BadPadding));
        }
        match XdrString::in_place(bytes) {",
        },
        make: Make::Field(|shape, at| with_data(shape, at, |data| data.fill(0xff))),
    },
    Hazard {
        name: "bits_flipped",
        guards: Guard {
            file: "rpc/src/auth/server.rs",
            code: "None => AuthVerdict::Deny(AuthStat::Badcred),",
            mutant: "None => AuthVerdict::Accept(None),",
        },
        make: Make::Field(|mut shape, at| {
            for byte in &mut shape.fields[at].bytes {
                *byte = !*byte;
            }
            Some(shape)
        }),
    },
];

/// The call with another flavor of credential or verifier, whose body is not of that flavor.
fn with_flavor(shape: Shape, at: usize, flavor: u32) -> Option<Shape> {
    let is_flavor = shape.fields[at].name.ends_with("_flavor");
    is_flavor.then(|| with_number(shape, at, |_| flavor))?
}
