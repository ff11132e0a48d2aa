//! Where generated code, and whatever answers without it, meets the drivers.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use oncrpc_xdr::{DecodeError, Reader, Wire};

use crate::auth::flavor;
use crate::call::caller::{ProcedureId, ProcedureInfo};
use crate::message::{AUTH_AT, Message, words};
use crate::serve::context::CallContext;
use crate::serve::reply::Reply;
use crate::serve::step::Step;

/// One version of one program, ready to be served.
///
/// Generated code makes these (`service(server)` in the module of each version).
pub trait Service: Send + Sync + 'static {
    /// The program.
    fn program(&self) -> u32;

    /// Its version.
    fn version(&self) -> u32;

    /// What it consists of, as far as that is known beforehand.
    fn procedures(&self) -> &'static [ProcedureInfo];

    /// Opens a place where calls are answered, one at a time. Each worker or connection has its own.
    fn open(self: Arc<Self>) -> Box<dyn Dispatch>;
}

impl fmt::Debug for dyn Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "program {} version {}", self.program(), self.version())
    }
}

/// A place where the calls of one version of one program are answered, one at a time.
pub trait Dispatch: Send {
    /// Answers one call, or says that it takes time.
    ///
    /// A panic, which a [`Handler`](crate::serve::handler::Handler) answers with SYSTEM_ERR, here ends the connection, or
    /// leaves one datagram without an answer; nobody else notices.
    fn call(&mut self, call: &Call<'_>, reply: &mut Reply<'_>) -> Step;
}

impl<F: FnMut(&Call<'_>, &mut Reply<'_>) -> Step + Send> Dispatch for F {
    #[inline]
    fn call(&mut self, call: &Call<'_>, reply: &mut Reply<'_>) -> Step {
        self(call, reply)
    }
}

/// A call that has passed every check before its arguments.
#[derive(Debug)]
pub struct Call<'a> {
    pub(crate) message: Message<'a>,
    pub(crate) id: ProcedureId,
    /// Where the arguments start: bytes from the start of the message.
    pub(crate) body: usize,
    pub(crate) context: &'a CallContext,
}

impl Call<'_> {
    /// The procedure's number.
    pub fn procedure(&self) -> u32 {
        self.id.procedure
    }

    /// Program, version and procedure.
    pub fn id(&self) -> ProcedureId {
        self.id
    }

    /// The [flavor] of the credential.
    pub fn flavor(&self) -> u32 {
        let credential = self.message.get(AUTH_AT..).unwrap_or_default();
        words(credential).map_or(flavor::NONE, |[flavor]| flavor)
    }

    /// Who calls.
    pub fn context(&self) -> &CallContext {
        self.context
    }

    /// How many bytes the whole call has, without record marks.
    pub fn message_len(&self) -> usize {
        self.message.len()
    }

    /// The arguments as they came.
    pub fn raw_args(&self) -> Bytes {
        self.message.share(self.args_in_place())
    }

    /// The arguments where they lie.
    pub(crate) fn args_in_place(&self) -> &[u8] {
        self.message.get(self.body..).unwrap_or_default()
    }

    /// The arguments. Bytes behind them are ignored, as libtirpc and Linux do.
    pub fn args<W: Wire>(&self) -> Result<W::Value, DecodeError> {
        let mut r = self.reader()?;
        W::decode(&mut r)
    }

    /// What reads the arguments, for who takes them where they lie.
    #[inline]
    pub fn reader(&self) -> Result<Reader<'_>, DecodeError> {
        let mut r = self.message.reader();
        r.take(self.body)?;
        Ok(r)
    }
}

/// A call that stands by itself, to be handed on before it is answered.
#[derive(Clone, Debug)]
pub struct OwnedCall {
    message: Bytes,
    id: ProcedureId,
    /// Where the arguments start.
    body: usize,
    context: CallContext,
}

impl OwnedCall {
    /// Program, version and procedure.
    pub fn id(&self) -> ProcedureId {
        self.id
    }

    /// Who calls.
    pub fn context(&self) -> &CallContext {
        &self.context
    }

