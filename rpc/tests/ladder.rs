//! The ladder, rung by rung: bytes in, bytes out, exactly as RFC 5531 has them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use oncrpc::auth::{AuthVerdict, ServerAuth};
use oncrpc::message::CallHeader;
use oncrpc::netid::Netid;
use oncrpc::peer::{Address, Peer};
use oncrpc::{
    Answer, Call, CallContext, Dispatch, Framing, Handler, Ladder, Origin, Procedure,
    ProcedureInfo, Reject, Reply, Service, Services, Session, Step, service,
};
use oncrpc_xdr::Writer;

const P: u32 = 0x2000_0001;

const DATAGRAM: Framing = Framing::Datagram { max: 1 << 16 };

/// `int DOUBLE(int) = 1`, and what else a procedure can do.
struct Double;

impl Procedure for Double {
    const INFO: ProcedureInfo = ProcedureInfo {
        program: P,
        version: 2,
        number: 1,
        name: "DOUBLE",
    };
    type Args = i32;
    type Results = i32;
}

/// What the handler does with 21, 22, 23 …
async fn double(cx: &CallContext, number: i32) -> Result<i32, Reject> {
    match number {
        1 => Err(Reject::Silent),
        2 => Err(Reject::Close),
        3 => Err(Reject::SystemErr),
        4 => panic!("four is too much for this handler"),
        5 => {
            let mut waited = false;
            std::future::poll_fn(|_| match std::mem::replace(&mut waited, true) {
                true => std::task::Poll::Ready(()),
                false => std::task::Poll::Pending,
            })
            .await;
            Ok(10)
        }
        7 => {
            let mut waited = false;
            std::future::poll_fn(|_| match std::mem::replace(&mut waited, true) {
                true => panic!("seven has waited for nothing"),
                false => std::task::Poll::Pending,
            })
            .await
        }
        6 => Ok(cx.auth_sys().map_or(-1, |parms| parms.uid as i32)),
        number => Ok(2 * number),
    }
}

fn open(server: Arc<()>) -> Box<dyn Dispatch> {
    let mut double = Handler::new(Double, &server, |lent, number| async move {
        let doubled = double(lent.context(), number).await;
        (lent, doubled)
    });
    Box::new(
        move |call: &Call<'_>, reply: &mut Reply<'_>| match call.procedure() {
            0 => reply.success::<()>(&()),
            1 => double.call(call, reply),
            _ => reply.reject(Reject::ProcUnavail),
        },
    )
}

fn versions(versions: &[u32]) -> Services {
    let service =
        |&version: &u32| -> Arc<dyn Service> { service(P, version, &[], Arc::new(()), open) };
    Services::new(versions.iter().map(service))
}

fn session() -> Session {
    let local = Address::Local;
    let peer = Peer {
        netid: Netid::Local,
        remote: local.clone(),
        local,
        interface: None,
    };
    Session::new(peer)
}

fn bytes(words: &[u32]) -> Bytes {
    words
        .iter()
        .flat_map(|word| word.to_be_bytes())
        .collect::<Vec<u8>>()
        .into()
}

fn words(bytes: &[u8]) -> Vec<u32> {
    assert_eq!(bytes.len() % 4, 0);
    bytes
        .as_chunks()
        .0
        .iter()
        .map(|&word| u32::from_be_bytes(word))
        .collect()
}

/// Sends one message up a fresh ladder with versions 2 and 4 of the program.
fn step(message: &Bytes, framing: Framing) -> (Step, Vec<u8>) {
    let mut out = Writer::new();
    let mut ladder = Ladder::new(Arc::new(versions(&[4, 2])));
    let step = ladder.answer(&mut session(), message, framing, &mut out);
    (step, out.into_bytes().to_vec())
}

/// The words of the reply to a call of these words.
fn ask(message: &[u32]) -> Vec<u32> {
    let (step, reply) = step(&bytes(message), DATAGRAM);
    assert!(matches!(step, Step::Done), "{step:?}");
    words(&reply)
}

