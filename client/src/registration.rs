//! Services that are registered for as long as somebody holds on to them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use oncrpc::CallError;

use crate::rpcbind::{Mapping, Rpcbind, RpcbindAt};

/// Time that unregistering may take when a registration is dropped.
const DROP_TIMEOUT: Duration = Duration::from_secs(2);

/// Whether a server needs rpcbind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// A server that cannot be registered does not start.
    #[default]
    Require,
    /// What cannot be registered is logged, and reached by its port.
    BestEffort,
}

/// Mappings that are registered with rpcbind, and unregistered when this is dropped.
#[derive(Debug)]
#[must_use = "dropping it unregisters"]
pub struct Registration {
    shared: Arc<Shared>,
}

/// Registers again what an rpcbind that was restarted knows no more; see [`Registration::renewal`].
#[derive(Clone, Debug)]
pub struct Renewal {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    at: RpcbindAt,
    /// What is to be registered.
    wanted: Vec<Mapping>,
    now: Mutex<Now>,
}

/// What is registered now.
#[derive(Debug, Default)]
struct Now {
    mappings: Vec<Mapping>,
    /// The registration is over; nothing is added any more.
    ended: bool,
}

/// Why something is not registered.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// rpcbind did not answer as it should.
    #[error("{at}: {error}")]
    Rpcbind {
        /// Which rpcbind.
        at: RpcbindAt,
        /// What went wrong.
        error: CallError,
    },
    /// rpcbind answered FALSE.
    #[error("{at} refuses {mapping}: it is registered at another address, or by somebody else")]
    Taken {
        /// Which rpcbind.
        at: RpcbindAt,
        /// What was to be registered.
        mapping: Box<Mapping>,
    },
}

impl Registration {
    /// Registers `mappings`, in place of what a server before this one left behind.
    pub async fn register(
        at: RpcbindAt,
        mappings: Vec<Mapping>,
        policy: Policy,
    ) -> Result<Self, RegisterError> {
        let registration = Self {
            shared: Arc::new(Shared {
                at,
                wanted: mappings,
                now: Mutex::default(),
            }),
        };
        match registration.shared.register(policy).await {
            Ok(()) => Ok(registration),
            Err(error) if policy == Policy::BestEffort => {
                log::warn!("not registered: {error}");
                Ok(registration)
            }
            Err(error) => {
                registration.unregister().await;
                Err(error)
            }
        }
    }

    /// What is registered, as far as is known.
    pub fn mappings(&self) -> Vec<Mapping> {
        self.shared.now().mappings.clone()
    }

    /// What registers again, for a task that does so from time to time.
    pub fn renewal(&self) -> Renewal {
        Renewal {
            shared: self.shared.clone(),
        }
    }

    /// Unregisters everything now; what fails is logged.
    pub async fn unregister(self) {
        let mappings = self.shared.end();
        unregister(&self.shared.at, &mappings).await;
    }
}

impl Renewal {
    /// Sets every mapping again, and gives back how many were not known to be registered before.
    ///
    /// rpcbind answers TRUE to what it has already, and changes nothing; so this does no harm where rpcbind was not
    /// restarted. What somebody else has taken meanwhile is left alone, now and when the registration ends; what an
    /// administrator has deleted comes back.
    pub async fn renew(&self) -> Result<usize, RegisterError> {
        let Shared { at, wanted, .. } = &*self.shared;
        let failed = |error| RegisterError::Rpcbind {
            at: at.clone(),
            error,
        };
        let mut added = 0;
        let mut taken = None;
        let rpcbind = Rpcbind::connect(at).await.map_err(failed)?;
        for mapping in wanted {
            if self.shared.now().ended {
                return Ok(added);
            }
            if !rpcbind.set(mapping).await.map_err(failed)? {
                self.shared.now().mappings.retain(|known| known != mapping);
                taken.get_or_insert_with(|| mapping.clone());
                continue;
            }
            let ended = {
                let mut now = self.shared.now();
                if !now.ended && !now.mappings.contains(mapping) {
                    now.mappings.push(mapping.clone());
                    added += 1;
                }
                now.ended
            };
            if ended {
                // The end came while rpcbind was asked, and did not know of this.
                unregister(at, std::slice::from_ref(mapping)).await;
            }
        }
        match taken {
            Some(mapping) => Err(RegisterError::Taken {
                at: at.clone(),
                mapping: mapping.into(),
            }),
            None => Ok(added),
        }
    }
}

impl Shared {
    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the registration; gives back what is to be unregistered.
    fn end(&self) -> Vec<Mapping> {
        let mut now = self.now();
        now.ended = true;
        std::mem::take(&mut now.mappings)
    }

    async fn register(&self, policy: Policy) -> Result<(), RegisterError> {
        let at = &self.at;
        let failed = |error| RegisterError::Rpcbind {
            at: at.clone(),
            error,
        };
        let rpcbind = Rpcbind::connect(at).await.map_err(failed)?;
        let mut versions: Vec<_> = self.wanted.iter().map(|m| (m.program, m.version)).collect();
        versions.sort_unstable();
        versions.dedup();
        for (program, version) in versions {
            // FALSE here means that it is somebody else's, which SET finds out.
            rpcbind
                .unset(program, version, None)
                .await
                .map_err(failed)?;
        }
        for mapping in &self.wanted {
            let refused = match rpcbind.set(mapping).await {
                Ok(true) => {
                    self.now().mappings.push(mapping.clone());
                    continue;
                }
                Ok(false) => RegisterError::Taken {
                    at: at.clone(),
                    mapping: mapping.clone().into(),
                },
                Err(error) => failed(error),
            };
            match policy {
                Policy::Require => return Err(refused),
                Policy::BestEffort => log::warn!("not registered: {refused}"),
            }
        }
        Ok(())
    }
}

async fn unregister(at: &RpcbindAt, mappings: &[Mapping]) {
    if mappings.is_empty() {
        return;
    }
    let unset = async {
        let rpcbind = Rpcbind::connect(at).await?;
        for mapping in mappings {
            let Mapping {
                program,
                version,
                netid,
                ..
            } = mapping;
            if !rpcbind.unset(*program, *version, Some(netid)).await? {
                log::warn!("not unregistered: {mapping}: {at} says that it is somebody else's");
            }
        }
        Ok::<(), CallError>(())
    };
    if let Err(error) = unset.await {
        log::warn!("not unregistered: {at}: {error}");
    }
}

impl Drop for Registration {
    /// Unregisters what [`unregister`](Self::unregister) has not. A drop may come in or out of a runtime, as
    /// one ends or in a panic, and cannot wait for a task; so a thread with a runtime of its own does it,
    /// within a limited time.
    fn drop(&mut self) {
        let mappings = self.shared.end();
        if mappings.is_empty() {
            return;
        }
        let at = self.shared.at.clone();
        let unregistering = std::thread::Builder::new().spawn(move || {
            let unset = async {
                let unset = tokio::time::timeout(DROP_TIMEOUT, unregister(&at, &mappings));
                if unset.await.is_err() {
                    log::warn!("not unregistered: {at}: no answer within {DROP_TIMEOUT:?}");
                }
            };
            match tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
            {
                Ok(runtime) => runtime.block_on(unset),
                Err(error) => log::warn!("not unregistered: {error}"),
            }
        });
        match unregistering {
            // The thread ends in time by itself, and has nothing to panic about.
            Ok(thread) => drop(thread.join()),
            Err(error) => log::warn!("not unregistered: {error}"),
        }
    }
}
