//! From a listener to connections.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use oncrpc::peer::Peer;
use oncrpc_transport::stream::ByteStream;
use oncrpc_transport::{Budget, Driver, LadderPool, Limits, Stopped, StreamLink, socket};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::gate::{Gate, Place};
use crate::listen::Whose;

/// Time to wait when the process or the host is out of descriptors or memory; doubled while it stays so.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// Longest time to wait: as soon as there is a descriptor again, it is used.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// Most connections that each listener accepts when the server is about to end: they are soon gone, and each has a place
/// before it is read.
const LAST: usize = 1024;

/// Time for the first call of a connection that was accepted when the server was about to end.
const LAST_CALL: Duration = Duration::from_millis(100);

/// Time between two records of the same trouble, which may come and go with each connection.
const WARN_EVERY: Duration = Duration::from_secs(10);

/// A socket that accepts streams.
pub(crate) trait Accept: Send + 'static {
    /// What it accepts.
    type Stream: ByteStream;

    /// Waits for the next connection.
    fn accept(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send;

    /// Accepts whoever waits now, up to so many, and nobody any more.
    fn accept_last(self, most: usize) -> Vec<Self::Stream>;

    /// Waits until there is something to be read.
    fn readable(stream: &Self::Stream) -> impl Future<Output = io::Result<()>> + Send;

    /// Says who is at the other end of what was accepted.
    fn peer(stream: &Self::Stream) -> io::Result<Peer>;

    /// Sets up what somebody else has accepted. From a listener of ours it comes set up.
    fn prepare(stream: &Self::Stream) -> io::Result<()>;
}

impl Accept for TcpListener {
    type Stream = TcpStream;

    async fn accept(&self) -> io::Result<TcpStream> {
        Self::accept(self).await.map(|(stream, _)| stream)
    }

    fn accept_last(self, most: usize) -> Vec<TcpStream> {
        all_that_wait(self.into_std(), most, |listener| {
            let (stream, _) = listener.accept()?;
            stream.set_nonblocking(true)?;
            TcpStream::from_std(stream)
        })
    }

    async fn readable(stream: &TcpStream) -> io::Result<()> {
        stream.readable().await
    }

    fn peer(stream: &TcpStream) -> io::Result<Peer> {
        socket::tcp_peer(stream)
    }

    fn prepare(stream: &TcpStream) -> io::Result<()> {
        socket::prepare_tcp(stream, Some(socket::KEEPALIVE))
    }
}

impl Accept for UnixListener {
    type Stream = UnixStream;

    async fn accept(&self) -> io::Result<UnixStream> {
        Self::accept(self).await.map(|(stream, _)| stream)
    }

    fn accept_last(self, most: usize) -> Vec<UnixStream> {
        all_that_wait(self.into_std(), most, |listener| {
            let (stream, _) = listener.accept()?;
            stream.set_nonblocking(true)?;
            UnixStream::from_std(stream)
        })
    }

    async fn readable(stream: &UnixStream) -> io::Result<()> {
        stream.readable().await
    }

    fn peer(stream: &UnixStream) -> io::Result<Peer> {
        socket::unix_peer(stream)
    }

    fn prepare(_: &UnixStream) -> io::Result<()> {
        Ok(())
    }
}

/// What the connections of one listener have in common.
#[derive(Clone)]
pub(crate) struct Connections {
    pub(crate) ladders: Arc<LadderPool>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) budget: Arc<Budget>,
    pub(crate) stop: Stopped,
}

