//! What holds for every stream and every message, found out with many of them.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail it")]

use std::sync::Arc;

use bytes::Bytes;
use oncrpc::auth::{AuthSys, MAX_AUTH_BODY};
use oncrpc::message::ReplyHeader;
use oncrpc::netid::Netid;
use oncrpc::peer::Peer;
use oncrpc::proto::rpc_msg::{AuthFlavor, AuthStat, AuthsysParms, OpaqueAuth};
use oncrpc::record::{RecordError, RecordLimits, RecordReader};
use oncrpc::{
    Call, CallContext, Dispatch, Framing, Handler, Ladder, Procedure, ProcedureInfo, Reject, Reply,
    Service, Services, Session, service,
};
use oncrpc_xdr::{Enumeration, Writer, from_bytes, to_bytes};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

const LIMITS: RecordLimits = RecordLimits {
    record: 16,
    fragments: 4,
};

const P: u32 = 0x2000_0001;

/// `int WHO(int) = 1`: the number it was given, or the caller's uid for 0.
struct Who;

impl Procedure for Who {
    const INFO: ProcedureInfo = ProcedureInfo {
        program: P,
        version: 2,
        number: 1,
        name: "WHO",
    };
    type Args = i32;
    type Results = i32;
}

async fn who(cx: &CallContext, number: i32) -> Result<i32, Reject> {
    match number {
        0 => Ok(cx.auth_sys().map_or(-1, |parms| parms.uid.cast_signed())),
        1 => Err(Reject::SystemErr),
        number => Ok(number),
    }
}

fn open(server: Arc<()>) -> Box<dyn Dispatch> {
    let mut handler = Handler::new(Who, &server, |lent, number| async move {
        let answer = who(lent.context(), number).await;
        (lent, answer)
    });
    Box::new(
        move |call: &Call<'_>, reply: &mut Reply<'_>| match call.procedure() {
            0 => reply.success::<()>(&()),
            1 => handler.call(call, reply),
            _ => reply.reject(Reject::ProcUnavail),
        },
    )
}

/// Versions 2 and 4 of the program, with nothing opened, and a peer that has not called.
fn fresh() -> (Ladder, Session) {
    let service = |version| -> Arc<dyn Service> { service(P, version, &[], Arc::new(()), open) };
    let peer = Peer::local(Netid::Local);
    let services = Services::new([2, 4].map(service));
    (Ladder::new(Arc::new(services)), Session::new(peer))
}

/// What one message comes to: how it ends, and the bytes of the reply.
fn outcome(ladder: &mut Ladder, session: &mut Session, message: &Bytes) -> (String, Bytes) {
    let mut out = Writer::new();
    let framing = Framing::Datagram { max: 1 << 16 };
    let step = ladder.answer(session, message, framing, &mut out);
    (format!("{step:?}"), out.into_bytes())
}

fn bytes(words: &[u32]) -> Bytes {
    let words = words.iter().flat_map(|word| word.to_be_bytes());
    words.collect::<Vec<u8>>().into()
}

/// A credential and its verifier: AUTH_NONE, or AUTH_SYS of some uid.
fn identity() -> impl Strategy<Value = Vec<u32>> {
    prop_oneof![
        Just(vec![0, 0, 0, 0]),
        (0..4_u32).prop_map(|uid| vec![1, 20, 0, 0, uid, 100, 0, 0, 0]),
    ]
}

/// A call that is answered SUCCESS.
fn good_call() -> impl Strategy<Value = Bytes> {
    let number = select(vec![0, 2, 21]);
    (any::<u32>(), select(vec![2, 4]), identity(), number).prop_map(
        |(xid, version, identity, number)| {
            bytes(&[&[xid, 0, 2, P, version, 1], &identity[..], &[number]].concat())
        },
    )
}

/// Any message: a good call with some words replaced, cut somewhere, or bytes that are no call at all.
fn message() -> impl Strategy<Value = Bytes> {
    let word = select(vec![0, 1, 2, 3, 4, 6, 9, 20, 400, 404, P, P + 1, u32::MAX]);
    let replaced = vec((any::<prop::sample::Index>(), word), 0..3);
    let spoiled =
        (good_call(), replaced, any::<prop::sample::Index>()).prop_map(|(call, replaced, cut)| {
            let mut call = call.to_vec();
            for (index, word) in &replaced {
                let at = 4 * index.index(call.len() / 4);
                call[at..at + 4].copy_from_slice(&u32::to_be_bytes(*word));
            }
            // One in four is cut.
            if cut.index(4) == 0 {
                call.truncate(cut.index(call.len()));
            }
            Bytes::from(call)
        });
    prop_oneof![4 => spoiled, 2 => good_call(), 1 => vec(any::<u8>(), 0..64).prop_map(Bytes::from)]
}

/// A stream of fragments, most of them short ones, and perhaps bytes that are none.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let fragment = (any::<bool>(), vec(any::<u8>(), 0..9)).prop_map(|(last, data)| {
        let mark = u32::from(last) << 31 | u32::try_from(data.len()).unwrap();
        [&mark.to_be_bytes()[..], &data].concat()
    });
    (vec(fragment, 0..8), vec(any::<u8>(), 0..6))
        .prop_map(|(fragments, rest)| [fragments.concat(), rest].concat())
}

