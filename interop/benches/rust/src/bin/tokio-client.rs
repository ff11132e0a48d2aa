//! The least that a client with many calls in flight over one connection can be on tokio: `tokio-client PORT TASKS SECONDS` prints how
//! many null calls of hello.x so many tasks made in a second, on one thread.
//!
//! A task writes its call into a buffer that all share and waits for its place to be marked; one more task writes the buffer out,
//! reads replies and marks their places. There is no time limit, no reconnection, no credential and no check of a reply beyond its
//! xid.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::LocalSet;

/// What the tasks share.
#[derive(Default)]
struct Shared {
    out: Vec<u8>,
    places: Vec<Place>,
    driver: Option<Waker>,
}

#[derive(Default)]
struct Place {
    answered: bool,
    waiting: Option<Waker>,
}

fn main() -> io::Result<()> {
    let numbers: Vec<f64> = std::env::args()
        .skip(1)
        .filter_map(|word| word.parse().ok())
        .collect();
    let [port, tasks, seconds] = numbers[..] else {
        eprintln!("usage: tokio-client PORT TASKS SECONDS");
        std::process::exit(2);
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    let rate = LocalSet::new().block_on(&runtime, run(port as u16, tasks as usize, seconds))?;
    println!("{rate:.1}");
    Ok(())
}

async fn run(port: u16, tasks: usize, seconds: f64) -> io::Result<f64> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let shared = Rc::new(RefCell::new(Shared::default()));
    shared
        .borrow_mut()
        .places
        .resize_with(tasks, Place::default);
    let driver = tokio::task::spawn_local(drive(stream, Rc::clone(&shared)));
    let begun = Instant::now();
    let end = begun + Duration::from_secs_f64(seconds);
    let calling: Vec<_> = (0..tasks)
        .map(|place| tokio::task::spawn_local(call(place, end, Rc::clone(&shared))))
        .collect();
    let mut made = 0.0;
    for task in calling {
        made += f64::from(task.await?);
    }
    driver.abort();
    Ok(made / begun.elapsed().as_secs_f64())
}

async fn call(place: usize, end: Instant, shared: Rc<RefCell<Shared>>) -> u32 {
    let words = [
        0x8000_0028,
        place as u32,
        0,
        2,
        0x2000_0e10,
        1,
        0,
        0,
        0,
        0,
        0,
    ];
    let bytes: Vec<u8> = words.into_iter().flat_map(u32::to_be_bytes).collect();
    let mut made = 0;
    while made % 16 != 0 || Instant::now() < end {
        let driver = {
            let mut shared = shared.borrow_mut();
            shared.places[place].answered = false;
            shared.out.extend_from_slice(&bytes);
            shared.driver.take()
        };
        if let Some(driver) = driver {
            driver.wake();
        }
        poll_fn(|cx| {
            let place = &mut shared.borrow_mut().places[place];
            if place.answered {
                return Poll::Ready(());
            }
            place.waiting = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
        made += 1;
    }
    made
}

async fn drive(mut stream: TcpStream, shared: Rc<RefCell<Shared>>) -> io::Result<()> {
    let mut buffer = vec![0; 256 << 10];
    let mut have = 0;
    poll_fn(|cx| {
        while receive(&mut stream, &mut buffer, &mut have, &shared, cx)? {}
        let mut shared = shared.borrow_mut();
        while !shared.out.is_empty() {
            match Pin::new(&mut stream).poll_write(cx, &shared.out) {
                Poll::Ready(written) => drop(shared.out.drain(..written?)),
                Poll::Pending => break,
            }
        }
        shared.driver = Some(cx.waker().clone());
        Poll::Pending
    })
    .await
}

/// Reads once and marks whose replies have come; false when there is nothing to be read.
fn receive(
    stream: &mut TcpStream,
    buffer: &mut [u8],
    have: &mut usize,
    shared: &RefCell<Shared>,
    cx: &mut Context<'_>,
) -> io::Result<bool> {
    let mut into = ReadBuf::new(&mut buffer[*have..]);
    let Poll::Ready(read) = Pin::new(stream).poll_read(cx, &mut into) else {
        return Ok(false);
    };
    read?;
    let length = into.filled().len();
    if length == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    *have += length;
    let mut shared = shared.borrow_mut();
    let mut at = 0;
    // A reply to a null call: mark, xid and five words more.
    while *have - at >= 28 {
        let xid = u32::from_be_bytes([
            buffer[at + 4],
            buffer[at + 5],
            buffer[at + 6],
            buffer[at + 7],
        ]);
        let place = &mut shared.places[xid as usize];
        place.answered = true;
        if let Some(waiting) = place.waiting.take() {
            waiting.wake();
        }
        at += 28;
    }
    buffer.copy_within(at..*have, 0);
    *have -= at;
    Ok(true)
}
