//! Calls that are sent more than once, of procedures that must not be executed twice.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail it")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use oncrpc::message::{self, ReplyHeader};
use oncrpc::uaddr::Uaddr;
use oncrpc::{CallContext, Procedure, ProcedureId, Refusal, Reject};
use oncrpc_server::{
    DuplicatePolicy, Duplicates, Finished, Listen, Observer, Outcome, Running, Server,
    ServerLimits, remembered,
};
use oncrpc_xdr::{Bytes, Writer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::Semaphore;

const PROGRAM: u32 = 0x2000_0001;

mod procedure {
    use oncrpc_xdr::wire::Opaque;

    type Data = Opaque<{ u32::MAX }>;

    oncrpc::procedures!(program super::PROGRAM, version 1 => {
        1 => Read() -> u32 as "READ",
        2 => Add(u32) -> u32 as "ADD",
        3 => Wait(Data) -> u32 as "WAIT",
        4 => Long(u32) -> Data as "LONG",
    });
}

const READ: u32 = 1;
const ADD: u32 = 2;
const WAIT: u32 = 3;
const LONG: u32 = 4;

/// Counts what is executed; every procedure but LONG says how much that is.
struct Counter {
    executed: AtomicU32,
    /// A permit for each WAIT that has begun.
    begun: Semaphore,
    /// A permit for each WAIT that may end.
    go: Semaphore,
    /// A permit for each WAIT that has ended, or was given up.
    gone: Semaphore,
}

/// A WAIT that is being executed.
struct Waiting<'a>(&'a Counter);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.gone.add_permits(1);
    }
}

/// Arguments of ADD that it does not like.
const PANICS: u32 = 13;
const FAILS: u32 = 14;
const REFUSES: u32 = 15;

trait Procedures: Send + Sync + 'static {
    fn read(&self, cx: &CallContext) -> impl Future<Output = Result<u32, Reject>> + Send;
    fn add(&self, cx: &CallContext, n: u32) -> impl Future<Output = Result<u32, Reject>> + Send;
    fn wait(&self, cx: &CallContext, n: Bytes) -> impl Future<Output = Result<u32, Reject>> + Send;
    fn long(&self, cx: &CallContext, n: u32) -> impl Future<Output = Result<Bytes, Reject>> + Send;
}

impl Procedures for Counter {
    async fn read(&self, _: &CallContext) -> Result<u32, Reject> {
        Ok(self.count())
    }

    async fn add(&self, _: &CallContext, n: u32) -> Result<u32, Reject> {
        let count = self.count();
        match n {
            PANICS => panic!("it does not like this number"),
            FAILS => Err(Reject::SystemErr),
            REFUSES => Err(Reject::GarbageArgs),
            _ => Ok(count),
        }
    }

    async fn wait(&self, _: &CallContext, _: Bytes) -> Result<u32, Reject> {
        let _waiting = Waiting(self);
        let count = self.count();
        self.begun.add_permits(1);
        self.go.acquire().await.unwrap().forget();
        Ok(count)
    }

    async fn long(&self, _: &CallContext, n: u32) -> Result<Bytes, Reject> {
        self.count();
        Ok(vec![0; n as usize].into())
    }
}

impl Counter {
    fn count(&self) -> u32 {
        self.executed.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn executed(&self) -> u32 {
        self.executed.load(Ordering::Relaxed)
    }
}

/// Waits for a permit.
async fn one(of: &Semaphore) {
    of.acquire().await.unwrap().forget();
}

/// A server of a counter by UDP and TCP.
struct Served {
    counter: Arc<Counter>,
    duplicates: Duplicates,
    running: Running,
}

async fn serve(policy: DuplicatePolicy, server: Server) -> Served {
    let counter = Arc::new(Counter {
        executed: AtomicU32::new(0),
        begun: Semaphore::new(0),
        go: Semaphore::new(0),
        gone: Semaphore::new(0),
    });
    let service = oncrpc::service!(PROGRAM, 1, procedure, Procedures, counter.clone() => {
        1 => Read: read(),
        2 => Add: add(n),
        3 => Wait: wait(n),
        4 => Long: long(n),
    });
    let duplicates = Duplicates::new(policy);
    use procedure::{Add, Long, Wait};
    let service = remembered(service, &duplicates, [Add::INFO, Wait::INFO, Long::INFO]);
    let running = server
        .service(service)
        .listen(Listen::Udp("127.0.0.1:0".parse().unwrap()))
        .listen(Listen::Tcp("127.0.0.1:0".parse().unwrap()))
        .start()
        .await
        .unwrap();
    Served {
        counter,
        duplicates,
        running,
    }
}

async fn start() -> Served {
    serve(DuplicatePolicy::default(), Server::new()).await
}

impl Served {
    fn address(&self, listener: usize) -> SocketAddr {
        match self.running.bound()[listener].uaddr {
            Uaddr::Inet(address) => address,
            ref other => panic!("{other}"),
        }
    }

