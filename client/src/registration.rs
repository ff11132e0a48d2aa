//! Services that are registered for as long as somebody holds on to them.

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
    at: RpcbindAt,
    mappings: Vec<Mapping>,
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
        let mut registration = Self {
            at,
            mappings: Vec::new(),
        };
        match registration.add(mappings, policy).await {
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

    async fn add(&mut self, mappings: Vec<Mapping>, policy: Policy) -> Result<(), RegisterError> {
        let at = self.at.clone();
        let failed = |error| RegisterError::Rpcbind {
            at: at.clone(),
            error,
        };
        let rpcbind = Rpcbind::connect(&self.at).await.map_err(&failed)?;
        let mut versions: Vec<_> = mappings.iter().map(|m| (m.program, m.version)).collect();
        versions.sort_unstable();
        versions.dedup();
        for (program, version) in versions {
            // FALSE here means that it is somebody else's, which SET finds out.
            rpcbind
                .unset(program, version, None)
                .await
                .map_err(&failed)?;
        }
        for mapping in mappings {
            let refused = match rpcbind.set(&mapping).await {
                Ok(true) => {
                    self.mappings.push(mapping);
                    continue;
                }
                Ok(false) => RegisterError::Taken {
                    at: at.clone(),
                    mapping: mapping.into(),
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

    /// What is registered.
    pub fn mappings(&self) -> &[Mapping] {
        &self.mappings
    }

    /// Unregisters everything now; what fails is logged.
    pub async fn unregister(mut self) {
        unregister(&self.at, &std::mem::take(&mut self.mappings)).await;
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
        let mappings = std::mem::take(&mut self.mappings);
        if mappings.is_empty() {
            return;
        }
        let at = self.at.clone();
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
