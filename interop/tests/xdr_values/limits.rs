//! Depths, lengths and sizes that chance does not reach.

use oncrpc_interop::needs_c;

use super::find;
use super::manners::Manner;
use super::programs::Programs;
use super::reading::Read;

#[test]
fn what_nests_deeper_than_128_levels_is_refused_by_us_alone() {
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
            assert_eq!(theirs, Ok(Read::whole(&bytes)), "{levels} levels");
        }
        let ours = sides.ours(Manner::Usual, tree, bytes.clone());
        match levels {
            ..=128 => assert_eq!(ours, Ok(Read::whole(&bytes)), "{levels} levels"),
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
        assert!(theirs == Ok(Read::whole(&list)));
    }
    assert!(sides.ours(Manner::Usual, nodes, list.clone()) == Ok(Read::whole(&list)));
    // Where they are pointers, they nest.
    let ours = sides.ours(Manner::LikeC, nodes, list);
    assert!(matches!(ours, Ok(Read::Refused(_))));
}

#[test]
fn what_takes_much_more_memory_than_bytes_is_refused_by_us_alone() {
    needs_c!();
    let (mut sides, many) = find(Programs::made(), "unions", "many_large");
    // Each is absent: 4 bytes, and 401 or more in memory, of which we allow 32 for each byte, and 4 KiB.
    let absent = |count: u32| [&count.to_be_bytes()[..], &vec![0; 4 * count as usize]].concat();
    for count in [1, 10, 1000] {
        let bytes = absent(count);
        for theirs in sides.theirs(many, &bytes) {
            assert_eq!(theirs, Ok(Read::whole(&bytes)), "{count}");
        }
        let ours = sides.ours(Manner::Usual, many, bytes.clone());
        match count {
            ..=10 => assert_eq!(ours, Ok(Read::whole(&bytes)), "{count}"),
            _ => assert!(matches!(ours, Ok(Read::Refused(_))), "{count}: {ours:?}"),
        }
    }
}
