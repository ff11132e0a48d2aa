//! The registry as it goes on the wire, and into the state files: linked lists of RFC 1833.

use oncrpc_xdr::wire::Text;
use oncrpc_xdr::{Wire, Writer, XdrString};

use super::{Entry, Mapping, Registered};

/// `rpcblist_ptr` of versions 3 and 4, which will be `len` bytes long.
pub(super) fn encode<'a>(entries: impl Iterator<Item = Registered<'a>>, len: u64) -> Vec<u8> {
    let room = usize::try_from(len).unwrap_or(0);
    let mut w = Writer::from_vec(Vec::with_capacity(room));
    // They stand in runs, and it is for each run that this is a loop.
    entries.for_each(|entry| {
        w.bool(true);
        w.u32(entry.program);
        w.u32(entry.version);
        for text in [entry.netid, &entry.uaddr.text(), &entry.owner.to_text()] {
            string(text, &mut w);
        }
    });
    w.bool(false);
    // Nothing is chained in: it is one buffer, and nobody else has it.
    w.into_bytes().into()
}

/// The length of one entry in such a list, in bytes.
pub(super) fn node_len(entry: &Entry) -> u64 {
    let texts = [&entry.netid, &entry.uaddr, &entry.owner.to_text()];
    let lens = texts.map(<Text<{ u32::MAX }> as Wire>::encoded_len);
    lens.into_iter().fold(12, usize::saturating_add) as u64
}

/// The length of the word that ends a list, in bytes.
pub(super) const END_LEN: u64 = 4;

/// `pmaplist_ptr` of version 2.
pub(super) fn encode_v2(mappings: impl Iterator<Item = Mapping>) -> Vec<u8> {
    let mut w = Writer::new();
    for mapping in mappings {
        w.bool(true);
        w.u32(mapping.program);
        w.u32(mapping.version);
        w.u32(mapping.protocol as u32);
        w.u32(mapping.port);
    }
    w.bool(false);
    // Nothing is chained in: it is one buffer, and nobody else has it.
    w.into_bytes().into()
}

fn string(text: &XdrString, w: &mut Writer) {
    // INVARIANT: an entry's texts have at most 256 bytes, and the list sets no bound.
    #[expect(clippy::expect_used, reason = "an entry's texts are short")]
    w.string(text, u32::MAX).expect("no bound");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::{Owner, Registry};

    #[test]
    fn lists_are_chains_of_nodes_that_end_with_a_zero() {
        let mut registry = Registry::new();
        assert_eq!(&registry.dump()[..], [0; 4]);
        assert_eq!(&registry.dump_v2()[..], [0; 4]);
        for (netid, uaddr) in [("tcp6", "::.8.1"), ("tcp", "0.0.0.0.8.1")] {
            let entry = Entry::new((100_003, 3), &netid.into(), &uaddr.into(), Owner::User(7));
            registry.set(entry.unwrap());
        }
        let expected = b"\
            \0\0\0\x01\0\x01\x86\xa3\0\0\0\x03\0\0\0\x04tcp6\0\0\0\x06::.8.1\0\0\0\0\0\x017\0\0\0\
            \0\0\0\x01\0\x01\x86\xa3\0\0\0\x03\0\0\0\x03tcp\0\0\0\0\x0b0.0.0.0.8.1\0\0\0\0\x017\0\0\0\
            \0\0\0\0";
        assert_eq!(
            registry.dump().escape_ascii().to_string(),
            expected.escape_ascii().to_string()
        );
        let expected = b"\0\0\0\x01\0\x01\x86\xa3\0\0\0\x03\0\0\0\x06\0\0\x08\x01\0\0\0\0";
        assert_eq!(&registry.dump_v2()[..], expected);
    }
}
