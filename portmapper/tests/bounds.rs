//! A registration's texts keep their bounds, by whatever way it comes into the registry.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail it")]

use std::borrow::Cow;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use oncrpc::peer::{Peer, UnixPeer};
use oncrpc_portmapper::journal::record::{Record, encode_change};
use oncrpc_portmapper::netconfig;
use oncrpc_portmapper::policy::Policy;
use oncrpc_portmapper::portmapper::Portmapper;
use oncrpc_portmapper::registry::{Change, Entry, Owner, c_string};
use oncrpc_portmapper::request_log::RequestLog;
use oncrpc_portmapper::services::ProgramNames;
use oncrpc_portmapper::state::{StateDirectory, rpcblist};
use oncrpc_portmapper::statistics::Version;
use oncrpc_xdr::{Writer, XdrString};
use proptest::prelude::*;
use proptest::sample::Index;

/// Longest netid, address and owner in bytes.
const MOST: [usize; 3] = [64, 256, 64];

/// The netid, the address and the owner of a registration.
type Texts = [XdrString; 3];

/// A text of about this length, now and then with a zero byte in it, where it ends for rpcbind.
fn text(most: usize) -> impl Strategy<Value = XdrString> {
    let len = prop_oneof![2 => Just(most), 1 => Just(most + 1), 1 => 0..2 * most];
    let zero = prop_oneof![3 => Just(None), 1 => any::<Index>().prop_map(Some)];
    (len, zero).prop_map(|(len, zero)| {
        let mut text = vec![b'x'; len];
        if let Some(zero) = zero
            && len > 0
        {
            text[zero.index(len)] = 0;
        }
        text.into()
    })
}

fn texts() -> impl Strategy<Value = Texts> {
    let [netid, uaddr, owner] = MOST;
    [
        text(netid).boxed(),
        text(uaddr).boxed(),
        text(owner).boxed(),
    ]
}

/// Whether the texts are as long as they may be, as the C library measures them.
fn are_bounded<const N: usize>(texts: [&XdrString; N]) -> bool {
    texts
        .into_iter()
        .zip(MOST)
        .all(|(text, most)| c_string(text).len() <= most)
}

fn entry([netid, uaddr, owner]: &Texts) -> Option<Entry> {
    Entry::new(
        (400_000, 1),
        netid,
        uaddr,
        Owner::from_text(owner.as_bytes()),
    )
}

/// Writes a registration without looking at it.
fn write([netid, uaddr, owner]: &Texts, w: &mut Writer) {
    w.u32(400_000);
    w.u32(1);
    for text in [netid, uaddr, owner] {
        w.string(text, u32::MAX).unwrap();
    }
}

/// The journal's record of it, as it would be without any bound.
fn record(texts: &Texts, at: u64) -> Vec<u8> {
    let known = Entry::new((1, 1), &"udp".into(), &"x".into(), Owner::Unknown).unwrap();
    let known = encode_change(&Change::Set(Cow::Owned(known)), at);
    let mut body = Writer::new();
    body.raw(&known[8..12]); // that it is a SET
    write(texts, &mut body);
    let body = body.into_bytes();
    let length = u16::try_from(body.len()).unwrap();
    let mut checksum = crc32fast::Hasher::new();
    checksum.update(&at.to_be_bytes());
    checksum.update(&length.to_be_bytes());
    checksum.update(&body);
    let head = [length.to_be_bytes(), (!length).to_be_bytes()].concat();
    [&head[..], &checksum.finalize().to_be_bytes(), &body].concat()
}

/// The state file of it.
fn state_file(texts: &Texts) -> Writer {
    let mut file = Writer::new();
    file.bool(true);
    write(texts, &mut file);
    file.bool(false);
    file
}

fn portmapper() -> Portmapper {
    let networks = netconfig::read(Path::new("/nonexistent/netconfig"));
    let (networks, _) = networks.unwrap_or_else(|error| panic!("{error}"));
    let state = StateDirectory::new("/nonexistent/state");
    let log = RequestLog::new(false, ProgramNames::default());
    Portmapper::new(Policy::default(), networks, state, log)
}

fn root() -> Peer {
    let (uid, gid, pid) = (0, 0, None);
    Peer::process(UnixPeer { uid, gid, pid })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn no_registration_is_made_read_or_replayed_with_a_text_over_its_bound(texts in texts()) {
        let [netid, uaddr, owner] = &texts;
        let is_bounded = are_bounded([netid, uaddr, owner]);
        let made = entry(&texts);
        prop_assert_eq!(made.is_some(), is_bounded);

        match rpcblist(&state_file(&texts).into_bytes()) {
            Ok(state) => {
                prop_assert_eq!(state.too_long, usize::from(!is_bounded));
                prop_assert_eq!(state.entries, Vec::from_iter(made.clone()));
            }
            // Neither rpcbind nor we write one.
            Err(error) => {
                let zero = texts.iter().any(|text| text.as_bytes().contains(&0));
                prop_assert!(zero, "{}", error);
            }
        }

        // A journal is ours alone: no text in it is longer, zero bytes or not.
        let is_ours = [netid, uaddr, owner].iter().zip(MOST).all(|(text, most)| text.len() <= most);
        let record = record(&texts, 18);
        match Record::decode(&record, 18) {
            Ok((Record::Change(Change::Set(read)), len)) => {
                prop_assert!(is_ours);
                prop_assert_eq!((Some(read.into_owned()), len), (made, record.len()));
            }
            other => prop_assert!(!is_ours, "{:?}", other),
        }
    }

    #[test]
    fn what_is_kept_of_a_registration_is_a_copy_within_its_bounds(texts in texts()) {
        if let Some(entry) = entry(&texts) {
            let kept = [entry.netid, entry.uaddr, entry.owner.to_text()];
            for ((kept, sent), most) in kept.iter().zip(&texts).zip(MOST) {
                prop_assert!(kept.len() <= most);
                prop_assert!(!kept.as_bytes().contains(&0));
                prop_assert!(kept.is_empty() || kept.as_bytes().as_ptr() != sent.as_bytes().as_ptr());
            }
        }
    }
}

#[test]
fn no_set_is_accepted_with_a_text_over_its_bound() {
    let (portmapper, root) = (portmapper(), root());
    let program = AtomicU32::new(400_000);
    proptest!(ProptestConfig::with_cases(10_000), |(texts in texts())| {
        let [netid, uaddr, _] = &texts;
        let program = program.fetch_add(1, Ordering::Relaxed);
        let accepted = portmapper.set(Version::V4, &root, (program, 1), netid, uaddr);
        prop_assert_eq!(accepted.ok(), Some(are_bounded([netid, uaddr])));
    });
}
