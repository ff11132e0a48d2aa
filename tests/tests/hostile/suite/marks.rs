//! Streams whose record marks are wrong, or unusual: RFC 5531 section 11.

use super::hazard::{Guard, Hazard, Make};

/// The bit of a mark that says that its fragment is the record's last.
pub const LAST: u32 = 1 << 31;

const LENGTH: Guard = Guard {
    file: "rpc/src/record.rs",
    code: "if found > allowed.into() {",
    mutant: "if found > u64::from(u32::MAX) {",
};

const FRAGMENTS: Guard = Guard {
    file: "rpc/src/record.rs",
    code: "if self.fragments == self.limits.fragments {",
    mutant: "if self.fragments == u32::MAX {",
};

const REST: Guard = Guard {
    file: "rpc/src/record.rs",
    code: "if self.last {",
    mutant: "if self.fragments > 0 {",
};

const MISSING: Guard = Guard {
    file: "rpc/src/record.rs",
    code: "self.missing = (mark & !LAST) as usize;",
    mutant: "self.missing = 0;",
};

const WHOLE: Guard = Guard {
    file: "rpc/src/record.rs",
    code: "if mark & LAST == 0 || len == 0 || behind.len() < len as usize {",
    mutant: "if len == 0 || behind.len() < len as usize {",
};

pub const HAZARDS: &[Hazard] = &[
    Hazard {
        name: "mark_zero",
        guards: REST,
        make: Make::Stream(|_, _| marked(0, &[])),
    },
    Hazard {
        name: "mark_of_an_empty_record",
        guards: Guard {
            file: "rpc/src/record.rs",
            code: "Err(RecordError::Empty)",
            mutant: "Ok(None)",
        },
        make: Make::Stream(|_, message| marked(LAST, message)),
    },
    Hazard {
        name: "mark_one_less",
        guards: Guard {
            file: "rpc/src/record.rs",
            code: "*at = start.saturating_add(len);",
            mutant: "*at = start.max(input.len());",
        },
        make: Make::Stream(|_, message| marked(LAST | (len(message) - 1), message)),
    },
    Hazard {
        name: "mark_one_more",
        guards: Guard {
            file: "rpc/src/record.rs",
            code: "if self.missing > 0 {",
            mutant: "if self.missing > 1 {",
        },
        make: Make::Stream(|_, message| marked(LAST | (len(message) + 1), message)),
    },
    Hazard {
        name: "mark_maximum",
        guards: LENGTH,
        make: Make::Stream(|_, message| marked(u32::MAX, message)),
    },
    Hazard {
        name: "mark_largest_int",
        guards: LENGTH,
        make: Make::Stream(|_, message| marked(LAST - 1, message)),
    },
    Hazard {
        name: "mark_over_the_limit",
        guards: LENGTH,
        make: Make::Stream(|program, _| marked(LAST | (program.record as u32 + 1), &[])),
    },
    Hazard {
        name: "mark_of_another_byte_order",
        guards: LENGTH,
        make: Make::Stream(|_, message| marked((LAST | len(message)).swap_bytes(), message)),
    },
    Hazard {
        name: "mark_missing",
        guards: LENGTH,
        make: Make::Stream(|_, message| message.to_vec()),
    },
    Hazard {
        name: "mark_cut",
        guards: Guard {
            file: "rpc/src/record.rs",
            code: "if self.mark_len < MARK_LEN {",
            mutant: "if self.mark_len == 0 {",
        },
        make: Make::Stream(|_, message| marked(LAST | len(message), message)[..2].to_vec()),
    },
    Hazard {
        name: "mark_alone",
        guards: MISSING,
        make: Make::Stream(|_, message| marked(LAST | len(message), &[])),
    },
    Hazard {
        name: "record_cut",
        guards: MISSING,
        make: Make::Stream(|_, message| marked(LAST | len(message), &message[..message.len() / 2])),
    },
    Hazard {
        name: "record_without_a_last_fragment",
        guards: WHOLE,
        make: Make::Stream(|_, message| marked(len(message), message)),
    },
    Hazard {
        name: "second_fragment_missing",
        guards: WHOLE,
        make: Make::Stream(|_, message| marked(20, &message[..20])),
    },
    Hazard {
        name: "second_fragment_maximum",
        guards: LENGTH,
        make: Make::Stream(|_, message| {
            [marked(20, &message[..20]), marked(u32::MAX, &message[20..])].concat()
        }),
    },
    Hazard {
        name: "second_fragment_over_the_limit",
        guards: Guard {
            file: "rpc/src/record.rs",
            code: "let found = (self.partial.len() as u64).saturating_add(len.into());",
            mutant: "let found = u64::from(len);",
        },
        make: Make::Stream(|program, message| {
            let more = program.record as u32 - 19;
            [marked(20, &message[..20]), marked(LAST | more, &[])].concat()
        }),
    },
    Hazard {
        name: "fragments_of_a_byte",
        guards: REST,
        make: Make::Stream(|_, message| fragments(message.chunks(1))),
    },
    Hazard {
        name: "fragments_of_a_word",
        guards: REST,
        make: Make::Stream(|_, message| fragments(message.chunks(4))),
    },
    Hazard {
        name: "fragments_of_all_but_a_byte",
        guards: REST,
        make: Make::Stream(|_, message| fragments(message.chunks(message.len() - 1))),
    },
    Hazard {
        name: "first_fragment_empty",
        guards: REST,
        make: Make::Stream(|_, message| fragments([&[][..], message].into_iter())),
    },
    Hazard {
        name: "last_fragment_empty",
        guards: REST,
        make: Make::Stream(|_, message| fragments([message, &[]].into_iter())),
    },
    Hazard {
        name: "fragments_as_many_as_can_be",
        guards: Guard {
            file: "rpc/src/record.rs",
            code: "if self.fragments == self.limits.fragments {",
            mutant: "if self.fragments + 1 == self.limits.fragments {",
        },
        make: Make::Stream(|program, message| {
            [
                marked(0, &[]).repeat(program.fragments - 1),
                marked(LAST | len(message), message),
            ]
            .concat()
        }),
    },
    Hazard {
        name: "fragments_one_too_many",
        guards: FRAGMENTS,
        make: Make::Stream(|program, message| {
            [
                marked(0, &[]).repeat(program.fragments),
                marked(LAST | len(message), message),
            ]
            .concat()
        }),
    },
    Hazard {
        name: "fragments_without_end",
        guards: FRAGMENTS,
        make: Make::Stream(|_, _| marked(0, &[]).repeat(10_000)),
    },
    Hazard {
        name: "records_one_upon_the_other",
        guards: Guard {
            file: "rpc/src/record.rs",
            code: "*at = start.saturating_add(len);",
            mutant: "*at = start.max(input.len());",
        },
        make: Make::Stream(|_, message| marked(LAST | len(message), message).repeat(16)),
    },
];

/// A mark and what stands behind it, whether it fits or not.
pub fn marked(mark: u32, message: &[u8]) -> Vec<u8> {
    [&mark.to_be_bytes()[..], message].concat()
}

/// A record of these fragments.
fn fragments<'a>(fragments: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut fragments = fragments.peekable();
    let mut record = Vec::new();
    while let Some(fragment) = fragments.next() {
        let last = if fragments.peek().is_none() { LAST } else { 0 };
        record.extend(marked(last | len(fragment), fragment));
    }
    record
}

/// A record of one fragment.
pub fn record(message: &[u8]) -> Vec<u8> {
    marked(LAST | len(message), message)
}

fn len(message: &[u8]) -> u32 {
    // INVARIANT: messages of the suite are short.
    message.len() as u32
}
