//! More threads that answer datagrams.
//!
//! A connection is one of many, and a runtime with several threads deals them out. A UDP socket is one for all who call, so what
//! its one task does is the end of it: here other threads answer at the same sockets, each with a runtime of its own, so that none
//! waits for another. The kernel gives each datagram to one of them.

use std::io;
use std::net::UdpSocket;
use std::os::fd::AsFd;
use std::sync::Arc;

use oncrpc_transport::datagram::{self, Admission};
use oncrpc_transport::{LadderPool, Stop, Stopped};
use tokio::runtime;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// What is served at one UDP socket, by however many threads.
pub(crate) struct DatagramSocket {
    socket: UdpSocket,
    admission: Arc<Admission>,
    ladders: Arc<LadderPool>,
}

impl DatagramSocket {
    /// That of a listener, whose limits hold for all threads together.
    pub(crate) fn new(
        socket: &tokio::net::UdpSocket,
        admission: Arc<Admission>,
        ladders: Arc<LadderPool>,
    ) -> io::Result<Self> {
        let socket = socket.as_fd().try_clone_to_owned()?.into();
        Ok(Self {
            socket,
            admission,
            ladders,
        })
    }

    /// Serves it in the runtime of this thread.
    async fn serve(self, stop: Stopped) -> io::Result<()> {
        let socket = tokio::net::UdpSocket::from_std(self.socket)?;
        datagram::serve(socket, self.ladders, self.admission, stop).await
    }

    fn try_clone(&self) -> io::Result<Self> {
        Ok(Self {
            socket: self.socket.try_clone()?,
            admission: self.admission.clone(),
            ladders: self.ladders.clone(),
        })
    }
}

/// Starts a thread that answers at these sockets until `stop` is wished, then what is at hand; gives back what ends when it does.
pub(crate) fn start(
    sockets: &[DatagramSocket],
    stop: &Stop,
) -> io::Result<impl Future<Output = ()> + Send + use<>> {
    let sockets: Vec<_> = sockets
        .iter()
        .map(DatagramSocket::try_clone)
        .collect::<io::Result<_>>()?;
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let stop = stop.subscribe();
    let (at_work, ended) = oneshot::channel::<()>();
    let work = move || {
        let _at_work = at_work;
        runtime.block_on(async {
            let mut serving = JoinSet::new();
            for socket in sockets {
                serving.spawn(socket.serve(stop.clone()));
            }
            while let Some(ended) = serving.join_next().await {
                if let Ok(Err(error)) = ended {
                    log::error!("a UDP socket failed: {error}");
                }
            }
        });
    };
    std::thread::Builder::new()
        .name("datagrams".to_owned())
        .spawn(work)?;
    Ok(async move {
        // Nothing is ever sent: it ends by what the thread drops.
        let _ = ended.await;
    })
}
