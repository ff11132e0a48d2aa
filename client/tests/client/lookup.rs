//! Where a program is: version 4, then 3, then 2.

use oncrpc::CallError;
use oncrpc::netid::Netid;
use oncrpc::proto::rpcb::Rpcb;
use oncrpc_client::{Channel, Endpoint, NetType, Rpcbind};

use crate::fake::{Fake, Script};

const PROGRAM: u32 = 0x2000_0001;

async fn lookup(fake: &Fake, netid: &Netid) -> Result<Endpoint, CallError> {
    Rpcbind::connect(&fake.at())
        .await
        .unwrap()
        .lookup(PROGRAM, 1, netid)
        .await
}

#[tokio::test]
async fn version_4_is_asked_first_with_the_address_that_was_asked() {
    let fake = Fake::start(
        Script {
            uaddr: "127.0.0.1.8.1",
            ..Script::default()
        },
        &[2, 3, 4],
    )
    .await;
    let found = lookup(&fake, &Netid::Tcp).await.unwrap();
    assert_eq!(found, Endpoint::Tcp("127.0.0.1:2049".parse().unwrap()));
    assert_eq!(fake.script.asked(), ["v4 GETADDR tcp hint 127.0.0.1.0.111"]);
}

#[tokio::test]
async fn an_older_rpcbind_is_asked_in_its_own_version() {
    let fake = Fake::start(
        Script {
            uaddr: "127.0.0.1.8.1",
            ..Script::default()
        },
        &[2, 3],
    )
    .await;
    assert!(lookup(&fake, &Netid::Tcp).await.is_ok());
    assert_eq!(fake.script.asked(), ["v3 GETADDR tcp"]);

    let fake = Fake::start(
        Script {
            port: 2049,
            ..Script::default()
        },
        &[2],
    )
    .await;
    let found = lookup(&fake, &Netid::Tcp).await.unwrap();
    assert_eq!(found, Endpoint::Tcp("127.0.0.1:2049".parse().unwrap()));
    assert_eq!(fake.script.asked(), ["v2 GETPORT 6"]);
}

#[tokio::test]
async fn a_wildcard_is_the_address_that_was_asked() {
    let fake = Fake::start(
        Script {
            uaddr: "0.0.0.0.8.1",
            ..Script::default()
        },
        &[4],
    )
    .await;
    let found = lookup(&fake, &Netid::Tcp).await.unwrap();
    assert_eq!(found, Endpoint::Tcp("127.0.0.1:2049".parse().unwrap()));
}

#[tokio::test]
async fn what_is_not_registered_says_so() {
    let nothing = [
        (Script::default(), 4),
        (Script::default(), 2),
        (
            Script {
                uaddr: "127.0.0.1.0.0",
                ..Script::default()
            },
            4,
        ),
        (
            Script {
                uaddr: "junk",
                ..Script::default()
            },
            4,
        ),
        (
            Script {
                port: 65_536,
                ..Script::default()
            },
            2,
        ),
    ];
    for (script, version) in nothing {
        let fake = Fake::start(script, &[version]).await;
        let error = lookup(&fake, &Netid::Tcp).await.unwrap_err();
        let said = "program 536870913 version 1 is not registered for tcp";
        assert_eq!(error.to_string(), said);
        assert!(!error.may_have_executed());
    }
}

/// rpcbind's GETADDR tells the address on the transport that it came by, whatever it names.
#[tokio::test]
async fn another_transport_is_looked_up_in_the_list() {
    let entry = |version, netid: &str, uaddr: &str| Rpcb {
        r_prog: PROGRAM,
        r_vers: version,
        r_netid: netid.into(),
        r_addr: uaddr.into(),
        r_owner: "superuser".into(),
    };
    let list = vec![
        entry(2, "udp", "0.0.0.0.8.2"),
        entry(1, "udp", "0.0.0.0.8.1"),
        entry(3, "udp", "0.0.0.0.8.3"),
        entry(4, "local", "/run/p.sock"),
    ];
    let fake = Fake::start(
        Script {
            list,
            ..Script::default()
        },
        &[4],
    )
    .await;
    let found = lookup(&fake, &Netid::Udp).await.unwrap();
    assert_eq!(found, Endpoint::Udp("127.0.0.1:2049".parse().unwrap()));
    let found = lookup(&fake, &Netid::Local).await.unwrap();
    assert_eq!(found, Endpoint::Unix("/run/p.sock".into()));
    assert!(lookup(&fake, &Netid::Udp6).await.is_err());
    assert_eq!(fake.script.asked(), ["v4 DUMP", "v4 DUMP", "v4 DUMP"]);
}

#[tokio::test]
async fn a_channel_finds_its_program_when_it_connects() {
    let fake = Fake::start(Script::default(), &[4]).await;
    // The program is this rpcbind itself, at the port that another one tells.
    let port = fake.address().port();
    let uaddr = format!("127.0.0.1.{}.{}", port >> 8, port & 255);
    let teller = Fake::start(
        Script {
            uaddr: uaddr.leak(),
            ..Script::default()
        },
        &[4],
    )
    .await;
    let channel = Channel::builder("127.0.0.1".parse().unwrap())
        .rpcbind(teller.at())
        .program(100_000, 4);
    let rpcbind = oncrpc::proto::rpcb::rpcbprog::v4::Client::new(channel);
    assert_eq!(rpcbind.dump().await.unwrap(), []);
    assert_eq!(fake.script.asked(), ["v4 DUMP"]);
    assert_eq!(
        teller.script.asked(),
        ["v4 GETADDR tcp hint 127.0.0.1.0.111"]
    );
}

