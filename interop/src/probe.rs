use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use crate::daemon::{Daemon, Ready};
use crate::host::Host;
use crate::peers::c_peer;
use crate::programs::ours;
use crate::socket::{Answer, converse};
use crate::wire::{Message, call};

/// The number of the probe program.
pub const PROBE: u32 = 0x2000_0e11;

/// The port of all its transports but local.
pub const PROBE_PORT: u16 = 2901;

/// Where it listens for `local`.
const LOCAL_PATH: &str = "/run/probe.sock";

/// A well-formed call of version 2 of the probe program.
pub fn probe(procedure: u32) -> Message {
    call(2, procedure).program(PROBE)
}

impl Host {
    /// Starts the C server of probe.x (`peers/probe_server.c`) with these flags on these netids.
    pub fn c_probe_server(&self, flags: &[&str], netids: &[&str]) -> Daemon {
        let mut command = self.command(0, c_peer("probe_server"));
        command.args(flags).arg(PROBE_PORT.to_string()).args(netids);
        self.start(command, Ready::Line)
    }

    /// Starts our server of probe.x with these flags on these netids.
    pub fn our_probe_server(&self, flags: &[&str], netids: &[&str]) -> Daemon {
        static OURS: OnceLock<PathBuf> = OnceLock::new();
        let program =
            OURS.get_or_init(|| ours("ONCRPC_PROBE_SERVER", "oncrpc-probe", "probe-server"));
        let mut command = self.command(0, program);
        command.args(flags).arg(PROBE_PORT.to_string()).args(netids);
        self.start(command, Ready::Line)
    }

    /// How a line of shell names the C client of probe.x (`peers/probe_client.c`), or the one of `rpcgen -M`.
    pub fn c_probe_client(&self, threads: bool) -> String {
        let name = if threads {
            "probe_client_mt"
        } else {
            "probe_client"
        };
        c_peer(name).display().to_string()
    }

    /// How a line of shell names our client of probe.x.
    pub fn our_probe_client(&self) -> String {
        static OURS: OnceLock<PathBuf> = OnceLock::new();
        let program =
            OURS.get_or_init(|| ours("ONCRPC_PROBE_CLIENT", "oncrpc-probe", "probe-client"));
        program.display().to_string()
    }

    /// A connection to the probe server over TCP.
    pub fn probe_tcp(&self) -> TcpStream {
        self.probe_stream_to("127.0.0.1")
    }

    fn probe_stream_to(&self, address: &str) -> TcpStream {
        let place = SocketAddr::new(address.parse().expect("an address"), PROBE_PORT);
        let stream = self.in_network(|| TcpStream::connect(place));
        let stream = stream.expect("the server listens");
        let patient = stream.set_read_timeout(Some(PATIENCE));
        patient.expect("it is a socket");
        stream
    }

    /// Sends bytes to the probe server on a connection of their own, and then a NULL: what came before the answer
    /// to that is the answer to the bytes.
    pub fn probe_bytes(&self, netid: &str, bytes: &[u8]) -> Answer {
        match netid {
            "tcp" => converse(&mut self.probe_tcp(), bytes, &last_word()),
            "tcp6" => converse(&mut self.probe_stream_to("::1"), bytes, &last_word()),
            _ => {
                let stream = UnixStream::connect(self.path(LOCAL_PATH));
                let mut stream = stream.expect("the server listens");
                let patient = stream.set_read_timeout(Some(PATIENCE));
                patient.expect("it is a socket");
                converse(&mut stream, bytes, &last_word())
            }
        }
    }

    /// The same with a datagram for each of these.
    pub fn probe_datagrams(&self, datagrams: &[Vec<u8>]) -> Answer {
        self.probe_datagrams_at(([127, 0, 0, 1], PROBE_PORT).into(), datagrams)
    }

    /// The same, at any of this host's addresses.
    pub fn probe_datagrams_at(&self, at: SocketAddr, datagrams: &[Vec<u8>]) -> Answer {
        let any = if at.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let socket = self.in_network(|| UdpSocket::bind(any));
        let socket = socket.expect("there is a free port");
        socket.connect(at).expect("an address of this host");
        socket
            .set_read_timeout(Some(PATIENCE))
            .expect("it is a socket");
        let last = last_word();
        for datagram in datagrams.iter().chain([&last.bytes()]) {
            socket.send(datagram).expect("it fits a datagram");
        }
        let mut answer = Answer::silence();
        let mut buffer = vec![0; 1 << 16];
        loop {
            let received = socket.recv(&mut buffer);
            let length =
                received.unwrap_or_else(|error| panic!("no answer to NULL at {at}: {error}"));
            if last.is_answered_by(&buffer[..length]) {
                return answer;
            }
            answer.replies.push(buffer[..length].to_vec());
        }
    }
}

/// The call that follows all others.
fn last_word() -> Message {
    probe(0).xid(0x7fff_ffff)
}

/// How long to wait for what is certain to come: only what hangs ever meets it.
const PATIENCE: Duration = Duration::from_secs(30);