/// The records of a stream that arrives in these pieces, and how reading it ended.
fn records<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<Bytes>, Option<RecordError>) {
    let mut reader = RecordReader::new(LIMITS);
    let mut records = Vec::new();
    for piece in pieces {
        let mut input = Bytes::copy_from_slice(piece);
        loop {
            match reader.next_record(&mut input) {
                Ok(Some(record)) => records.push(record),
                Ok(None) => break,
                Err(error) => return (records, Some(error)),
            }
        }
        assert!(reader.held() <= LIMITS.record as usize);
    }
    (records, None)
}

/// A length of at most `bound` or a little more, the lengths about the bound more often than others.
fn about(bound: usize) -> impl Strategy<Value = usize> {
    prop_oneof![0..=bound + 50, bound - 1..=bound + 2]
}

/// The words of `opaque<>` of so many bytes.
fn opaque(len: usize) -> Vec<u8> {
    let data = vec![b'x'; len];
    to_bytes(&Bytes::from(data)).unwrap().to_vec()
}

/// What a server makes of a call of the null procedure with this credential and verifier.
fn judged(credential: &[u8], verifier: &[u8]) -> Bytes {
    let (mut ladder, mut session) = fresh();
    let call = [&bytes(&[7, 0, 2, P, 2, 0])[..], credential, verifier].concat();
    outcome(&mut ladder, &mut session, &call.into()).1
}

/// The reply to it.
fn said(refused: Option<AuthStat>) -> Bytes {
    match refused {
        None => bytes(&[7, 1, 0, 0, 0, 0]),
        Some(stat) => bytes(&[7, 1, 1, 1, stat.value().cast_unsigned()]),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn bodies_of_credentials_and_verifiers_keep_their_bound(
        len in about(MAX_AUTH_BODY as usize),
        flavor in select(vec![0, 2, 7, 400]),
    ) {
        let is_bounded = len <= 400;
        let body = Bytes::from(vec![b'x'; len]);
        let auth = OpaqueAuth { flavor: AuthFlavor::from_value(flavor), body };
        let written = [&flavor.to_be_bytes()[..], &opaque(len)].concat();
        match to_bytes(&auth) {
            Ok(bounded) => prop_assert!(is_bounded && bounded == written),
            Err(_) => prop_assert!(!is_bounded),
        }
        let read = from_bytes::<OpaqueAuth>(&Bytes::from(written.clone()));
        prop_assert_eq!(read.ok(), is_bounded.then_some(auth));

        // A server refuses it as a credential and as a verifier, each by its name; a client in a reply.
        let bad = |stat| said((!is_bounded).then_some(stat));
        prop_assert_eq!(judged(&bytes(&[0, 0]), &written), bad(AuthStat::Badverf));
        if !is_bounded {
            prop_assert_eq!(judged(&written, &bytes(&[0, 0])), bad(AuthStat::Badcred));
        }
        let reply = [&bytes(&[7, 1, 0])[..], &written, &[0; 4]].concat();
        prop_assert_eq!(ReplyHeader::parse(&reply).is_ok(), is_bounded);
    }

    #[test]
    fn names_and_groups_of_auth_sys_keep_their_bounds(name in about(255), groups in about(16)) {
        let parms = AuthsysParms {
            stamp: 1,
            machinename: "x".repeat(name).into(),
            uid: 2,
            gid: 3,
            gids: vec![4; groups],
        };
        let is_bounded = name <= 255 && groups <= 16;
        prop_assert_eq!(AuthSys::new(&parms).is_ok(), is_bounded);
        prop_assert_eq!(to_bytes(&parms).is_ok(), is_bounded);

        let count = u32::try_from(groups).unwrap();
        let numbers = [&[2, 3, count], &vec![4; groups][..]].concat();
        let body = [&bytes(&[1])[..], &opaque(name), &bytes(&numbers)].concat();
        let read = from_bytes::<AuthsysParms>(&Bytes::from(body.clone()));
        prop_assert_eq!(read.ok(), is_bounded.then_some(parms));

        let len = u32::try_from(body.len()).unwrap();
        let credential = [&bytes(&[1, len])[..], &body].concat();
        let is_accepted = is_bounded && len <= MAX_AUTH_BODY;
        let refused = (!is_accepted).then_some(AuthStat::Badcred);
        prop_assert_eq!(judged(&credential, &bytes(&[0, 0])), said(refused));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn any_split_of_a_stream_gives_the_same_records(
        stream in stream(),
        cuts in vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|ends| &stream[ends[0]..ends[1]]);
        prop_assert_eq!(records(pieces), records([&stream[..]].into_iter()));
    }

    #[test]
    fn what_a_message_comes_to_depends_on_no_earlier_one(
        earlier in vec(message(), 1..4),
        message in message(),
    ) {
        let (mut ladder, mut session) = fresh();
        let alone = outcome(&mut ladder, &mut session, &message);
        let (mut ladder, mut session) = fresh();
        for other in &earlier {
            outcome(&mut ladder, &mut session, other);
        }
        prop_assert_eq!(outcome(&mut ladder, &mut session, &message), alone);
    }

    #[test]
    fn no_part_of_a_call_that_lacks_its_end_is_answered_with_success(
        call in good_call(),
        cut in any::<prop::sample::Index>(),
    ) {
        // The accept_stat of a reply without a verifier is its sixth word.
        let succeeds = |message: &Bytes| {
            let (mut ladder, mut session) = fresh();
            let (_, reply) = outcome(&mut ladder, &mut session, message);
            reply.get(4..24) == Some(&bytes(&[1, 0, 0, 0, 0])[..])
        };
        prop_assert!(succeeds(&call));
        prop_assert!(!succeeds(&call.slice(..cut.index(call.len()))));
    }
}
