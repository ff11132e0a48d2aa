//! The program that the matrix calls: one procedure for each size of calls and replies.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use oncrpc::{
    Call, CallError, CallOptions, Caller, Dispatch, Handler, Procedure, Reject, Reply, Service,
    service,
};
use oncrpc_server::{DuplicatePolicy, Duplicates, remembered};

const DUMP_BYTES: usize = 10_000;
const ECHO_BYTES: usize = 1 << 20;

mod procedure {
    use oncrpc_xdr::wire::Opaque;

    oncrpc::procedures!(program 0x2000_0004, version 1 => {
        0 => Null() -> () as "NULL",
        1 => GetAddr(Opaque<100>) -> Opaque<100> as "GETADDR",
        2 => Dump(u32) -> Opaque<10_000> as "DUMP",
        3 => Echo(Opaque<1_048_576>) -> Opaque<1_048_576> as "ECHO",
    });
}

use procedure::{Dump, Echo, GetAddr, Null};

/// How much goes one way and the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// Nothing but headers.
    Null,
    /// 100 bytes each way, as GETADDR has it.
    GetAddr,
    /// A reply of 10 kB, as DUMP has it.
    Dump,
    /// 1 MiB each way.
    Echo,
}

impl Size {
    pub const ALL: [Self; 4] = [Self::Null, Self::GetAddr, Self::Dump, Self::Echo];

    /// Calls that are made at the same time.
    pub fn at_once(self) -> u32 {
        match self {
            Self::Echo => 2,
            Self::Null | Self::GetAddr | Self::Dump => 20,
        }
    }

    /// Bytes of a record that carries a call, and of one that carries its reply.
    pub fn records(self) -> (usize, usize) {
        // The record's mark and the message's header; the length of what is opaque.
        let (call, reply, opaque) = (4 + 40, 4 + 24, 4);
        match self {
            Self::Null => (call, reply),
            Self::GetAddr => (call + opaque + 100, reply + opaque + 100),
            Self::Dump => (call + 4, reply + opaque + DUMP_BYTES),
            Self::Echo => (call + opaque + ECHO_BYTES, reply + opaque + ECHO_BYTES),
        }
    }

    /// Makes call `number` and says whether the answer is the right one.
    pub async fn call(
        self,
        number: u32,
        caller: &impl Caller,
        options: &CallOptions,
    ) -> Result<bool, CallError> {
        match self {
            Self::Null => caller.call::<Null>(&(), options).await.map(|()| true),
            Self::GetAddr => {
                let args = filled(number, 100);
                let answer = caller.call::<GetAddr>(&args, options).await?;
                Ok(answer == args)
            }
            Self::Dump => {
                let answer = caller.call::<Dump>(&number, options).await?;
                Ok(answer == filled(number, DUMP_BYTES))
            }
            Self::Echo => {
                let args = filled(number, ECHO_BYTES);
                let answer = caller.call::<Echo>(&args, options).await?;
                Ok(answer == args)
            }
        }
    }
}

/// Bytes that only call `number` has, whatever piece of them is looked at.
fn filled(number: u32, len: usize) -> Bytes {
    let mut bytes = Vec::with_capacity(len);
    let mut index = number.wrapping_mul(0x0101_0101);
    bytes.extend_from_slice(&number.to_be_bytes());
    while bytes.len() < len {
        index = index.wrapping_add(0x9E37_79B9);
        bytes.extend_from_slice(&(index ^ index >> 15).to_be_bytes());
    }
    bytes.truncate(len);
    bytes.into()
}

/// A server's side of the program.
#[derive(Debug, Default)]
pub struct Program {
    /// How often each call was executed, by its number.
    executed: Mutex<HashMap<u32, u32>>,
    /// Calls without a number.
    unnumbered: AtomicU32,
}

impl Program {
    /// The most often that a call was executed.
    pub fn most_executed(&self) -> u32 {
        let executed = self.executed.lock().unwrap();
        executed.values().copied().max().unwrap_or_default()
    }

    /// Executes call `number`.
    async fn execute(&self, number: u32) {
        *self.executed.lock().unwrap().entry(number).or_default() += 1;
        take_time(number).await;
    }

    /// The service, which remembers what it answered to calls that have a number.
    pub fn service(self: &Arc<Self>) -> Arc<dyn Service> {
        let (program, version) = (Null::INFO.program, Null::INFO.version);
        let service = service(program, version, procedure::ALL, self.clone(), open);
        // Enough for all results of a cell but those of 1 MiB, which are too long to be remembered.
        let duplicates = Duplicates::new(DuplicatePolicy {
            bytes: 64 << 20,
            ..DuplicatePolicy::default()
        });
        let once = [GetAddr::INFO, Dump::INFO, Echo::INFO];
        remembered(service, &duplicates, once)
    }
}

fn open(program: Arc<Program>) -> Box<dyn Dispatch> {
    let mut null = Handler::new(Null, &program, |program, ()| async move {
        take_time(program.server().unnumbered.fetch_add(1, Ordering::Relaxed)).await;
        (program, Ok(()))
    });
    let mut get_addr = Handler::new(GetAddr, &program, |program, args: Bytes| async move {
        program.server().execute(number_of(&args)).await;
        (program, Ok(args))
    });
    let mut dump = Handler::new(Dump, &program, |program, number| async move {
        program.server().execute(number).await;
        (program, Ok(filled(number, DUMP_BYTES)))
    });
    let mut echo = Handler::new(Echo, &program, |program, args: Bytes| async move {
        program.server().execute(number_of(&args)).await;
        (program, Ok(args))
    });
    Box::new(
        move |call: &Call<'_>, reply: &mut Reply<'_>| match call.procedure() {
            0 => null.call(call, reply),
            1 => get_addr.call(call, reply),
            2 => dump.call(call, reply),
            3 => echo.call(call, reply),
            _ => reply.reject(Reject::ProcUnavail),
        },
    )
}

/// Waits in every other call.
async fn take_time(number: u32) {
    if number % 2 == 1 {
        tokio::time::sleep(TAKES).await;
    }
}

/// The number that arguments begin with.
fn number_of(args: &Bytes) -> u32 {
    args.first_chunk()
        .map_or(0, |number| u32::from_be_bytes(*number))
}

/// Time that a call takes which is not answered at once.
const TAKES: Duration = Duration::from_millis(5);
