//! libtirpc's names for what becomes of a call.

use std::fmt;

use crate::call::error::{CallError, Refusal};

/// What becomes of a call in libtirpc's words: for programs that are ported from C, and for messages that their
/// users know.
///
/// The numbers and texts are those of libtirpc 1.3.3 (`rpc/clnt_stat.h`, `clnt_sperrno`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
#[repr(u32)]
pub enum ClntStat {
    /// `RPC_CANTENCODEARGS`
    CantEncodeArgs = 1,
    /// `RPC_CANTDECODERES`
    CantDecodeRes = 2,
    /// `RPC_CANTSEND`
    CantSend = 3,
    /// `RPC_CANTRECV`
    CantRecv = 4,
    /// `RPC_TIMEDOUT`
    TimedOut = 5,
    /// `RPC_VERSMISMATCH`
    VersMismatch = 6,
    /// `RPC_AUTHERROR`
    AuthError = 7,
    /// `RPC_PROGUNAVAIL`
    ProgUnavail = 8,
    /// `RPC_PROGVERSMISMATCH`
    ProgVersMismatch = 9,
    /// `RPC_PROCUNAVAIL`
    ProcUnavail = 10,
    /// `RPC_CANTDECODEARGS`
    CantDecodeArgs = 11,
    /// `RPC_SYSTEMERROR`
    SystemError = 12,
    /// `RPC_RPCBFAILURE`, once `RPC_PMAPFAILURE`
    RpcbFailure = 14,
    /// `RPC_PROGNOTREGISTERED`
    ProgNotRegistered = 15,
    /// `RPC_FAILED`
    Failed = 16,
    /// `RPC_CANTCONNECT`
    CantConnect = 26,
}

impl ClntStat {
    /// The number of libtirpc's `enum clnt_stat`.
    pub const fn number(self) -> u32 {
        self as u32
    }
}

impl fmt::Display for ClntStat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CantEncodeArgs => "RPC: Can't encode arguments",
            Self::CantDecodeRes => "RPC: Can't decode result",
            Self::CantSend => "RPC: Unable to send",
            Self::CantRecv => "RPC: Unable to receive",
            Self::TimedOut => "RPC: Timed out",
            Self::VersMismatch => "RPC: Incompatible versions of RPC",
            Self::AuthError => "RPC: Authentication error",
            Self::ProgUnavail => "RPC: Program unavailable",
            Self::ProgVersMismatch => "RPC: Program/version mismatch",
            Self::ProcUnavail => "RPC: Procedure unavailable",
            Self::CantDecodeArgs => "RPC: Server can't decode arguments",
            Self::SystemError => "RPC: Remote system error",
            Self::RpcbFailure => "RPC: Port mapper failure",
            Self::ProgNotRegistered => "RPC: Program not registered",
            Self::Failed => "RPC: Failed (unspecified error)",
            // libtirpc has no text for this one.
            Self::CantConnect => "RPC: Unable to connect",
        })
    }
}

impl CallError {
    /// The error in libtirpc's words.
    pub fn clnt_stat(&self) -> ClntStat {
        match self {
            Self::Encode(_) => ClntStat::CantEncodeArgs,
            Self::TooLarge { .. } => ClntStat::CantSend,
            Self::Connect(_) => ClntStat::CantConnect,
            Self::NotRegistered { .. } => ClntStat::ProgNotRegistered,
            Self::Lookup { .. } => ClntStat::RpcbFailure,
            Self::TimedOut { .. } => ClntStat::TimedOut,
            Self::Disconnected(_) => ClntStat::CantRecv,
            Self::Decode(_) => ClntStat::CantDecodeRes,
            Self::Auth(_) | Self::Refused(Refusal::Auth(_)) => ClntStat::AuthError,
            Self::Refused(refusal) => match refusal {
                Refusal::RpcMismatch { .. } => ClntStat::VersMismatch,
                Refusal::ProgUnavail => ClntStat::ProgUnavail,
                Refusal::ProgMismatch { .. } => ClntStat::ProgVersMismatch,
                Refusal::ProcUnavail => ClntStat::ProcUnavail,
                Refusal::GarbageArgs => ClntStat::CantDecodeArgs,
                Refusal::SystemErr => ClntStat::SystemError,
                Refusal::Auth(_) | Refusal::Unknown(_) => ClntStat::Failed,
            },
            Self::Layer(_) => ClntStat::Failed,
        }
    }

    /// Whether the same call may go well if it is made again, and is safe to make again: the server has not
    /// executed it, and what went wrong may be gone by then.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Connect(_) | Self::NotRegistered { .. } | Self::TimedOut { sent: 0, .. } => true,
            Self::Lookup { error, .. } => match **error {
                // A question does nothing: it may be asked again whatever became of it.
                Self::TimedOut { .. } | Self::Disconnected(_) => true,
                ref error => error.is_retryable(),
            },
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::auth::AuthError;
    use crate::netid::Netid;
    use crate::proto::rpc_msg::AuthStat;

    fn timed_out(sent: u32) -> CallError {
        let after = Duration::from_secs(25);
        CallError::TimedOut { after, sent }
    }

    fn lookup(error: CallError) -> CallError {
        let (rpcbind, error) = ("tcp 192.0.2.1:111".to_owned(), Box::new(error));
        CallError::Lookup { rpcbind, error }
    }

    #[test]
    fn every_error_has_its_number_and_says_whether_to_call_again() {
        let refused = || Arc::new(io::Error::from(io::ErrorKind::ConnectionRefused));
        let not_registered = CallError::NotRegistered {
            program: 100_003,
            version: 3,
            netid: Netid::Tcp,
        };
        let too_large = CallError::TooLarge {
            len: 70_000,
            allowed: 65_507,
        };
        let (low, high) = (2, 4);
        // error, libtirpc's number, may have been executed, is worth another try
        let table = [
            (too_large, 3, false, false),
            (CallError::Connect(refused()), 26, false, true),
            (not_registered, 15, false, true),
            (timed_out(0), 5, false, true),
            (timed_out(3), 5, true, false),
            (CallError::Disconnected(refused()), 4, true, false),
            (CallError::Auth(AuthError::BadVerifier), 7, true, false),
            (CallError::Layer(refused()), 16, true, false),
            (lookup(timed_out(3)), 14, false, true),
            (lookup(CallError::Connect(refused())), 14, false, true),
            (
                lookup(CallError::Refused(Refusal::ProgUnavail)),
                14,
                false,
                false,
            ),
            (
                CallError::Refused(Refusal::RpcMismatch { low, high }),
                6,
                false,
                false,
            ),
            (
                CallError::Refused(Refusal::Auth(AuthStat::Tooweak)),
                7,
                false,
                false,
            ),
            (CallError::Refused(Refusal::ProgUnavail), 8, false, false),
            (
                CallError::Refused(Refusal::ProgMismatch { low, high }),
                9,
                false,
                false,
            ),
            (CallError::Refused(Refusal::ProcUnavail), 10, false, false),
            (CallError::Refused(Refusal::GarbageArgs), 11, false, false),
            (CallError::Refused(Refusal::SystemErr), 12, true, false),
            (CallError::Refused(Refusal::Unknown(77)), 16, true, false),
        ];
        for (error, number, executed, retryable) in table {
            assert_eq!(error.clnt_stat().number(), number, "{error}");
            assert_eq!(error.may_have_executed(), executed, "{error}");
            assert_eq!(error.is_retryable(), retryable, "{error}");
            assert!(!error.to_string().contains('\n'), "{error}");
            assert!(
                error.clnt_stat().to_string().starts_with("RPC: "),
                "{error}"
            );
        }
    }
}
