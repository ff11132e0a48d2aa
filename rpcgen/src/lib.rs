//! rpcgen.
pub mod ast;
pub mod diagnostic;
pub mod ir;
pub mod lexer;
pub mod parser;
pub mod rust;
pub mod source;
