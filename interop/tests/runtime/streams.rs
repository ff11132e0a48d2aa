//! What can only be seen of a connection over time: how bytes come and go, who waits for whom.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use oncrpc_interop::{Answer, Host, Reply, needs_root, probe};

use crate::differences::{Difference, ONE_FRAGMENT};
use crate::whose::{Servers, Whose};

/// A reply that libtirpc sends in several pieces.
const LARGE: usize = 300_000;

/// A connection of which the test keeps both ways in its hands.
fn connect(host: &Host) -> TcpStream {
    host.probe_tcp()
}

#[test]
fn who_has_sent_the_last_call_gets_the_reply_and_the_end() {
    needs_root!();
    Servers::start(&["tcp"]).each(|whose, host| {
        let mut stream = connect(host);
        stream.write_all(&probe(0).record()).expect("it is open");
        stream.shutdown(Shutdown::Write).expect("it is open");
        let mut said = Vec::new();
        stream.read_to_end(&mut said).expect("it ends well");
        assert_eq!(said[4..], Reply::success(&[]), "{whose:?}");
    });
}

#[test]
fn a_call_may_come_a_byte_at_a_time() {
    needs_root!();
    Servers::start(&["tcp"]).each(|whose, host| {
        let mut stream = connect(host);
        for byte in probe(0).record() {
            stream.write_all(&[byte]).expect("it is open");
        }
        let mut said = [0; 28];
        stream.read_exact(&mut said).expect("it is answered");
        assert_eq!(said[4..], Reply::success(&[]), "{whose:?}");
    });
}

/// The lengths of the fragments of one record.
fn fragments(stream: &mut impl Read) -> Vec<u32> {
    let mut lengths = Vec::new();
    loop {
        let mut mark = [0; 4];
        stream.read_exact(&mut mark).expect("there is a fragment");
        let mark = u32::from_be_bytes(mark);
        let length = mark & !(1 << 31);
        lengths.push(length);
        let copied = std::io::copy(&mut stream.take(length.into()), &mut std::io::sink());
        assert_eq!(copied.expect("there is all of it"), u64::from(length));
        if mark >> 31 == 1 {
            return lengths;
        }
    }
}

/// What the test below shows.
pub const SHOWN: Difference = ONE_FRAGMENT;

#[test]
fn a_reply_of_ours_is_one_fragment_where_theirs_are_several() {
    needs_root!();
    let length = (Reply::success(&[0]).len() + LARGE) as u32;
    Servers::start(&["tcp"]).each(|whose, host| {
        let mut stream = connect(host);
        // Cut as libtirpc's own clients cut it, but where that is not read.
        let call = probe(1).opaque(vec![7; LARGE]);
        match whose {
            Whose::Nonblocking => return,
            Whose::Ours => stream.write_all(&call.record()),
            Whose::Blocking => stream.write_all(&call.fragments(&[65_532; 4]).record()),
        }
        .expect("it is open");
        let expected = match whose {
            Whose::Ours => vec![length],
            _ => vec![65_532, 65_532, 65_532, 65_532, length - 4 * 65_532],
        };
        assert_eq!(fragments(&mut stream), expected, "{whose:?}");
    });
}

/// Of ours alone: whoever sends a part of a call and waits keeps nobody else waiting.
#[test]
fn half_a_call_delays_no_other_client_of_ours() {
    needs_root!();
    let servers = Servers::start(&["tcp", "local"]);
    let host = servers.ours();
    let call = probe(0).record();
    let mut halves: Vec<_> = (0..20).map(|_| connect(host)).collect();
    for (index, half) in halves.iter_mut().enumerate() {
        half.write_all(&call[..2 * index + 1]).expect("it is open");
    }
    for netid in ["tcp", "local"] {
        let answer = host.probe_bytes(netid, &call);
        assert_eq!(answer, Answer::reply(Reply::success(&[])));
    }
    // They are answered, too, when the rest has come.
    for (index, half) in halves.iter_mut().enumerate() {
        half.write_all(&call[2 * index + 1..]).expect("it is open");
        let mut said = [0; 28];
        half.read_exact(&mut said).expect("it is answered");
        assert_eq!(said[4..], Reply::success(&[]));
    }
}
