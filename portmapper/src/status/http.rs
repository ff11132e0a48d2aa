//! The little of HTTP that is needed to be asked for one page; bytes in, bytes out.
//!
//! One request, one response, and the connection ends: HTTP/1.0, which every client of HTTP/1.1 understands.

/// Longest request, in bytes, up to the empty line that ends it. That of curl has some 80.
pub const MAX_REQUEST: usize = 4096;

/// What there is of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// Not all of it yet.
    Unfinished,
    /// All of it.
    Asks(Asks),
}

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asks {
    /// The metrics.
    Metrics {
        /// Without the page itself: HEAD.
        head: bool,
    },
    /// Another page.
    Elsewhere,
    /// Something other than to be shown a page.
    OtherMethod,
    /// Nothing that is HTTP.
    Nonsense,
    /// Too much.
    TooLong,
}

/// The type of Prometheus' text, as
/// [its specification](https://prometheus.io/docs/instrumenting/exposition_formats/) has it.
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";
const PLAIN: &str = "text/plain; charset=utf-8";

/// Reads a request as far as it is there.
///
/// What is asked stands in the first line; the rest is waited for, so that the client has said all it has to say
/// before it is answered, and not looked at.
pub fn read(bytes: &[u8]) -> Request {
    let Some(line_end) = bytes.iter().position(|&byte| byte == b'\n') else {
        return unfinished(bytes);
    };
    let line = &bytes[..line_end];
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let mut words = line.split(|&byte| byte == b' ');
    let (method, target, version) = (words.next(), words.next(), words.next());
    let (Some(method), Some(target), Some(version), None) = (method, target, version, words.next())
    else {
        return Request::Asks(Asks::Nonsense);
    };
    if !version.starts_with(b"HTTP/1.") || method.is_empty() {
        return Request::Asks(Asks::Nonsense);
    }
    let has_ended = bytes.windows(2).any(|pair| pair == b"\n\n")
        || bytes.windows(3).any(|three| three == b"\n\r\n");
    if !has_ended {
        return unfinished(bytes);
    }
    let path = target.split(|&byte| byte == b'?').next();
    Request::Asks(match (method, path) {
        (b"GET" | b"HEAD", Some(b"/metrics")) => Asks::Metrics {
            head: method == b"HEAD",
        },
        (b"GET" | b"HEAD", _) => Asks::Elsewhere,
        _ => Asks::OtherMethod,
    })
}

fn unfinished(bytes: &[u8]) -> Request {
    if bytes.len() < MAX_REQUEST {
        Request::Unfinished
    } else {
        Request::Asks(Asks::TooLong)
    }
}

/// The response; `metrics` is asked only if they are what is wanted.
pub fn response(asks: Asks, metrics: impl FnOnce() -> String) -> String {
    let failed = |status, text: &str| message(status, PLAIN, "", text, false);
    match asks {
        Asks::Metrics { head } => message("200 OK", METRICS, "", &metrics(), head),
        Asks::Elsewhere => failed("404 Not Found", "The metrics are at /metrics.\n"),
        Asks::OtherMethod => {
            let status = "405 Method Not Allowed";
            message(status, PLAIN, "Allow: GET, HEAD\r\n", "", false)
        }
        Asks::Nonsense => failed("400 Bad Request", "This is not HTTP.\n"),
        Asks::TooLong => failed("431 Request Header Fields Too Large", ""),
    }
}

fn message(status: &str, kind: &str, more: &str, body: &str, head: bool) -> String {
    let len = body.len();
    let body = if head { "" } else { body };
    format!(
        "HTTP/1.0 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len}\r\n\
         {more}Connection: close\r\n\r\n{body}"
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_first_line_says_what_is_asked() {
        let metrics = Asks::Metrics { head: false };
        for (request, asks) in [
            (
                "GET /metrics HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n",
                metrics,
            ),
            ("GET /metrics HTTP/1.0\r\n\r\n", metrics),
            ("GET /metrics?a=b HTTP/1.1\n\n", metrics),
            (
                "HEAD /metrics HTTP/1.1\r\n\r\n",
                Asks::Metrics { head: true },
            ),
            ("GET / HTTP/1.1\r\n\r\n", Asks::Elsewhere),
            ("GET /metrics/ HTTP/1.1\r\n\r\n", Asks::Elsewhere),
            ("POST /metrics HTTP/1.1\r\n\r\n", Asks::OtherMethod),
            ("get /metrics HTTP/1.1\r\n\r\n", Asks::OtherMethod),
            ("GET /metrics\r\n", Asks::Nonsense),
            ("GET  /metrics HTTP/1.1\r\n", Asks::Nonsense),
            ("GET /metrics HTTP/2\r\n", Asks::Nonsense),
            ("\r\n", Asks::Nonsense),
            (" / HTTP/1.1\r\n", Asks::Nonsense),
            ("\0\n", Asks::Nonsense),
        ] {
            assert_eq!(read(request.as_bytes()), Request::Asks(asks), "{request:?}");
        }
    }

    #[test]
    fn every_cut_of_a_request_is_unfinished() {
        let request = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
        for len in 0..request.len() {
            assert_eq!(read(&request[..len]), Request::Unfinished, "{len} bytes");
        }
    }

    proptest! {
        /// Words of which requests are made, in any order.
        #[test]
        fn a_request_is_the_same_in_one_piece_and_byte_by_byte(
            words in prop::collection::vec(prop::sample::select(vec![
                "GET", "HEAD", "POST", " ", "/metrics", "/", "?", "HTTP/1.1", "HTTP/1.0", "\r\n",
                "\n", "\r", "Host: x", "\0", "x",
            ]), 0..24),
        ) {
            let request = words.concat().into_bytes();
            let mut pieces = (0..=request.len()).map(|len| read(&request[..len]));
            let decided = pieces.find(|verdict| *verdict != Request::Unfinished);
            prop_assert_eq!(decided.unwrap_or(Request::Unfinished), read(&request));
        }
    }

    #[test]
    fn a_request_without_end_is_too_long() {
        let endless = [&b"GET /metrics HTTP/1.1\r\nX: "[..], &[b'x'; MAX_REQUEST]].concat();
        for (bytes, asks) in [
            (&endless[..MAX_REQUEST], Request::Asks(Asks::TooLong)),
            (&endless[..MAX_REQUEST - 1], Request::Unfinished),
            (&[b'x'; MAX_REQUEST], Request::Asks(Asks::TooLong)),
        ] {
            assert_eq!(read(bytes), asks);
        }
    }

    #[test]
    fn a_response_has_its_length_and_the_page_unless_that_is_not_wanted() {
        let page = || "up 1\n".to_owned();
        let expected = "HTTP/1.0 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n\
                        Content-Length: 5\r\nConnection: close\r\n\r\n";
        let found = response(Asks::Metrics { head: true }, page);
        assert_eq!(found, expected);
        let found = response(Asks::Metrics { head: false }, page);
        assert_eq!(found, format!("{expected}up 1\n"));
        let found = response(Asks::OtherMethod, page);
        let expected = "HTTP/1.0 405 Method Not Allowed\r\nContent-Type: text/plain; charset=utf-8\r\n\
                        Content-Length: 0\r\nAllow: GET, HEAD\r\nConnection: close\r\n\r\n";
        assert_eq!(found, expected);
    }
}
