//! What remembered replies cost in memory: no more than was granted, whatever calls.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use allocation_counter::measure;
use bytes::Bytes;
use oncrpc::message;
use oncrpc::netid::Netid;
use oncrpc::peer::{Address, Peer};
use oncrpc::{
    Call, Framing, Ladder, ProcedureId, Reply, Service, Services, Session, Step, service,
};
use oncrpc_server::{DuplicatePolicy, Duplicates, remembered};
use oncrpc_xdr::Writer;

const ID: ProcedureId = ProcedureId {
    program: 0x2000_0001,
    version: 1,
    procedure: 1,
};

/// Answers with as many bytes as it is told.
fn sized() -> Arc<dyn Service> {
    service(ID.program, ID.version, &[], Arc::new(()), |_| {
        Box::new(|call: &Call<'_>, reply: &mut Reply<'_>| {
            let bytes = call.args::<u32>().unwrap_or_default();
            reply.success_raw(&vec![0; bytes as usize].into())
        })
    })
}

/// Has a cache of 1 MiB asked, twice each, `calls` times by each of `peers`, for results of so many bytes; gives
/// back what it says that it holds, and what has been allocated at the most.
fn fill(peers: impl Iterator<Item = IpAddr>, calls: u32, bytes: u32) -> (usize, u64) {
    let mut held = 0;
    let info = measure(|| {
        let duplicates = Duplicates::new(GRANTED);
        let services = Services::new([remembered(sized(), &duplicates, [ID])]);
        let mut ladder = Ladder::new(Arc::new(services));
        let mut out = Writer::new();
        for peer in peers {
            let peer = Peer {
                netid: Netid::Udp,
                remote: Address::Inet(SocketAddr::new(peer, 700)),
                local: Address::Local,
                interface: None,
            };
            let mut session = Session::new(peer);
            for call in 0..2 * calls {
                let message = message(call / 2, bytes);
                let framing = Framing::Datagram { max: usize::MAX };
                let step = ladder.answer(&mut session, &message, framing, &mut out);
                assert!(matches!(step, Step::Done), "{step:?}");
                out.clear();
            }
        }
        held = duplicates.bytes();
    });
    println!("{bytes} bytes: {held} held, {} allocated", info.bytes_max);
    (held, info.bytes_max)
}

const GRANTED: DuplicatePolicy = DuplicatePolicy {
    bytes: 1 << 20,
    ttl: std::time::Duration::from_secs(120),
    by_port: false,
};

/// What there is beside what is kept: the call at hand with its reply, the ladder, and maps that are nearly empty.
const BESIDE: u64 = 32 << 10;

fn message(xid: u32, bytes: u32) -> Bytes {
    let mut w = Writer::new();
    message::write_call(&mut w, xid, ID);
    w.raw(&[0; 16]);
    w.u32(bytes);
    w.into_bytes()
}

fn v4(peer: u32) -> IpAddr {
    Ipv4Addr::from_bits(peer).into()
}

#[test]
fn a_crowd_of_callers_takes_no_more_than_was_granted() {
    for bytes in [0, 100, 5_000] {
        let (held, allocated) = fill((0..20_000).map(v4), 1, bytes);
        assert!(held <= GRANTED.bytes, "{held}");
        assert!(held > GRANTED.bytes / 2, "{held}");
        assert!(allocated <= GRANTED.bytes as u64 + BESIDE, "{allocated}");
    }
}

#[test]
fn one_caller_takes_no_more_than_its_share() {
    let share = GRANTED.bytes / 8;
    let slash_64 = |host| IpAddr::V6(Ipv6Addr::from_bits((0x2001_0db8_u128 << 96) + host));
    let one_address = fill([v4(1)].into_iter(), 20_000, 40);
    let one_network = fill((0..20_000).map(slash_64), 1, 40);
    for (held, allocated) in [one_address, one_network] {
        assert!(held <= share, "{held}");
        assert!(held > share / 2, "{held}");
        assert!(allocated <= share as u64 + BESIDE, "{allocated}");
    }
}
