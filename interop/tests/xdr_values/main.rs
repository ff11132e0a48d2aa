//! Values of every type are the same bytes for C that Debian's rpcgen made and for Rust that ours made.
//!
//! The types are those of the .x files that Debian installs, and of files that hold whatever else is hard
//! (`xdr_values/*.x`). A third encoder makes the values ([`values`]), which knows of the types only what the
//! ir of rpcgen says; each side decodes and encodes them again. Bytes that are nearly a value show where the two
//! differ: [`reading`] says what either makes of them, and each [`Difference`] stands in
//! rpcgen/COMPATIBILITY.md.
#![expect(clippy::expect_used, reason = "a helper of a test may fail it")]
#![allow(unreachable_pub, reason = "the modules of a test are for each other")]

mod damage;
mod peer;
mod programs;
mod protocols;
mod random;
mod reading;
mod sides;
mod values;

use std::collections::BTreeSet;
use std::process::Command;

use oncrpc_interop::needs_c;
use programs::{Programs, in_parallel};
use random::Random;
use reading::{Difference, Read};
use sides::Sides;
use values::Values;

/// Types of which [`MANY`] values are tried: those with most in them.
const CHOSEN: [&str; 40] = [
    "arguments: the arguments of MIX",
    "arguments: the arguments of STRUCTS",
    "bools: bools",
    "enums: all_enums",
    "enums: on_negative",
    "enums: on_unsigned",
    "key_prot: getcredres",
    "klm_prot: klm_testrply",
    "lists: collections",
    "lists: expression",
    "lists: group",
    "lists: pointers",
    "lists: tree",
    "mount: exports",
    "mount: fhstatus",
    "nfs_prot: attrstat",
    "nfs_prot: diropres",
    "nfs_prot: readdirres",
    "nfs_prot: readres",
    "nfs_prot: statfsres",
    "nfs_prot: writeargs",
    "nis: ib_request",
    "nis: log_entry",
    "nis_object: nis_object",
    "nlm_prot: nlm_lockargs",
    "nlm_prot: nlm_testres",
    "numbers: aliases",
    "numbers: every_number",
    "numbers: run_with_arrays",
    "numbers: runs",
    "rex: rex_start",
    "rpcb_prot: rpcb_stat",
    "rpcb_prot: rpcblist_ptr",
    "sequences: fixed_arrays",
    "sequences: numbers_in_arrays",
    "sequences: parcel",
    "unions: arms",
    "unions: many_unions",
    "unions: on_count",
    "unions: on_int",
];
/// Values of each of these, and of each other type.
const MANY: usize = 10_000;
const SOME: usize = 200;
/// Failures that are shown: one mistake makes many.
const SHOWN: usize = 10;

