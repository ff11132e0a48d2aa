//! Why there is no answer, in the words that users of libtirpc know.

use std::io;

use nix::errno::Errno;
use oncrpc::proto::rpc_msg::AuthStat;
use oncrpc::{CallError, ClntStat, Refusal};
use oncrpc_xdr::Enumeration as _;

/// Why there is nobody to call, or no answer.
#[derive(Debug)]
pub enum Failure {
    /// The host has no address, or none of the transport's family.
    UnknownHost,
    /// Text that is no address of the transport.
    NoAddress,
    /// A transport that nothing can be called over.
    UnknownProtocol,
    /// There is no connection.
    Connect(io::Error),
    /// rpcbind does not know the program.
    NotRegistered,
    /// The portmapper was asked, as the last resort, and has not answered.
    Portmapper(CallError),
    /// A call has failed.
    Call(CallError),
}

impl Failure {
    /// What `clnt_pcreateerror` prints behind the name: for whatever comes before the call itself.
    pub fn before_the_call(&self) -> String {
        match self {
            Self::UnknownHost => "RPC: Unknown host".to_owned(),
            // libtirpc has no text for its RPC_N2AXLATEFAILURE.
            Self::NoAddress => "RPC: (unknown error code)".to_owned(),
            Self::UnknownProtocol => "RPC: Unknown protocol".to_owned(),
            Self::Connect(error) => {
                format!("{} - {}", ClntStat::SystemError, system_text(error))
            }
            Self::NotRegistered => ClntStat::ProgNotRegistered.to_string(),
            Self::Portmapper(error) => {
                let stat = stat(error).to_string();
                let stat = stat.strip_prefix("RPC: ").unwrap_or(&stat);
                let mut text = format!("{} - {stat}", ClntStat::RpcbFailure);
                if let CallError::Disconnected(error) = error {
                    let (number, why) = (errno(error) as i32, system_text(error));
                    text.push_str(&format!(": errno {number} ({why})"));
                }
                text
            }
            Self::Call(error) => stat(error).to_string(),
        }
    }

    /// What `clnt_perror` prints behind the name: for the call itself.
    pub fn of_the_call(&self) -> String {
        match self {
            Self::Call(error) => call_text(error),
            other => other.before_the_call(),
        }
    }
}

/// What `clnt_perror` prints of an error behind the name.
pub fn call_text(error: &CallError) -> String {
    let stat = stat(error);
    match error {
        CallError::Disconnected(error) | CallError::Connect(error) => {
            format!("{stat}; errno = {}", system_text(error))
        }
        CallError::Refused(
            Refusal::ProgMismatch { low, high } | Refusal::RpcMismatch { low, high },
        ) => format!("{stat}; low version = {low}, high version = {high}"),
        CallError::Refused(Refusal::Auth(why)) => format!("{stat}; why = {}", auth_text(*why)),
        _ => stat.to_string(),
    }
}

/// The error by libtirpc's name. A connection that has ended before the call was sent is none that was lost to us,
/// but libtirpc would have noticed it only when it read.
fn stat(error: &CallError) -> ClntStat {
    match error {
        CallError::Connect(_) => ClntStat::CantRecv,
        other => other.clnt_stat(),
    }
}

/// An error of the system as strerror has it.
fn system_text(error: &io::Error) -> String {
    match errno(error) {
        Errno::UnknownErrno => error.to_string(),
        errno => errno.desc().to_owned(),
    }
}

/// The number of an error, also of one that we have found ourselves.
fn errno(error: &io::Error) -> Errno {
    if let Some(number) = error.raw_os_error() {
        return Errno::from_raw(number);
    }
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Errno::ECONNREFUSED,
        // libtirpc reads no more bytes and calls it that.
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => Errno::ECONNRESET,
        io::ErrorKind::TimedOut => Errno::ETIMEDOUT,
        _ => Errno::UnknownErrno,
    }
}

fn auth_text(why: AuthStat) -> String {
    let text = match why {
        AuthStat::Ok => "Authentication OK",
        AuthStat::Badcred => "Invalid client credential",
        AuthStat::Rejectedcred => "Server rejected credential",
        AuthStat::Badverf => "Invalid client verifier",
        AuthStat::Rejectedverf => "Server rejected verifier",
        AuthStat::Tooweak => "Client credential too weak",
        AuthStat::Invalidresp => "Invalid server verifier",
        AuthStat::Failed => "Failed (unspecified error)",
        other => return format!("(unknown authentication error - {})", other.value()),
    };
    text.to_owned()
}