impl Connections {
    /// Accepts connections and serves them until `stop` ends; ends when the last of them has ended. Who is connected
    /// and waits by then may have called: it is accepted still, unless the listener is somebody else's, too, for the next
    /// server to accept at.
    ///
    /// A peer that has its share of connections is closed at once: whether it is one of those can only be told
    /// when it is accepted, and whoever comes behind it shall not wait for it. Where there is no place, a
    /// connection that nobody uses is ended for it; where all are in use the listener holds one peer back until one is
    /// not, and others wait in the kernel's backlog, which a client sees as a slow server and not as a broken one. A
    /// listener that nobody calls at holds no place that another listener could use.
    pub(crate) async fn accept_from<A: Accept>(mut self, listener: A, whose: Whose) {
        let mut connections = JoinSet::new();
        let mut late = Vec::new();
        let mut pause = FIRST_PAUSE;
        let mut warned: Option<Instant> = None;
        while let Some(accepted) = self.until(&mut connections, listener.accept()).await {
            let stream = match accepted {
                Ok(stream) => stream,
                Err(error) if is_about_one_connection(&error) => continue,
                Err(error) => {
                    if warned.is_none_or(|at| at.elapsed() >= WARN_EVERY) {
                        log::warn!("cannot accept connections: {error}");
                        warned = Some(Instant::now());
                    }
                    // Whoever waits may be of this host, and a descriptor is a place, too.
                    self.gate.make_room(false);
                    self.until(&mut connections, tokio::time::sleep(pause))
                        .await;
                    pause = LONGEST_PAUSE.min(pause * 2);
                    continue;
                }
            };
            pause = FIRST_PAUSE;
            let peer = match A::peer(&stream) {
                Ok(peer) => peer,
                // Gone before it could be asked who it is.
                Err(error) => {
                    log::debug!("connection lost: {error}");
                    continue;
                }
            };
            let Some(share) = self.gate.share(&peer) else {
                log::debug!("connection of {peer} closed: it has as many as one peer may have");
                continue;
            };
            let Some(place) = self.until(&mut connections, share.place()).await else {
                late.push(stream);
                break;
            };
            let seat = place.seat();
            let task = connections.spawn(self.serve(stream, peer, place));
            self.gate.ends_by(seat, task);
        }
        match whose {
            Whose::Ours => late.extend(listener.accept_last(LAST)),
            Whose::Shared => drop(listener),
        }
        for stream in late {
            connections.spawn(self.clone().serve_late::<A>(stream));
        }
        while connections.join_next().await.is_some() {}
    }

    /// Serves a connection that somebody else has accepted, to its end.
    pub(crate) async fn serve_only<A: Accept>(self, stream: A::Stream) {
        match A::prepare(&stream) {
            Ok(()) => self.serve_in_turn::<A>(stream).await,
            Err(error) => log::debug!("connection lost: {error}"),
        }
    }

    /// Answers what the peer has called, if it has: the server is about to end.
    async fn serve_late<A: Accept>(self, stream: A::Stream) {
        // Nothing is known yet of what has arrived.
        let _ = tokio::time::timeout(LAST_CALL, A::readable(&stream)).await;
        self.serve_in_turn::<A>(stream).await;
    }

    /// Serves a connection to its end, when there is a place for it.
    async fn serve_in_turn<A: Accept>(self, stream: A::Stream) {
        match A::peer(&stream) {
            Ok(peer) => {
                if let Some(share) = self.gate.share(&peer) {
                    let place = share.place().await;
                    self.serve(stream, peer, place).await;
                }
            }
            Err(error) => log::debug!("connection lost: {error}"),
        }
    }

    /// Waits for something while ended connections are cleared away; `None` if the server is to end.
    async fn until<T>(
        &mut self,
        connections: &mut JoinSet<()>,
        wanted: impl Future<Output = T>,
    ) -> Option<T> {
        let mut wanted = pin!(wanted);
        loop {
            tokio::select! {
                biased;
                () = &mut self.stop => return None,
                result = &mut wanted => return Some(result),
                Some(_) = connections.join_next() => {}
            }
        }
    }

    /// Serves one connection to its end.
    fn serve<S: ByteStream>(
        &self,
        stream: S,
        peer: Peer,
        place: Place,
    ) -> impl Future<Output = ()> + use<S> {
        let link = StreamLink::new(stream, self.limits.record);
        let driven = Driver::new(link, self.limits.clone())
            .within(self.budget.clone())
            .noting(place.activity().clone())
            .serving(self.ladders.clone(), peer, self.stop.clone())
            .run();
        async move {
            // Why it ended is in the log.
            let _ = driven.await;
            drop(place);
        }
    }
}

