//! A server and the ways to it, which fail.

use std::future::poll_fn;
use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use oncrpc::netid::Netid;
use oncrpc::peer::{Address, Peer};
use oncrpc::{CallTable, Retransmit, Services};
use oncrpc_transport::testing::{Dice, FaultyStream, MemoryLink, StreamFaults, datagrams};
use oncrpc_transport::{Connection, Driver, LadderPool, Limits, Link, Stop, StreamLink};
use tokio::io::duplex;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::cell::{Cell, Side};
use crate::program::Program;
use crate::setting::{Setting, Transport};

/// A server and the ways to it, which fail as the cell has it.
pub struct World {
    cell: Cell,
    seed: u64,
    stop: Stop,
    state: Mutex<State>,
}

/// How the way to the server is.
#[derive(Clone, Copy, Debug)]
pub enum Way {
    /// Nothing happens on it.
    Sound,
    /// It is as the setting has it.
    Failing,
    /// It is struck at this part of the first message.
    Struck(f64),
}

/// What happens to processes, not on the way.
const SOUND: Setting = Setting::Restart;

struct State {
    /// The server's processes, the present one last.
    programs: Vec<Arc<Program>>,
    ladders: Arc<LadderPool>,
    up: bool,
    /// Connections so far.
    connections: u32,
    /// The server's ends of paths for datagrams, which outlive its processes.
    ends: Vec<(MemoryLink, u32)>,
    servers: JoinSet<()>,
    clients: JoinSet<()>,
    /// What takes datagrams where nobody listens.
    holes: JoinSet<()>,
}

impl World {
    pub fn new(cell: Cell, seed: u64) -> Arc<Self> {
        let (program, ladders) = process();
        let state = State {
            programs: vec![program],
            ladders,
            up: true,
            connections: 0,
            ends: Vec::new(),
            servers: JoinSet::new(),
            clients: JoinSet::new(),
            holes: JoinSet::new(),
        };
        Arc::new(Self {
            cell,
            seed,
            stop: Stop::new(),
            state: Mutex::new(state),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Connects to the server.
    pub fn connect(&self, way: Way) -> io::Result<Connection> {
        let mut state = self.state();
        if !state.up {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        let nth = state.connections;
        state.connections += 1;
        let seed = self.seed.wrapping_add(u64::from(nth) << 32);
        // Xids wrap around within the cell. Of later connections they are others, as a process draws them.
        let table = CallTable::new(match nth {
            0 => u32::MAX - 7,
            _ => Dice::new(seed).below(1 << 32) as u32,
        });
        let Cell {
            setting,
            transport,
            size,
            side,
        } = self.cell;
        let (setting, place) = match way {
            Way::Sound => (SOUND, None),
            Way::Failing => (setting, None),
            Way::Struck(place) => (setting, Some(place)),
        };
        let (call, reply) = size.records();
        let at_client = side == Side::Client;
        match transport {
            Transport::Datagrams => {
                let len = if at_client { reply } else { call } - 4;
                let sound = SOUND.of_datagrams(len, nth);
                let suffers = setting.of_datagrams(len, nth);
                let (ours, theirs) = match at_client {
                    true => datagrams(suffers, sound, seed),
                    false => datagrams(sound, suffers, seed),
                };
                state.ends.push((theirs.again(), nth));
                self.serve(&mut state, theirs, nth);
                let table = table.with_retransmit(Retransmit::adaptive());
                Ok(state.call_over(ours, table))
            }
            Transport::Tcp | Transport::Unix => {
                let len = if at_client { reply } else { call };
                let sound = SOUND.of_stream(transport, len, None, nth);
                let suffers = setting.of_stream(transport, len, place, nth);
                let (ours, theirs) = duplex(1 << 16);
                let (at_ours, at_theirs) = match at_client {
                    true => (suffers, sound),
                    false => (sound, suffers),
                };
                let stream = |stream, faults: StreamFaults| FaultyStream::new(stream, faults, seed);
                let theirs = StreamLink::new(stream(theirs, at_theirs), Limits::SERVER.record);
                self.serve(&mut state, theirs, nth);
                let ours = StreamLink::new(stream(ours, at_ours), Limits::CLIENT.record);
                Ok(state.call_over(ours, table))
            }
        }
    }

    fn serve(&self, state: &mut State, link: impl Link, nth: u32) {
        let (netid, limits) = match self.cell.transport {
            Transport::Datagrams => (Netid::Udp, Limits::SERVER),
            Transport::Tcp => (Netid::Tcp, Limits::SERVER),
            Transport::Unix => {
                let idle = None;
                (
                    Netid::Local,
                    Limits {
                        idle,
                        ..Limits::SERVER
                    },
                )
            }
        };
        let at = |port| match self.cell.transport {
            Transport::Unix => Address::Local,
            Transport::Datagrams | Transport::Tcp => {
                Address::Inet((Ipv4Addr::LOCALHOST, port).into())
            }
        };
        let peer = Peer {
            netid,
            remote: at(1_024 + nth as u16),
            local: at(111),
            interface: None,
        };
        let ladders = state.ladders.clone();
        let driver = Driver::new(link, limits).serving(ladders, peer, self.stop.subscribe());
        state.servers.spawn(async {
            let _ = driver.run().await;
        });
    }

    /// Ends the process at the side that suffers, and starts another a moment later.
    pub async fn restart(&self) {
        if self.cell.side == Side::Client {
            self.state().clients.abort_all();
            return;
        }
        self.kill();
        sleep(Duration::from_millis(300)).await;
        self.start();
    }

    fn kill(&self) {
        let mut state = self.state();
        state.up = false;
        state.servers.abort_all();
        let State { ends, holes, .. } = &mut *state;
        for (end, _) in ends {
            let mut end = end.again();
            holes.spawn(async move {
                while poll_fn(|cx| end.poll_message(cx).map(|next| matches!(next, Ok(Some(_)))))
                    .await
                {}
            });
        }
    }

    fn start(&self) {
        let mut state = self.state();
        let (program, ladders) = process();
        state.programs.push(program);
        state.ladders = ladders;
        state.up = true;
        state.holes.abort_all();
        let ends: Vec<_> = state
            .ends
            .iter()
            .map(|(end, nth)| (end.again(), *nth))
            .collect();
        for (end, nth) in ends {
            self.serve(&mut state, end, nth);
        }
    }

    /// Waits until every connection has ended, at both sides.
    pub async fn ended(&self) {
        let (mut clients, mut servers) = {
            let mut state = self.state();
            let State {
                clients, servers, ..
            } = &mut *state;
            (std::mem::take(clients), std::mem::take(servers))
        };
        while clients.join_next().await.is_some() {}
        while servers.join_next().await.is_some() {}
    }

    /// The most often that one of the server's processes executed a call.
    pub fn most_executed(&self) -> u32 {
        let state = self.state();
        let executed = state.programs.iter().map(|program| program.most_executed());
        executed.max().unwrap_or_default()
    }
}

impl State {
    fn call_over(&mut self, link: impl Link, table: CallTable) -> Connection {
        let (connection, driver) = Connection::new(link, table, Limits::CLIENT);
        self.clients.spawn(async {
            let _ = driver.run().await;
        });
        connection
    }
}

/// A process of the server.
fn process() -> (Arc<Program>, Arc<LadderPool>) {
    let program = Arc::new(Program::default());
    let services = Services::new([program.service()]);
    (program, Arc::new(LadderPool::new(Arc::new(services))))
}
