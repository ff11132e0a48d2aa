//! From a place to a connection: each of the server's addresses is tried.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use oncrpc::CallError;
use oncrpc_transport::Connection;

use crate::callbacks::Callbacks;
use crate::connect::connect;
use crate::place::Place;
use crate::settings::Settings;

/// Connects to the first of the server's addresses that takes it.
pub(crate) async fn reach(
    place: &Place,
    settings: &Settings,
    callbacks: Option<&Callbacks>,
) -> Result<Connection, CallError> {
    let mut error = CallError::Connect(Arc::new(no_address()));
    for way in place.ways().await? {
        let connected = async {
            let endpoint = way.endpoint().await?;
            let connection = connect(&endpoint, settings, callbacks).await;
            connection.map_err(|error| connect_error(&endpoint, &error))
        };
        match tokio::time::timeout(settings.connect_timeout, connected).await {
            Ok(Ok(connection)) => {
                let auth = settings.auth.clone();
                return Ok(connection.with_auth(auth).with_timeout(settings.timeout));
            }
            Ok(Err(refused)) => error = refused,
            Err(_) => error = connect_error(&way, &no_answer(settings.connect_timeout)),
        }
    }
    Err(error)
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

fn no_address() -> io::Error {
    io::Error::new(
        io::ErrorKind::NotFound,
        "the host has no address for this transport",
    )
}
