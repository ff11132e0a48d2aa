//! Two tables of what has to come of a call, cell by cell, for theirs and for ours: who may SET and UNSET, and which
//! address GETADDR tells to whom. A cell with two entries is a difference of `portmapper/COMPATIBILITY.md`, theirs first.

mod addresses;
mod changes;

use oncrpc_interop::{Answer, Host, Transport, Which, call};

/// A registration, as DUMP of version 4 lists it.
struct Listed {
    program: u32,
    version: u32,
    owner: String,
}

/// Everything that is registered.
fn listed(host: &Host) -> Vec<Listed> {
    let caller = oncrpc_interop::Caller::Root;
    let Answer { replies, .. } = host.ask(caller, Transport::Tcp, &call(4, 4));
    let [reply] = &replies[..] else {
        panic!("DUMP has one answer: {replies:?}")
    };
    let mut rest = Words(&reply[HEADER..]);
    let mut listed = Vec::new();
    while rest.word() == 1 {
        let (program, version) = (rest.word(), rest.word());
        let [_netid, _address, owner] = [rest.text(), rest.text(), rest.text()];
        listed.push(Listed {
            program,
            version,
            owner,
        });
    }
    listed
}

/// The rest of a message.
struct Words<'a>(&'a [u8]);

impl Words<'_> {
    fn word(&mut self) -> u32 {
        let (word, rest) = self.0.split_first_chunk().expect("it does not end here");
        self.0 = rest;
        u32::from_be_bytes(*word)
    }

    fn text(&mut self) -> String {
        let len = self.word() as usize;
        let (text, rest) = self.0.split_at(len.next_multiple_of(4));
        self.0 = rest;
        String::from_utf8_lossy(&text[..len]).into_owned()
    }
}

/// What a cell says of theirs or of ours.
fn cell_of(which: Which, cell: &str) -> &str {
    let (theirs, ours) = cell.split_once(' ').unwrap_or((cell, cell));
    match which {
        Which::Theirs => theirs,
        Which::Ours => ours,
    }
}

/// Bytes of an accepted reply before its results.
const HEADER: usize = 24;
