//! More threads that answer datagrams.
//!
//! A connection is one of many, and a runtime with several threads deals them out. A UDP socket is one for all who call, so what
//! its one task does is the end of it: here other threads answer, too, each with a runtime of its own, so that none waits for
//! another. Where there are several sockets at one address, each thread has one, and the kernel deals out who calls; a socket
//! that was handed over is one, which all of them share.

use std::io;
use std::net::UdpSocket;
use std::sync::Arc;

use oncrpc_transport::datagram::{self, Admission, ForMany};
use oncrpc_transport::{LadderPool, Stop, Stopped};
use tokio::runtime;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::listen::no_socket;

/// The UDP sockets at one address, and what is served there; the limits hold for all threads together.
pub(crate) struct Datagrams {
    pub(crate) sockets: Vec<UdpSocket>,
    pub(crate) admission: Arc<Admission>,
    pub(crate) ladders: Arc<LadderPool>,
}

impl Datagrams {
    /// What this thread does until `stop` is wished, by the runtime that is entered now: it answers at a socket of its own,
    /// or at one of other threads if there are more of them.
    pub(crate) fn serve(
        &self,
        thread: usize,
        stop: Stopped,
    ) -> io::Result<impl Future<Output = ()> + Send + use<>> {
        let mut sockets = self.sockets.iter().enumerate().cycle();
        let (at, socket) = sockets.nth(thread).ok_or_else(no_socket)?;
        let socket = tokio::net::UdpSocket::from_std(socket.try_clone()?)?;
        let for_many = if at == 0 {
            ForMany::Answer
        } else {
            ForMany::Leave
        };
        let (ladders, admission) = (self.ladders.clone(), self.admission.clone());
        Ok(async move {
            if let Err(error) = datagram::serve(socket, ladders, admission, for_many, stop).await {
                log::error!("a UDP socket failed: {error}");
            }
        })
    }
}

/// Starts this thread of those that answer here until `stop` is wished, then what is at hand; gives back what ends when it does.
pub(crate) fn start(
    thread: usize,
    datagrams: &[Datagrams],
    stop: &Stop,
) -> io::Result<impl Future<Output = ()> + Send + use<>> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut serving = JoinSet::new();
    for datagrams in datagrams {
        let _entered = runtime.enter();
        serving.spawn_on(datagrams.serve(thread, stop.subscribe())?, runtime.handle());
    }
    let (at_work, ended) = oneshot::channel::<()>();
    let work = move || {
        let _at_work = at_work;
        // One that panics is not the end of the others.
        runtime.block_on(async { while serving.join_next().await.is_some() {} });
    };
    std::thread::Builder::new()
        .name("datagrams".to_owned())
        .spawn(work)?;
    Ok(async move {
        // Nothing is ever sent: it ends by what the thread drops.
        let _ = ended.await;
    })
}
