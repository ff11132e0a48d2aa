//! Bytes that are nearly a value.

use super::random::Random;

/// `bytes` with something changed: a bit, a word, the length.
pub fn damaged(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let mut damaged = bytes.to_vec();
    let words = bytes.len() / 4;
    let at = 4 * random.below(words);
    match random.below(8) {
        _ if words == 0 => damaged.extend([0, 0, 0, 7]),
        0 => {
            let bit = random.below(8);
            damaged[at + random.below(4)] ^= 1 << bit;
        }
        1 => damaged.truncate(random.below(bytes.len())),
        2 => drop(damaged.drain(at..at + 4)),
        3 => drop(damaged.splice(at..at, random.one_of(&WORDS).to_be_bytes())),
        // What counts is more often small than not.
        4 | 5 => set(&mut damaged, at, random.below(12) as u32),
        _ => set(&mut damaged, at, random.one_of(&WORDS)),
    }
    damaged
}

fn set(bytes: &mut [u8], at: usize, word: u32) {
    bytes[at..at + 4].copy_from_slice(&word.to_be_bytes());
}

/// Words at the edges of what numbers, lengths and flags can be.
const WORDS: [u32; 20] = [
    0,
    1,
    2,
    7,
    0x7f,
    0x80,
    0xff,
    0x100,
    0x7fff,
    0x8000,
    0xffff,
    0x1_0000,
    0x1_0001,
    0x00ff_ffff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_fffe,
    0xffff_ff80,
    0xffff_8000,
    0xffff_ffff,
];