    /// A socket of its own, to call by datagrams.
    async fn udp(&self) -> Client {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.connect(self.address(0)).await.unwrap();
        Client::Udp(socket)
    }

    /// A connection of its own.
    async fn tcp(&self) -> Client {
        Client::Tcp(TcpStream::connect(self.address(1)).await.unwrap())
    }
}

/// Sends what it is told, with the xid that it is told.
enum Client {
    Udp(UdpSocket),
    Tcp(TcpStream),
}

/// What a call came to: the first word of the results.
type Came = Result<u32, Refusal>;

impl Client {
    /// Sends a call in the name of nobody.
    async fn send(&mut self, xid: u32, procedure: u32, args: &[u8]) {
        self.send_as(&[0; 8], xid, procedure, args).await;
    }

    async fn send_as(&mut self, credential: &[u8], xid: u32, procedure: u32, args: &[u8]) {
        let mut w = Writer::new();
        let id = ProcedureId {
            program: PROGRAM,
            version: 1,
            procedure,
        };
        message::write_call(&mut w, xid, id);
        [credential, &[0; 8], args]
            .iter()
            .for_each(|part| w.raw(part));
        let message = w.into_bytes();
        match self {
            Self::Udp(socket) => assert_eq!(socket.send(&message).await.unwrap(), message.len()),
            Self::Tcp(stream) => {
                let mark = 1 << 31 | message.len() as u32;
                let record = [&mark.to_be_bytes(), &message[..]].concat();
                stream.write_all(&record).await.unwrap();
            }
        }
    }

    /// The next reply: its xid, and what it says.
    async fn reply(&mut self) -> (u32, Came) {
        let mut reply = vec![0; 65_536];
        match self {
            Self::Udp(socket) => {
                let len = socket.recv(&mut reply).await.unwrap();
                reply.truncate(len);
            }
            Self::Tcp(stream) => {
                let mark = stream.read_u32().await.unwrap();
                reply.resize((mark & !(1 << 31)) as usize, 0);
                stream.read_exact(&mut reply).await.unwrap();
            }
        }
        let header = ReplyHeader::parse(&reply).unwrap();
        let came = header.outcome.map(|results| {
            let first = reply[results.body..].first_chunk().unwrap();
            u32::from_be_bytes(*first)
        });
        (header.xid, came)
    }

    async fn call(&mut self, xid: u32, procedure: u32, args: &[u8]) -> Came {
        self.send(xid, procedure, args).await;
        let (answered, came) = self.reply().await;
        assert_eq!(answered, xid);
        came
    }

    async fn add(&mut self, xid: u32, n: u32) -> Came {
        self.call(xid, ADD, &n.to_be_bytes()).await
    }

