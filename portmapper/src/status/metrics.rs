//! The socket of the metrics: one request at a time, each within its time.

use std::io;
use std::os::unix::net::UnixListener as StdListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::UnixListener;

use super::http::{self, Asks, MAX_REQUEST, Request};
use super::prometheus;
use super::view::View;

/// Time for one request and its response. A scrape takes milliseconds, and the next one waits.
pub const DEADLINE: Duration = Duration::from_secs(5);

/// Time to wait when a connection cannot be accepted, most likely for want of a descriptor.
const PAUSE: Duration = Duration::from_millis(500);

/// Answers until the task ends: one connection after the other. Whoever may connect is root or us, so there is
/// no crowd to be fair to.
pub async fn serve(socket: StdListener, view: Arc<View>) -> io::Result<()> {
    let listener = UnixListener::from_std(socket)?;
    let page = || prometheus::page(&view.status(Instant::now()));
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                if let Err(error) = answer_in_time(stream, page).await {
                    log::debug!("metrics: {error}");
                }
            }
            Err(error) => {
                log::debug!("metrics: {error}");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn answer_in_time(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    page: impl FnOnce() -> String,
) -> io::Result<()> {
    tokio::time::timeout(DEADLINE, answer(stream, page)).await?
}

/// Reads one request and answers it; there is nothing to answer to whoever says nothing.
async fn answer(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    page: impl FnOnce() -> String,
) -> io::Result<()> {
    let mut bytes = Vec::with_capacity(MAX_REQUEST);
    let asks = loop {
        let room = (MAX_REQUEST - bytes.len()) as u64;
        let read = (&mut stream).take(room).read_buf(&mut bytes).await?;
        match http::read(&bytes) {
            Request::Asks(asks) => break asks,
            Request::Unfinished if read > 0 => {}
            Request::Unfinished if bytes.is_empty() => return Ok(()),
            Request::Unfinished => break Asks::Nonsense,
        }
    };
    stream
        .write_all(http::response(asks, page).as_bytes())
        .await?;
    stream.shutdown().await
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is answered to these bytes, said at once or one by one.
    async fn answered(request: &[u8], at_once: usize) -> String {
        let (mut client, server) = tokio::io::duplex(at_once);
        let answering = tokio::spawn(answer(server, || "up 1\n".to_owned()));
        let mut response = String::new();
        // Who is answered early is not listened to any more.
        let _ = client.write_all(request).await;
        let _ = client.shutdown().await;
        client.read_to_string(&mut response).await.unwrap();
        answering.await.unwrap().unwrap();
        response
    }

    #[tokio::test]
    async fn a_request_is_answered_however_it_comes() {
        let request = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
        for at_once in [1, 7, 4096] {
            let response = answered(request, at_once).await;
            assert!(response.ends_with("\r\n\r\nup 1\n"), "{response}");
        }
    }

    #[tokio::test]
    async fn what_ends_too_early_is_no_request_and_silence_is_no_answer() {
        let response = answered(b"GET /metrics HTTP/1.1\r\nHost", 100).await;
        assert!(response.starts_with("HTTP/1.0 400 "), "{response}");
        assert_eq!(answered(b"", 100).await, "");
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_takes_longer_than_the_deadline() {
        let given_up = async |server| {
            let begun = tokio::time::Instant::now();
            let error = answer_in_time(server, || "x".repeat(1 << 20)).await;
            assert_eq!(error.unwrap_err().kind(), io::ErrorKind::TimedOut);
            begun.elapsed()
        };
        let (_silent, server) = tokio::io::duplex(64);
        assert_eq!(given_up(server).await, DEADLINE);
        let (mut deaf, server) = tokio::io::duplex(64);
        let request = b"GET /metrics HTTP/1.0\n\n";
        deaf.write_all(request).await.unwrap();
        assert_eq!(given_up(server).await, DEADLINE);
        let (mut slow, server) = tokio::io::duplex(64);
        tokio::spawn(async move {
            while slow.write_all(b"x").await.is_ok() {
                tokio::time::advance(Duration::from_millis(100)).await;
            }
        });
        assert_eq!(given_up(server).await, DEADLINE);
    }

    #[tokio::test]
    async fn no_more_is_read_than_a_request_may_have() {
        let endless = vec![b'x'; 100 * MAX_REQUEST];
        let (mut client, server) = tokio::io::duplex(100 * MAX_REQUEST);
        client.write_all(&endless).await.unwrap();
        answer(server, String::new).await.unwrap();
        let mut response = String::new();
        client.read_to_string(&mut response).await.unwrap();
        assert!(response.starts_with("HTTP/1.0 431 "), "{response}");
    }
}