#[test]
fn a_call_is_answered() {
    //               xid type rpc prog vers proc cred  verf  args
    assert_eq!(
        ask(&[7, 0, 2, P, 2, 1, 0, 0, 0, 0, 21]),
        [7, 1, 0, 0, 0, 0, 42]
    );
    assert_eq!(ask(&[7, 0, 2, P, 2, 0, 0, 0, 0, 0]), [7, 1, 0, 0, 0, 0]);
    assert_eq!(ask(&[7, 0, 2, P, 4, 0, 0, 0, 0, 0]), [7, 1, 0, 0, 0, 0]);
}

#[test]
fn another_rpc_version_is_rpc_mismatch_whatever_follows() {
    assert_eq!(ask(&[7, 0, 3, P, 2, 0, 0, 0, 0, 0]), [7, 1, 1, 0, 2, 2]);
    assert_eq!(ask(&[7, 0, 3]), [7, 1, 1, 0, 2, 2]);
}

#[test]
fn the_credential_is_judged_before_the_program() {
    // Flavors that are not accepted, for a program that is not there: AUTH_REJECTEDCRED.
    for flavor in [2, 3, 6, 7, 99] {
        assert_eq!(ask(&[7, 0, 2, 1, 9, 9, flavor, 0, 0, 0]), [7, 1, 1, 1, 2]);
    }
    // AUTH_SYS with nothing in it, and one with 17 groups: AUTH_BADCRED.
    assert_eq!(ask(&[7, 0, 2, 1, 9, 9, 1, 0, 0, 0]), [7, 1, 1, 1, 1]);
    let mut many = vec![7, 0, 2, P, 2, 6, 1, 4 * 22, 0, 0, 1, 1, 17];
    many.extend([0; 17]);
    many.extend([0, 0]);
    assert_eq!(ask(&many), [7, 1, 1, 1, 1]);
}

#[test]
fn of_all_that_is_wrong_the_lowest_rung_gives_the_answer() {
    // Each call mends what was answered to the one before.
    let (mismatch, rejected) = (&[1, 0, 2, 2][..], &[1, 1, 2][..]);
    for (rpcvers, flavor, program, version, procedure, arg, answer) in [
        (3, 99, 1, 9, 77, 0, mismatch),
        (2, 99, 1, 9, 77, 0, rejected),
        (2, 0, 1, 9, 77, 0, &[0, 0, 0, 1]),
        (2, 0, P, 9, 77, 0, &[0, 0, 0, 2, 2, 4]),
        (2, 0, P, 2, 77, 0, &[0, 0, 0, 3]),
        (2, 0, P, 2, 1, 0, &[0, 0, 0, 4]),
        (2, 0, P, 2, 1, 1, &[0, 0, 0, 0, 42]),
    ] {
        let mut call = vec![7, 0, rpcvers, program, version, procedure, flavor, 0, 0, 0];
        call.extend([21].iter().take(arg));
        assert_eq!(ask(&call), [&[7, 1], answer].concat());
    }
}

#[test]
fn auth_sys_has_a_name_of_255_bytes_and_16_groups_and_no_more() {
    // What stands behind the groups within the credential is ignored, as libtirpc does.
    for (name, groups, behind, accepted) in [
        (0, 0, 0, true),
        (255, 16, 0, true),
        (255, 16, 1, true),
        (256, 0, 0, false),
        (0, 17, 0, false),
    ] {
        let name_words = u32::div_ceil(name, 4);
        let mut body = vec![0, name];
        body.extend(vec![0x6161_6161; name_words as usize]);
        if name % 4 == 3 {
            // Three bytes, and one of zero to fill the word.
            *body.last_mut().unwrap_or(&mut 0) = 0x6161_6100;
        }
        body.extend([1000, 100, groups]);
        body.extend(vec![5; (groups + behind) as usize]);
        let len = 4 * body.len() as u32;
        let call = [&[7, 0, 2, P, 2, 0, 1, len][..], &body, &[0, 0]].concat();
        let expected: &[u32] = match accepted {
            true => &[7, 1, 0, 0, 0, 0],
            false => &[7, 1, 1, 1, 1],
        };
        assert_eq!(ask(&call), expected, "{name} bytes, {groups} groups");
    }
}