#[tokio::test]
async fn callers_share_a_look_up_that_fails() {
    let fake = Fake::start(Script::default(), &[4]).await;
    let channel = Channel::builder("127.0.0.1".parse().unwrap())
        .rpcbind(fake.at())
        .program(PROGRAM, 1);
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let channel = channel.clone();
            tokio::spawn(async move { channel.connect().await })
        })
        .collect();
    for call in calls {
        let error = call.await.unwrap().unwrap_err();
        assert!(matches!(error, CallError::NotRegistered { .. }), "{error}");
    }
    assert_eq!(fake.script.asked().len(), 1);
    // The next one asks again.
    assert!(channel.connect().await.is_err());
    assert_eq!(fake.script.asked().len(), 2);
}

#[tokio::test]
async fn what_rpcbind_fails_at_is_not_taken_for_the_servers_failure() {
    let fake = Fake::start(Script::default(), &[]).await;
    let channel = Channel::builder("127.0.0.1".parse().unwrap())
        .rpcbind(fake.at())
        .program(PROGRAM, 1);
    let error = channel.connect().await.unwrap_err();
    let said = format!(
        "cannot look the program up: rpcbind at tcp {}: \
         the server does not have the program (PROG_UNAVAIL)",
        fake.address()
    );
    assert_eq!(error.to_string(), said);

    let (at, address) = (fake.at(), fake.address());
    fake.end().await;
    let channel = Channel::builder("127.0.0.1".parse().unwrap())
        .rpcbind(at)
        .program(PROGRAM, 1);
    let error = channel.connect().await.unwrap_err();
    let said = format!(
        "cannot look the program up: rpcbind at tcp {address}: \
         cannot connect: tcp {address}: Connection refused (os error 111)"
    );
    assert_eq!(error.to_string(), said);
    assert!(!error.may_have_executed());
}

#[tokio::test]
async fn an_abstract_socket_is_found_by_its_at_sign() {
    let list = vec![Rpcb {
        r_prog: PROGRAM,
        r_vers: 1,
        r_netid: "local".into(),
        r_addr: "@a name".into(),
        r_owner: "0".into(),
    }];
    let fake = Fake::start(
        Script {
            list,
            ..Script::default()
        },
        &[4],
    )
    .await;
    let found = lookup(&fake, &Netid::Local).await.unwrap();
    assert_eq!(found, Endpoint::Abstract(b"a name".to_vec()));
}

#[tokio::test]
async fn the_sockets_of_another_host_cannot_be_had() {
    for host in ["192.0.2.7", "nfs.example", "2001:db8::1"] {
        let channel = Channel::builder(host.parse().unwrap())
            .netid(Netid::Local)
            .program(PROGRAM, 1);
        let error = channel.connect().await.unwrap_err();
        let said = "cannot connect: transport local cannot be used here";
        assert_eq!(error.to_string(), said, "{host}");
    }
}

#[tokio::test]
async fn a_host_is_found_by_its_name() {
    let fake = Fake::start(Script::default(), &[4]).await;
    let channel = Channel::builder("localhost".parse().unwrap()).port(fake.address().port());
    channel.connect().await.unwrap();
    assert_eq!(fake.accepted(), 1);
}

#[tokio::test]
async fn a_target_with_a_port_is_not_looked_up() {
    let fake = Fake::start(Script::default(), &[4]).await;
    let port = fake.address().port();
    for target in [format!("127.0.0.1:{port}"), format!("localhost:{port}")] {
        let channel = Channel::builder(target.parse().unwrap()).program(PROGRAM, 1);
        channel.connect().await.unwrap();
    }
    assert_eq!(fake.accepted(), 2);
    assert!(fake.script.asked().is_empty());
}

#[tokio::test]
async fn an_interface_that_is_not_there_is_named() {
    let channel = Channel::builder("fe80::1%no-such-link".parse().unwrap()).program(PROGRAM, 1);
    let error = channel.connect().await.unwrap_err();
    let said = "cannot connect: no-such-link: No such device (os error 19)";
    assert_eq!(error.to_string(), said);
}

#[tokio::test]
async fn the_transports_of_a_class_are_tried_until_one_reaches_the_server() {
    let server = Fake::start(Script::default(), &[4]).await;
    let port = server.address().port();
    let uaddr = format!("127.0.0.1.{}.{}", port >> 8, port & 255).leak();
    let script = Script {
        uaddr,
        ..Script::default()
    };
    let rpcbind = Fake::start(script, &[4]).await;
    let to = |class| {
        let builder = Channel::builder("127.0.0.1".parse().unwrap()).nettype(class);
        builder.rpcbind(rpcbind.at()).program(PROGRAM, 1)
    };
    to(NetType::Visible).connect().await.unwrap();
    assert_eq!(server.accepted(), 1);
    // Nothing is listed for UDP, which comes first; this rpcbind names addresses on TCP, on which it is asked.
    let asked = ["v4 DUMP", "v4 GETADDR tcp hint 127.0.0.1.0.111"];
    assert_eq!(rpcbind.script.asked(), asked);

    let error = to(NetType::DatagramV).connect().await.unwrap_err();
    let said = format!("program {PROGRAM} version 1 is not registered for udp");
    assert_eq!(error.to_string(), said);
}

#[tokio::test]
async fn either_family_is_tried_unless_a_transport_is_named() {
    let listener = tokio::net::TcpListener::bind("[::1]:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let to = || Channel::builder(address.into());
    to().program(PROGRAM, 1).connect().await.unwrap();
    let tcp = to().netid(Netid::Tcp).program(PROGRAM, 1);
    let error = tcp.connect().await.unwrap_err();
    let said = "cannot connect: ::1 has no address for tcp";
    assert_eq!(error.to_string(), said);
}
