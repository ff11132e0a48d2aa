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

mod client;
mod imports;
mod interface;
mod main;
mod package;
mod service;
mod ty;
mod values;

use std::collections::HashSet;

pub use main::{Idle, Serving, Transport};
pub use package::Package;

use crate::Generated;
use interface::{Interface, Program};

/// What the samples of some .x files are made of.
///
/// That is the Rust that rpcgen made of them, so that a sample calls everything by the name that it has
/// there, whatever the options were.
#[derive(Debug)]
pub struct Samples {
    package: Package,
    interface: Interface,
}

impl Samples {
    /// Samples for `files`, which are made of those of `package`.
    ///
    /// # Errors
    ///
    /// None of the files has a program, or they are not what rpcgen makes with all its parts.
    pub fn new(package: &Package, files: &[Generated]) -> Result<Self, String> {
        let files = files.iter().map(|file| &file.rust[..]);
        let files: Vec<_> = package.modules().into_iter().zip(files).collect();
        let interface = Interface::read(&files).map_err(|error| error.to_string())?;
        if interface.programs.is_empty() {
            return Err("no program, so there is nothing to serve or to call".to_owned());
        }
        let package = package.clone();
        Ok(Self { package, interface })
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
        let servers = self.interface.programs.iter().map(|program| Server {
            program,
            name: unique(&mut names, upper_camel(program.name()), "Server"),
            variable: unique(&mut variables, program.name().to_owned(), "_server"),
        });
        servers.collect()
    }
}

/// What answers a program.
struct Server<'a> {
    program: &'a Program,
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

impl Program {
    /// The name of its module.
    fn name(&self) -> &str {
        let name = self.path.last().map_or("", String::as_str);
        name.trim_start_matches("r#")
    }
}

/// `hello_program` as `HelloProgram`.
fn upper_camel(name: &str) -> String {
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
