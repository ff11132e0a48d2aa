//! Messages that are wrong as a whole.

use super::hazard::{Guard, Hazard, Make};
use super::shape::XID;

const TRAILING: Guard = Guard {
    file: "rpc/src/serve/service.rs",
    code: "W::decode(&mut r)",
    mutant: "W::decode(&mut r).and_then(|value| r.finish().map(|()| value))",
};

const NO_CALL: Guard = Guard {
    file: "rpc/src/message.rs",
    code: "let Some([xid, CALL, rpc_version]) = words(message) else {",
    mutant: "let Some([xid, _, rpc_version]) = words(message) else {",
};

const NO_RPC_VERSION: Guard = Guard {
    file: "rpc/src/message.rs",
    code: "if rpc_version != RPC_VERSION {",
    mutant: "if rpc_version < RPC_VERSION {",
};

pub const HAZARDS: &[Hazard] = &[
    Hazard {
        name: "and_a_byte",
        guards: TRAILING,
        make: Make::Message(|_, message| [message, &[0xff]].concat()),
    },
    Hazard {
        name: "and_a_word",
        guards: TRAILING,
        make: Make::Message(|_, message| [message, &[0xff; 4]].concat()),
    },
    Hazard {
        name: "and_a_kilobyte",
        guards: TRAILING,
        make: Make::Message(|_, message| [message, &[0xff; 1024]].concat()),
    },
    Hazard {
        name: "twice",
        guards: TRAILING,
        make: Make::Message(|_, message| message.repeat(2)),
    },
    Hazard {
        name: "as_long_as_can_be",
        guards: Guard {
            file: "rpc/src/record.rs",
            code: "if found > allowed.into() {",
            mutant: "if found >= allowed.into() {",
        },
        make: Make::Message(|program, message| filled(message, program.record)),
    },
    Hazard {
        name: "too_long",
        guards: Guard {
            file: "rpc/src/record.rs",
            code: "if found > allowed.into() {",
            mutant: "if found > u64::from(allowed) + 1 {",
        },
        make: Make::Message(|program, message| filled(message, program.record + 1)),
    },
    Hazard {
        name: "as_long_as_a_datagram",
        guards: Guard {
            file: "transport/src/datagram/serve.rs",
            code: "if arrived.len > limits.receive {",
            mutant: "if arrived.len >= limits.receive {",
        },
        make: Make::Message(|program, message| filled(message, program.datagram)),
    },
    Hazard {
        name: "a_reply",
        guards: NO_CALL,
        make: Make::Message(|_, _| words(&[XID, 1, 0, 0, 0, 0])),
    },
    Hazard {
        name: "a_refusal",
        guards: NO_CALL,
        make: Make::Message(|_, _| words(&[XID, 1, 1, 1, 5])),
    },
    Hazard {
        name: "zeros",
        guards: Guard {
            file: "rpc/src/message.rs",
            code: "if rpc_version != RPC_VERSION {",
            mutant: "if rpc_version > RPC_VERSION {",
        },
        make: Make::Message(|_, message| vec![0; message.len()]),
    },
    Hazard {
        name: "ones",
        guards: NO_CALL,
        make: Make::Message(|_, message| vec![0xff; message.len()]),
    },
    Hazard {
        name: "backwards",
        guards: NO_CALL,
        make: Make::Message(|_, message| message.iter().rev().copied().collect()),
    },
    Hazard {
        name: "in_another_byte_order",
        guards: NO_RPC_VERSION,
        make: Make::Message(|_, message| {
            let words = message.chunks(4).flat_map(|word| word.iter().rev());
            words.copied().collect()
        }),
    },
    Hazard {
        name: "a_byte_late",
        guards: NO_CALL,
        make: Make::Message(|_, message| [&[0], message].concat()),
    },
    Hazard {
        name: "a_byte_early",
        guards: NO_RPC_VERSION,
        make: Make::Message(|_, message| message[1..].to_vec()),
    },
    Hazard {
        name: "text",
        guards: NO_CALL,
        make: Make::Message(|_, _| b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec()),
    },
    Hazard {
        name: "noise",
        guards: NO_CALL,
        make: Make::Message(|_, message| {
            // xorshift64*, with the message as its seed: the same in every run.
            let seed = message.iter().fold(1, |sum: u64, byte| {
                sum.wrapping_mul(31).wrapping_add((*byte).into())
            });
            let mut state = seed | 1;
            let mut roll = || {
                state ^= state >> 12;
                state ^= state << 25;
                state ^= state >> 27;
                (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 56) as u8
            };
            (0..4096).map(|_| roll()).collect()
        }),
    },
    Hazard {
        name: "noise_behind_the_header",
        guards: Guard {
            file: "xdr/src/reader.rs",
            code: "None => Err(self.truncated(len)),",
            mutant: "None => Ok(core::mem::take(&mut self.rest)),",
        },
        make: Make::Message(|_, message| {
            let noise = (0..400_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8);
            message[..40.min(message.len())]
                .iter()
                .copied()
                .chain(noise)
                .collect()
        }),
    },
];

/// The message with zeros behind it, as long as that.
fn filled(message: &[u8], len: usize) -> Vec<u8> {
    let mut message = message.to_vec();
    message.resize(len, 0);
    message
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}
