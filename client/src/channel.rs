//! A way to a server that outlives its connections.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use oncrpc::call::caller::MAX_TIMEOUT;
use oncrpc::call::carrier::{Arguments, Carrier};
use oncrpc::call::table::NewCall;
use oncrpc::{CallError, CallOptions, ProcedureId};
use oncrpc_transport::Connection;
use oncrpc_transport::stream::ByteStream;

use crate::builder::Builder;
use crate::given;
use crate::place::Place;
use crate::settings::Settings;
use crate::shared::Shared;
use crate::tries::Tries;
use crate::{Endpoint, Target};

/// A way to a server: cheap to clone, called through by any number of tasks at once.
///
/// It connects when it is first called, and again when it is called after its connection has ended. A call
/// that was sent when the connection was lost is not repeated; it fails with
/// [`CallError::Disconnected`], because the server may have executed it.
///
/// A server that cannot be reached fails the calls that find it so. It is then left alone for a while
/// ([`Reconnect`](crate::Reconnect)), in which calls fail with the same error at once; a channel that
/// [waits for its server](Builder::wait_for_server) lets them wait until their own time is up.
///
/// Code that writes arguments or credentials, where that is made by hand, must not call through the same channel: a call's are
/// written straight to where the connection sends them from, for which it would wait for itself.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// use oncrpc::proto::portmap::pmapprog::{self, v2};
/// use oncrpc_client::{Channel, auth_sys};
///
/// let channel = Channel::builder("server.example".parse()?)
///     .auth(Arc::new(auth_sys()?))
///     .timeout(Duration::from_secs(5))
///     .program(pmapprog::PROGRAM, v2::VERSION);
/// for program in v2::Client::new(channel).dump().await? {
///     println!("{program:?}");
/// }
/// # Ok(())
/// # }
/// ```
pub struct Channel {
    shared: Arc<Shared>,
    /// The connections that this clone was called through, one after the other. They are borrowed: to ask for one under a lock and
    /// to count who holds it would be a fifth of what a call costs among a thousand others.
    known: [OnceLock<Connection>; KNOWN],
}

/// Connections that a clone of a channel knows; later ones it asks for with each call. As many that have ended it keeps the memory of.
const KNOWN: usize = 8;

/// A clone asks for the connection itself, which may be another by now.
impl Clone for Channel {
    fn clone(&self) -> Self {
        self.shared.clone().into()
    }
}

impl Channel {
    /// Starts to put a channel together.
    pub fn builder(target: Target) -> Builder {
        Builder::new(target)
    }

    /// A channel to a known address, with the defaults of everything.
    pub fn to(endpoint: Endpoint) -> Self {
        Self::new(endpoint.into(), Settings::default())
    }

    /// A channel over a stream that leads to the server already, with the defaults of everything else; see
    /// [`Builder::over`], which has the same with other ones.
    pub fn over(stream: impl ByteStream) -> Self {
        given::over_stream(Settings::default(), stream).into()
    }

    /// A channel over a socket that leads to the server already, with the defaults of everything else; see
    /// [`Builder::inherited`], which has the same with other ones.
    pub fn inherited(socket: OwnedFd) -> io::Result<Self> {
        given::over_socket(Settings::default(), socket).map(Self::from)
    }

    pub(crate) fn new(place: Place, settings: Settings) -> Self {
        Shared::new(place, settings).into()
    }

    /// Connects now, so that an error shows now; otherwise the first call does.
    ///
    /// It tries even while calls leave a server alone that could not be reached before.
    pub async fn connect(&self) -> Result<(), CallError> {
        self.shared.end_rest();
        let timeout = self.shared.setup.settings.timeout.min(MAX_TIMEOUT);
        let mut tries = Tries::new(&self.shared, timeout, None);
        tries.next().await.map(|_| ())
    }

    /// The connection, if there is one.
    #[inline]
    fn connected(&self) -> Option<Cow<'_, Connection>> {
        let mut known = self.known.iter();
        let Some(known) = known.find(|known| known.get().is_none_or(|known| !known.is_ended()))
        else {
            return self.shared.connected().map(Cow::Owned);
        };
        let connection = match known.get() {
            Some(connection) => connection,
            None => {
                let connection = self.shared.connected()?;
                known.get_or_init(|| connection)
            }
        };
        Some(Cow::Borrowed(connection))
    }

    /// Waits until the channel has no connection: ready at once if it has not connected yet, otherwise when its
    /// connection ends.
    ///
    /// A client that waits for callbacks learns by this that none will come: it then tells the server
    /// anew that it is there, which connects again.
    pub async fn disconnected(&self) {
        self.shared.disconnected().await;
    }
}

impl From<Shared> for Channel {
    fn from(shared: Shared) -> Self {
        Arc::new(shared).into()
    }
}

impl From<Arc<Shared>> for Channel {
    fn from(shared: Arc<Shared>) -> Self {
        let known = Default::default();
        Self { shared, known }
    }
}

impl Carrier for Channel {
    async fn carry(
        &self,
        id: ProcedureId,
        args: &impl Arguments,
        options: &CallOptions,
    ) -> Result<Bytes, CallError> {
        let settings = &self.shared.setup.settings;
        let call = NewCall {
            id,
            args,
            auth: options.auth.as_ref().unwrap_or(&settings.auth),
            timeout: options.timeout_or(settings.timeout),
        };
        let failed = match self.connected() {
            Some(connection) => match connection.make(&call).await {
                Ok(body) => return Ok(body),
                Err(ended) => Some(ended),
            },
            None => None,
        };
        // In a box, so that a call which finds a connection does not take the memory for it.
        Box::pin(Tries::carry(&self.shared, &call, failed)).await
    }

    async fn carry_one_way(
        &self,
        id: ProcedureId,
        args: &impl Arguments,
        options: &CallOptions,
    ) -> Result<(), CallError> {
        let timeout = options.timeout_or(self.shared.setup.settings.timeout);
        let mut tries = Tries::new(&self.shared, timeout, None);
        loop {
            let next = tries.next().await?;
            let options = options.clone().timeout(next.timeout);
            match next.connection.carry_one_way(id, args, &options).await {
                Err(error) if tries.another(&error).await => {}
                result => return result.map_err(|error| error.in_all(timeout)),
            }
        }
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Channel")
            .field(&self.shared.setup.place)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use oncrpc::CallTable;
    use oncrpc_transport::{Limits, StreamLink};
    use tokio::io::{DuplexStream, duplex};

    use super::*;

    #[tokio::test]
    async fn a_clone_borrows_the_connections_that_come_after_the_first_as_well() {
        let server: Arc<Mutex<Option<DuplexStream>>> = Arc::default();
        let theirs = server.clone();
        let connect = move || {
            let (ours, end) = duplex(1_000);
            *theirs.lock().unwrap() = Some(end);
            let link = StreamLink::new(ours, Limits::CLIENT.record);
            let (connection, driver) = Connection::new(link, CallTable::new(1), Limits::CLIENT);
            tokio::spawn(driver.run());
            async { Ok(connection) }
        };
        let channel = Channel::builder(Target::Abstract(Vec::new())).connect_by(connect);
        assert!(channel.connected().is_none());
        for nth in 0..=KNOWN {
            channel.connect().await.unwrap();
            for clone in [&channel, &channel.clone()] {
                let is_borrowed = matches!(clone.connected(), Some(Cow::Borrowed(_)));
                assert_eq!(is_borrowed, nth < KNOWN || !std::ptr::eq(clone, &channel));
            }
            server.lock().unwrap().take();
            channel.disconnected().await;
            assert!(channel.connected().is_none());
        }
    }
}
