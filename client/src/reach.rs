//! From a place to a connection: each of the server's addresses is tried.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use oncrpc::CallError;
use oncrpc_transport::Connection;

use crate::callbacks::Callbacks;
use crate::connect::connect;
use crate::place::{Way, lookup};
use crate::settings::Settings;
use crate::shared::Setup;

/// Connects by the first way to the server that leads there. If none does, the error is that of the first, which is
/// the one that is wanted most; but that a host was asked and has not got the program says more than that another
/// one could not be asked.
pub(crate) async fn reach(setup: &Setup) -> Result<Connection, CallError> {
    let Setup {
        place,
        settings,
        callbacks,
    } = setup;
    let mut failed: Option<CallError> = None;
    for way in place.ways().await? {
        let connected = connect_by(&way, settings, callbacks.as_ref());
        let error = match tokio::time::timeout(settings.connect_timeout, connected).await {
            Ok(Ok(connection)) => return Ok(connection),
            Ok(Err(error)) => error,
            Err(_) => connect_error(&way, &no_answer(settings.connect_timeout)),
        };
        failed = match failed {
            Some(first) if is_answer(&first) || !is_answer(&error) => Some(first),
            _ => Some(error),
        };
    }
    Err(failed.unwrap_or_else(|| place.no_way()))
}

/// Connects by one way; asks rpcbind where to if need be.
async fn connect_by(
    way: &Way,
    settings: &Settings,
    callbacks: Option<&Callbacks>,
) -> Result<Connection, CallError> {
    let endpoint = match way {
        Way::Endpoint(endpoint) => endpoint.clone(),
        Way::Made(made) => {
            let connection = made.connect().await;
            let connection = connection.map_err(|error| connect_error(made, &error))?;
            return Ok(settings.apply(connection));
        }
        Way::Lookup {
            rpcbind,
            program,
            version,
            netid,
            host,
        } => lookup(rpcbind.clone(), *program, *version, netid.clone(), *host).await?,
    };
    let connection = connect(&endpoint, settings, callbacks).await;
    connection.map_err(|error| connect_error(&endpoint, &error))
}

/// What could not be connected to, and why.
fn connect_error(what: &impl fmt::Display, error: &io::Error) -> CallError {
    CallError::Connect(Arc::new(io::Error::new(
        error.kind(),
        format!("{what}: {error}"),
    )))
}

fn no_answer(within: Duration) -> io::Error {
    let message = format!("no answer within {within:?}");
    io::Error::new(io::ErrorKind::TimedOut, message)
}

fn is_answer(error: &CallError) -> bool {
    matches!(error, CallError::NotRegistered { .. })
}
