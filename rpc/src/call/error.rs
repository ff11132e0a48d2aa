//! Why a call has no results, and whose fault that is.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use oncrpc_xdr::{DecodeError, EncodeError};

use crate::auth::AuthError;
use crate::netid::Netid;
use crate::proto::rpc_msg::AuthStat;

/// Why a call has no results.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The arguments break a rule of their own type; nothing was sent.
    #[error("the arguments cannot be encoded: {0}")]
    Encode(#[from] EncodeError),
    /// The message does not fit the transport; nothing was sent.
    #[error("a message of {len} bytes is too large, allowed are {allowed}")]
    TooLarge {
        /// Bytes of the whole message.
        len: usize,
        /// Most bytes that the transport carries.
        allowed: usize,
    },
    /// The server could not be reached; nothing was sent.
    #[error("cannot connect: {0}")]
    Connect(Arc<io::Error>),
    /// rpcbind does not know where the program is; nothing was sent.
    #[error("program {program} version {version} is not registered for {netid}")]
    NotRegistered {
        /// The program.
        program: u32,
        /// The version.
        version: u32,
        /// The transport.
        netid: Netid,
    },
    /// rpcbind could not say where the program is; nothing was sent to the program itself.
    #[error("cannot look the program up: {rpcbind}: {error}")]
    Lookup {
        /// Which rpcbind was asked.
        rpcbind: String,
        /// What became of the question.
        error: Box<Self>,
    },
    /// No reply came in time.
    #[error("no reply within {after:?} ({})", Times(*sent))]
    TimedOut {
        /// Time that the call was given.
        after: Duration,
        /// Times that the call was sent; 0 means that the server has not seen it.
        sent: u32,
    },
    /// The connection ended before the reply came.
    #[error("the connection was lost: {0}")]
    Disconnected(Arc<io::Error>),
    /// The server refused the call.
    #[error("{0}")]
    Refused(Refusal),
    /// The reply is not what its procedure promises.
    #[error("the reply cannot be decoded: {0}")]
    Decode(#[from] DecodeError),
    /// The call cannot be sealed, or the reply cannot be trusted.
    #[error("{0}")]
    Auth(#[from] AuthError),
    /// What stands between the caller and the connection gave the call up: a layer, a proxy. It alone knows
    /// whether the call was sent.
    #[error("{0}")]
    Layer(Arc<dyn std::error::Error + Send + Sync>),
}

/// How often a call was sent, in words.
struct Times(u32);

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("never sent"),
            1 => f.write_str("sent once"),
            times => write!(f, "sent {times} times"),
        }
    }
}

impl CallError {
    /// Whether the server may have executed the call all the same.
    pub fn may_have_executed(&self) -> bool {
        match self {
            Self::Encode(_)
            | Self::TooLarge { .. }
            | Self::Connect(_)
            | Self::NotRegistered { .. }
            | Self::Lookup { .. }
            | Self::TimedOut { sent: 0, .. } => false,
            Self::Refused(refusal) => {
                matches!(refusal, Refusal::SystemErr | Refusal::Unknown(_))
            }
            Self::TimedOut { .. }
            | Self::Disconnected(_)
            | Self::Decode(_)
            | Self::Auth(_)
            | Self::Layer(_) => true,
        }
    }

    /// The same error, of a call that was given `timeout` in all, though the connection that it failed on had only
    /// what was left of that.
    #[must_use]
    pub fn in_all(self, timeout: Duration) -> Self {
        match self {
            Self::TimedOut { sent, .. } => Self::TimedOut {
                after: timeout,
                sent,
            },
            error => error,
        }
    }
}

