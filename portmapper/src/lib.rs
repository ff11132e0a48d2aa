//! `rpcbind`: tells callers at which address a program listens, and lets programs say so; and [`rpcinfo`], which
//! asks it.
//!
//! A SET walks down this list: [`service`] takes the call, [`policy`] says whether the caller may, the
//! [`journal`] has it written, and the [`registry`] does it, before the caller hears of it.
//!
//! | module | what it knows |
//! |---|---|
//! | [`registry`] | which service is where; pure |
//! | [`policy`] | who is calling and what they may; pure |
//! | [`hosts_access`] | hosts.allow and hosts.deny |
//! | [`merge`], [`interfaces`] | which of our addresses a caller is told |
//! | [`statistics`] | what GETSTAT counts; pure |
//! | [`tally`] | the calls, for GETSTAT and for whoever looks after the host |
//! | [`group`] | the IPv6 group of rpcbinds, and how it is joined on every link |
//! | [`taddr`] | universal addresses as C's socket addresses; pure |
//! | [`forward`] | calls for others, `-r` |
//! | [`portmapper`] | all of these together, without the protocol |
//! | [`service`] | versions 2, 3 and 4 of the protocol |
//! | [`request_log`] | what is logged of requests |
//! | [`journal`] | each change of the registry, written down |
//! | [`state`] | the state files of rpcbind |
//! | [`keeper`] | registrations outlive the daemon |
//! | [`status`] | what whoever looks after the host is told: `--status`, metrics |
//! | [`netconfig`], [`services`] | the tables of /etc |
//! | [`cli`], [`settings`] | what is asked for: the command line, and the file of settings |
//! | [`plan`] | where to listen, and why |
//! | [`passed`], [`binding`], [`limits`], [`lock`], [`privilege`], [`sandbox`], [`notify`], [`logging`] | what the daemon needs of the host |
//! | [`daemon`] | the daemon from start to end |
//! | [`rpcinfo`] | the other command |
//! | [`rpcping`] | the command that measures |
//! | [`check`] | what it would do: `--check` |
//!
//! COMPATIBILITY.md says where this differs from the C rpcbind, and why.

pub mod binding;
pub mod check;
pub mod cli;
pub mod daemon;
pub mod forward;
pub mod group;
pub mod hosts_access;
pub mod interfaces;
pub mod journal;
pub mod keeper;
mod keyed;
pub mod limits;
pub mod lock;
pub mod logging;
pub mod merge;
pub mod netconfig;
pub mod notify;
pub mod own_address;
pub mod passed;
pub mod plan;
pub mod policy;
pub mod portmapper;
pub mod privilege;
pub mod registry;
pub mod remembered;
pub mod request_log;
pub mod rpcinfo;
pub mod rpcping;
pub mod sandbox;
mod seldom;
pub mod service;
pub mod services;
pub mod settings;
pub mod state;
pub mod statistics;
pub mod status;
pub mod taddr;
pub mod tally;
