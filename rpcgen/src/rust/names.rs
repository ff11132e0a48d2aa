//! Names of a .x file as Rust writes them.

use std::collections::{HashMap, HashSet};

/// `rpcb_entry` and `RPCB_ENTRY` as `RpcbEntry`.
pub(super) fn upper_camel(name: &str) -> String {
    let mut camel = String::with_capacity(name.len());
    let words = name.split('_').flat_map(words);
    for word in words.filter(|word| !word.is_empty()) {
        let mixed = word.contains(char::is_lowercase) && word.contains(char::is_uppercase);
        let mut letters = word.chars();
        if let Some(first) = letters.next() {
            camel.push(first.to_ascii_uppercase());
        }
        if mixed {
            camel.push_str(letters.as_str());
        } else {
            camel.push_str(&letters.as_str().to_ascii_lowercase());
        }
    }
    match camel.chars().next() {
        Some(first) if first.is_ascii_alphabetic() => safe(camel),
        _ => format!("X{camel}"),
    }
}

/// `GETATTR3args` as `GETATTR3` and `args`, as NFS calls what its procedures take and give.
fn words(name: &str) -> impl Iterator<Item = &str> {
    let parted = SUFFIXES.iter().find_map(|suffix| {
        let stem = name.strip_suffix(suffix)?;
        let shouts = stem.len() > 1 && !stem.contains(char::is_lowercase);
        shouts.then_some((stem, *suffix))
    });
    let (stem, suffix) = parted.unwrap_or((name, ""));
    [stem, suffix].into_iter()
}

/// What follows the name of a procedure in the name of a type, in NFS's files.
const SUFFIXES: [&str; 5] = ["args", "resok", "resfail", "cres", "res"];

/// `RPCB_ENTRY` and `rpcbEntry` as `rpcb_entry`.
pub(super) fn snake(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    let mut last = '_';
    for letter in name.chars() {
        let starts_word = letter.is_uppercase() && (last.is_lowercase() || last.is_ascii_digit());
        if starts_word && name.contains(char::is_lowercase) {
            snake.push('_');
        }
        if letter != '_' || !snake.ends_with('_') {
            snake.push(letter.to_ascii_lowercase());
        }
        last = letter;
    }
    let snake = snake.trim_matches('_');
    match snake.chars().next() {
        Some(first) if first.is_ascii_alphabetic() => safe(snake.to_owned()),
        _ => format!("x{snake}"),
    }
}

/// `rpcb_highproc_2` as `RPCB_HIGHPROC_2`.
pub(super) fn screaming(name: &str) -> String {
    if name.contains(char::is_uppercase) && !name.contains(char::is_lowercase) {
        return name.to_owned();
    }
    // Keywords of Rust are written small.
    snake(name).trim_start_matches("r#").to_ascii_uppercase()
}

/// A name that Rust takes: a keyword becomes a raw name, or gets a `_` where that cannot be.
pub(super) fn safe(name: String) -> String {
    match name.as_str() {
        "Self" | "self" | "crate" | "super" => name + "_",
        _ if KEYWORDS.contains(&name.as_str()) => format!("r#{name}"),
        _ => name,
    }
}

/// The names without the prefix that they share: of `NFS3_OK`, `NFS3ERR_IO` that is `OK`, `ERR_IO`. All stay as
/// they are if two of them would become one, and those that would begin with a digit.
pub(super) fn without_prefix<'a>(names: &[&'a str]) -> Vec<&'a str> {
    let prefixes = prefixes(names);
    let short: Vec<_> = names
        .iter()
        .map(|name| {
            let prefix = prefixes.iter().find(|prefix| name.starts_with(**prefix));
            let rest = prefix.map_or(*name, |prefix| &name[prefix.len()..]);
            let rest = rest.trim_start_matches('_');
            match rest.chars().next() {
                Some(first) if first.is_ascii_alphabetic() => rest,
                _ => name,
            }
        })
        .collect();
    let distinct: HashSet<_> = short.iter().map(|name| upper_camel(name)).collect();
    if distinct.len() < short.len() {
        return names.to_vec();
    }
    short
}

/// The names of a version's procedures without the prefix that they share, one alone without what it shares with its
/// program's: of `HELLO_GREET` in `HELLO_PROGRAM` that is `GREET`. All stay as they are if one of them would become
/// `taken`.
pub(super) fn of_procedures<'a>(
    program: &str,
    taken: Option<&str>,
    names: &[&'a str],
) -> Vec<&'a str> {
    let short = match names {
        [one] => {
            let mut ends = one.rmatch_indices('_').map(|(at, _)| one.split_at(at + 1));
            let shared = ends.find(|(prefix, rest)| {
                program.starts_with(prefix) && rest.starts_with(|c: char| c.is_ascii_alphabetic())
            });
            vec![shared.map_or(*one, |(_, rest)| rest)]
        }
        several => without_prefix(several),
    };
    let taken = taken.map(upper_camel);
    match short
        .iter()
        .any(|name| taken.as_ref() == Some(&upper_camel(name)))
    {
        true => names.to_vec(),
        false => short,
    }
}

/// What names start with that says nothing about the one: what all of them share, or else what three
/// quarters of them share, which then only these lose.
fn prefixes<'a>(names: &[&'a str]) -> Vec<&'a str> {
    let Some((first, others)) = names.split_first() else {
        return Vec::new();
    };
    if others.is_empty() {
        return Vec::new();
    }
    let shared = others.iter().fold(first.len(), |shared, other| {
        let same = first.bytes().zip(other.bytes());
        same.take_while(|(a, b)| a == b).count().min(shared)
    });
    // A prefix ends where a word ends, in one of the names at least: `NFS3` does because of `NFS3_OK`. A letter has to do
    // so in all: `A_FILE` and `AN_OWNER` share nothing.
    let ends_word = |end: &usize| {
        let at_word = |name: &&str| name.as_bytes().get(*end) == Some(&b'_');
        let is_word = match *end {
            0 => false,
            1 => names.iter().all(at_word),
            _ => names.iter().any(at_word),
        };
        is_word && names.iter().all(|name| name.len() > *end)
    };
    if let Some(end) = (0..=shared).rev().find(ends_word) {
        return vec![&first[..end]];
    }
    let ends = |name: &'a str| name.match_indices('_').map(move |(at, _)| &name[..=at]);
    let candidates: HashSet<&str> = names.iter().copied().flat_map(ends).collect();
    let mut common: Vec<_> = candidates
        .into_iter()
        .filter(|prefix| {
            let sharing = names.iter().filter(|name| name.starts_with(prefix)).count();
            sharing >= 3 && sharing * 4 >= names.len() * 3
        })
        .collect();
    common.sort_by_key(|prefix| std::cmp::Reverse(prefix.len()));
    common.truncate(1);
    common
}

/// Gives names that are taken a number.
pub(super) fn unique(names: &mut [String], mut taken: HashSet<String>) {
    // The number that a name was given last, so that a thousand of one name are not tried a million times.
    let mut last: HashMap<String, usize> = HashMap::new();
    for name in names {
        if taken.insert(name.clone()) {
            continue;
        }
        let number = last.entry(name.clone()).or_insert(1);
        let stem = name.trim_end_matches('_').to_owned();
        while !taken.insert(name.clone()) {
            *number += 1;
            *name = format!("{stem}{number}");
        }
    }
}

/// Keywords of Rust that a raw name may be, and those that are kept for later.
const KEYWORDS: [&str; 48] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "do", "dyn",
    "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let",
    "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return",
    "static", "struct", "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use",
    "virtual", "where", "while", "yield",
];