/// Runs a test with each .x file; gives back the differences met. Panics with what was not as it should
/// have been, the shortest first.
fn with_each(test: impl Fn(&mut Sides<'_>) + Sync) -> BTreeSet<Difference> {
    let programs = Programs::made();
    let files: Vec<_> = (0..programs.protocols.len()).collect();
    let met = in_parallel(&files, |file| {
        let mut sides = Sides::start(programs, *file);
        test(&mut sides);
        sides.met()
    });
    let mut failures: Vec<_> = met.iter().flat_map(|met| &met.failures).collect();
    failures.sort();
    let shown = failures.iter().take(SHOWN);
    let shown: Vec<_> = shown.map(|(_, failure)| failure.as_str()).collect();
    assert!(
        failures.is_empty(),
        "{} failures:\n{}",
        failures.len(),
        shown.join("\n")
    );
    met.into_iter().flat_map(|met| met.differences).collect()
}

/// Runs a test with each type of each .x file that both sides have.
fn with_each_type(
    test: impl Fn(&mut Sides<'_>, usize, &str, &mut Values<'_>) + Sync,
) -> BTreeSet<Difference> {
    with_each(|sides| {
        let protocol = sides.protocol;
        for (number, case) in protocol.cases.iter().enumerate() {
            let name = format!("{}: {}", protocol.name, case.name);
            let mut values = Values::new(&protocol.unit, &name);
            if case.c.is_some() {
                test(sides, number, &name, &mut values);
            }
        }
    })
}

fn whole(bytes: &[u8]) -> Read {
    Read::Value {
        taken: bytes.len(),
        bytes: bytes.to_vec(),
    }
}

#[test]
fn values_of_every_type_are_the_same_bytes_in_c_and_in_rust() {
    needs_c!();
    let met = with_each_type(|sides, case, name, values| {
        let many = if CHOSEN.contains(&name) { MANY } else { SOME };
        let types = &sides.protocol.cases[case].types;
        let requests: Vec<_> = (0..many)
            .map(|number| values.value(number, types))
            .collect();
        sides.make(case, &requests, |bytes, _| (whole(bytes), BTreeSet::new()));
    });
    assert_eq!(met, BTreeSet::new());
}

#[test]
fn every_type_chosen_is_one() {
    needs_c!();
    let protocols = Programs::made().protocols.iter();
    let names: BTreeSet<_> = protocols
        .flat_map(|protocol| protocol.cases.iter().map(move |case| (protocol, case)))
        .map(|(protocol, case)| format!("{}: {}", protocol.name, case.name))
        .collect();
    for chosen in CHOSEN {
        assert!(names.contains(chosen), "{chosen}");
    }
}

#[test]
fn what_is_cut_short_is_refused_by_both() {
    needs_c!();
    with_each_type(|sides, case, name, values| {
        let types = &sides.protocol.cases[case].types;
        let mut random = Random::of(name, 2);
        let mut cuts = Vec::new();
        for number in 0..20 {
            let bytes = values.value(number, types);
            let lengths: BTreeSet<_> = match bytes.len() {
                0 => continue,
                length @ ..64 => (0..length).collect(),
                length => (0..64).map(|_| random.below(length)).collect(),
            };
            cuts.extend(lengths.into_iter().map(|length| bytes[..length].to_vec()));
        }
        let refused = Read::Refused("it is cut short".to_owned());
        sides.make(case, &cuts, |_, _| (refused.clone(), BTreeSet::new()));
    });
}

#[test]
fn what_is_longer_than_its_bound_is_refused_by_both() {
    needs_c!();
    with_each_type(|sides, case, _, values| {
        let types = &sides.protocol.cases[case].types;
        let requests: Vec<_> = (0..20).filter_map(|_| values.excessive(types)).collect();
        let refused = Read::Refused("it is too long".to_owned());
        sides.make(case, &requests, |_, _| (refused.clone(), BTreeSet::new()));
    });
}

#[test]
fn what_is_nearly_a_value_is_the_same_for_both_but_for_known_differences() {
    needs_c!();
    let met = with_each_type(|sides, case, name, values| {
        let types = &sides.protocol.cases[case].types;
        let mut random = Random::of(name, 1);
        let many = if CHOSEN.contains(&name) {
            MANY / 5
        } else {
            SOME
        };
        let requests: Vec<_> = (0..many)
            .map(|number| damage::damaged(&values.value(number, types), &mut random))
            .collect();
        let protocol = sides.protocol;
        sides.make(case, &requests, |bytes, side| {
            reading::read(&protocol.unit, side, types, bytes)
        });
    });
    // One that does not show any more stands in COMPATIBILITY.md no more.
    assert_eq!(met, Difference::ALL.into());
}

/// The .x file of this name, and the number of what it calls `case`.
fn find<'a>(programs: &'a Programs, file: &str, case: &str) -> (Sides<'a>, usize) {
    let mut files = programs.protocols.iter();
    let file = files
        .position(|protocol| protocol.name == file)
        .expect("there is such a file");
    let mut cases = programs.protocols[file].cases.iter();
    let case = cases
        .position(|known| known.name == case)
        .expect("there is such a type");
    (Sides::start(programs, file), case)
}

