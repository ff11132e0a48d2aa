//! What C's client passes to a procedure of one argument, and what we say of that.

use std::process::Command;

use oncrpc_interop::needs_c;

use super::find;
use super::manners::Manner;
use super::programs::{self, Programs};
use super::reading::{Read, Words};

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
        let ours = match sides.ours(Manner::Usual, case, bytes.clone()) {
            Ok(read) if read == Read::whole(&bytes) => "the same".to_owned(),
            Ok(Read::Refused(_)) => "no value".to_owned(),
            other => panic!("{call}: {other:?}"),
        };
        found += &format!("{call}: {}: {ours}\n", Words(&bytes));
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
    let ours = sides.ours(Manner::Usual, pointer, flagged.clone());
    assert_eq!(ours, Ok(Read::whole(&flagged)));
}
