//! From a listener to connections.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use oncrpc::Session;
use oncrpc::peer::Peer;
use oncrpc_transport::stream::ByteStream;
use oncrpc_transport::{Driver, LadderPool, Limits, StreamLink, socket, stopped};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

/// Time to wait when the process or the host is out of descriptors.
const OUT_OF_DESCRIPTORS: Duration = Duration::from_millis(50);

/// A socket that accepts streams.
pub(crate) trait Accept: Send + 'static {
    /// What it accepts.
    type Stream: ByteStream;

    /// Waits for the next connection.
    fn accept(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send;

    /// Sets an accepted connection up, and says who is at its other end.
    fn prepare(stream: &Self::Stream) -> io::Result<Peer>;
}

impl Accept for TcpListener {
    type Stream = TcpStream;

    async fn accept(&self) -> io::Result<TcpStream> {
        Self::accept(self).await.map(|(stream, _)| stream)
    }

    fn prepare(stream: &TcpStream) -> io::Result<Peer> {
        socket::prepare_tcp(stream)?;
        socket::tcp_peer(stream)
    }
}

impl Accept for UnixListener {
    type Stream = UnixStream;

    async fn accept(&self) -> io::Result<UnixStream> {
        Self::accept(self).await.map(|(stream, _)| stream)
    }

    fn prepare(stream: &UnixStream) -> io::Result<Peer> {
        socket::unix_peer(stream)
    }
}

/// What the connections of one listener have in common.
#[derive(Clone)]
pub(crate) struct Connections {
    pub(crate) ladders: Arc<LadderPool>,
    pub(crate) limits: Limits,
    /// One permit for each connection that the server may have, whichever listener it comes by.
    pub(crate) gate: Arc<Semaphore>,
    pub(crate) stop: watch::Receiver<bool>,
}

impl Connections {
    /// Accepts connections and serves them until `stop` turns true; ends when the last of them has ended.
    ///
    /// At the limit each listener holds one new peer back until a connection ends; others wait in the
    /// kernel's backlog. A listener that nobody calls at holds no place that another listener could use.
    pub(crate) async fn accept_from<A: Accept>(self, listener: A) {
        let mut stop = self.stop.clone();
        let mut connections = JoinSet::new();
        let mut held_back = None;
        loop {
            tokio::select! {
                () = stopped(&mut stop) => break,
                Some(_) = connections.join_next() => {}
                accepted = listener.accept(), if held_back.is_none() => match accepted {
                    Ok(stream) => held_back = Some(stream),
                    Err(error) => give_way(&error).await,
                },
                // The semaphore is never closed: there always is a permit to be had.
                Ok(permit) = self.gate.clone().acquire_owned(), if held_back.is_some() => {
                    if let Some(stream) = held_back.take() {
                        self.serve::<A>(stream, permit, &mut connections);
                    }
                }
            }
        }
        drop(listener);
        while connections.join_next().await.is_some() {}
    }

    fn serve<A: Accept>(
        &self,
        stream: A::Stream,
        permit: OwnedSemaphorePermit,
        connections: &mut JoinSet<()>,
    ) {
        let peer = match A::prepare(&stream) {
            Ok(peer) => peer,
            // Gone before it could be asked who it is.
            Err(error) => return log::debug!("connection lost: {error}"),
        };
        let session = Session::new(Arc::new(peer));
        let name = session.peer().clone();
        let link = StreamLink::new(stream, self.limits.record);
        let driver = Driver::new(link, self.limits).serving(
            self.ladders.clone(),
            session,
            self.stop.clone(),
        );
        connections.spawn(async move {
            let _permit = permit;
            if let Err(error) = driver.run().await {
                log::debug!("connection of {name} ended: {error}");
            }
        });
    }
}

/// After a failed accept: waits if it would fail again at once.
async fn give_way(error: &io::Error) {
    match error.kind() {
        // The connection that failed was somebody else's trouble; the next one is there.
        io::ErrorKind::ConnectionAborted
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::Interrupted => {}
        _ => {
            log::warn!("cannot accept a connection: {error}");
            tokio::time::sleep(OUT_OF_DESCRIPTORS).await;
        }
    }
}
