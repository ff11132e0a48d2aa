//! Hostile messages: every field of every message of a program with every hazard that it can have, sent by every way,
//! and judged by a second reading of RFC 4506 and RFC 5531.
//!
//! | file | what it knows |
//! |---|---|
//! | `types`, `program`, `portmapper`, `every` | what is asked: types, procedures, the programs under test |
//! | `shape` | a call as it should be, field by field |
//! | `hazard`, `words`, `sizes`, `order`, `whole`, `marks` | what may be wrong with it |
//! | `cases` | the one times the other |
//! | `law`, `judge` | what may come of a message |
//! | `server`, `run` | who is asked, and how |
//!
//! It knows no code of this workspace: `interop` sends the same to whatever rpcbind there is.

pub mod cases;
pub mod every;
pub mod hazard;
pub mod judge;
pub mod law;
pub mod marks;
mod order;
pub mod portmapper;
pub mod program;
pub mod run;
pub mod server;
pub mod shape;
mod sizes;
mod types;
mod whole;
mod words;
