//! The least that a client with many calls in flight over one connection can be on tokio: `tokio-client own|shared PORT TASKS SECONDS`
//! prints how many null calls of hello.x so many tasks made in a second, on one thread.
//!
//! Its `own` client is that of one thread for good; the `shared` one has a lock, as one has that tasks on several threads may call by.
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
use std::sync::{Arc, Mutex, PoisonError};
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

/// How the tasks share it.
trait Held: Clone + 'static {
    fn new(shared: Shared) -> Self;

    fn with<T>(&self, work: impl FnOnce(&mut Shared) -> T) -> T;
}

impl Held for Rc<RefCell<Shared>> {
    fn new(shared: Shared) -> Self {
        Rc::new(RefCell::new(shared))
    }

    fn with<T>(&self, work: impl FnOnce(&mut Shared) -> T) -> T {
        work(&mut self.borrow_mut())
    }
}

impl Held for Arc<Mutex<Shared>> {
    fn new(shared: Shared) -> Self {
        Arc::new(Mutex::new(shared))
    }

    fn with<T>(&self, work: impl FnOnce(&mut Shared) -> T) -> T {
        work(&mut self.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn main() -> io::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let numbers = words.iter().filter_map(|word| word.parse().ok());
    let numbers: Vec<f64> = numbers.collect();
    let ([port, tasks, seconds], Some(held)) = (&numbers[..], words.first()) else {
        eprintln!("usage: tokio-client own|shared PORT TASKS SECONDS");
        std::process::exit(2);
    };
    let (port, tasks, seconds) = (*port as u16, *tasks as usize, *seconds);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    let set = LocalSet::new();
    let rate = match &held[..] {
        "shared" => set.block_on(&runtime, run::<Arc<Mutex<Shared>>>(port, tasks, seconds))?,
        _ => set.block_on(&runtime, run::<Rc<RefCell<Shared>>>(port, tasks, seconds))?,
    };
    println!("{rate:.1}");
    Ok(())
}

async fn run<H: Held>(port: u16, tasks: usize, seconds: f64) -> io::Result<f64> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut shared = Shared::default();
    shared.places.resize_with(tasks, Place::default);
    let shared = H::new(shared);
    let driver = tokio::task::spawn_local(drive(stream, shared.clone()));
    let begun = Instant::now();
    let end = begun + Duration::from_secs_f64(seconds);
    let calling: Vec<_> = (0..tasks)
        .map(|place| tokio::task::spawn_local(call(place, end, shared.clone())))
        .collect();
    let mut made = 0.0;
    for task in calling {
        made += f64::from(task.await?);
    }
    driver.abort();
    Ok(made / begun.elapsed().as_secs_f64())
}

async fn call(place: usize, end: Instant, shared: impl Held) -> u32 {
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
        let driver = shared.with(|shared| {
            shared.places[place].answered = false;
            shared.out.extend_from_slice(&bytes);
            shared.driver.take()
        });
        if let Some(driver) = driver {
            driver.wake();
        }
        let answered = |cx: &mut Context<'_>, shared: &mut Shared| {
            let place = &mut shared.places[place];
            if place.answered {
                return Poll::Ready(());
            }
            place.waiting = Some(cx.waker().clone());
            Poll::Pending
        };
        poll_fn(|cx| shared.with(|shared| answered(cx, shared))).await;
        made += 1;
    }
    made
}

async fn drive(mut stream: TcpStream, shared: impl Held) -> io::Result<()> {
    let mut buffer = vec![0; 256 << 10];
    let mut have = 0;
    poll_fn(|cx| {
        while receive(&mut stream, &mut buffer, &mut have, &shared, cx)? {}
        let written = shared.with(|shared| {
            while !shared.out.is_empty() {
                match Pin::new(&mut stream).poll_write(cx, &shared.out) {
                    Poll::Ready(written) => drop(shared.out.drain(..written?)),
                    Poll::Pending => break,
                }
            }
            shared.driver = Some(cx.waker().clone());
            Ok(())
        });
        match written {
            Ok(()) => Poll::Pending,
            Err(error) => Poll::Ready(Err(error)),
        }
    })
    .await
}

/// Reads once and marks whose replies have come; false when there is nothing to be read.
fn receive(
    stream: &mut TcpStream,
    buffer: &mut [u8],
    have: &mut usize,
    shared: &impl Held,
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
    let mut at = 0;
    // A reply to a null call: mark, xid and five words more.
    shared.with(|shared| {
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
    });
    buffer.copy_within(at..*have, 0);
    *have -= at;
    Ok(true)
}
