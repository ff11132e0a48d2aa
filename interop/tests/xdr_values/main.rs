//! Values of every type are the same bytes for C that Debian's rpcgen made and for Rust that ours made.
//!
//! The types are those of the .x files that Debian installs, and of files that hold whatever else is hard
//! (`xdr_values/*.x`). A third encoder makes the values ([`values`]), which knows of the types only what the
//! ir of rpcgen says; each side decodes and encodes them again. Bytes that are nearly a value show where the two
//! differ: [`reading`] says what either makes of them, and each [`Difference`] stands in
//! rpcgen/COMPATIBILITY.md. All of it holds for Rust in each of the [`manners`] that a user may choose.
#![expect(clippy::expect_used, reason = "a helper of a test may fail it")]
#![allow(unreachable_pub, reason = "the modules of a test are for each other")]

mod damage;
mod limits;
mod manners;
mod peer;
mod programs;
mod protocols;
mod random;
mod reading;
mod sides;
mod stubs;
mod values;

use std::collections::BTreeSet;

use manners::Manner;
use oncrpc_interop::needs_c;
use programs::{Programs, in_parallel};
use random::Random;
use reading::{Difference, Read, Side};
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

/// Runs a test with each type that both sides have: the programs of its file, its number and its name there, and
/// values of it. Gives back the differences met; panics with what was not as it should have been, once for
/// each type, the shortest first.
fn with_each_type(
    test: impl Fn(&mut Sides<'_>, usize, &str, &mut Values<'_>) + Sync,
) -> BTreeSet<Difference> {
    let programs = Programs::made();
    let files: Vec<_> = (0..programs.protocols.len()).collect();
    let met = in_parallel(&files, |file| {
        let mut sides = Sides::start(programs, *file);
        let protocol = sides.protocol;
        for (number, case) in protocol.cases.iter().enumerate() {
            if case.c.is_some() {
                let name = format!("{}: {}", protocol.name, case.name);
                let mut values = Values::new(&protocol.unit, &name);
                test(&mut sides, number, &name, &mut values);
            }
        }
        sides.met()
    });
    let failures: usize = met.iter().map(|met| met.failures).sum();
    let mut shown: Vec<_> = met.iter().flat_map(|met| met.shortest.values()).collect();
    shown.sort();
    let shown = shown.iter().take(SHOWN);
    let shown: Vec<_> = shown.map(|(_, failure)| failure.as_str()).collect();
    assert!(
        failures == 0,
        "{failures} failures, as of:\n{}",
        shown.join("\n")
    );
    met.into_iter().flat_map(|met| met.differences).collect()
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
        let protocol = sides.protocol;
        sides.both_make(case, &requests, |bytes, side| match side {
            Side::Ours(Manner::Strict) => reading::read(&protocol.unit, side, types, bytes),
            _ => (Read::whole(bytes), BTreeSet::new()),
        });
    });
    // Where we are asked to be strict.
    assert_eq!(met, [Difference::Unlisted, Difference::NotUtf8].into());
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
        sides.both_make(case, &cuts, |_, _| (refused.clone(), BTreeSet::new()));
    });
}

#[test]
fn what_is_longer_than_its_bound_is_refused_by_both() {
    needs_c!();
    with_each_type(|sides, case, _, values| {
        let types = &sides.protocol.cases[case].types;
        let requests: Vec<_> = (0..20).filter_map(|_| values.excessive(types)).collect();
        let refused = Read::Refused("it is too long".to_owned());
        sides.both_make(case, &requests, |_, _| (refused.clone(), BTreeSet::new()));
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
        sides.both_make(case, &requests, |bytes, side| {
            reading::read(&protocol.unit, side, types, bytes)
        });
    });
    // One that does not show any more stands in COMPATIBILITY.md no more.
    assert_eq!(met, Difference::ALL.into());
}

#[test]
fn every_difference_has_its_line_in_the_documentation() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../rpcgen/COMPATIBILITY.md");
    let page = std::fs::read_to_string(page).expect("the page is there");
    for difference in Difference::ALL {
        let name = format!("| `{}` |", difference.name());
        assert_eq!(page.matches(&name).count(), 1, "{name}");
    }
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
