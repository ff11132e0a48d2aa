//! Programs and files to begin with, made for what a .x file defines: a server, a client, a crate.
//!
//! Whoever asks for one owns it from then on: rpcgen never writes it again by itself. It names what rpcgen
//! made of the .x file as a crate of the file's name, as [`Package`] lays it out: `hello::Pair` is what
//! became of `struct pair` in `hello.x`. In a crate that has it as a module, `use crate::hello;` at the top of
//! the sample is all that it takes.
//!
//! | file | made by |
//! |---|---|
//! | `src/bin/hello-server/service.rs` | [`Samples::service`]: the traits, to be filled in |
//! | `src/bin/hello-server/main.rs` | [`Samples::main`]: listens, registers, serves, shuts down |
//! | `src/bin/hello-client.rs` | [`Samples::client`]: calls every procedure once |
//! | `Cargo.toml`, `build.rs`, `src/lib.rs` | [`Package`] |

mod build_script;
mod client;
mod imports;
mod main;
mod manifest;
mod package;
mod service;

use std::collections::HashSet;

pub use main::{Idle, Serving, Transport};
pub use package::Package;

use crate::ir::Unit;
use crate::rust::{self, ProgramOutline};

/// What the samples of some .x files are made of: all that they have to call and to answer.
#[derive(Clone, Debug)]
pub struct Samples {
    package: Package,
    programs: Vec<ProgramOutline>,
}

impl Samples {
    /// Samples for the files of `unit`, of which `package` is made.
    ///
    /// # Errors
    ///
    /// None of the files has a program.
    pub fn new(package: &Package, unit: &Unit) -> Result<Self, NoProgram> {
        let roots = package.roots().into_iter().enumerate();
        let programs: Vec<_> = roots
            .flat_map(|(file, root)| rust::outline(unit, file, &package.options, &root))
            .collect();
        if programs.is_empty() || package.options.no_std {
            return Err(NoProgram);
        }
        let package = package.clone();
        Ok(Self { package, programs })
    }

    /// What answers each program.
    fn servers(&self) -> Vec<Server<'_>> {
        let mut names: HashSet<_> = NAMES.map(str::to_owned).into();
        let mut variables: HashSet<_> = VARIABLES.map(str::to_owned).into();
        let unique = |taken: &mut HashSet<String>, mut name: String, more: &str| {
            while !taken.insert(name.clone()) {
                name += more;
            }
            name
        };
        let servers = self.programs.iter().map(|program| Server {
            program,
            name: unique(&mut names, upper_camel(&program.name), "Server"),
            variable: unique(&mut variables, program.name.clone(), "_server"),
        });
        servers.collect()
    }
}

/// There is no program to serve or to call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no program, so there is nothing to serve or to call")]
pub struct NoProgram;

/// What answers a program.
struct Server<'a> {
    program: &'a ProgramOutline,
    /// The name of its type.
    name: String,
    /// The name of the variable that holds it.
    variable: String,
}

/// Names from elsewhere that samples use beside their own types.
const NAMES: [&str; 7] = [
    "CallContext",
    "Default",
    "Err",
    "Ok",
    "Reject",
    "Result",
    "Self",
];

/// Keywords and other variables of a sample.
const VARIABLES: [&str; 3] = ["calls", "counted", "server"];

/// `hello_program` as `HelloProgram`.
fn upper_camel(name: &str) -> String {
    let name = name.trim_start_matches("r#");
    let words = name.split('_').filter(|word| !word.is_empty());
    let camel = words.map(|word| {
        let (first, rest) = word.split_at(1);
        first.to_ascii_uppercase() + &rest.to_ascii_lowercase()
    });
    camel.collect()
}

/// A template with something in each place that is marked `@so@`; no `@` is anything else there.
fn fill(template: &str, places: &[(&str, &str)]) -> String {
    let pieces = template.split('@').enumerate();
    let filled = pieces.map(|(index, piece)| match index % 2 {
        0 => piece,
        _ => {
            let place = places.iter().find(|(place, _)| *place == piece);
            place.map_or("", |(_, with)| with)
        }
    });
    filled.collect()
}

/// A line of code around a list that is in it, or with each item in a line of its own, as rustfmt has them.
fn listed(before: &str, items: &[String], after: &str, most: usize) -> String {
    let list = items.join(", ");
    let line = format!("    {before}({list}){after}\n");
    if list.len() <= most && line.len() <= WIDTH {
        return line;
    }
    let items: String = items
        .iter()
        .map(|item| format!("        {item},\n"))
        .collect();
    format!("    {before}(\n{items}    ){after}\n")
}

/// Columns of a line of Rust.
const WIDTH: usize = 100;

/// Columns that rustfmt leaves to the arguments of a call.
const CALL_WIDTH: usize = 60;