/// Accepts until nobody waits, up to so many times; a connection that is gone again is none.
fn all_that_wait<L, S>(
    listener: io::Result<L>,
    most: usize,
    accept: impl Fn(&L) -> io::Result<S>,
) -> Vec<S> {
    let Ok(listener) = listener else {
        return Vec::new();
    };
    let accepted = (0..most).map(|_| accept(&listener));
    let accepted = accepted.take_while(|accepted| match accepted {
        Ok(_) => true,
        Err(error) => is_about_one_connection(error),
    });
    accepted.flatten().collect()
}

/// Whether a failed accept was the trouble of one connection, and the next may be accepted at once.
///
/// These are the errors that Linux reports of a connection that is gone again before it was accepted, or that
/// a firewall does not let through (accept(2)).
fn is_about_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{
        ConnectionAborted, ConnectionReset, HostUnreachable, Interrupted, NetworkDown,
        NetworkUnreachable, PermissionDenied, TimedOut,
    };
    matches!(
        error.kind(),
        ConnectionAborted
            | ConnectionReset
            | HostUnreachable
            | Interrupted
            | NetworkDown
            | NetworkUnreachable
            | PermissionDenied
            | TimedOut
    )
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use oncrpc::Services;
    use oncrpc_transport::Stop;

    use super::*;
    use crate::ServerLimits;

    // errno(3), as Linux numbers it on every architecture.
    const EBADF: i32 = 9;
    const ENOMEM: i32 = 12;
    const ENFILE: i32 = 23;
    const EMFILE: i32 = 24;

    /// A listener that is out of descriptors.
    struct Exhausted {
        asked: Arc<AtomicUsize>,
        error: i32,
    }

    impl Accept for Exhausted {
        type Stream = TcpStream;

        async fn accept(&self) -> io::Result<TcpStream> {
            self.asked.fetch_add(1, Ordering::Relaxed);
            // As a real listener does, it lets others have their turn.
            tokio::task::yield_now().await;
            Err(io::Error::from_raw_os_error(self.error))
        }

        fn accept_last(self, _: usize) -> Vec<TcpStream> {
            Vec::new()
        }

        async fn readable(_: &TcpStream) -> io::Result<()> {
            Ok(())
        }

        fn peer(stream: &TcpStream) -> io::Result<Peer> {
            socket::tcp_peer(stream)
        }

        fn prepare(_: &TcpStream) -> io::Result<()> {
            Ok(())
        }
    }

    fn connections() -> (Stop, Connections) {
        let stop = Stop::new();
        let connections = Connections {
            ladders: Arc::new(LadderPool::new(Arc::new(Services::new([])))),
            limits: Arc::new(Limits::SERVER),
            gate: Gate::new(ServerLimits::default()),
            budget: Arc::new(Budget::new(1 << 20, 1)),
            stop: stop.subscribe(),
        };
        (stop, connections)
    }

    #[tokio::test(start_paused = true)]
    async fn without_descriptors_a_listener_asks_twice_a_second_and_ends_when_told() {
        for error in [EMFILE, ENFILE, ENOMEM, EBADF] {
            let asked = Arc::new(AtomicUsize::new(0));
            let listener = Exhausted {
                asked: asked.clone(),
                error,
            };
            let (stop, connections) = connections();
            let accepting = tokio::spawn(connections.accept_from(listener, Whose::Shared));
            tokio::time::sleep(Duration::from_secs(10)).await;
            // 50, 100, 200 and 400 ms, then every 500 ms.
            assert_eq!(asked.load(Ordering::Relaxed), 4 + 19);
            let told = Instant::now();
            stop.stop();
            accepting.await.unwrap();
            assert_eq!(told.elapsed(), Duration::ZERO, "it ends without waiting");
        }
    }
}