    /// Has the server look at everything that was sent before.
    async fn fence(&mut self) {
        self.call(u32::MAX, READ, &[]).await.unwrap();
    }
}

const NO_DATA: &[u8] = &[0; 4];

#[tokio::test]
async fn a_call_that_is_sent_three_times_is_executed_once_and_answered_three_times() {
    let served = start().await;
    for (executed, mut client) in [(1, served.udp().await), (2, served.tcp().await)] {
        for _ in 0..3 {
            assert_eq!(client.add(7, 1).await, Ok(executed));
        }
        assert_eq!(served.counter.executed(), executed);
    }
    assert!(served.duplicates.bytes() > 0);
}

#[tokio::test]
async fn a_procedure_that_is_not_named_is_executed_each_time() {
    let served = start().await;
    let mut client = served.udp().await;
    for executed in 1..=3 {
        assert_eq!(client.call(7, READ, &[]).await, Ok(executed));
    }
    assert_eq!(served.duplicates.bytes(), 0);
}

#[tokio::test]
async fn a_connection_that_is_made_anew_is_answered_as_the_one_before() {
    let served = start().await;
    assert_eq!(served.tcp().await.add(7, 1).await, Ok(1));
    assert_eq!(served.tcp().await.add(7, 1).await, Ok(1));
    assert_eq!(
        served.udp().await.add(7, 1).await,
        Ok(2),
        "another transport"
    );
}

#[tokio::test]
async fn ports_may_tell_callers_apart() {
    let policy = DuplicatePolicy {
        by_port: true,
        ..DuplicatePolicy::default()
    };
    let served = serve(policy, Server::new()).await;
    let mut client = served.tcp().await;
    assert_eq!(client.add(7, 1).await, Ok(1));
    assert_eq!(client.add(7, 1).await, Ok(1));
    assert_eq!(served.tcp().await.add(7, 1).await, Ok(2));
}

#[tokio::test]
async fn another_xid_other_arguments_and_another_user_make_another_call() {
    let served = start().await;
    let mut client = served.udp().await;
    assert_eq!(client.add(7, 1).await, Ok(1));
    assert_eq!(client.add(8, 1).await, Ok(2));
    assert_eq!(client.add(7, 2).await, Ok(3));
    // AUTH_SYS: its length, a stamp, no name, the user, the group, no more groups.
    let credential = |stamp, uid| [1, 20, stamp, 0, uid, 0, 0].map(u32::to_be_bytes);
    for (credential, executed) in [
        (credential(1, 1000), 4),
        (credential(1, 1001), 5),
        (credential(2, 1000), 4),
    ] {
        let n = 1_u32.to_be_bytes();
        client.send_as(credential.as_flattened(), 7, ADD, &n).await;
        assert_eq!(client.reply().await, (7, Ok(executed)));
    }
}

#[tokio::test]
async fn a_datagram_that_comes_again_while_it_is_executed_is_dropped() {
    let served = start().await;
    let mut client = served.udp().await;
    for _ in 0..3 {
        client.send(7, WAIT, NO_DATA).await;
    }
    client.fence().await;
    one(&served.counter.begun).await;
    assert_eq!(served.counter.executed(), 2, "one WAIT, and the fence");
    served.counter.go.add_permits(3);
    assert_eq!(client.reply().await, (7, Ok(1)));
    client.fence().await;
    assert_eq!(
        client.call(7, WAIT, NO_DATA).await,
        Ok(1),
        "it is answered again now"
    );
}

#[tokio::test]
async fn who_has_connected_anew_waits_for_what_is_being_executed() {
    let served = start().await;
    let mut before = served.tcp().await;
    before.send(7, WAIT, NO_DATA).await;
    one(&served.counter.begun).await;
    let mut after = served.tcp().await;
    after.send(7, WAIT, NO_DATA).await;
    after.send(7, WAIT, NO_DATA).await;
    after.fence().await;
    served.counter.go.add_permits(1);
    assert_eq!(after.reply().await, (7, Ok(1)));
    assert_eq!(before.reply().await, (7, Ok(1)));
    // Once each.
    before.fence().await;
    after.fence().await;
}

/// Says which calls were given up because their connections ended.
struct Abandoned(Arc<Semaphore>);

impl Observer for Abandoned {
    fn finished(&self, call: &Finished<'_>) {
        if call.outcome == Outcome::Abandoned {
            self.0.add_permits(1);
        }
    }
}

/// A server and a WAIT of it whose connection has ended.
async fn abandon(policy: DuplicatePolicy, args: &[u8]) -> Served {
    let abandoned = Arc::new(Semaphore::new(0));
    let server = Server::new().observe(Abandoned(abandoned.clone()));
    let served = serve(policy, server).await;
    let mut client = served.tcp().await;
    client.send(7, WAIT, args).await;
    one(&served.counter.begun).await;
    let Client::Tcp(stream) = client else {
        panic!("it is connected");
    };
    stream.set_zero_linger().unwrap();
    drop(stream);
    one(&abandoned).await;
    served
}

#[tokio::test]
async fn a_call_whose_connection_ends_is_executed_to_its_end() {
    let served = abandon(DuplicatePolicy::default(), NO_DATA).await;
    let mut client = served.tcp().await;
    client.send(7, WAIT, NO_DATA).await;
    client.fence().await;
    served.counter.go.add_permits(1);
    assert_eq!(client.reply().await, (7, Ok(1)));
    assert_eq!(served.tcp().await.call(7, WAIT, NO_DATA).await, Ok(1));
}

#[tokio::test]
async fn what_connections_leave_behind_is_bounded() {
    let policy = DuplicatePolicy {
        bytes: 64 << 10,
        ..DuplicatePolicy::default()
    };
    let mut args = vec![0; 4 + (64 << 10)];
    args[1] = 1;
    let served = abandon(policy, &args).await;
    one(&served.counter.gone).await;
    served.counter.go.add_permits(1);
    let again = served.tcp().await.call(7, WAIT, &args).await;
    assert_eq!(again, Ok(2), "it was given up, and is executed again");
}

#[tokio::test]
async fn what_connections_leave_behind_ends_with_the_server() {
    let served = abandon(DuplicatePolicy::default(), NO_DATA).await;
    drop(served.running);
    one(&served.counter.gone).await;
}

#[tokio::test]
async fn what_connections_leave_behind_ends_when_nobody_will_ask_for_it_any_more() {
    let policy = DuplicatePolicy::default();
    let served = abandon(policy, NO_DATA).await;
    tokio::time::pause();
    tokio::time::advance(policy.ttl).await;
    one(&served.counter.gone).await;
}

#[tokio::test]
async fn a_reply_is_remembered_for_its_time_as_tokio_tells_it() {
    let policy = DuplicatePolicy::default();
    let served = serve(policy, Server::new()).await;
    let mut client = served.udp().await;
    assert_eq!(client.add(7, 1).await, Ok(1));
    tokio::time::pause();
    // Until it was paused time went on, on a busy machine for a while.
    let last = policy.ttl / 4;
    tokio::time::advance(policy.ttl - last).await;
    assert_eq!(client.add(7, 1).await, Ok(1));
    tokio::time::advance(last).await;
    assert_eq!(client.add(7, 1).await, Ok(2));
}

#[tokio::test]
async fn what_failed_is_executed_again_and_what_was_refused_is_not() {
    let served = start().await;
    let mut client = served.udp().await;
    for n in [FAILS, FAILS, PANICS, PANICS] {
        assert_eq!(client.add(7, n).await, Err(Refusal::SystemErr));
    }
    assert_eq!(served.counter.executed(), 4);
    for _ in 0..2 {
        assert_eq!(client.add(7, REFUSES).await, Err(Refusal::GarbageArgs));
    }
    assert_eq!(served.counter.executed(), 5);
}

#[tokio::test]
async fn results_that_no_datagram_carries_are_executed_once_all_the_same() {
    let mut limits = ServerLimits::default();
    limits.datagram.send = 1_000;
    let served = serve(DuplicatePolicy::default(), Server::new().limits(limits)).await;
    let mut client = served.udp().await;
    for _ in 0..2 {
        let long = client.call(7, LONG, &2_000_u32.to_be_bytes()).await;
        assert_eq!(long, Err(Refusal::SystemErr));
    }
    assert_eq!(served.counter.executed(), 1);
}

#[tokio::test]
async fn long_results_are_not_remembered() {
    let served = start().await;
    let mut client = served.tcp().await;
    for _ in 0..2 {
        let long = client.call(7, LONG, &100_000_u32.to_be_bytes()).await;
        assert_eq!(long, Ok(100_000));
    }
    assert_eq!(served.counter.executed(), 2);
}
