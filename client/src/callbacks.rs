//! What a channel serves on its own connection.

use std::sync::Arc;

use oncrpc::peer::Peer;
use oncrpc::{Service, Services};
use oncrpc_transport::{Driver, LadderPool, Link, Stop};

/// What a channel serves on its own connection: callbacks.
#[derive(Debug)]
pub(crate) struct Callbacks {
    ladders: Arc<LadderPool>,
    /// Dropped with the channel: its connection ends then, though it serves.
    channel: Stop,
}

impl Callbacks {
    /// `None` if there are no services.
    pub(crate) fn new(services: &[Arc<dyn Service>]) -> Option<Self> {
        if services.is_empty() {
            return None;
        }
        let services = Services::new(services.iter().cloned());
        Some(Self {
            ladders: Arc::new(LadderPool::new(Arc::new(services))),
            channel: Stop::new(),
        })
    }

    /// Has the driver of a connection to `server` answer calls, too.
    pub(crate) fn serve<L: Link>(&self, driver: Driver<L>, server: Peer) -> Driver<L> {
        driver.serving(self.ladders.clone(), server, self.channel.subscribe())
    }
}
