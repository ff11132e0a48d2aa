//! One call of everybody on the networks that this host is on, and their answers as they come.
//!
//! [`Broadcast`] asks in one of three ways. *Who has this program?* is the question that most people have, and
//! [`find`](Broadcast::find) asks it of every rpcbind. [`direct`](Broadcast::direct) calls any procedure at a port
//! that is the same on all hosts. [`callit`](Broadcast::callit) has every rpcbind call the procedure on its own host, wherever
//! the program's port is there, as `rpc_broadcast` of C does. Most rpcbinds do that no longer unless they are told to
//! (`-r` of Linux' rpcbind), and then a `callit` hears nobody where a `find` hears all.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//!
//! use oncrpc::netid::Netid;
//! use oncrpc::proto::portmap::pmapprog::v2::procedure::Dump;
//! use oncrpc_client::{Broadcast, Rpcbind};
//!
//! // Which instruments are there? VXI-11 is program 395183, version 1.
//! let mut found = Broadcast::new()
//!     .timeout(Duration::from_secs(2))
//!     .find(395_183, 1, &Netid::Tcp)
//!     .await?;
//! while let Some(endpoint) = found.next().await {
//!     println!("{endpoint}");
//! }
//!
//! // What does each host on the network serve?
//! let mut answers = Broadcast::new().direct::<Dump>(Rpcbind::PORT, &()).await?;
//! while let Some((from, programs)) = answers.next().await {
//!     println!("{from}: {} mappings", programs.len());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Who hears it
//!
//! Over IPv4 each interface's broadcast address, over IPv6 the group of rpcbinds, [`RPCBIND_GROUP`], on each
//! interface; and this host itself by its loopback addresses. Routers carry none of it any further:
//! [`to`](Broadcast::to) names other addresses. An interface that does not take the datagram is left out; only if
//! none takes it, there is an error. (Where nobody is heard, it may be this host's firewall: an answer comes from
//! another address than the question was sent to, so that to many of them it is none.)
//!
//! # What comes back
//!
//! Everybody is asked several times, since datagrams get lost, always by the same xid; an answer that a host gives
//! again is handed out once. A host that is heard by two of its addresses, such as this one, is two. Refusals and
//! what cannot be read are no answers: they are dropped (and logged for debugging), as are datagrams that answer
//! something else. **Anybody on the network can answer**, as often as they like and in the name of others: that is
//! what [`max_answers`](Broadcast::max_answers) is for, and why an answer is a hint and no proof.

mod answers;
mod callit;
mod find;
mod interfaces;
mod question;
mod schedule;
mod seen;
mod sockets;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use oncrpc::auth::{AuthNone, ClientAuth};
use oncrpc::call::caller::{Args, MAX_TIMEOUT};
use oncrpc::{CallError, Procedure, ProcedureId};
use oncrpc_transport::connection::random_xid;

pub use answers::Answers;
pub use find::Found;
pub use interfaces::RPCBIND_GROUP;
pub use schedule::{FIRST_WAIT, LONGEST_WAIT, SHORTEST_WAIT};

use crate::Rpcbind;
use interfaces::Destination;
use question::Question;
use schedule::Schedule;

/// Time that answers are waited for unless told otherwise, from the first transmission on: what libtirpc's
/// `rpc_broadcast` waits for the first of them, over both of its transmissions.
pub const DEFAULT_TIMEOUT: Duration = FIRST_WAIT.saturating_add(LONGEST_WAIT);

/// Answers that are handed out at most unless told otherwise: more than a network has hosts that can hear one
/// broadcast (a /22 has 1,022).
pub const DEFAULT_MAX_ANSWERS: usize = 1024;

/// How everybody is asked; the last step says what. The [module](self) tells the three ways apart.
#[derive(Clone)]
#[must_use = "nothing is asked until `find`, `direct` or `callit` is called"]
pub struct Broadcast {
    auth: Arc<dyn ClientAuth>,
    timeout: Duration,
    max_answers: usize,
    schedule: Schedule,
    /// Instead of what the interfaces have.
    to: Option<Vec<IpAddr>>,
}

/// Which of the two kinds of addresses are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Over {
    Both,
    Ipv4,
    Ipv6,
}

impl Broadcast {
    /// Asks by AUTH_NONE, all networks, for 12 seconds.
    pub fn new() -> Self {
        Self {
            auth: Arc::new(AuthNone),
            timeout: DEFAULT_TIMEOUT,
            max_answers: DEFAULT_MAX_ANSWERS,
            schedule: Schedule::default(),
            to: None,
        }
    }

