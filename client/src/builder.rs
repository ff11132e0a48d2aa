//! How a channel is put together.

use std::future::Future;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use oncrpc::auth::ClientAuth;
use oncrpc::call::caller::MAX_TIMEOUT;
use oncrpc::netid::Netid;
use oncrpc::{Retransmit, Service};
use oncrpc_transport::stream::ByteStream;
use oncrpc_transport::{Connection, Limits};

use crate::given;
use crate::made::Made;
use crate::nettype::Transports;
use crate::place::{Place, Program, What};
use crate::rpcbind::RpcbindAt;
use crate::settings::Settings;
use crate::{Channel, Endpoint, NetType, Reconnect, Target};

/// How a channel is put together; the last step says where the server is.
#[derive(Clone, Debug)]
#[must_use = "the channel is what the last step gives back: `program`, for example"]
pub struct Builder {
    target: Target,
    transports: Transports,
    rpcbind: Option<RpcbindAt>,
    settings: Settings,
}

impl Builder {
    pub(crate) fn new(target: Target) -> Self {
        Self {
            target,
            transports: Transports::Listed(vec![Netid::Tcp, Netid::Tcp6]),
            rpcbind: None,
            settings: Settings::default(),
        }
    }

    /// Uses this transport. Default: `tcp`, then `tcp6`. It means nothing for a target that is a Unix socket or a
    /// command.
    pub fn netid(mut self, netid: Netid) -> Self {
        self.transports = Transports::Listed(vec![netid]);
        self
    }

    /// Uses the transports of a class, in the order of `/etc/netconfig` or of the user's `NETPATH`, until one of them
    /// reaches the server.
    pub fn nettype(mut self, class: NetType) -> Self {
        self.transports = Transports::Class(class);
        self
    }

    /// Calls in the name of `auth`. Default: AUTH_NONE.
    pub fn auth(mut self, auth: Arc<dyn ClientAuth>) -> Self {
        self.settings.auth = auth;
        self
    }

