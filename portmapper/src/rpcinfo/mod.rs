//! `rpcinfo`: asks rpcbind what it knows, and programs whether they answer.
//!
//! | module | what it knows |
//! |---|---|
//! | [`cli`], [`request`] | the command line, and what it means |
//! | [`connect`], [`contact`] | the way to a host, and what its rpcbind is asked |
//! | [`find`] | the way to a program |
//! | [`layout`] | how answers are laid out; pure |
//! | [`ping`], [`broadcast`], [`probe`] | whether programs answer |
//! | [`delete`] | that programs be forgotten |
//! | [`failure`] | why there is no answer, in libtirpc's words |
//!
//! What it prints is what rpcinfo 1.2.6 prints; the differences are in COMPATIBILITY.md. Whom it asks may be hostile:
//! what is held of an answer is bounded by [`connect::MAX_REPLY`], each step by a time, and their number by
//! [`ping::MAX_VERSIONS`], [`ping::VERSIONS_TIME`] and [`probe::WHOLE_TIME`].
// What reads what others have written computes nothing that could overflow and indexes nothing that could be missing.
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::indexing_slicing,
        clippy::unwrap_used
    )
)]

pub mod broadcast;
pub mod cli;
pub mod connect;
pub mod contact;
pub mod delete;
pub mod failure;
pub mod find;
pub mod layout;
pub mod ping;
pub mod probe;
pub mod request;

use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};

use oncrpc::netconfig::NetworkConfig;
use oncrpc::{CallError, Refusal};
use oncrpc_client::Rpcbind;

use crate::netconfig;
use crate::services::{ProgramNames, RPC_PATH};
use cli::{Misuse, Options};
use connect::Patience;
use contact::Contact;
use failure::Failure;
use layout::{json, list, statistics};
use request::Request;

/// What is the same for everything that is asked.
#[derive(Debug)]
pub struct Context {
    /// The names of programs.
    pub names: ProgramNames,
    /// The transports.
    pub netconfig: Vec<NetworkConfig>,
    /// The port of rpcbinds.
    pub port: u16,
    /// The socket of this host's, if not the usual one.
    pub socket: Option<PathBuf>,
    /// How long it may take.
    pub patience: Patience,
    /// Whether programs read the answers.
    pub json: bool,
}

impl Context {
    /// What these options and the tables of this host say.
    pub fn new(options: &Options) -> Self {
        // What cannot be read is passed over: the lines that can are what there is.
        let netconfig = netconfig::read(Path::new(oncrpc::netconfig::PATH));
        Self {
            names: ProgramNames::read(Path::new(RPC_PATH)),
            netconfig: netconfig.map(|(entries, _)| entries).unwrap_or_default(),
            port: options.port.unwrap_or(Rpcbind::PORT),
            socket: options.socket.clone(),
            patience: Patience::new(options.timeout),
            json: options.json,
        }
    }
}

/// Where answers and complaints go.
pub struct Terminal<'a> {
    /// Standard output.
    pub out: &'a mut dyn Write,
    /// Standard error.
    pub err: &'a mut dyn Write,
}

impl Terminal<'_> {
    fn print(&mut self, text: &str) -> Result<(), Stop> {
        self.out
            .write_all(text.as_bytes())
            .and_then(|()| self.out.flush())
            .map_err(|_| Stop::Said)
    }

    fn complain(&mut self, text: &str) -> Result<(), Stop> {
        self.err.write_all(text.as_bytes()).map_err(|_| Stop::Said)
    }
}

/// Why it ends with status 1.
#[derive(Debug)]
pub enum Stop {
    /// For this reason, which is yet to be printed.
    Complaint(String),
    /// All is said, or nobody reads it.
    Said,
}

impl Stop {
    fn because(complaint: impl fmt::Display) -> Self {
        Self::Complaint(format!("rpcinfo: {complaint}\n"))
    }

    /// There is no rpcbind.
    fn no_contact(failure: Failure) -> Self {
        let why = failure.before_the_call();
        Self::because(format_args!("can't contact rpcbind: {why}"))
    }

    /// There is one, and it does not answer. The second colon is rpcinfo's own.
    fn no_answer(failure: Failure) -> Self {
        let why = failure.of_the_call();
        Self::because(format_args!("can't contact rpcbind: : {why}"))
    }
}

impl From<Misuse> for Stop {
    fn from(misuse: Misuse) -> Self {
        Self::Complaint(misuse.to_string())
    }
}

