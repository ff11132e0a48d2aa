//! Those who call while a storm goes on: the daemon it is over, and by turns one that it is not over, so that what the machine
//! itself takes is known.

use std::fmt;
use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::instance::{ask, call, rpcb, words};
use crate::weather::PATIENCE;

/// How somebody calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Datagrams,
    /// On a connection that is kept.
    Kept,
    /// On a connection for each call.
    New,
    /// By the Unix socket, on a connection for each call; it registers, too.
    Unix,
}

impl Way {
    pub(crate) const ALL: [Self; 4] = [Self::Datagrams, Self::Kept, Self::New, Self::Unix];
}

/// Callers who go on until they are told to end.
pub(crate) struct Others {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<[Vec<Duration>; 2]>,
}

/// A daemon that is called.
pub(crate) struct Called {
    pub(crate) port: u16,
    pub(crate) socket: PathBuf,
}

/// How long they waited.
pub(crate) struct Waited {
    pub(crate) calls: usize,
    pub(crate) of_2: Duration,
    /// 99 of 100 waited no longer.
    pub(crate) of_100: Duration,
    longest: Duration,
}

impl Others {
    /// Calls the daemon that the storm is over, and then the other, in each of these ways, again and again.
    pub(crate) fn begin(ways: &[Way], daemons: [Called; 2]) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, ways) = (stop.clone(), ways.to_vec());
        // Before whoever the storm consists of: who comes later to a full server may take the place of one who has not called.
        let mut kept = [0, 1].map(|which: usize| connect(daemons[which].port));
        let thread = thread::spawn(move || {
            let mut waited = [Vec::new(), Vec::new()];
            // Once at least: a storm may be over before.
            while waited[0].is_empty() || !stopped.load(Ordering::Relaxed) {
                for (which, daemon) in daemons.iter().enumerate() {
                    for way in &ways {
                        let begun = Instant::now();
                        match way {
                            Way::Datagrams => by_datagram(daemon.port),
                            Way::Kept => null(&mut kept[which]),
                            Way::New => null(&mut connect(daemon.port)),
                            Way::Unix => by_unix_socket(&daemon.socket),
                        }
                        waited[which].push(begun.elapsed());
                    }
                }
                // They are the measure and not the load.
                thread::park_timeout(Duration::from_millis(2));
            }
            waited
        });
        Self { stop, thread }
    }

    /// Ends them, and says how long they waited at either daemon; whoever was not answered makes this fail.
    pub(crate) fn end(self) -> [Waited; 2] {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap().map(Waited::of)
    }
}

impl Waited {
    fn of(mut waited: Vec<Duration>) -> Self {
        waited.sort_unstable();
        let part = |of: usize| waited[(waited.len() - 1) - waited.len() / of];
        Self {
            calls: waited.len(),
            of_2: part(2),
            of_100: part(100),
            longest: waited[waited.len() - 1],
        }
    }
}

impl fmt::Display for Waited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            calls,
            of_2,
            of_100,
            longest,
        } = self;
        write!(
            f,
            "{calls} calls, half in {of_2:.1?}, 99 % in {of_100:.1?}, all in {longest:.1?}"
        )
    }
}

fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

fn null(stream: &mut (impl Read + Write)) {
    assert!(ask(stream, 0, &[]).is_empty());
}

/// A datagram may get lost where there are too many, and is sent again.
fn by_datagram(port: u16) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(("127.0.0.1", port)).unwrap();
    let again = Duration::from_millis(100);
    socket.set_read_timeout(Some(again)).unwrap();
    let mut reply = [0; 100];
    for _ in 0..PATIENCE.as_millis() / again.as_millis() {
        socket.send(&call(0, &[])).unwrap();
        if let Ok(len) = socket.recv(&mut reply) {
            assert_eq!(reply[..len], words(&[7, 1, 0, 0, 0, 0]));
            return;
        }
    }
    panic!("no answer by UDP");
}

fn by_unix_socket(path: &PathBuf) {
    let mut stream = UnixStream::connect(path).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let entry = rpcb(400_000, "udp", "0.0.0.0.8.1");
    assert_eq!(ask(&mut stream, 1, &entry), words(&[1]), "SET");
    let entry = rpcb(400_000, "", "");
    assert_eq!(ask(&mut stream, 2, &entry), words(&[1]), "UNSET");
}