    /// Asks in the name of `auth`. Default: AUTH_NONE.
    ///
    /// The call is sealed once, for all who hear it and every time that it is sent, so the flavor has to be one
    /// that means the same to everybody: AUTH_NONE or AUTH_SYS.
    pub fn auth(self, auth: Arc<dyn ClientAuth>) -> Self {
        Self { auth, ..self }
    }

    /// Ends the answers this long after everybody was first asked. Default: [`DEFAULT_TIMEOUT`], 12 s.
    pub fn timeout(self, timeout: Duration) -> Self {
        let timeout = timeout.min(MAX_TIMEOUT);
        Self { timeout, ..self }
    }

    /// Ends the answers after so many. Default: [`DEFAULT_MAX_ANSWERS`], 1,024.
    pub fn max_answers(self, max_answers: usize) -> Self {
        Self {
            max_answers,
            ..self
        }
    }

    /// Asks again after `first`, then each time after twice the time before, up to `longest`.
    ///
    /// Default: [`FIRST_WAIT`] and [`LONGEST_WAIT`], 4 s and 8 s, as libtirpc does. Whatever is asked for, networks
    /// are spared what comes more often than every [`SHORTEST_WAIT`], 100 ms.
    pub fn waits(self, first: Duration, longest: Duration) -> Self {
        let schedule = Schedule::new(first, longest);
        Self { schedule, ..self }
    }

    /// Asks at these addresses instead of those that the interfaces have: hosts, or the broadcast addresses of
    /// networks.
    pub fn to(self, addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        let to = Some(addresses.into_iter().collect());
        Self { to, ..self }
    }

    /// Calls `P` at this port of every host. Answers come from where they are sent.
    ///
    /// There is an error only if nothing can be sent at all.
    pub async fn direct<P: Procedure>(
        self,
        port: u16,
        args: &Args<P>,
    ) -> Result<Answers<P>, CallError> {
        self.direct_over(Over::Both, port, args).await
    }

    async fn direct_over<P: Procedure>(
        self,
        over: Over,
        port: u16,
        args: &Args<P>,
    ) -> Result<Answers<P>, CallError> {
        let question = Question::direct::<P>(random_xid(), self.auth.clone(), args)?;
        self.ask(question, over, port).await
    }

    /// Has every rpcbind call `P` on its host: CALLIT.
    ///
    /// Answers come with the address of the program, by which it can be called from then on: its port, and the
    /// address that the answer came from. A host whose rpcbind does not call for others is silent, and so is
    /// one without the program and one where the call fails. There is an error only if nothing can be sent at all.
    ///
    /// It is asked in version 3, and over IPv4 in version 2, too. An rpcbind that understands both answers
    /// both, which is one answer here.
    pub async fn callit<P: Procedure>(self, args: &Args<P>) -> Result<Answers<P>, CallError> {
        self.callit_numbered::<P>(P::INFO.id(), args).await
    }

    /// The same for a procedure whose numbers are known only now; arguments and results are those of `P`.
    pub async fn callit_numbered<P: Procedure>(
        self,
        called: ProcedureId,
        args: &Args<P>,
    ) -> Result<Answers<P>, CallError> {
        let question = Question::callit::<P>(random_xid(), self.auth.clone(), called, args)?;
        self.ask(question, Over::Both, Rpcbind::PORT).await
    }

    async fn ask<P: Procedure>(
        self,
        question: Question,
        over: Over,
        port: u16,
    ) -> Result<Answers<P>, CallError> {
        let everybody = match &self.to {
            Some(addresses) => {
                let addresses = addresses.iter().map(|&ip| SocketAddr::new(ip, 0));
                addresses.map(Destination::from).collect()
            }
            None => interfaces::everybody().map_err(|error| CallError::Connect(Arc::new(error)))?,
        };
        let wanted = everybody.into_iter().filter(|to| over.has(&to.address));
        let at = |mut to: Destination| {
            to.address.set_port(port);
            to
        };
        Answers::start(question, wanted.map(at).collect(), &self).await
    }
}

impl Over {
    fn has(self, address: &SocketAddr) -> bool {
        match self {
            Self::Both => true,
            Self::Ipv4 => address.is_ipv4(),
            Self::Ipv6 => address.is_ipv6(),
        }
    }
}

impl Default for Broadcast {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Broadcast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            timeout,
            max_answers,
            schedule,
            to,
            ..
        } = self;
        f.debug_struct("Broadcast")
            .field("timeout", timeout)
            .field("max_answers", max_answers)
            .field("schedule", schedule)
            .field("to", to)
            .finish_non_exhaustive()
    }
}