#[test]
fn only_we_refuse_what_nests_deeper_than_128_levels() {
    needs_c!();
    let (mut sides, tree) = find(Programs::made(), "lists", "tree");
    // `struct tree { tree *left; short value; tree *right; }`, the left ones in each other.
    let nested = |levels: usize| {
        let left = [[0, 0, 0, 1]].repeat(levels);
        let last = vec![[0; 4]];
        let rest = [[0, 0, 0, 7], [0; 4]].repeat(levels + 1);
        [left, last, rest].concat().concat()
    };
    for levels in [1, 128, 129, 1000] {
        let bytes = nested(levels);
        for theirs in sides.theirs(tree, &bytes) {
            assert_eq!(theirs, Ok(whole(&bytes)), "{levels} levels");
        }
        let ours = sides.ours(tree, bytes.clone());
        match levels {
            ..=128 => assert_eq!(ours, Ok(whole(&bytes)), "{levels} levels"),
            _ => assert!(
                matches!(ours, Ok(Read::Refused(_))),
                "{levels} levels: {ours:?}"
            ),
        }
    }
}

#[test]
fn lists_of_any_length_are_the_same() {
    needs_c!();
    let (mut sides, nodes) = find(Programs::made(), "lists", "nodes");
    let node = [[0, 0, 0, 1], [0, 0, 0, 7]].concat();
    let list = [node.repeat(10_000), vec![0; 4]].concat();
    for theirs in sides.theirs(nodes, &list) {
        assert!(theirs == Ok(whole(&list)));
    }
    assert!(sides.ours(nodes, list.clone()) == Ok(whole(&list)));
}

/// What C's client passes to a procedure of one argument, and what we say of that.
#[test]
fn single_arguments_are_what_the_file_says_where_c_may_send_something_else() {
    needs_c!();
    let programs = Programs::made();
    let (sides, _) = find(programs, "stubs", "pair");
    let client = Command::new(programs::stubs(sides.protocol)).output();
    let client = client.expect("it runs");
    assert!(client.status.success(), "{client:?}");
    let passes = String::from_utf8(client.stdout).expect("it is text");
    let mut found = String::new();
    for line in passes.lines() {
        let Some((call, hex)) = line.split_once('\t') else {
            found += &format!("{line}\n");
            continue;
        };
        let digits = hex.as_bytes().chunks(2);
        let digits = digits.map(|two| std::str::from_utf8(two).expect("digits"));
        let bytes: Vec<_> = digits
            .map(|two| u8::from_str_radix(two, 16).expect("hexadecimal"))
            .collect();
        let procedure = call.split(' ').next().expect("a name");
        let name = format!("the arguments of {procedure}");
        let (mut sides, case) = find(programs, "stubs", &name);
        let ours = match sides.ours(case, bytes.clone()) {
            Ok(read) if read == whole(&bytes) => "the same".to_owned(),
            Ok(Read::Refused(_)) => "no value".to_owned(),
            other => panic!("{call}: {other:?}"),
        };
        found += &format!("{call}: {}: {ours}\n", sides::Words(&bytes));
    }
    let expected = "\
TEXT abc: 00000003 61626300: the same
TEXT abcd: 00000004 61626364: no value
FREE abcd: 00000004 61626364: the same
POINTER {1,2}: 00000001 00000002: no value
INTEGER 5: 00000005: no value
LONG 0x1122334455667788: 55667788: the same
LONG -1: ffffffff: the same
PLAIN {1,2}: 00000001 00000002: the same
a long of ffffffff is ffffffff
";
    assert_eq!(found, expected);
    // As the file says it: a flag, then the pair.
    let (mut sides, pointer) = find(programs, "stubs", "the arguments of POINTER");
    let flagged = [[0, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 2]].concat();
    assert_eq!(sides.ours(pointer, flagged.clone()), Ok(whole(&flagged)));
}
