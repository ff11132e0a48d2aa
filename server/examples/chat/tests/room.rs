//! The room and its members, in one process.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail it")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use oncrpc_chat::chat::{ChatStatus, chat_room};
use oncrpc_chat::member::{Joined, Lines, Way};
use oncrpc_chat::room::Room;
use oncrpc_client::{Channel, Endpoint, Target};
use oncrpc_server::{Listen, Running, Server};

async fn open(listen: Listen) -> (Running, Endpoint) {
    let server = Server::new()
        .service(chat_room::v1::service(Arc::new(Room::default())))
        .listen(listen);
    let running = server.start().await.unwrap();
    let bound = &running.bound()[0];
    let at = Endpoint::of(&bound.netid, &bound.uaddr).unwrap();
    (running, at)
}

fn way(at: &Endpoint) -> (Way, Lines) {
    let (target, port) = match at {
        Endpoint::Unix(path) => (Target::Unix(path.clone()), 0),
        other => {
            let at = other.inet().unwrap();
            (Target::from(at.ip()), at.port())
        }
    };
    Way::new(Channel::builder(target), |builder| builder.port(port))
}

async fn enter(way: &Way, name: &str) -> Joined {
    way.join(&name.into()).await.unwrap().unwrap()
}

fn names(joined: &Joined) -> Vec<String> {
    joined.names.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn everybody_hears_every_line_in_the_same_order() {
    let socket = Path::new(env!("CARGO_TARGET_TMPDIR")).join("room.sock");
    for listen in [
        Listen::Tcp("127.0.0.1:0".parse().unwrap()),
        Listen::Unix(socket),
    ] {
        let (running, at) = open(listen).await;
        let mut ways = [way(&at), way(&at), way(&at)];
        let ada = enter(&ways[0].0, "ada").await;
        let grace = enter(&ways[1].0, "grace").await;
        let edith = enter(&ways[2].0, "edith").await;
        assert_eq!(names(&edith), ["ada", "edith", "grace"]);
        let saying = tokio::spawn(async move {
            for round in 0..20 {
                for speaker in [&ada, &grace, &edith] {
                    // 60 lines in all: nobody can fall behind by 64.
                    assert!(
                        speaker
                            .say(format!("{round}").into())
                            .await
                            .unwrap()
                            .is_some()
                    );
                    tokio::task::yield_now().await;
                }
            }
            (ada, grace, edith)
        });
        let mut heard = [Vec::new(), Vec::new(), Vec::new()];
        for number in 1..=60 {
            for ((_, lines), heard) in ways.iter_mut().zip(&mut heard) {
                let line = lines.next().await.unwrap();
                assert_eq!(line.number, number);
                heard.push((line.from, line.text));
            }
        }
        assert_eq!(heard[0], heard[1]);
        assert_eq!(heard[0], heard[2]);
        drop(saying.await.unwrap());
        drop(ways);
        assert!(running.shutdown(Duration::from_secs(5)).await);
    }
}

#[tokio::test]
async fn a_name_is_free_again_when_its_bearer_is_gone() {
    let (_running, at) = open(Listen::Tcp("127.0.0.1:0".parse().unwrap())).await;
    let (first, _lines) = way(&at);
    let joined = enter(&first, "ada").await;
    let (second, _) = way(&at);
    let refused = second.join(&"ada".into()).await.unwrap().unwrap_err();
    assert_eq!(refused, ChatStatus::NameTaken);
    drop((first, joined));
    // The room hears of it as soon as the kernel has told it.
    while second.join(&"ada".into()).await.unwrap().is_err() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_ticket_that_is_nobodys_says_nothing() {
    let (_running, at) = open(Listen::Tcp("127.0.0.1:0".parse().unwrap())).await;
    let room = chat_room::v1::Client::new(Channel::to(at));
    assert_eq!(room.say(7, "hello".into()).await.unwrap(), 0);
    assert!(room.who().await.unwrap().is_empty());
}

#[tokio::test]
async fn nobody_joins_by_a_datagram() {
    let (_running, at) = open(Listen::Udp("127.0.0.1:0".parse().unwrap())).await;
    let (way, _) = Way::new(
        Channel::builder(Target::from(at.inet().unwrap().ip())),
        |builder| builder.netid(at.netid()).port(at.inet().unwrap().port()),
    );
    let refused = way.join(&"ada".into()).await.unwrap().unwrap_err();
    assert_eq!(refused, ChatStatus::NoWayBack);
}
