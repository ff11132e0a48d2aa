//! Types that contain themselves: a limit for those that nest, a loop for those that are lists. All of it
//! on a stack of 256 KiB, in a debug build too.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use oncrpc_xdr::{
    Bytes, Decode, DecodeFault, Encode, EncodeError, EncodeFault, Limits, Reader, Wire, Writer,
    from_bytes, to_bytes, wire::List,
};

use crate::sample::Tree;

const SMALL_STACK: usize = 256 * 1024;

fn on_a_small_stack(test: fn()) {
    let thread = thread::Builder::new().stack_size(SMALL_STACK);
    thread.spawn(test).unwrap().join().unwrap();
}

/// A tree of `depth` levels below its root, each the only kid or the left one of the level above.
fn tree(depth: u32, by_kids: bool) -> Tree {
    let leaf = |value| Tree {
        value,
        left: None,
        kids: Vec::new(),
    };
    let mut tree = leaf(0);
    for level in 1..=depth {
        let below = tree;
        tree = leaf(level as i32);
        if by_kids {
            tree.kids.push(below);
        } else {
            tree.left = Some(Box::new(below));
        }
    }
    tree
}

/// The bytes of such a tree of left branches, however deep.
fn wire(depth: u32) -> Bytes {
    let mut wire = Vec::new();
    for level in (1..=depth).rev() {
        wire.extend_from_slice(&level.to_be_bytes());
        wire.extend_from_slice(&1_u32.to_be_bytes());
    }
    wire.extend_from_slice(&[0; 12]);
    // Each level ends with the count of its kids.
    wire.resize(wire.len() + 4 * depth as usize, 0);
    wire.into()
}

#[test]
fn nesting_up_to_the_limit_passes_both_ways() {
    on_a_small_stack(|| {
        // The empty array of kids at the bottom is a level of its own.
        let deepest = tree(Limits::DEFAULT_DEPTH - 1, false);
        let wire = to_bytes(&deepest).unwrap();
        assert_eq!(wire, self::wire(Limits::DEFAULT_DEPTH - 1));
        assert_eq!(from_bytes::<Tree>(&wire).unwrap(), deepest);

        let deepest = tree(Limits::DEFAULT_DEPTH - 1, true);
        let wire = to_bytes(&deepest).unwrap();
        assert_eq!(from_bytes::<Tree>(&wire).unwrap(), deepest);
    });
}

#[test]
fn nesting_one_deeper_than_the_limit_is_refused_both_ways() {
    on_a_small_stack(|| {
        let allowed = Limits::DEFAULT_DEPTH;
        let error = to_bytes(&tree(allowed, false)).unwrap_err();
        assert_eq!(error.fault(), EncodeFault::TooDeep { allowed });

        let error = from_bytes::<Tree>(&wire(allowed)).unwrap_err();
        assert_eq!(error.fault(), DecodeFault::TooDeep { allowed });
    });
}

#[test]
fn nesting_of_a_million_levels_is_refused_at_the_limit() {
    on_a_small_stack(|| {
        let error = from_bytes::<Tree>(&wire(1_000_000)).unwrap_err();
        let allowed = Limits::DEFAULT_DEPTH;
        assert_eq!(error.fault(), DecodeFault::TooDeep { allowed });
        assert_eq!(error.offset(), 8 * (allowed as usize + 1));
    });
}

#[test]
fn depth_can_be_limited_further() {
    let shallow = Limits {
        depth: 3,
        ..Limits::default()
    };
    let decode =
        |depth| <Tree as Decode>::decode(&mut Reader::new(&wire(depth)).with_limits(shallow));
    assert_eq!(decode(2).unwrap(), tree(2, false));
    let error = decode(3).unwrap_err();
    assert_eq!(error.fault(), DecodeFault::TooDeep { allowed: 3 });
    assert_eq!(
        error.to_string(),
        "left.left.left.kids: nested deeper than 3 levels at byte 32"
    );
}

#[test]
fn siblings_do_not_add_up() {
    let mut wide = tree(0, true);
    wide.kids = vec![tree(100, false); 10];
    let wire = to_bytes(&wide).unwrap();
    assert_eq!(from_bytes::<Tree>(&wire).unwrap(), wide);
}

#[test]
fn a_refused_value_leaves_the_depth_as_it_was() {
    let mut w = Writer::new();
    for _ in 0..200 {
        let name = "too long".into();
        w.nested(|w| w.string(&name, 3)).unwrap_err();
    }
    w.nested(|_| Ok(())).unwrap();

    let mut r = Reader::new(&[]);
    for _ in 0..200 {
        r.nested(Reader::u32).unwrap_err();
    }
    r.nested(|_| Ok(())).unwrap();
}

#[test]
fn list_of_a_million_nodes_is_decoded_encoded_and_dropped() {
    on_a_small_stack(|| {
        let nodes: Vec<u32> = (0..1_000_000).collect();
        let mut w = Writer::new();
        List::<u32>::encode(&nodes, &mut w).unwrap();
        assert_eq!(w.len(), List::<u32>::encoded_len(&nodes));
        let wire = w.into_bytes();
        assert_eq!(wire.len(), 8_000_004);
        assert_eq!(List::<u32>::decode(&mut Reader::of(&wire)).unwrap(), nodes);
    });
}

#[test]
fn a_panic_leaves_the_writer_as_deep_as_it_was() {
    fn panics(w: &mut Writer, levels: u32) -> Result<(), EncodeError> {
        match levels {
            0 => panic!("at the bottom"),
            levels => w.nested(|w| panics(w, levels - 1)),
        }
    }
    let mut w = Writer::new();
    let panicked = catch_unwind(AssertUnwindSafe(|| panics(&mut w, Limits::DEFAULT_DEPTH)));
    assert!(panicked.is_err());
    assert!(tree(7, false).encode(&mut w).is_ok());
}