/// How a server refuses a call: every reply of RFC 5531 §9 but SUCCESS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// `RPC_MISMATCH`: it speaks other versions of RPC.
    RpcMismatch {
        /// The lowest that it speaks.
        low: u32,
        /// The highest that it speaks.
        high: u32,
    },
    /// `AUTH_ERROR`: it does not accept the credential or verifier.
    Auth(AuthStat),
    /// `PROG_UNAVAIL`: it does not have the program.
    ProgUnavail,
    /// `PROG_MISMATCH`: it has other versions of the program.
    ProgMismatch {
        /// The lowest that it has.
        low: u32,
        /// The highest that it has; there may be gaps between.
        high: u32,
    },
    /// `PROC_UNAVAIL`: it does not have the procedure.
    ProcUnavail,
    /// `GARBAGE_ARGS`: it cannot decode the arguments.
    GarbageArgs,
    /// `SYSTEM_ERR`: it failed.
    SystemErr,
    /// An `accept_stat` that RFC 5531 does not list.
    Unknown(u32),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RpcMismatch { low, high } => {
                write!(
                    f,
                    "the server speaks RPC versions {low} to {high} (RPC_MISMATCH)"
                )
            }
            Self::Auth(stat) => {
                write!(
                    f,
                    "the server does not accept the credential (AUTH_ERROR, {stat})"
                )
            }
            Self::ProgUnavail => f.write_str("the server does not have the program (PROG_UNAVAIL)"),
            Self::ProgMismatch { low, high } => {
                write!(
                    f,
                    "the server has versions {low} to {high} of the program (PROG_MISMATCH)"
                )
            }
            Self::ProcUnavail => {
                f.write_str("the server does not have the procedure (PROC_UNAVAIL)")
            }
            Self::GarbageArgs => {
                f.write_str("the server cannot decode the arguments (GARBAGE_ARGS)")
            }
            Self::SystemErr => f.write_str("the server failed (SYSTEM_ERR)"),
            Self::Unknown(stat) => write!(f, "the server answered accept_stat {stat}"),
        }
    }
}

/// The name that RFC 5531 and RFC 2203 give it, or its number.
impl fmt::Display for AuthStat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ok => "AUTH_OK",
            Self::Badcred => "AUTH_BADCRED",
            Self::Rejectedcred => "AUTH_REJECTEDCRED",
            Self::Badverf => "AUTH_BADVERF",
            Self::Rejectedverf => "AUTH_REJECTEDVERF",
            Self::Tooweak => "AUTH_TOOWEAK",
            Self::Invalidresp => "AUTH_INVALIDRESP",
            Self::Failed => "AUTH_FAILED",
            Self::KerbGeneric => "AUTH_KERB_GENERIC",
            Self::Timeexpire => "AUTH_TIMEEXPIRE",
            Self::TktFile => "AUTH_TKT_FILE",
            Self::Decode => "AUTH_DECODE",
            Self::NetAddr => "AUTH_NET_ADDR",
            Self::RpcsecGssCredproblem => "RPCSEC_GSS_CREDPROBLEM",
            Self::RpcsecGssCtxproblem => "RPCSEC_GSS_CTXPROBLEM",
            Self::Unknown(unknown) => return write!(f, "{}", unknown.value()),
        })
    }
}

#[cfg(test)]
mod tests {
    use oncrpc_xdr::Enumeration;

    use super::*;

    #[test]
    fn what_it_came_to_is_said_in_the_words_of_the_rfcs() {
        let error = |sent| CallError::TimedOut {
            after: Duration::from_secs(2),
            sent,
        };
        for (sent, said) in [
            (0, "no reply within 2s (never sent)"),
            (1, "no reply within 2s (sent once)"),
            (3, "no reply within 2s (sent 3 times)"),
        ] {
            assert_eq!(error(sent).to_string(), said);
        }
        let refused = |stat: i32| Refusal::Auth(AuthStat::from_value(stat)).to_string();
        let said =
            |reason| format!("the server does not accept the credential (AUTH_ERROR, {reason})");
        assert_eq!(refused(5), said("AUTH_TOOWEAK"));
        assert_eq!(refused(14), said("RPCSEC_GSS_CTXPROBLEM"));
        assert_eq!(refused(99), said("99"));
    }
}