#[test]
fn a_credential_over_400_bytes_is_badcred_and_a_verifier_badverf() {
    let long = [404].into_iter().chain([0; 101]);
    let with = |parts: [Vec<u32>; 2]| {
        [vec![7, 0, 2, P, 2, 0], parts[0].clone(), parts[1].clone()].concat()
    };
    let too_long: Vec<u32> = [0].into_iter().chain(long).collect();
    assert_eq!(ask(&with([too_long.clone(), vec![0, 0]])), [7, 1, 1, 1, 1]);
    assert_eq!(ask(&with([vec![0, 0], too_long])), [7, 1, 1, 1, 3]);
    let full: Vec<u32> = [0, 400].into_iter().chain([0; 100]).collect();
    assert_eq!(ask(&with([full.clone(), full])), [7, 1, 0, 0, 0, 0]);
}

#[test]
fn auth_sys_reaches_the_handler() {
    //           xid            proc SYS len stamp name uid gid gids verf  args
    let call = [7, 0, 2, P, 2, 1, 1, 20, 0, 0, 1000, 100, 0, 0, 0, 6];
    assert_eq!(ask(&call), [7, 1, 0, 0, 0, 0, 1000]);
    assert_eq!(
        ask(&[7, 0, 2, P, 2, 1, 0, 0, 0, 0, 6]),
        [7, 1, 0, 0, 0, 0, u32::MAX]
    );
}

#[test]
fn auth_sys_is_answered_with_a_verifier_of_auth_none() {
    // Whatever the call's own verifier is: RFC 5531 appendix A has it be AUTH_NONE, and many are not.
    let call = |flavor, len| {
        [
            7, 0, 2, P, 2, 0, 1, 20, 0, 0, 1000, 100, 0, flavor, len, 0xabcd,
        ]
    };
    for verifier in [0, 1, 99] {
        assert_eq!(ask(&call(verifier, 4)), [7, 1, 0, 0, 0, 0]);
    }
}

#[test]
fn another_credential_on_the_same_connection_is_another_caller() {
    let mut ladder = Ladder::new(Arc::new(versions(&[2])));
    let mut session = session();
    for uid in [1000, 1000, 0, 1000] {
        let call = bytes(&[7, 0, 2, P, 2, 1, 1, 20, 0, 0, uid, 100, 0, 0, 0, 6]);
        let mut out = Writer::new();
        let step = ladder.answer(&mut session, &call, DATAGRAM, &mut out);
        assert!(matches!(step, Step::Done));
        assert_eq!(words(&out.into_bytes()).last(), Some(&uid));
    }
}

#[test]
fn who_a_session_passes_to_is_let_in_by_its_own_credential() {
    const NOBODY: u32 = u32::MAX;
    let mut ladder = Ladder::new(Arc::new(versions(&[2])));
    let mut session = session();
    let of = |uid| match uid {
        NOBODY => bytes(&[7, 0, 2, P, 2, 1, 0, 0, 0, 0, 6]),
        _ => bytes(&[7, 0, 2, P, 2, 1, 1, 20, 0, 0, uid, 100, 0, 0, 0, 6]),
    };
    for (netid, uid) in [
        (Netid::Tcp, 1000),
        (Netid::Udp, NOBODY),
        (Netid::Tcp, NOBODY),
        (Netid::Udp, 1000),
        (Netid::Tcp, 1000),
        (Netid::Udp, 0),
    ] {
        let peer = Peer::local(netid);
        session.pass_to(Origin::new(peer.clone()));
        assert_eq!(session.origin().peer(), &peer);
        let mut out = Writer::new();
        let step = ladder.answer(&mut session, &of(uid), DATAGRAM, &mut out);
        assert!(matches!(step, Step::Done));
        assert_eq!(words(&out.into_bytes()).last(), Some(&uid));
    }
}

