//! The suite itself, judged: it has what it says, and believes no server that lies.

use std::collections::HashSet;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::path::Path;
use std::time::Duration;

use crate::fake::{Faked, Lie};
use crate::send_all;
use crate::suite::cases::{self, Case, Sent};
use crate::suite::every::EVERY;
use crate::suite::hazard;
use crate::suite::judge::End;
use crate::suite::portmapper::PORTMAPPER;
use crate::suite::run::Run;
use crate::suite::server::{Server, Transport};

const PATIENCE: Duration = Duration::from_secs(20);

/// Some messages for the generated service that are no streams: what a liar is asked.
fn messages() -> Vec<Case> {
    let cases = cases::of(&EVERY).into_iter();
    let is_short =
        |case: &Case| matches!(&case.sent, Sent::Message(message) if message.len() < 9000);
    cases.filter(is_short).step_by(9).collect()
}

#[test]
fn every_message_has_a_name_of_its_own_and_every_hazard_a_message() {
    for program in [&PORTMAPPER, &EVERY] {
        let cases = cases::of(program);
        let names: HashSet<_> = cases.iter().map(|case| &case.name).collect();
        assert_eq!(names.len(), cases.len());
    }
    let cases = [cases::of(&PORTMAPPER), cases::of(&EVERY)];
    let known: HashSet<_> = cases
        .iter()
        .flatten()
        .map(|case| case.hazard.name)
        .collect();
    for hazard in hazard::all() {
        assert!(known.contains(hazard.name), "{}", hazard.name);
    }
}

#[test]
fn every_hazard_names_a_check_that_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for hazard in hazard::all() {
        let guard = &hazard.guards;
        let text = std::fs::read_to_string(root.join(guard.file)).unwrap();
        assert!(
            text.contains(guard.code),
            "{}: {} has no {}",
            hazard.name,
            guard.file,
            guard.code
        );
        assert_ne!(guard.code, guard.mutant, "{}", hazard.name);
    }
}

#[test]
fn a_server_that_tells_the_truth_is_believed() {
    let fake = Faked::start(&EVERY, |truth| vec![truth.to_vec()]);
    let mut wrong = Vec::new();
    let sent = send_all(&fake.server(PATIENCE), &cases::of(&EVERY), &mut wrong);
    assert!(sent > 0);
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn every_lie_is_found_each_time_it_is_told() {
    let lies: [(&str, Lie); 8] = [
        ("the xid of another call", |truth| {
            vec![[&[0x0b, 0xad, 0, 2], &truth[4..]].concat()]
        }),
        ("silence, or the end of the stream", |_| vec![]),
        ("the answer twice", |truth| {
            vec![truth.to_vec(), truth.to_vec()]
        }),
        ("a word behind the answer", |truth| {
            vec![[truth, &[0; 4]].concat()]
        }),
        ("a word less", |truth| {
            vec![truth[..truth.len() - 4].to_vec()]
        }),
        ("a call instead of a reply", |truth| {
            vec![[&truth[..4], &[0; 4], &truth[8..]].concat()]
        }),
        ("always success", |truth| {
            vec![[&truth[..4], &[0, 0, 0, 1], &[0; 16]].concat()]
        }),
        ("always garbage", |truth| {
            vec![[&truth[..4], &[0, 0, 0, 1], &[0; 15], &[4]].concat()]
        }),
    ];
    let cases = messages();
    for (what, lie) in lies {
        let fake = Faked::start(&EVERY, lie);
        let mut wrong = Vec::new();
        send_all(&fake.server(PATIENCE), &cases, &mut wrong);
        assert!(fake.lies() > 50, "{what}: told {} times", fake.lies());
        assert_eq!(wrong.len(), fake.lies(), "{what}");
    }
}

#[test]
fn a_server_that_answers_nobody_is_not_taken_for_alive() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let at = listener.local_addr().unwrap();
    let _socket = UdpSocket::bind(at).unwrap();
    let server = Server {
        program: &EVERY,
        v4: at,
        v6: None,
        unix: None,
        // It will not answer however long one waits.
        patience: Duration::from_millis(20),
    };
    for transport in [Transport::Udp, Transport::Tcp] {
        let mut run = Run::new(&server, transport).unwrap();
        let seen = run.send(&messages()[0]).unwrap();
        assert_eq!(seen.heard.end, End::Hung);
        assert!(!seen.alive && seen.wrong.is_some());
    }
}
