//! Serves the hello program until it is told to stop.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::available_parallelism;
use std::time::Duration;

use clap::Parser;
use oncrpc::{CallContext, Reject};
use oncrpc_hello::hello_program::v1;
use oncrpc_hello::{Guest, GuestList, HelloBlob, HelloName, Pair, Shape, Sides, SumResult};
use oncrpc_server::{Listen, Policy, RpcbindAt, Server};
use oncrpc_xdr::XdrString;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};

/// Serves the hello program.
#[derive(Parser)]
struct Command {
    /// Listen for TCP at this address
    #[arg(long, value_name = "ADDRESS:PORT")]
    tcp: Vec<SocketAddr>,
    /// Listen for UDP at this address
    #[arg(long, value_name = "ADDRESS:PORT")]
    udp: Vec<SocketAddr>,
    /// Listen at this Unix socket; @ stands before an abstract name
    #[arg(long, value_name = "PATH|@NAME")]
    unix: Vec<String>,
    /// Answer over connections with so many threads; unless given, one for each processor
    #[arg(long, value_name = "THREADS")]
    threads: Option<NonZeroUsize>,
    /// Answer over UDP with so many threads
    #[arg(long, value_name = "THREADS", default_value_t = 1)]
    udp_threads: usize,
    /// Serve the socket that is standard input, as inetd hands it over; nothing is registered
    #[arg(long, conflicts_with_all = ["tcp", "udp", "unix"])]
    stdin: bool,
    /// Register with this rpcbind: this-host, tcp:ADDRESS:PORT or unix:PATH
    #[arg(long, default_value = "this-host", value_parser = oncrpc_hello::rpcbind_at)]
    rpcbind: RpcbindAt,
}

/// Who greets.
#[derive(Default)]
struct Hello {
    guests: Mutex<GuestList>,
}

impl v1::Server for Hello {
    async fn greet(&self, _: &CallContext, name: HelloName) -> Result<XdrString, Reject> {
        let greeting = [b"Hello, ", name.as_bytes()].concat();
        let mut guests = self.guests.lock().unwrap_or_else(PoisonError::into_inner);
        match guests.iter_mut().find(|guest| guest.name == name) {
            Some(guest) => guest.greetings += 1,
            // A copy, because the name as it came would hold on to the whole record it came in.
            None => guests.push(Guest {
                name: name.compact(),
                greetings: 1,
            }),
        }
        Ok(greeting.into())
    }

    async fn add(&self, _: &CallContext, pair: Pair) -> Result<SumResult, Reject> {
        Ok(match pair.left.checked_add(pair.right) {
            Some(sum) => SumResult::Ok(sum),
            None => SumResult::Default(oncrpc_hello::HelloStatus::Overflow),
        })
    }

    async fn echo(&self, _: &CallContext, blob: HelloBlob) -> Result<HelloBlob, Reject> {
        Ok(blob)
    }

    async fn area(&self, _: &CallContext, shape: Shape) -> Result<f64, Reject> {
        Ok(match shape {
            Shape::Point => 0.0,
            Shape::Circle(radius) => std::f64::consts::PI * radius * radius,
            Shape::Rectangle(Sides { width, height }) => width * height,
        })
    }

    async fn guests(&self, _: &CallContext) -> Result<GuestList, Reject> {
        Ok(self
            .guests
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone())
    }

    async fn wait(&self, _: &CallContext, millis: u32) -> Result<u32, Reject> {
        tokio::time::sleep(Duration::from_millis(millis.into())).await;
        Ok(millis)
    }
}

fn main() -> ExitCode {
    env_logger::init();
    let command = Command::parse();
    let served = match runtime(command.threads) {
        Ok(runtime) => runtime.block_on(serve(command)),
        Err(error) => Err(error.into()),
    };
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hello-server: {error}");
            ExitCode::FAILURE
        }
    }
}

fn runtime(threads: Option<NonZeroUsize>) -> io::Result<Runtime> {
    let threads = threads.map_or_else(available_parallelism, Ok)?.get();
    // A thread that is alone need not look for others to share its work with.
    let mut builder = match threads {
        1 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    builder.worker_threads(threads).enable_all().build()
}

async fn serve(command: Command) -> Result<(), Box<dyn Error>> {
    let mut server = Server::new().service(v1::service(Arc::new(Hello::default())));
    if command.stdin {
        let stdin = std::io::stdin().as_fd().try_clone_to_owned()?;
        let socket = Listen::inherited(stdin)?.ok_or("standard input is no socket")?;
        server.listen(socket).start().await?.finished().await;
        return Ok(());
    }
    server = server
        .register(Policy::Require, command.rpcbind)
        .datagram_threads(command.udp_threads);
    let listen = [
        command.tcp.into_iter().map(Listen::Tcp).collect::<Vec<_>>(),
        command.udp.into_iter().map(Listen::Udp).collect(),
        command.unix.into_iter().map(unix).collect(),
    ];
    for listen in listen.into_iter().flatten() {
        server = server.listen(listen);
    }
    let running = server.start().await?;
    for mapping in running.registered() {
        println!("registered: {mapping}");
    }
    println!("ready");
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => {}
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    running.shutdown(Duration::from_secs(5)).await;
    Ok(())
}

/// A Unix socket, as people write it.
fn unix(text: String) -> Listen {
    match text.strip_prefix('@') {
        Some(name) => Listen::Abstract(name.into()),
        None => Listen::Unix(text.into()),
    }
}
