//! `rpcbind --status`: asks the daemon of this host, and prints what it says.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use oncrpc::proto::rpc_msg::AuthStat;
use oncrpc::{CallError, CallOptions, Refusal};
use oncrpc_client::{Channel, Endpoint};

use super::proto::rpcbind_status::v1::Client;
use super::proto::{Registration, Status};
use super::{json, path, text};
use crate::binding::reason;
use crate::cli::{self, Options};
use crate::services::{ProgramNames, RPC_PATH};
use crate::settings::{BadSetting, Settings};

/// Time that each answer is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why there is no status.
#[derive(Debug, thiserror::Error)]
pub enum NoStatus {
    /// The daemon's socket is not for this user.
    #[error("{socket}: only root and the user of the daemon may ask for its status")]
    NotAllowed {
        /// The socket.
        socket: PathBuf,
    },
    /// Nobody answers there.
    #[error("no rpcbind answers: {0}")]
    NotThere(Arc<io::Error>),
    /// The answer is none.
    #[error("{socket}: {error}")]
    Failed {
        /// The socket.
        socket: PathBuf,
        /// What became of the call.
        error: CallError,
    },
    /// The settings do not say where it is.
    #[error("{0}")]
    Setting(#[from] BadSetting),
    /// It cannot be asked.
    #[error("{}", reason(.0))]
    System(#[from] io::Error),
}

/// Asks the daemon that these options are about, and prints its answer.
pub fn run(options: &Options) -> ExitCode {
    let page = Settings::read(options)
        .map_err(NoStatus::from)
        .and_then(|settings| page(&path(&settings.state_dir.value), options.json));
    match page {
        Ok(page) => cli::print(&page),
        Err(failure) => {
            eprintln!("rpcbind: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn page(socket: &Path, as_json: bool) -> Result<String, NoStatus> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let asked = runtime.block_on(ask(socket));
    let (status, registrations) = asked.map_err(|error| no_status(socket, error))?;
    let names = ProgramNames::read(Path::new(RPC_PATH));
    Ok(match as_json {
        true => json::status(&status, &registrations, &names),
        false => text::status(&status, &registrations, &names),
    })
}

async fn ask(socket: &Path) -> Result<(Status, Vec<Registration>), CallError> {
    let channel = Channel::to(Endpoint::Unix(socket.to_owned()));
    let options = CallOptions::default().timeout(PATIENCE);
    let client = Client::new(channel).with_options(options);
    let mut registrations = Vec::new();
    let mut from = Some(i64::MIN);
    while let Some(place) = from {
        let page = client.registrations(place).await?;
        registrations.extend(page.registrations);
        // Places only ever become greater.
        from = page.next.filter(|&next| next > place);
    }
    Ok((client.now().await?, registrations))
}

fn no_status(socket: &Path, error: CallError) -> NoStatus {
    let socket = socket.to_owned();
    match error {
        CallError::Connect(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            NoStatus::NotAllowed { socket }
        }
        CallError::Connect(error) => NoStatus::NotThere(error),
        CallError::Refused(Refusal::Auth(AuthStat::Tooweak)) => NoStatus::NotAllowed { socket },
        error => NoStatus::Failed { socket, error },
    }
}
