//! A client's side: procedures and who calls them, the table of calls in flight, and what can go wrong.

pub mod caller;
pub mod carrier;
mod clnt_stat;
pub mod error;
mod negotiate;
mod procedures;
mod refusals;
pub mod retransmit;
mod round_trip;
mod slots;
pub mod table;
mod timers;
mod xids;

pub use clnt_stat::ClntStat;
pub use negotiate::negotiate;
