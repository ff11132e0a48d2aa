//! Where the daemon is asked how it is, from the first preparations to the end.

use std::fs;
use std::io;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::sys::stat::{Mode, umask};
use oncrpc_server::{Door, Listen, Running, StartError};
use oncrpc_transport::socket;
use tokio::task::JoinHandle;

use super::drops::Drops;
use super::view::View;
use super::{metrics, service};
use crate::binding::reason;
use crate::portmapper::Portmapper;

/// What is prepared while the daemon still may: nobody answers yet.
#[derive(Debug)]
pub struct Desk {
    status: Option<Bound>,
    metrics: Option<Bound>,
    drops: Drops,
}

/// A socket, whose file goes with it.
#[derive(Debug)]
struct Bound {
    socket: UnixListener,
    file: SocketFile,
}

/// The file of a socket; removed when it is dropped, if we still may.
#[derive(Debug)]
struct SocketFile(PathBuf);

/// Somebody answers for as long as this lives.
#[derive(Debug)]
#[must_use = "dropping it ends the answers"]
pub struct Staffed {
    _status: Option<(Running, SocketFile)>,
    metrics: Option<(JoinHandle<()>, SocketFile)>,
}

impl Desk {
    /// A desk for a daemon that has these sockets.
    pub fn new(sockets: &[Listen]) -> Self {
        Self {
            status: None,
            metrics: None,
            drops: Drops::of(sockets),
        }
    }

    /// Binds the socket of the metrics, which was asked for: it belongs to whoever we are now.
    pub fn open_metrics(&mut self, path: &Path) -> io::Result<()> {
        self.metrics = Some(Bound::open(path)?);
        Ok(())
    }

    /// Binds the socket of the status. Without it services are found all the same: then that is said, and no more.
    pub fn open_status(&mut self, path: &Path) {
        match Bound::open(path) {
            Ok(bound) => self.status = Some(bound),
            Err(error) => log::warn!(
                "cannot bind {}: {}; there is no --status",
                path.display(),
                reason(&error)
            ),
        }
    }

    /// Answers from now on, when the daemon serves.
    pub async fn staff(
        self,
        portmapper: &Arc<Portmapper>,
        door: &Door,
    ) -> Result<Staffed, StartError> {
        let view = Arc::new(View {
            portmapper: portmapper.clone(),
            door: door.clone(),
            drops: self.drops,
        });
        let metrics = self.metrics.map(|Bound { socket, file }| {
            let serving = metrics::serve(socket, view.clone());
            let task = tokio::spawn(async move {
                if let Err(error) = serving.await {
                    log::error!("there are no metrics: {}", reason(&error));
                }
            });
            (task, file)
        });
        let status = match self.status {
            Some(Bound { socket, file }) => Some((service::start(view, socket).await?, file)),
            None => None,
        };
        Ok(Staffed {
            _status: status,
            metrics,
        })
    }
}

impl Bound {
    /// Binds a Unix socket that only root and the user who we are now may connect to, in place of one that was
    /// left there.
    fn open(path: &Path) -> io::Result<Self> {
        let before = umask(!(Mode::S_IRUSR | Mode::S_IWUSR));
        let bound = socket::unix(path);
        umask(before);
        Ok(Self {
            socket: bound?,
            file: SocketFile(path.to_owned()),
        })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.0) {
            log::debug!("cannot remove {}: {}", self.0.display(), reason(&error));
        }
    }
}

impl Drop for Staffed {
    fn drop(&mut self) {
        if let Some((task, _)) = &self.metrics {
            task.abort();
        }
    }
}