    /// The arguments as they came.
    pub fn raw_args(&self) -> Bytes {
        self.message.slice(self.body..)
    }

    /// Has it answered.
    pub fn answer(&self, dispatch: &mut dyn Dispatch, reply: &mut Reply<'_>) -> Step {
        let call = Call {
            message: (&self.message).into(),
            id: self.id,
            body: self.body,
            context: &self.context,
        };
        dispatch.call(&call, reply)
    }
}

impl From<&Call<'_>> for OwnedCall {
    fn from(call: &Call<'_>) -> Self {
        Self {
            message: call.message.to_bytes(),
            id: call.id,
            body: call.body,
            context: call.context.clone(),
        }
    }
}

/// A service whose dispatchers `open` makes of a shared server; what generated code calls.
pub fn service<S: Send + Sync + 'static>(
    program: u32,
    version: u32,
    procedures: &'static [ProcedureInfo],
    server: Arc<S>,
    open: fn(Arc<S>) -> Box<dyn Dispatch>,
) -> Arc<dyn Service> {
    Arc::new(Generated {
        program,
        version,
        procedures,
        server,
        open,
    })
}

/// Makes the [`Service`] of one version: a line for each procedure of a server.
///
/// It takes the numbers of program and version, the module of the procedures' types, as
/// [`procedures!`](crate::procedures!) makes them, and the trait of a server and one in an `Arc`. Then come the
/// procedures: number, type, and the method that answers, with names for its arguments.
///
/// Every dispatcher has a [`Handler`](crate::Handler) for each procedure, in a box, so that no future's type is named.
///
/// ```
/// use std::sync::Arc;
///
/// use oncrpc::{CallContext, Reject, Service};
///
/// mod procedure {
///     oncrpc::procedures!(program 0x2000_0001, version 1 => {
///         0 => Null() -> () as "ADD_NULL",
///         1 => Add(i32, i32) -> i32 as "ADD_ADD",
///     });
/// }
///
/// trait Server: Send + Sync + 'static {
///     fn null(&self, cx: &CallContext) -> impl Future<Output = Result<(), Reject>> + Send;
///     fn add(&self, cx: &CallContext, a: i32, b: i32) -> impl Future<Output = Result<i32, Reject>> + Send;
/// }
///
/// fn service<S: Server>(server: Arc<S>) -> Arc<dyn Service> {
///     oncrpc::service!(0x2000_0001, 1, procedure, Server, server => {
///         0 => Null: null(),
///         1 => Add: add(a, b),
///     })
/// }
/// ```
#[macro_export]
macro_rules! service {
    ($program:expr, $version:expr, $procedure:ident, $trait:ident, $server:expr => {
        $($number:literal => $type:ident: $method:ident($($arg:ident),*)),* $(,)?
    }) => {
        $crate::service($program, $version, $procedure::ALL, $server, |server| {
            // A counter of its own: no call touches one of all cores.
            let server = ::std::sync::Arc::new(server);
            $(let mut $method =
                $crate::serve::method::handler::<_, _, _, ($($crate::service!(@type $arg),)*)>(
                    $procedure::$type,
                    &server,
                    $trait::$method,
                );)*
            ::std::boxed::Box::new(
                move |call: &$crate::Call<'_>, reply: &mut $crate::Reply<'_>| {
                    match call.procedure() {
                        $($number => $method.call(call, reply),)*
                        _ => reply.proc_unavail(),
                    }
                },
            )
        })
    };

    // The type that the method gives an argument.
    (@type $arg:ident) => { _ };
}

struct Generated<S> {
    program: u32,
    version: u32,
    procedures: &'static [ProcedureInfo],
    server: Arc<S>,
    open: fn(Arc<S>) -> Box<dyn Dispatch>,
}

impl<S: Send + Sync + 'static> Service for Generated<S> {
    fn program(&self) -> u32 {
        self.program
    }

    fn version(&self) -> u32 {
        self.version
    }

    fn procedures(&self) -> &'static [ProcedureInfo] {
        self.procedures
    }

    fn open(self: Arc<Self>) -> Box<dyn Dispatch> {
        (self.open)(self.server.clone())
    }
}
