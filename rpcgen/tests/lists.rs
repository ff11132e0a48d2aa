//! A list of a million nodes is as good as one of three: nothing that is done with it recurses.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail it")]

use std::fmt::Debug;
use std::thread;

use oncrpc_xdr::{Decode, Encode, from_bytes, to_bytes};

/// As a crate would have them.
#[allow(dead_code, unreachable_pub, reason = "a library would offer what this test does not use")]
#[path = "hazards"]
#[rustfmt::skip]
mod hazards {
    pub(super) mod list_by_typedef;
    pub(super) mod list_direct;
}

use hazards::{list_by_typedef, list_direct};

/// Bytes of stack that a thread has for all of it: fewer than the nodes.
const STACK: usize = 256 << 10;
const NODES: usize = 1_000_000;

/// Does with a value what a program could do with it, in a thread of little stack.
#[track_caller]
fn lives_on_little_stack<T>(make: impl FnOnce() -> T + Send + 'static, bytes: usize)
where
    T: Encode + Decode + Clone + Debug + PartialEq,
{
    let life = move || {
        let value = make();
        let wire = to_bytes(&value).unwrap();
        assert_eq!(wire.len(), bytes);
        assert_eq!(value.encoded_len(), bytes);
        let decoded: T = from_bytes(&wire).unwrap();
        assert!(decoded == value);
        let copy = decoded.clone();
        drop(decoded);
        // Each node has a name of its own in it.
        let printed = format!("{copy:?}");
        assert_eq!(printed.matches("name: ").count(), NODES);
        drop(copy);
    };
    let thread = thread::Builder::new().stack_size(STACK);
    assert!(thread.spawn(life).unwrap().join().is_ok());
}

#[test]
fn entries_linked_by_a_pointer_live_on_little_stack() {
    let make = || {
        let entry = |fileid| list_direct::Entry {
            fileid,
            name: format!("{fileid:07}").into(),
        };
        let entries = (0..NODES as u64).map(entry).collect();
        list_direct::Directory { entries, eof: true }
    };
    // A mark, 8 bytes of fileid, and a name of 7 letters padded to 8, behind its length; at the end a mark and eof.
    lives_on_little_stack(make, NODES * (4 + 8 + 4 + 8) + 4 + 4);
}

#[test]
fn entries_linked_by_the_typedef_of_a_pointer_live_on_little_stack() {
    let make = || {
        let node = |number| list_by_typedef::Groupnode {
            name: format!("group{number:07}").into(),
        };
        let who = (0..NODES).map(node).collect();
        list_by_typedef::Export { who }
    };
    lives_on_little_stack(make, NODES * (4 + 4 + 12) + 4);
}

/// Bytes that end where a mark would say whether another node follows.
#[test]
fn a_list_without_its_end_is_no_value() {
    let wire = [0, 0, 0, 1, 0, 0, 0, 1, b'a', 0, 0, 0].repeat(NODES);
    let error = from_bytes::<list_by_typedef::Export>(&wire.into()).unwrap_err();
    assert_eq!(error.offset(), NODES * 12, "{error}");
}