#[test]
fn what_came_before_on_a_connection_changes_no_answer() {
    //     xid type rpc prog vers proc flavor len …
    let messages: &[&[u32]] = &[
        &[7, 0, 2, P, 2, 1, 0, 0, 0, 0, 6],
        &[7, 0, 2, P, 2, 1, 0, 4, 9, 0, 0, 6],
        &[7, 0, 2, P, 2, 1, 0, 0, 99, 4, 9, 6],
        &[7, 0, 2, P, 2, 1, 1, 20, 0, 0, 1000, 100, 0, 0, 0, 6],
        &[7, 0, 2, P, 2, 1, 1, 20, 0, 0, 1000, 100, 0, 1, 4, 9, 6],
        &[7, 0, 2, P, 2, 1, 1, 20, 0, 0, 0, 100, 0, 0, 0, 6],
        &[7, 0, 2, P, 2, 1, 1, 24, 0, 0, 0, 100, 1, 5, 0, 0, 6],
        // Arguments, verifier, credential cut short.
        &[7, 0, 2, P, 2, 1, 0, 0, 0, 0],
        &[7, 0, 2, P, 2, 1, 0, 0, 0],
        &[7, 0, 2, P, 2, 1, 1, 20, 0, 0, 1000, 100, 0, 0],
        &[7, 0, 2, P, 2, 1, 1, 20, 0, 0, 1000],
        // Nobody is let in by these.
        &[7, 0, 2, P, 2, 1, 1, 0, 0, 0, 6],
        &[7, 0, 2, P, 2, 1, 6, 0, 0, 0, 6],
        &[7, 0, 2, P, 2, 1, 0, 401, 0, 0, 6],
        // Another version of RPC, no call, and other programs, versions and procedures.
        &[7, 0, 3, P, 2, 1, 0, 0, 0, 0, 6],
        &[7, 1, 2, P, 2, 1, 0, 0, 0, 0, 6],
        &[7, 0, 2, P + 1, 2, 1, 0, 0, 0, 0, 6],
        &[7, 0, 2, P, 3, 1, 0, 0, 0, 0, 6],
        &[7, 0, 2, P, 2, 9, 0, 0, 0, 0, 6],
    ];
    let answer = |session: &mut Session, ladder: &mut Ladder, message: &[u32]| {
        let mut out = Writer::new();
        let step = ladder.answer(session, &bytes(message), Framing::Record, &mut out);
        (format!("{step:?}"), out.into_bytes())
    };
    let ladder = || Ladder::new(Arc::new(versions(&[2])));
    for first in messages {
        for second in messages {
            let (mut session, mut ladder_of_both) = (session(), ladder());
            answer(&mut session, &mut ladder_of_both, first);
            let after = answer(&mut session, &mut ladder_of_both, second);
            let alone = answer(&mut self::session(), &mut ladder(), second);
            assert_eq!(after, alone, "{second:?} after {first:?}");
        }
    }
}

#[test]
fn a_judge_that_may_change_its_mind_is_asked_about_each_call() {
    /// Lets in the first.
    #[derive(Default)]
    struct Once(AtomicBool);

    impl ServerAuth for Once {
        fn accept(&self, _: &CallHeader<'_>) -> AuthVerdict {
            match self.0.swap(true, Ordering::Relaxed) {
                false => AuthVerdict::Accept(None),
                true => AuthVerdict::Drop,
            }
        }
    }

    let services = versions(&[2]).with_auth(Arc::new(Once::default()));
    let mut ladder = Ladder::new(Arc::new(services));
    let mut session = session();
    let call = bytes(&[7, 0, 2, P, 2, 0, 0, 0, 0, 0]);
    let mut ask = || ladder.answer(&mut session, &call, DATAGRAM, &mut Writer::new());
    assert!(matches!(ask(), Step::Done));
    assert!(matches!(ask(), Step::Silent));
}

#[test]
fn a_program_that_is_not_there_is_prog_unavail() {
    assert_eq!(ask(&[7, 0, 2, P + 1, 2, 0, 0, 0, 0, 0]), [7, 1, 0, 0, 0, 1]);
}

#[test]
fn a_version_that_is_not_there_is_prog_mismatch_with_the_lowest_and_the_highest() {
    for version in [0, 3, 5, u32::MAX] {
        assert_eq!(
            ask(&[7, 0, 2, P, version, 0, 0, 0, 0, 0]),
            [7, 1, 0, 0, 0, 2, 2, 4]
        );
    }
}

#[test]
fn a_procedure_that_is_not_there_is_proc_unavail() {
    assert_eq!(ask(&[7, 0, 2, P, 2, 77, 0, 0, 0, 0]), [7, 1, 0, 0, 0, 3]);
}

