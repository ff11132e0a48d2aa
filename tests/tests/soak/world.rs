//! The portmapper, those who call it well, and the day's programme.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use oncrpc::netid::Netid;
use oncrpc::peer::{Address, Peer, UnixPeer};
use oncrpc::{CallOptions, CallTable, ProcedureId, RawCaller, Services};
use oncrpc_portmapper::limits;
use oncrpc_portmapper::netconfig;
use oncrpc_portmapper::portmapper::Portmapper;
use oncrpc_portmapper::request_log::RequestLog;
use oncrpc_portmapper::service;
use oncrpc_portmapper::services::ProgramNames;
use oncrpc_portmapper::settings::Settings;
use oncrpc_portmapper::state::StateDirectory;
use oncrpc_transport::{Budget, Connection, Driver, LadderPool, Limits, Stop, StreamLink};
use oncrpc_xdr::Writer;
use tokio::io::{DuplexStream, duplex};
use tokio::time::{Duration, sleep};

use crate::hostile;

/// Connections of those who call well.
pub(crate) const CALLERS: usize = 10;

/// Calls that these make in each second, together.
const CALLS: u32 = 50;

/// Hostile connections in each second.
pub(crate) const HOSTILE: u32 = 5;

/// A host with a portmapper.
pub(crate) struct World {
    state: PathBuf,
    portmapper: Arc<Portmapper>,
    ladders: Arc<LadderPool>,
    budget: Arc<Budget>,
    stop: Stop,
    callers: Vec<Connection>,
    pub(crate) calls: u32,
    pub(crate) hostile: u32,
}

impl World {
    pub(crate) fn new() -> Self {
        let name = format!("oncrpc-soak-{}", std::process::id());
        let state = std::env::temp_dir().join(name);
        std::fs::create_dir(&state).unwrap();
        let (portmapper, ladders) = portmapper(&state);
        let mut world = Self {
            state,
            portmapper,
            ladders,
            budget: Arc::new(Budget::new(32 << 20, 4096)),
            stop: Stop::new(),
            callers: Vec::new(),
            calls: 0,
            hostile: 0,
        };
        world.call_in();
        world
    }

    /// Those who call well have a connection each, as the kernel has one by the Unix socket.
    fn call_in(&mut self) {
        self.callers = (0..CALLERS)
            .map(|_| {
                let stream = self.connect(true);
                let link = StreamLink::new(stream, Limits::CLIENT.record);
                let limits = Limits {
                    idle: None,
                    ..Limits::CLIENT
                };
                let (connection, driver) = Connection::new(link, CallTable::new(7), limits);
                tokio::spawn(driver.run());
                connection
            })
            .collect();
    }

    /// A connection to the portmapper, by the Unix socket or by TCP from elsewhere.
    fn connect(&self, by_unix_socket: bool) -> DuplexStream {
        let granted = limits::of(&Settings::default());
        let (netid, remote, limits) = if by_unix_socket {
            let (uid, gid, pid) = (0, 0, None);
            let remote = Address::Unix(UnixPeer { uid, gid, pid });
            (Netid::Local, remote, granted.unix_connection)
        } else {
            let remote = Address::Inet(([192, 0, 2, 9], 1000).into());
            (Netid::Tcp, remote, granted.connection)
        };
        let peer = Peer {
            netid,
            remote,
            local: Address::Inet(([192, 0, 2, 1], 111).into()),
            interface: None,
        };
        let (ours, theirs) = duplex(16 << 10);
        let driver = Driver::new(StreamLink::new(theirs, limits.record), limits)
            .within(self.budget.clone())
            .serving(self.ladders.clone(), peer, self.stop.subscribe());
        tokio::spawn(driver.run());
        ours
    }

    /// A second of the day: calls one after the other, hostile peers beside.
    pub(crate) async fn second(&mut self, second: u32) {
        for nth in 0..HOSTILE {
            let stream = self.connect(false);
            tokio::spawn(hostile::act(second * HOSTILE + nth, stream));
            self.hostile += 1;
        }
        for nth in 0..CALLS {
            let caller = &self.callers[nth as usize % CALLERS];
            let (procedure, args) = question(second, nth);
            let id = ProcedureId {
                program: 100_000,
                version: 4,
                procedure,
            };
            let answer = caller.call_raw(id, args, CallOptions::default()).await;
            let answer = answer.unwrap();
            if procedure == SET || procedure == UNSET {
                assert_eq!(answer[..], [0, 0, 0, 1], "{procedure} in second {second}");
            }
            self.calls += 1;
        }
        sleep(Duration::from_secs(1)).await;
    }

    /// The daemon ends and starts again; what is registered stays, and everybody calls in again.
    pub(crate) async fn restart(&mut self) {
        self.stop.stop();
        for caller in &self.callers {
            caller.ended().await;
        }
        self.stop = Stop::new();
        self.portmapper.end();
        let before = self.portmapper.fullness().used;
        (self.portmapper, self.ladders) = portmapper(&self.state);
        assert_eq!(self.portmapper.fullness().used, before);
        assert_eq!(self.budget.taken(), 0, "nothing is held for who is gone");
        self.call_in();
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.state);
    }
}

fn portmapper(state: &PathBuf) -> (Arc<Portmapper>, Arc<LadderPool>) {
    let (networks, _) = netconfig::read(&PathBuf::from("/nonexistent/netconfig")).unwrap();
    let policy = Settings::default().policy();
    let log = RequestLog::new(false, ProgramNames::default());
    let portmapper = Portmapper::new(policy, networks, StateDirectory::new(state), log);
    portmapper.announce(&Netid::Tcp, &"0.0.0.0.0.111".into());
    portmapper.announce(&Netid::Local, &"/run/rpcbind.sock".into());
    portmapper.start(true);
    let portmapper = Arc::new(portmapper);
    let services = Services::new(service::services(&portmapper));
    (portmapper, Arc::new(LadderPool::new(Arc::new(services))))
}

const SET: u32 = 1;
const UNSET: u32 = 2;
const GETADDR: u32 = 3;
const DUMP: u32 = 4;
const GETTIME: u32 = 6;
const GETADDRLIST: u32 = 11;
const GETSTAT: u32 = 12;

/// What is asked as the nth of a second: mostly look-ups, of ever new programs, too; services come and go.
fn question(second: u32, nth: u32) -> (u32, Bytes) {
    let comes = 500_000 + second * 5 + nth / 10;
    match nth % 10 {
        0 => (SET, rpcb(comes, "tcp", "0.0.0.0.8.1")),
        1 => (GETADDR, rpcb(comes, "tcp", "")),
        2 => (GETADDRLIST, rpcb(100_000, "", "")),
        3 => (GETADDR, rpcb(0x3000_0000 + second * CALLS + nth, "udp", "")),
        4 => (0, Bytes::new()),
        5 => (GETTIME, Bytes::new()),
        6 => (GETSTAT, Bytes::new()),
        7 => (DUMP, Bytes::new()),
        8 => (UNSET, rpcb(comes, "", "")),
        _ => (GETADDR, rpcb(100_000, "tcp", "")),
    }
}

fn rpcb(program: u32, netid: &str, uaddr: &str) -> Bytes {
    let mut w = Writer::new();
    w.u32(program);
    w.u32(1);
    for text in [netid, uaddr, ""] {
        w.string(&text.into(), u32::MAX).unwrap();
    }
    w.into_bytes().to_vec().into()
}
