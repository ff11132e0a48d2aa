//! Registered while somebody holds on to it.

use oncrpc::netid::Netid;
use oncrpc_client::{Mapping, Policy, Registration};

use crate::fake::{Fake, Script};

fn mappings() -> Vec<Mapping> {
    let mapping = |netid, uaddr: &str| Mapping {
        program: 0x2000_0001,
        version: 1,
        netid,
        uaddr: uaddr.into(),
        owner: "".into(),
    };
    vec![
        mapping(Netid::Tcp, "0.0.0.0.8.1"),
        mapping(Netid::Udp, "0.0.0.0.8.1"),
    ]
}

const REGISTERED: [&str; 3] = [
    "v4 UNSET \"\"",
    "v4 SET tcp 0.0.0.0.8.1",
    "v4 SET udp 0.0.0.0.8.1",
];
const GONE: [&str; 5] = [
    REGISTERED[0],
    REGISTERED[1],
    REGISTERED[2],
    "v4 UNSET \"tcp\"",
    "v4 UNSET \"udp\"",
];

#[tokio::test]
async fn what_was_left_behind_is_removed_and_the_rest_is_set() {
    let fake = Fake::start(Script::default(), &[4]).await;
    let registration = Registration::register(fake.at(), mappings(), Policy::Require)
        .await
        .unwrap();
    assert_eq!(registration.mappings(), mappings());
    assert_eq!(fake.script.asked(), REGISTERED);
    registration.unregister().await;
    assert_eq!(fake.script.asked(), GONE);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drop_unregisters() {
    let fake = Fake::start(Script::default(), &[4]).await;
    drop(
        Registration::register(fake.at(), mappings(), Policy::Require)
            .await
            .unwrap(),
    );
    assert_eq!(fake.script.asked(), GONE);
}

#[test]
fn a_drop_outside_of_any_runtime_unregisters() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (fake, registration) = runtime.block_on(async {
        let fake = Fake::start(Script::default(), &[4]).await;
        let registered = Registration::register(fake.at(), mappings(), Policy::Require).await;
        (fake, registered.unwrap())
    });
    drop(registration);
    assert_eq!(fake.script.asked(), GONE);
}

#[tokio::test]
async fn what_is_taken_is_named_and_the_rest_undone() {
    let fake = Fake::start(
        Script {
            taken: vec!["udp"],
            ..Script::default()
        },
        &[4],
    )
    .await;
    let error = Registration::register(fake.at(), mappings(), Policy::Require)
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "rpcbind at tcp {} refuses program 536870913 version 1 at udp 0.0.0.0.8.1: \
             it is registered at another address, or by somebody else",
            fake.address()
        )
    );
    assert_eq!(fake.script.asked().last().unwrap(), "v4 UNSET \"tcp\"");
}

#[tokio::test(flavor = "multi_thread")]
async fn best_effort_goes_on_without() {
    let fake = Fake::start(
        Script {
            taken: vec!["tcp"],
            ..Script::default()
        },
        &[4],
    )
    .await;
    let registered = Registration::register(fake.at(), mappings(), Policy::BestEffort).await;
    assert_eq!(registered.unwrap().mappings(), &mappings()[1..]);

    let at = fake.at();
    fake.end().await;
    let registered = Registration::register(at, mappings(), Policy::BestEffort).await;
    assert_eq!(registered.unwrap().mappings(), []);
}

#[tokio::test]
async fn require_fails_where_no_rpcbind_is() {
    let fake = Fake::start(Script::default(), &[4]).await;
    let (at, address) = (fake.at(), fake.address());
    fake.end().await;
    let error = Registration::register(at, mappings(), Policy::Require)
        .await
        .unwrap_err();
    let refused =
        format!("rpcbind at tcp {address}: cannot connect: tcp {address}: Connection refused");
    assert!(error.to_string().starts_with(&refused), "{error}");
}