    /// Gives each call this much time, connecting and every transmission included; see
    /// [`CallOptions::timeout`](oncrpc::CallOptions::timeout). Default: 25 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.settings.timeout = timeout;
        self
    }

    /// Gives each of the server's addresses this much time, looking the program up there included, before the
    /// next one is tried. Default: 10 s.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.settings.connect_timeout = timeout;
        self
    }

    /// Has this many calls in flight at once; those beyond wait, each in its own time. Default: 128; one at least.
    pub fn max_in_flight(mut self, calls: usize) -> Self {
        self.settings.limits.in_flight = calls.max(1);
        self
    }

    /// Accepts replies of this many bytes, header included; a longer one ends the connection. Default: 64 MiB.
    ///
    /// This is for streams; a datagram has never more than 65,535.
    pub fn max_reply(mut self, bytes: u32) -> Self {
        self.settings.limits.record.record = bytes;
        self
    }

    /// Closes a connection on which no call has been in flight for this long; `None` keeps it. The next call
    /// connects anew. Default: 300 s.
    pub fn idle_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.settings.limits.idle = timeout.map(|timeout| timeout.min(MAX_TIMEOUT));
        self
    }

    /// Has TCP ask after this time of silence (1 s at least) whether the server is still there, every 10 s; six questions
    /// without an answer end the connection. `None` has it never ask. Default: 60 s.
    pub fn keepalive(mut self, silence: Option<Duration>) -> Self {
        self.settings.keepalive = silence;
        self
    }

    /// Looks for a reply again and again for as long as this before it sleeps: busy polling. Default: `None`, it sleeps
    /// at once.
    ///
    /// To be woken takes longer than a server that is near needs for a short call, so that one call at a time is answered
    /// sooner; where many are in flight there is nothing to gain. It costs the runtime's thread, and so a processor, for as long as
    /// a reply is waited for, at most this long after the last message. It is not what Linux calls `SO_BUSY_POLL`, by which the
    /// kernel asks a network card for packets.
    pub fn busy_poll(mut self, time: Option<Duration>) -> Self {
        self.settings.limits.busy_poll = time;
        self
    }

    /// Grants the server other limits than [`Limits::CLIENT`], all of them at once.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.settings.limits = limits;
        self
    }

    /// Repeats datagrams by another policy than [`Retransmit::adaptive`].
    pub fn retransmit(mut self, retransmit: Retransmit) -> Self {
        self.settings.retransmit = retransmit;
        self
    }

    /// Whether a call of a channel over UDP that no datagram holds (65,507 bytes) goes over TCP instead, to where the same
    /// program or port is there. Default: `false`, it fails with [`CallError::TooLarge`](oncrpc::CallError::TooLarge).
    ///
    /// The connection is made for the first such call, and kept beside the other. A server has to serve both
    /// transports, and to do without the order of calls: one may overtake another on the other way.
    pub fn tcp_if_large(mut self, allow: bool) -> Self {
        self.settings.tcp_if_large = allow;
        self
    }

    /// Comes from a port below 1024, over TCP and UDP, as NFS servers want it that take such a port for proof that
    /// root is calling. Connecting fails for whoever may not have one; the look-up at rpcbind does without.
    pub fn reserved_port(mut self) -> Self {
        self.settings.reserved_port = true;
        self
    }

    /// Leaves a server that cannot be reached alone by another policy than the default one.
    pub fn reconnect(mut self, reconnect: Reconnect) -> Self {
        self.settings.reconnect = reconnect;
        self
    }

    /// Whether calls wait for a server that cannot be reached, or that rpcbind does not know yet, until their
    /// time is up. Each then gets the error of the last attempt. Default: `false`, they fail at once.
    ///
    /// What has been sent is not sent again: that a connection was lost is for the caller to judge.
    pub fn wait_for_server(mut self, wait: bool) -> Self {
        self.settings.wait_for_server = wait;
        self
    }

    /// Serves one more version of a program to the server, on the channel's own connection: callbacks.
    ///
    /// The server calls it through [`CallContext::reverse`](oncrpc::CallContext::reverse), for as long as the
    /// connection lasts; so the connection is no longer ended for being idle, unless what is given after this
    /// says so. See [`Channel::disconnected`] for what to do when it ends all the same. A handler of a callback
    /// may call the server in turn. Over UDP nothing is served.
    ///
    /// ```
    /// # fn example(events: std::sync::Arc<dyn oncrpc::Service>) -> Result<(), oncrpc_client::TargetError> {
    /// use oncrpc_client::Channel;
    ///
    /// let channel = Channel::builder("server.example".parse()?)
    ///     .serve(events)
    ///     .program(0x2000_0001, 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn serve(mut self, service: Arc<dyn Service>) -> Self {
        self.settings.services.push(service);
        self.settings.limits.idle = None;
        self
    }

    /// Asks this rpcbind where programs are. Default: the one on the server's port 111, or on this host
    /// for the transport `local`.
    pub fn rpcbind(self, rpcbind: RpcbindAt) -> Self {
        Self {
            rpcbind: Some(rpcbind),
            ..self
        }
    }

    /// A channel to a program, at the address that rpcbind names when the channel connects; or at the port or socket,
    /// if the target is one.
    pub fn program(mut self, program: u32, version: u32) -> Channel {
        let rpcbind = self.rpcbind.take();
        self.channel(What::Program(Program {
            program,
            version,
            rpcbind,
        }))
    }

    /// A channel to a port, which rpcbind is not asked for. It means nothing for a Unix socket or a command.
    pub fn port(self, port: u16) -> Channel {
        self.channel(What::Port(port))
    }

    /// A channel over a stream that leads to the server already: a tunnel, a pipe, one end of a pair. It is to be made
    /// within a tokio runtime, whose task drives the connection from here on.
    ///
    /// When the stream has ended, calls fail: nobody knows the way to another. What leads to the target, and what
    /// connecting is about, means nothing here.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use oncrpc_client::Channel;
    ///
    /// let (ours, theirs) = tokio::io::duplex(65_536);
    /// let channel = Channel::over(ours);
    /// # drop((channel, theirs));
    /// # }
    /// ```
    pub fn over(self, stream: impl ByteStream) -> Channel {
        given::over_stream(self.settings, stream).into()
    }

    /// A channel over a socket that leads to the server already, such as a descriptor that another process has handed
    /// over. Otherwise it is as [`over`](Self::over).
    ///
    /// # Errors
    ///
    /// It is no socket, not connected, or neither TCP, UDP nor a Unix stream.
    pub fn inherited(self, socket: OwnedFd) -> io::Result<Channel> {
        given::over_socket(self.settings, socket).map(Channel::from)
    }

    /// A channel whose connections the caller makes, over whatever carries messages: `connect` is called when there is
    /// to be one, first and whenever the one before has ended. It has the connection's driver run.
    ///
    /// What leads to the target, and what is said of connections ([`limits`](Self::limits),
    /// [`retransmit`](Self::retransmit), [`serve`](Self::serve)), means nothing here.
    ///
    /// ```
    /// # fn example(address: std::net::SocketAddr) -> Result<(), oncrpc_client::TargetError> {
    /// use oncrpc::CallTable;
    /// use oncrpc_client::Channel;
    /// use oncrpc_transport::connection::random_xid;
    /// use oncrpc_transport::{Connection, Limits, StreamLink};
    /// use tokio::net::TcpStream;
    ///
    /// let channel = Channel::builder("server.example".parse()?).connect_by(move || async move {
    ///     let stream = TcpStream::connect(address).await?;
    ///     let link = StreamLink::new(stream, Limits::CLIENT.record);
    ///     let table = CallTable::new(random_xid());
    ///     let (connection, driver) = Connection::new(link, table, Limits::CLIENT);
    ///     tokio::spawn(driver.run());
    ///     Ok(connection)
    /// });
    /// # Ok(())
    /// # }
    /// ```
    pub fn connect_by<F, C>(self, connect: F) -> Channel
    where
        F: Fn() -> C + Send + Sync + 'static,
        C: Future<Output = io::Result<Connection>> + Send + 'static,
    {
        Channel::new(Place::Made(Made::by(connect)), self.settings)
    }

    fn channel(self, wanted: What) -> Channel {
        let transports = self.transports;
        let on = |host, what| Place::On {
            host,
            transports,
            what,
        };
        let place = match (self.target, wanted) {
            (Target::Port(host, port), What::Program(_)) => on(host, What::Port(port)),
            (Target::Host(host) | Target::Port(host, _), what) => on(host, what),
            (Target::Unix(path), _) => Endpoint::Unix(path).into(),
            (Target::Abstract(name), _) => Endpoint::Abstract(name).into(),
            (Target::Command { program, arguments }, _) => {
                Endpoint::Command { program, arguments }.into()
            }
        };
        Channel::new(place, self.settings)
    }
}
