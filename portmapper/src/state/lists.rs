//! What stands in rpcbind's own files: the lists that DUMP of versions 3 and 2 answers.

use oncrpc::netid::Protocol;
use oncrpc_xdr::{At, Bytes, DecodeError, DecodeFault, Limits, Padding, Reader, XdrString};

use super::State;
use crate::registry::{Entry, Owner};

/// The daemon's own program, whose registrations are made anew at every start.
pub(super) const OWN_PROGRAM: u32 = 100_000;

/// Reads `rpcblist_ptr`.
pub fn rpcblist(list: &Bytes) -> Result<State, DecodeError> {
    each(list, |r| {
        let service = (r.u32().at("r_prog")?, r.u32().at("r_vers")?);
        let netid = text(r).at("r_netid")?;
        let uaddr = text(r).at("r_addr")?;
        let owner = Owner::from_text(text(r).at("r_owner")?.as_bytes());
        Ok(Some((service, netid, uaddr, owner)))
    })
}

/// Reads `pmaplist_ptr`; mappings of other protocols than TCP and UDP are left out.
pub fn pmaplist(list: &Bytes) -> Result<State, DecodeError> {
    each(list, |r| {
        let service = (r.u32().at("pm_prog")?, r.u32().at("pm_vers")?);
        let protocol = Protocol::from_number(r.u32().at("pm_prot")?);
        let uaddr = wildcard(r.u32().at("pm_port")?);
        Ok(protocol.map(|protocol| {
            let netid = XdrString::from_static(protocol.name());
            (service, netid, uaddr, Owner::Superuser)
        }))
    })
}

type Fields = ((u32, u32), XdrString, XdrString, Owner);

/// Walks a list of nodes, each behind a true, up to a false.
fn each(
    list: &Bytes,
    mut node: impl FnMut(&mut Reader<'_>) -> Result<Option<Fields>, DecodeError>,
) -> Result<State, DecodeError> {
    let limits = Limits {
        padding: Padding::Reject,
        ..Limits::default()
    };
    let mut r = Reader::of(list).with_limits(limits);
    let mut state = State::default();
    for index in 0.. {
        if !r.bool().at_index(index)? {
            break;
        }
        match node(&mut r).at_index(index)? {
            None | Some(((OWN_PROGRAM, _), ..)) => {}
            Some((service, netid, uaddr, owner)) => {
                match Entry::new(service, &netid, &uaddr, owner) {
                    Some(entry) => state.entries.push(entry),
                    None => state.too_long = state.too_long.saturating_add(1),
                }
            }
        }
    }
    r.finish()?;
    Ok(state)
}

/// A string of C's, as both rpcbinds write them.
///
/// One with a zero byte in it is damage: these files have no checksum, and a length that has changed may swallow what
/// follows, so that entries would be missing in silence.
fn text(r: &mut Reader<'_>) -> Result<XdrString, DecodeError> {
    let text = r.string(u32::MAX)?;
    if text.as_bytes().contains(&0) {
        let (found, least, greatest) = (0, 1, u8::MAX.into());
        return Err(r.error_at_last_word(DecodeFault::OutOfRange {
            found,
            least,
            greatest,
        }));
    }
    Ok(text)
}

/// The universal address of a port on every IPv4 address; of a larger number, as rpcbind does, the low 16
/// bits count.
pub fn wildcard(port: u32) -> XdrString {
    let [_, _, high, low] = port.to_be_bytes();
    format!("0.0.0.0.{high}.{low}").into()
}

#[cfg(test)]
mod tests {
    use super::super::tests::registry;
    use super::*;
    use crate::registry::MAX_NETID;

    #[test]
    fn every_cut_of_a_list_is_refused_and_so_is_more_than_a_list() {
        let mut registry = registry();
        for (list, read) in [
            (registry.dump(), rpcblist as fn(&Bytes) -> _),
            (registry.dump_v2(), pmaplist),
        ] {
            for cut in 0..list.len() {
                assert!(read(&list.slice(..cut)).is_err(), "{cut}");
            }
            let longer = Bytes::from([&list[..], &[0; 4]].concat());
            assert!(read(&longer).is_err());
        }
        let error = rpcblist(&registry.dump().slice(..24)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "[0].r_addr: 13 bytes needed, 0 remain at byte 24"
        );
    }

    #[test]
    fn a_text_with_a_zero_byte_in_it_or_behind_it_is_damage() {
        for text in ["udp\0", "u\0p"] {
            let mut w = oncrpc_xdr::Writer::new();
            w.bool(true);
            w.u32(400_000);
            w.u32(1);
            for text in [text, "0.0.0.0.8.1", "1000"] {
                w.string(&text.into(), u32::MAX).unwrap();
            }
            w.bool(false);
            let error = rpcblist(&w.into_bytes()).unwrap_err();
            assert!(
                error
                    .to_string()
                    .starts_with("[0].r_netid: 0 is outside 1 to 255")
            );
        }
        let mut list = registry().dump().to_vec();
        // Behind the first netid, which is `tcp`.
        assert_eq!(list[16..20], *b"tcp\0");
        list[19] = 1;
        let error = rpcblist(&list.into()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "[0].r_netid: padding is not zero at byte 19"
        );
    }

    #[test]
    fn entries_with_too_long_texts_are_left_out_and_counted() {
        let mut w = oncrpc_xdr::Writer::new();
        for netid in ["n".repeat(MAX_NETID + 1), "tcp".to_owned()] {
            w.bool(true);
            w.u32(400_000);
            w.u32(1);
            for text in [netid.as_str(), "0.0.0.0.8.1", "1000"] {
                w.string(&text.into(), u32::MAX).unwrap();
            }
        }
        w.bool(false);
        let state = rpcblist(&w.into_bytes()).unwrap();
        assert_eq!((state.entries.len(), state.too_long), (1, 1));
    }

    #[test]
    fn a_port_becomes_a_wildcard_address() {
        for (port, uaddr) in [
            (2049, "0.0.0.0.8.1"),
            (70_000, "0.0.0.0.17.112"),
            (0, "0.0.0.0.0.0"),
            (u32::MAX, "0.0.0.0.255.255"),
        ] {
            assert_eq!(wildcard(port), uaddr);
        }
    }
}
