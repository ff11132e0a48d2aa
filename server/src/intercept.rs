//! What looks at a call before its service does, and may refuse it.

use std::sync::Arc;

use oncrpc::{Call, Reject, Service, around};

/// Looks at each call before its service does, and may refuse it.
///
/// Any function of a call is one, and so is [`Access`](crate::Access). It is asked once for each call that has a
/// service, before arguments are decoded: calls of programs and versions that are not served, and those whose
/// credential is not accepted, have been answered by then. It must not block.
///
/// ```no_run
/// use oncrpc::{Call, Reject};
///
/// # fn example(hello: std::sync::Arc<dyn oncrpc::Service>) {
/// // Read-only for a while: no procedure but the first three.
/// let read_only = |call: &Call<'_>| match call.procedure() {
///     0..=2 => Ok(()),
///     _ => Err(Reject::ProcUnavail),
/// };
/// let server = oncrpc_server::Server::new().service(hello).intercept(read_only);
/// # }
/// ```
pub trait Intercept: Send + Sync + 'static {
    /// Lets the call pass, or says how it is answered instead.
    fn before(&self, call: &Call<'_>) -> Result<(), Reject>;
}

impl<F: Fn(&Call<'_>) -> Result<(), Reject> + Send + Sync + 'static> Intercept for F {
    fn before(&self, call: &Call<'_>) -> Result<(), Reject> {
        self(call)
    }
}

/// A service behind an [`Intercept`], for one that is not meant for all services of a server
/// ([`Server::intercept`](crate::Server::intercept) is for those).
pub fn intercepted(service: Arc<dyn Service>, intercept: impl Intercept) -> Arc<dyn Service> {
    behind(service, Arc::new(intercept))
}

pub(crate) fn behind(service: Arc<dyn Service>, intercept: Arc<dyn Intercept>) -> Arc<dyn Service> {
    around(service, move |inner, call, reply| {
        match intercept.before(call) {
            Ok(()) => inner.call(call, reply),
            Err(reject) => reply.reject(reject),
        }
    })
}
