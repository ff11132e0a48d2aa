//! The checks that a call passes, one answer a rung, in RFC 5531's order.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use oncrpc_xdr::Writer;

use crate::auth::{AuthVerdict, ServerAuth, StandardAuth};
use crate::call::error::Refusal;
use crate::message::{self, AUTH_AT, CallFault, CallHeader, Message, RPC_VERSION};
use crate::serve::reply::{Framing, Reply};
use crate::serve::service::{Call, Dispatch, Service};
use crate::serve::session::Session;
use crate::serve::step::Step;

/// What a server serves: one service for each version of each program.
#[derive(Clone)]
pub struct Services {
    /// In the order of program and version, each pair once.
    services: Vec<Arc<dyn Service>>,
    /// Program and version of each.
    keys: Vec<(u32, u32)>,
    auth: Arc<dyn ServerAuth>,
}

impl Services {
    /// Serves these; of two for the same program and version, the last.
    pub fn new(services: impl IntoIterator<Item = Arc<dyn Service>>) -> Self {
        let services = services.into_iter().map(|service| (key(&service), service));
        let (keys, services) = services.collect::<BTreeMap<_, _>>().into_iter().unzip();
        Self {
            services,
            keys,
            auth: Arc::new(StandardAuth),
        }
    }

    /// The same services behind another judge of credentials.
    #[must_use]
    pub fn with_auth(self, auth: Arc<dyn ServerAuth>) -> Self {
        Self { auth, ..self }
    }

    /// The programs and versions that are served, in order.
    pub fn versions(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        self.keys.iter().copied()
    }

    /// Where the service for a program and version is, or how a call of it is refused.
    fn find(&self, wanted: (u32, u32)) -> Result<usize, Refusal> {
        self.keys.binary_search(&wanted).map_err(|_| {
            let (program, _) = wanted;
            let mut versions = self
                .versions()
                .filter(|&(p, _)| p == program)
                .map(|(_, v)| v);
            match versions.next() {
                Some(low) => Refusal::ProgMismatch {
                    low,
                    high: versions.last().unwrap_or(low),
                },
                None => Refusal::ProgUnavail,
            }
        })
    }
}

fn key(service: &Arc<dyn Service>) -> (u32, u32) {
    (service.program(), service.version())
}

impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.services).finish()
    }
}

/// Services with their dispatchers open: where a message becomes a reply.
///
/// A worker takes one for a batch of messages and hands it back: an idle connection owns none.
pub struct Ladder {
    services: Arc<Services>,
    /// One for each service.
    places: Vec<Place>,
    /// Which of them the last call was for.
    last: usize,
}

/// Where the calls of one version of one program are answered.
struct Place {
    key: (u32, u32),
    service: Arc<dyn Service>,
    /// Opened by the first call.
    dispatcher: Option<Box<dyn Dispatch>>,
}

impl Ladder {
    /// Nothing is opened yet.
    pub fn new(services: Arc<Services>) -> Self {
        let places = services.services.iter().map(|service| Place {
            key: key(service),
            service: service.clone(),
            dispatcher: None,
        });
        Self {
            places: places.collect(),
            services,
            last: 0,
        }
    }

    /// Takes one message up the ladder and writes the reply, if there is one yet, behind what `out` holds.
    #[inline(always)]
    pub fn answer<'m>(
        &mut self,
        session: &mut Session,
        message: impl Into<Message<'m>>,
        framing: Framing,
        out: &mut Writer,
    ) -> Step {
        let message = message.into();
        let Some((xid, id, behind)) = message::split_call(&message) else {
            return refuse(CallFault::of(&message), framing, out);
        };
        session.context.xid = xid;
        let body = match session.lets_in(behind) {
            Some(len) => AUTH_AT.saturating_add(len),
            None => match self.judge(session, &message, framing, out) {
                Ok(body) => body,
                Err(step) => return step,
            },
        };
        let call = Call {
            message,
            id,
            body,
            context: &session.context,
        };
        let mut reply = Reply::new(out, framing, xid);
        // One call is like the one before, most of the time.
        let wanted = (id.program, id.version);
        match self.places.get_mut(self.last) {
            Some(place) if place.key == wanted => place.call(&call, &mut reply),
            _ => self.call_another(wanted, &call, &mut reply),
        }
    }

    /// Has a credential and verifier judged that are not those of the last call; gives back where the arguments start.
    #[inline(never)]
    fn judge(
        &self,
        session: &mut Session,
        message: &[u8],
        framing: Framing,
        out: &mut Writer,
    ) -> Result<usize, Step> {
        let Some(header) = CallHeader::read(message) else {
            return Err(refuse(CallFault::of(message), framing, out));
        };
        let auth = &self.services.auth;
        match auth.accept(&header) {
            AuthVerdict::Accept(identity) => {
                let args = header.args();
                let constant = auth.is_constant().then(|| message.get(AUTH_AT..args));
                session.let_in(identity, constant.flatten());
                Ok(args)
            }
            AuthVerdict::Deny(stat) => {
                let mut reply = Reply::new(out, framing, header.xid);
                Err(reply.refuse(&Refusal::Auth(stat)))
            }
            AuthVerdict::Drop => Err(Step::Silent),
        }
    }

    /// Answers a call of another program or version than the last one's.
    #[inline(never)]
    fn call_another(&mut self, wanted: (u32, u32), call: &Call<'_>, reply: &mut Reply<'_>) -> Step {
        self.last = match self.services.find(wanted) {
            Ok(index) => index,
            Err(refusal) => return reply.refuse(&refusal),
        };
        match self.places.get_mut(self.last) {
            Some(place) => place.call(call, reply),
            None => reply.refuse(&Refusal::ProgUnavail),
        }
    }
}

impl Place {
    /// The last rungs, procedure and arguments, are the dispatcher's: it knows them.
    #[inline]
    fn call(&mut self, call: &Call<'_>, reply: &mut Reply<'_>) -> Step {
        self.dispatcher
            .get_or_insert_with(|| self.service.clone().open())
            .call(call, reply)
    }
}

/// Answers what has no header of a call, if it can be answered.
#[cold]
fn refuse(fault: CallFault, framing: Framing, out: &mut Writer) -> Step {
    let (xid, refusal) = match fault {
        CallFault::NotACall => return Step::Close,
        CallFault::RpcMismatch { xid } => {
            let (low, high) = (RPC_VERSION, RPC_VERSION);
            (xid, Refusal::RpcMismatch { low, high })
        }
        CallFault::Auth { xid, stat } => (xid, Refusal::Auth(stat)),
    };
    Reply::new(out, framing, xid).refuse(&refusal)
}

impl fmt::Debug for Ladder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ladder({:?})", self.services)
    }
}
