//! rpcgen: turns .x files (RFC 4506 and RFC 5531, and what real files add to them) into Rust.
//!
//! In a `build.rs`:
//!
//! ```no_run
//! // Writes hello.rs into OUT_DIR, to be included by `include!(concat!(env!("OUT_DIR"), "/hello.rs"))`.
//! oncrpc_rpcgen::Config::new().compile(&["hello.x"]).unwrap_or_else(|error| panic!("{error}"));
//! ```
//!
//! Text becomes Rust in steps, each a pure function that reports every error it finds:
//!
//! | step | module |
//! |---|---|
//! | text → tokens with their places | [`source`], [`lexer`] |
//! | conditionals, macros and includes, by tokens | [`preprocess`] |
//! | tokens → items, one at a time, with their comments | [`parser`], [`ast`] |
//! | items → what they mean: names bound, constants evaluated, sizes and cycles known | [`ir`] |
//! | meaning → formatted Rust | [`rust`] |
//! | all of it | [`translate`] |
//! | programs to begin with, around the Rust | [`samples`] |

pub mod ast;
pub mod config;
mod cpp;
pub mod diagnostic;
pub mod fmt;
pub mod ir;
pub mod lexer;
pub mod options;
pub mod parser;
pub mod preprocess;
pub mod rust;
pub mod samples;
pub mod source;
mod translate;

pub use config::Config;
pub use options::{Options, Reading};
pub use preprocess::read;
pub use translate::{Generated, Input, Translation, translate, translate_all, understand};