#[test]
fn arguments_that_are_cut_short_are_garbage_args_and_bytes_behind_them_are_ignored() {
    assert_eq!(ask(&[7, 0, 2, P, 2, 1, 0, 0, 0, 0]), [7, 1, 0, 0, 0, 4]);
    assert_eq!(
        ask(&[7, 0, 2, P, 2, 1, 0, 0, 0, 0, 21, 9, 9]),
        [7, 1, 0, 0, 0, 0, 42]
    );
}

#[test]
fn a_handler_can_refuse_be_silent_or_close() {
    let call = |number| bytes(&[7, 0, 2, P, 2, 1, 0, 0, 0, 0, number]);
    assert!(matches!(step(&call(1), DATAGRAM), (Step::Silent, out) if out.is_empty()));
    assert!(matches!(step(&call(2), DATAGRAM), (Step::Close, out) if out.is_empty()));
    assert_eq!(ask(&words(&call(3))), [7, 1, 0, 0, 0, 5]);
}

#[test]
fn a_handler_that_panics_costs_one_system_err() {
    assert_eq!(ask(&[7, 0, 2, P, 2, 1, 0, 0, 0, 0, 4]), [7, 1, 0, 0, 0, 5]);
}

#[test]
fn a_handler_that_waits_answers_later() {
    let (step, out) = step(&bytes(&[7, 0, 2, P, 2, 1, 0, 0, 0, 0, 5]), Framing::Record);
    let Step::Later(mut answer) = step else {
        panic!("{step:?}")
    };
    assert_eq!(out, []);
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(Answer::Reply(reply)) = answer.as_mut().poll(&mut cx) else {
        panic!("no reply");
    };
    assert_eq!(
        words(&reply.into_bytes()),
        [0x8000_0000 | 28, 7, 1, 0, 0, 0, 0, 10]
    );
}

#[test]
fn a_handler_that_panics_when_it_has_waited_costs_one_system_err_too() {
    let (step, _) = step(&bytes(&[7, 0, 2, P, 2, 1, 0, 0, 0, 0, 7]), DATAGRAM);
    let Step::Later(mut answer) = step else {
        panic!("{step:?}")
    };
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(Answer::Reply(reply)) = answer.as_mut().poll(&mut cx) else {
        panic!("no reply");
    };
    assert_eq!(words(&reply.into_bytes()), [7, 1, 0, 0, 0, 5]);
}

#[test]
fn a_reply_that_does_not_fit_its_datagram_is_system_err() {
    let call = bytes(&[7, 0, 2, P, 2, 1, 0, 0, 0, 0, 21]);
    let (_, fits) = step(&call, Framing::Datagram { max: 28 });
    assert_eq!(words(&fits), [7, 1, 0, 0, 0, 0, 42]);
    let (_, too_long) = step(&call, Framing::Datagram { max: 27 });
    assert_eq!(words(&too_long), [7, 1, 0, 0, 0, 5]);
}

#[test]
fn what_is_no_call_is_not_answered() {
    let call = bytes(&[7, 0, 2, P, 2, 0, 0, 0, 0, 0]);
    for len in 0..call.len() {
        let (step, out) = step(&call.slice(..len), DATAGRAM);
        assert!(matches!(step, Step::Close), "{len} bytes: {step:?}");
        assert!(out.is_empty());
    }
    for message_type in [1, 2, u32::MAX] {
        let message = bytes(&[7, message_type, 2, P, 2, 0, 0, 0, 0, 0]);
        assert!(matches!(step(&message, DATAGRAM), (Step::Close, out) if out.is_empty()));
    }
}

#[test]
fn of_two_services_for_one_version_the_last_is_served() {
    let silent = service(P, 2, &[], Arc::new(()), |_| {
        Box::new(|_: &Call<'_>, _: &mut Reply<'_>| Step::Silent)
    });
    let services = Services::new([service(P, 2, &[], Arc::new(()), open), silent]);
    let mut ladder = Ladder::new(Arc::new(services));
    let call = bytes(&[7, 0, 2, P, 2, 0, 0, 0, 0, 0]);
    let step = ladder.answer(&mut session(), &call, DATAGRAM, &mut Writer::new());
    assert!(matches!(step, Step::Silent));
}
