//! A server that answers as a test tells it to: in whatever pieces, in whatever order, with whatever before it.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use oncrpc_interop::{Host, words};

/// What it does when a call has come: the xids of all calls so far, the new one last.
pub type Answer = dyn Fn(&[u32]) -> Vec<Act> + Send + Sync;

/// One thing that it does.
pub enum Act {
    /// Writes these bytes to the connection, or sends them as a datagram.
    Send(Vec<u8>),
    /// Sends these bytes as a datagram from another port than the one that was called.
    SendFromElsewhere(Vec<u8>),
    /// Ends the connection.
    Close,
}

/// The reply to call `xid`: SUCCESS and a number.
pub fn reply(xid: u32, number: u32) -> Vec<u8> {
    words(&[xid, 1, 0, 0, 0, 0, number])
}

/// A fragment.
pub fn fragment(bytes: &[u8], last: bool) -> Vec<u8> {
    let mark = bytes.len() as u32 | u32::from(last) << 31;
    [&mark.to_be_bytes(), bytes].concat()
}

/// A record of one fragment.
pub fn record(message: &[u8]) -> Vec<u8> {
    fragment(message, true)
}

/// Serves on `netid`, tcp or udp, in a host for as long as `call` runs, which is told where.
pub fn with_server<T>(
    host: &Host,
    netid: &str,
    answer: &Answer,
    call: impl FnOnce(SocketAddr) -> T,
) -> T {
    let stop = &AtomicBool::new(false);
    let any = (Ipv4Addr::LOCALHOST, 0);
    thread::scope(|scope| {
        if netid == "tcp" {
            let listener = host
                .in_network(|| TcpListener::bind(any))
                .expect("a port is free");
            let at = listener.local_addr().expect("it is bound");
            let serving = scope.spawn(|| serve_streams(listener, answer, stop));
            let result = call(at);
            stop.store(true, Ordering::Relaxed);
            // It looks whether to stop when somebody comes.
            let _ = host.in_network(|| TcpStream::connect(at));
            serving.join().expect("the server does not fail");
            result
        } else {
            let bind = || UdpSocket::bind(any);
            let (socket, elsewhere) = host.in_network(|| (bind(), bind()));
            let (socket, elsewhere) = (
                socket.expect("a port is free"),
                elsewhere.expect("so is another"),
            );
            let at = socket.local_addr().expect("it is bound");
            let end = elsewhere.try_clone().expect("it is a socket");
            let serving = scope.spawn(move || serve_datagrams(&socket, &elsewhere, answer, stop));
            let result = call(at);
            stop.store(true, Ordering::Relaxed);
            let _ = end.send_to(&[], at);
            serving.join().expect("the server does not fail");
            result
        }
    })
}

fn serve_streams(listener: TcpListener, answer: &Answer, stop: &AtomicBool) {
    let mut xids = Vec::new();
    for stream in listener.incoming() {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        // Whatever becomes of a connection is the client's to tell.
        let _ = serve_stream(&mut stream.expect("somebody connects"), answer, &mut xids);
    }
}

fn serve_stream(
    stream: &mut TcpStream,
    answer: &Answer,
    xids: &mut Vec<u32>,
) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    loop {
        let mut mark = [0; 4];
        stream.read_exact(&mut mark)?;
        let mut call = vec![0; (u32::from_be_bytes(mark) & !(1 << 31)) as usize];
        stream.read_exact(&mut call)?;
        xids.push(xid(&call));
        for act in answer(xids) {
            match act {
                Act::Send(bytes) => stream.write_all(&bytes)?,
                Act::SendFromElsewhere(_) => panic!("a stream has one other end"),
                Act::Close => return Ok(()),
            }
        }
    }
}

fn serve_datagrams(socket: &UdpSocket, elsewhere: &UdpSocket, answer: &Answer, stop: &AtomicBool) {
    let mut xids = Vec::new();
    let mut call = [0; 1000];
    loop {
        let (length, from) = socket.recv_from(&mut call).expect("something comes");
        if stop.load(Ordering::Relaxed) {
            return;
        }
        // A call that comes again has had all that it gets.
        let xid = xid(&call[..length]);
        if xids.contains(&xid) {
            continue;
        }
        xids.push(xid);
        for act in answer(&xids) {
            let sent = match act {
                Act::Send(bytes) => socket.send_to(&bytes, from),
                Act::SendFromElsewhere(bytes) => elsewhere.send_to(&bytes, from),
                Act::Close => panic!("there is no connection"),
            };
            sent.expect("the client is there");
        }
    }
}

fn xid(call: &[u8]) -> u32 {
    u32::from_be_bytes(*call.first_chunk().expect("a call has one"))
}
