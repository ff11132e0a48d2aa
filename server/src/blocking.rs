//! Handlers that hold their thread up.

use oncrpc::Reject;

/// Runs `work`, which reads files, computes for long or otherwise holds its thread up, on a thread for such
/// things, and waits for it.
///
/// What is done within a handler itself keeps the other calls of its connection, and of others, waiting. If
/// `work` panics the call is answered SYSTEM_ERR. Work that has begun comes to its end even if the caller is gone by
/// then.
///
/// ```
/// use oncrpc::{CallContext, Reject};
/// use oncrpc_server::blocking;
///
/// # struct Server;
/// # impl Server {
/// async fn lines(&self, _: &CallContext, path: String) -> Result<u32, Reject> {
///     let text = blocking(move || std::fs::read_to_string(path)).await?;
///     let lines = text.map_err(|_| Reject::SystemErr)?.lines().count();
///     u32::try_from(lines).map_err(|_| Reject::SystemErr)
/// }
/// # }
/// ```
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Reject> {
    // It is not aborted: what there is as an error is a panic.
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        log::error!("work for a call failed: {error}");
        Reject::SystemErr
    })
}
