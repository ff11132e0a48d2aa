//! Calls both ways on one connection, and calls that nobody waits for.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail it")]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use oncrpc::netid::Netid;
use oncrpc::peer::Peer;
use oncrpc::{
    CallContext, CallError, CallOptions, CallTable, Caller, Handler, OneWay, Procedure,
    ProcedureInfo, Reject, Reply, ReverseCaller, Service, Services, service,
};
use oncrpc_transport::{Connection, Driver, LadderPool, Limits, Stop, StreamLink};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

const P: u32 = 0x2000_0001;

macro_rules! procedures {
    ($($number:literal $type:ident),*) => { $(
        struct $type;

        impl Procedure for $type {
            const INFO: ProcedureInfo = ProcedureInfo {
                program: P,
                version: 1,
                number: $number,
                name: stringify!($type),
            };
            type Args = u32;
            type Results = u32;
        }
    )* };
}

// Plus one; what the caller's own program makes of it; nothing, but kept; kept until the caller is gone.
procedures!(1 Next, 2 Ask, 3 Note, 4 Stay);

/// Everything that the server was told, and whom it can call.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    Note(u32),
    Staying(u32),
    Gone(u32),
}

#[derive(Clone)]
struct Server {
    told: mpsc::UnboundedSender<Told>,
    callers: mpsc::UnboundedSender<ReverseCaller>,
}

impl Server {
    async fn ask(&self, cx: &CallContext, number: u32) -> Result<u32, Reject> {
        let reverse = cx.reverse().unwrap();
        self.callers.send(reverse.clone()).unwrap();
        let answer = reverse.call::<Next>(&number, &CallOptions::default()).await;
        answer.map_err(|_| Reject::SystemErr)
    }

    async fn note(&self, number: u32) -> Result<u32, Reject> {
        self.told.send(Told::Note(number)).unwrap();
        Err(Reject::Silent)
    }

    async fn stay(&self, cx: &CallContext, number: u32) -> Result<u32, Reject> {
        self.told.send(Told::Staying(number)).unwrap();
        cx.gone().await;
        self.told.send(Told::Gone(number)).unwrap();
        Ok(number)
    }
}

fn program(server: Server) -> Arc<dyn Service> {
    service(P, 1, &[], Arc::new(server), |server| {
        let mut next = Handler::new(
            Next,
            &server,
            |lent, n: u32| async move { (lent, Ok(n + 1)) },
        );
        let mut ask = Handler::new(Ask, &server, |lent, n| async move {
            let asked = lent.server().ask(lent.context(), n).await;
            (lent, asked)
        });
        let mut note = Handler::new(Note, &server, |lent, n| async move {
            let noted = lent.server().note(n).await;
            (lent, noted)
        });
        let mut stay = Handler::new(Stay, &server, |lent, n| async move {
            let stayed = lent.server().stay(lent.context(), n).await;
            (lent, stayed)
        });
        Box::new(
            move |call: &oncrpc::Call<'_>, reply: &mut Reply<'_>| match call.procedure() {
                1 => next.call(call, reply),
                2 => ask.call(call, reply),
                3 => note.call(call, reply),
                4 => stay.call(call, reply),
                _ => reply.reject(Reject::ProcUnavail),
            },
        )
    })
}

fn nobody() -> Peer {
    Peer::local(Netid::Local)
}

/// A server that serves one connection, and what it was told.
struct Serving {
    told: mpsc::UnboundedReceiver<Told>,
    callers: mpsc::UnboundedReceiver<ReverseCaller>,
    stop: Stop,
}

fn serve(stream: DuplexStream, limits: Limits) -> Serving {
    let (tell, told) = mpsc::unbounded_channel();
    let (send_callers, callers) = mpsc::unbounded_channel();
    let server = Server {
        told: tell,
        callers: send_callers,
    };
    let ladders = Arc::new(LadderPool::new(Arc::new(Services::new([program(server)]))));
    let stop = Stop::new();
    let link = StreamLink::new(stream, limits.record);
    tokio::spawn(
        Driver::new(link, limits)
            .serving(ladders, nobody(), stop.subscribe())
            .run(),
    );
    Serving {
        told,
        callers,
        stop,
    }
}

/// A client that serves the same program, and only the part of it that needs no caller.
fn connect(stream: DuplexStream, limits: Limits) -> (Connection, Stop) {
    let (link, table) = (StreamLink::new(stream, limits.record), CallTable::new(7));
    let (connection, driver) = Connection::new(link, table, limits);
    let (told, _) = mpsc::unbounded_channel();
    let (callers, _) = mpsc::unbounded_channel();
    let services = Services::new([program(Server { told, callers })]);
    let ladders = Arc::new(LadderPool::new(Arc::new(services)));
    let stop = Stop::new();
    tokio::spawn(driver.serving(ladders, nobody(), stop.subscribe()).run());
    (connection, stop)
}