/// Does what the options ask for. Whether all is well: the exit status is 0, and otherwise 1.
pub async fn run(cx: &Context, options: &Options, terminal: &mut Terminal<'_>) -> bool {
    let answered = match Request::new(options, &cx.names, &cx.netconfig) {
        Ok(request) => answer(cx, &request, terminal).await,
        Err(misuse) => Err(misuse.into()),
    };
    match answered {
        Ok(()) => true,
        Err(Stop::Said) => false,
        Err(Stop::Complaint(complaint)) => {
            // Where nobody hears it there is still the status.
            let _ = terminal.complain(&complaint);
            false
        }
    }
}

async fn answer(cx: &Context, request: &Request, terminal: &mut Terminal<'_>) -> Result<(), Stop> {
    match request {
        Request::Registrations {
            host,
            over,
            by_program,
        } => {
            let contact = match (host, over) {
                (None, _) => Contact::local(cx).await,
                (Some(host), None) => Contact::of_host(cx, host).await,
                (Some(host), Some(over)) => Contact::over(cx, host, &over.transport).await,
            };
            let contact = contact.map_err(Stop::no_contact)?;
            let list = contact.registrations().await.map_err(Stop::no_answer)?;
            let layout = match (by_program, cx.json) {
                (false, false) => list::registrations,
                (false, true) => json::registrations,
                (true, false) => list::programs,
                (true, true) => json::programs,
            };
            terminal.print(&layout(&list, &cx.names))
        }
        Request::Mappings { host } => mappings(cx, host.as_deref(), terminal).await,
        Request::Statistics { host } => {
            let contact = match host {
                None => Contact::local(cx).await,
                Some(host) => Contact::of_host(cx, host).await,
            };
            let contact = contact.map_err(Stop::no_contact)?;
            let versions = contact.statistics().await.map_err(Stop::no_answer)?;
            let layout = match cx.json {
                false => statistics::statistics,
                true => json::statistics,
            };
            terminal.print(&layout(&versions, &cx.names))
        }
        Request::Addresses {
            host,
            over,
            program,
            version,
        } => {
            let contact = match over {
                None => Contact::of_host(cx, host).await,
                Some(over) => Contact::over(cx, host, &over.transport).await,
            };
            let contact = contact.map_err(Stop::no_contact)?;
            let list = contact.addresses(*program, *version).await;
            let list = list.map_err(Stop::no_answer)?;
            let layout = match cx.json {
                false => list::addresses,
                true => json::addresses,
            };
            terminal.print(&layout(&list, (*program, *version), &cx.names))
        }
        Request::Ping {
            place,
            program,
            version,
        } => ping::ping(cx, (place, *program, *version), terminal).await,
        Request::Broadcast { program, version } => {
            broadcast::broadcast(cx, (*program, *version), terminal).await
        }
        Request::Delete {
            over,
            program,
            version,
            written: [program_text, version_text],
        } => {
            let netid = over.as_ref().map(|over| &over.netid);
            match delete::delete(cx, *program, *version, netid).await {
                true if cx.json => terminal.print(&json::deleted()),
                true => Ok(()),
                false => Err(Stop::because(format_args!(
                    "Could not delete registration for prog {program_text} version {version_text}"
                ))),
            }
        }
        Request::Probe { host } => probe::probe(cx, host.as_deref(), terminal).await,
    }
}

/// `-p`: what version 2 knows.
async fn mappings(
    cx: &Context,
    host: Option<&str>,
    terminal: &mut Terminal<'_>,
) -> Result<(), Stop> {
    let contact = match host {
        None => Contact::local(cx).await.map_err(|failure| {
            let why = failure.before_the_call();
            Stop::because(format_args!("can't contact portmapper: {why}"))
        })?,
        Some(host) => Contact::over_tcp(cx, host).await.map_err(|failure| {
            let why = failure.before_the_call();
            Stop::Complaint(format!("{host}: {why}\n"))
        })?,
    };
    let list = contact.mappings().await.map_err(|failure| match failure {
        Failure::Call(CallError::Refused(Refusal::ProgMismatch { low: 3.., .. })) => {
            let host = host.unwrap_or("localhost");
            Stop::Complaint(format!(
                "{host} does not support portmapper.  Try rpcinfo {host} instead\n"
            ))
        }
        failure => {
            let why = failure.of_the_call();
            Stop::because(format_args!("can't contact portmapper: {why}"))
        }
    })?;
    let layout = match cx.json {
        false => list::mappings,
        true => json::mappings,
    };
    terminal.print(&layout(&list, &cx.names))
}
