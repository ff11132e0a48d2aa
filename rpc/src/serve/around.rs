//! Services around services: each answers for another one, of which it has what it is.

use std::sync::Arc;

use crate::call::caller::ProcedureInfo;
use crate::serve::reply::Reply;
use crate::serve::service::{Call, Dispatch, Service};
use crate::serve::step::Step;

/// A service around another one: `answer` is given each call, and what the other would answer it by.
///
/// ```
/// use std::sync::Arc;
///
/// use oncrpc::{Reject, Service, around};
///
/// /// The same service, of which procedures above 2 are not there.
/// fn read_only(service: Arc<dyn Service>) -> Arc<dyn Service> {
///     around(service, |inner, call, reply| match call.procedure() {
///         0..=2 => inner.call(call, reply),
///         _ => reply.reject(Reject::ProcUnavail),
///     })
/// }
/// ```
pub fn around<A>(service: Arc<dyn Service>, answer: A) -> Arc<dyn Service>
where
    A: Fn(&mut dyn Dispatch, &Call<'_>, &mut Reply<'_>) -> Step + Send + Sync + 'static,
{
    let answer = Arc::new(answer);
    let inner = service.clone();
    instead(service, move || {
        let mut inner = inner.clone().open();
        let answer = answer.clone();
        move |call: &Call<'_>, reply: &mut Reply<'_>| answer(&mut *inner, call, reply)
    })
}

/// A service in another one's stead: of the same program and version, with the same procedures, but its calls are
/// answered by what `open` [opens](Service::open).
pub fn instead<D: Dispatch + 'static>(
    service: Arc<dyn Service>,
    open: impl Fn() -> D + Send + Sync + 'static,
) -> Arc<dyn Service> {
    Arc::new(Instead { service, open })
}

struct Instead<O> {
    service: Arc<dyn Service>,
    open: O,
}

impl<D: Dispatch + 'static, O: Fn() -> D + Send + Sync + 'static> Service for Instead<O> {
    fn program(&self) -> u32 {
        self.service.program()
    }

    fn version(&self) -> u32 {
        self.service.version()
    }

    fn procedures(&self) -> &'static [ProcedureInfo] {
        self.service.procedures()
    }

    fn open(self: Arc<Self>) -> Box<dyn Dispatch> {
        Box::new((self.open)())
    }
}