fn pair() -> (Connection, Stop, Serving) {
    let (ours, theirs) = duplex(1 << 16);
    let serving = serve(theirs, Limits::SERVER);
    let (connection, stop) = connect(ours, Limits::CLIENT);
    (connection, stop, serving)
}

fn briefly() -> CallOptions {
    CallOptions::default().timeout(Duration::from_secs(5))
}

#[tokio::test(start_paused = true)]
async fn a_handler_waits_for_what_it_asks_its_caller() {
    let (connection, _stop, _serving) = pair();
    assert_eq!(connection.call::<Ask>(&41, &briefly()).await.unwrap(), 42);
}

#[tokio::test(start_paused = true)]
async fn a_kept_caller_reaches_a_client_that_says_nothing_itself() {
    let (connection, _stop, mut serving) = pair();
    connection.call::<Ask>(&1, &briefly()).await.unwrap();
    let reverse = serving.callers.recv().await.unwrap();
    for number in 0..100 {
        let answer = reverse.call::<Next>(&number, &briefly()).await.unwrap();
        assert_eq!(answer, number + 1);
    }
    drop(connection);
}

#[tokio::test(start_paused = true)]
async fn more_calls_than_either_end_takes_at_once_do_not_hold_each_other_up() {
    for (client, server) in [(128, 64), (64, 1), (1, 64), (512, 4)] {
        let (ours, theirs) = duplex(4096);
        let in_flight = |in_flight, limits| Limits {
            in_flight,
            ..limits
        };
        let _serving = serve(theirs, in_flight(server, Limits::SERVER));
        let (connection, _stop) = connect(ours, in_flight(client, Limits::CLIENT));
        let mut asked = JoinSet::new();
        for number in 0..2000 {
            let connection = connection.clone();
            asked.spawn(async move { connection.call::<Ask>(&number, &briefly()).await.unwrap() });
        }
        let mut answers = asked.join_all().await;
        answers.sort_unstable();
        assert_eq!(answers, (1..=2000).collect::<Vec<_>>());
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_has_ended_is_no_way_back() {
    let (connection, stop, mut serving) = pair();
    connection.call::<Ask>(&1, &briefly()).await.unwrap();
    let reverse = serving.callers.recv().await.unwrap();
    drop((connection, stop));
    let error = loop {
        if let Err(error) = reverse.call::<Next>(&1, &briefly()).await {
            break error;
        }
    };
    let ended = matches!(error, CallError::Disconnected(_) | CallError::Connect(_));
    assert!(ended, "{error}");
    let error = reverse.call::<Next>(&1, &briefly()).await.unwrap_err();
    assert!(!error.may_have_executed(), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_callback_in_flight_ends_with_its_connection() {
    let (ours, theirs) = duplex(4096);
    let mut serving = serve(theirs, Limits::SERVER);
    // It calls, and answers no call.
    let (link, table) = (
        StreamLink::new(ours, Limits::CLIENT.record),
        CallTable::new(7),
    );
    let (connection, driver) = Connection::new(link, table, Limits::CLIENT);
    let driven = tokio::spawn(driver.run());
    let asking = connection.clone();
    let asked = tokio::spawn(async move { asking.call::<Ask>(&1, &briefly()).await });
    let reverse = serving.callers.recv().await.unwrap();
    let calling = tokio::spawn(async move {
        let forever = CallOptions::default().timeout(Duration::from_secs(1 << 20));
        reverse.call::<Next>(&1, &forever).await
    });
    tokio::task::yield_now().await;
    driven.abort();
    let error = calling.await.unwrap().unwrap_err();
    assert!(
        matches!(error, CallError::Disconnected(_) | CallError::Connect(_)),
        "{error}"
    );
    assert!(matches!(
        asked.await.unwrap(),
        Err(CallError::Disconnected(_))
    ));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_stops_waits_for_the_callbacks_of_calls_at_hand() {
    let (ours, theirs) = duplex(4096);
    let mut serving = serve(theirs, Limits::SERVER);
    // A client that answers callbacks one at a time, by hand.
    let (mut read, write) = tokio::io::split(ours);
    let call = |xid: u32, procedure: u32, number: u32| {
        [1 << 31 | 44, xid, 0, 2, P, 1, procedure, 0, 0, 0, 0, number]
            .map(u32::to_be_bytes)
            .concat()
    };
    let mut write = write;
    write.write_all(&call(7, 2, 41)).await.unwrap();
    let mut callback = [0; 48];
    read.read_exact(&mut callback).await.unwrap();
    serving.stop.stop();
    serving.callers.recv().await.unwrap();
    // The driver, which is woken by it, has its turn before us.
    tokio::task::yield_now().await;
    // A call that comes too late is not answered; the reply is what is waited for.
    write.write_all(&call(8, 1, 1)).await.unwrap();
    let xid = u32::from_be_bytes(*callback[4..].first_chunk().unwrap());
    let reply = [1 << 31 | 28, xid, 1, 0, 0, 0, 0, 42].map(u32::to_be_bytes);
    write.write_all(&reply.concat()).await.unwrap();
    write.shutdown().await.unwrap();
    let mut rest = Vec::new();
    read.read_to_end(&mut rest).await.unwrap();
    let answer = [1 << 31 | 28, 7, 1, 0, 0, 0, 0, 42].map(u32::to_be_bytes);
    assert_eq!(rest, answer.concat());
}

#[tokio::test]
async fn the_same_xid_may_be_in_flight_both_ways() {
    let (mut ours, theirs) = duplex(4096);
    let _serving = serve(theirs, Limits::SERVER);
    let send = |words: &[u32]| -> Vec<u8> {
        let mark = (1 << 31) | (4 * words.len() as u32);
        let words = [&[mark], words].concat();
        words.iter().flat_map(|word| word.to_be_bytes()).collect()
    };
    // Asked, the server calls back; of the xid that it takes it is called, too, before it is answered.
    ours.write_all(&send(&[7, 0, 2, P, 1, 2, 0, 0, 0, 0, 41]))
        .await
        .unwrap();
    let mut callback = [0; 48];
    ours.read_exact(&mut callback).await.unwrap();
    let xid = u32::from_be_bytes(*callback[4..].first_chunk().unwrap());
    ours.write_all(&send(&[xid, 0, 2, P, 1, 1, 0, 0, 0, 0, 1]))
        .await
        .unwrap();
    let mut reply = [0; 32];
    ours.read_exact(&mut reply).await.unwrap();
    assert_eq!(reply[..], send(&[xid, 1, 0, 0, 0, 0, 2]));
    ours.write_all(&send(&[xid, 1, 0, 0, 0, 0, 42]))
        .await
        .unwrap();
    ours.read_exact(&mut reply).await.unwrap();
    assert_eq!(reply[..], send(&[7, 1, 0, 0, 0, 0, 42]));
}

#[tokio::test(start_paused = true)]
async fn a_handler_hears_that_its_caller_is_gone_and_may_answer_all_the_same() {
    let (ours, theirs) = duplex(4096);
    let mut serving = serve(theirs, Limits::SERVER);
    let (mut read, mut write) = tokio::io::split(ours);
    let call = [1 << 31 | 44, 9, 0, 2, P, 1, 4, 0, 0, 0, 0, 5].map(u32::to_be_bytes);
    write.write_all(&call.concat()).await.unwrap();
    assert_eq!(serving.told.recv().await.unwrap(), Told::Staying(5));
    write.shutdown().await.unwrap();
    assert_eq!(serving.told.recv().await.unwrap(), Told::Gone(5));
    let mut rest = Vec::new();
    read.read_to_end(&mut rest).await.unwrap();
    let answer = [1 << 31 | 28, 9, 1, 0, 0, 0, 0, 5].map(u32::to_be_bytes);
    assert_eq!(rest, answer.concat());
}

#[tokio::test(start_paused = true)]
async fn one_way_calls_arrive_in_order_before_the_call_behind_them() {
    let (connection, _stop, mut serving) = pair();
    for number in 0..10_000 {
        connection.send::<Note>(&number, &briefly()).await.unwrap();
    }
    assert_eq!(connection.call::<Next>(&1, &briefly()).await.unwrap(), 2);
    for number in 0..10_000 {
        assert_eq!(serving.told.try_recv().unwrap(), Told::Note(number));
    }
}

#[tokio::test(start_paused = true)]
async fn one_way_calls_are_sent_though_nobody_holds_the_connection_any_more() {
    let (connection, stop, mut serving) = pair();
    for number in 0..1000 {
        connection.send::<Note>(&number, &briefly()).await.unwrap();
    }
    drop((connection, stop));
    for number in 0..1000 {
        assert_eq!(serving.told.recv().await.unwrap(), Told::Note(number));
    }
}

#[tokio::test(start_paused = true)]
async fn one_way_calls_wait_for_a_server_that_does_not_keep_up() {
    // Nobody reads at the other end.
    let (ours, mut theirs) = duplex(64);
    let limits = Limits {
        unsent: 1000,
        ..Limits::CLIENT
    };
    let (connection, _stop) = connect(ours, limits);
    let mut sent = 0;
    let error = loop {
        match connection.send::<Note>(&sent, &briefly()).await {
            Ok(()) => sent += 1,
            Err(error) => break error,
        }
        assert!(sent < 100, "more than the limit");
    };
    assert!(
        matches!(error, CallError::TimedOut { sent: 0, .. }),
        "{error}"
    );
    assert!(!error.may_have_executed());
    // What was taken arrives, whole, when the server reads again.
    let waiting = connection.clone();
    let one_more = tokio::spawn(async move { waiting.send::<Note>(&sent, &briefly()).await });
    let mut arrived = Bytes::new();
    for number in 0..=sent {
        let mut record = [0; 48];
        theirs.read_exact(&mut record).await.unwrap();
        arrived = Bytes::copy_from_slice(&record[44..]);
        assert_eq!(arrived, number.to_be_bytes().as_slice());
    }
    one_more.await.unwrap().unwrap();
    assert_eq!(arrived.len(), 4);
}
