//! Programs, versions and procedures, with their numbers.

use std::collections::HashMap;

use crate::ast::{self, Expr, Ident};
use crate::diagnostic::Diagnostic;
use crate::source::Span;

use super::definition::one_line;
use super::lower::Lower;
use super::{Argument, Docs, Procedure, Program, Type, Version};

impl Lower<'_> {
    pub(super) fn program(&mut self, program: &ast::Program, docs: &Docs) -> Option<Program> {
        let number = self.rpc_number(&program.number, "program");
        self.unique(
            program.versions.iter().map(|version| &version.name),
            "version",
        );
        let mut numbers = Numbers::new("version");
        let mut versions = Vec::new();
        for version in &program.versions {
            if let Some(lowered) = self.version(version) {
                numbers.add(self, lowered.number, &version.name);
                versions.push(lowered);
            }
        }
        Some(Program {
            name: program.name.name.clone(),
            docs: docs.clone(),
            number: number?,
            versions,
        })
    }

    fn version(&mut self, version: &ast::Version) -> Option<Version> {
        let number = self.rpc_number(&version.number, "version");
        let names = version.procedures.iter().map(|procedure| &procedure.name);
        self.unique(names, "procedure");
        let mut numbers = Numbers::new("procedure");
        let mut procedures = Vec::new();
        for procedure in &version.procedures {
            if let Some(lowered) = self.procedure(procedure) {
                numbers.add(self, lowered.number, &procedure.name);
                match self.excluded.get_mut(&lowered.name) {
                    Some((_, found)) => *found = true,
                    None => procedures.push(lowered),
                }
            }
        }
        procedures.sort_by_key(|procedure| procedure.number);
        Some(Version {
            name: version.name.name.clone(),
            docs: version.docs.clone(),
            number: number?,
            procedures,
        })
    }

    fn procedure(&mut self, procedure: &ast::Procedure) -> Option<Procedure> {
        let number = self.rpc_number(&procedure.number, "procedure");
        let name = &procedure.name.name;
        let mut arguments = Vec::new();
        for argument in &procedure.arguments {
            let inline = match &argument.name {
                Some(argument) => format!("{name}_{}", argument.name),
                None => format!("{name}_argument"),
            };
            let ty = self.shaped(&argument.ty, &argument.shape, &inline);
            let name = argument.name.as_ref().map(|name| name.name.clone());
            arguments.push(ty.map(|ty| Argument { name, ty }));
        }
        if let [argument] = &procedure.arguments[..]
            && argument.shape == ast::Shape::Optional
        {
            let message = "C's rpcgen sends this argument without saying whether it is there";
            let diagnostic = Diagnostic::warning(argument.ty.span, message);
            let help = "for a C peer leave out the `*`; with it the argument is an optional";
            self.diagnostics.push(diagnostic.help(help));
        }
        if arguments.len() > MAX_ARGUMENTS {
            let message = format!("more than {MAX_ARGUMENTS} arguments");
            let diagnostic = Diagnostic::error(procedure.name.span, message);
            self.diagnostics
                .push(diagnostic.help("put them into a struct"));
        }
        let names = procedure
            .arguments
            .iter()
            .filter_map(|argument| argument.name.as_ref());
        self.unique(names, "argument");
        let result: Option<Type> = match &procedure.result {
            Some(result) => {
                let inline = format!("{name}_result");
                Some(self.shaped(&result.ty, &result.shape, &inline)?)
            }
            None => None,
        };
        let arguments = arguments.into_iter().collect::<Option<Vec<_>>>()?;
        Some(Procedure {
            name: name.clone(),
            docs: procedure.docs.clone(),
            definition: one_line(self.sources.slice(procedure.span)),
            number: number?,
            arguments,
            result,
        })
    }

    /// The number of a program, a version or a procedure: unsigned, 32 bits (RFC 5531 §12.2).
    fn rpc_number(&mut self, expr: &Expr, what: &str) -> Option<u32> {
        let value = self.number(expr)?;
        let number = u32::try_from(value).ok();
        if number.is_none() {
            let message = format!("the number of a {what} cannot be {value}");
            let diagnostic = Diagnostic::error(expr.span, message);
            let help = format!("these numbers go from 0 to {}", u32::MAX);
            self.diagnostics.push(diagnostic.help(help));
        }
        number
    }
}

/// Numbers that have been given, and to what.
struct Numbers {
    what: &'static str,
    given: HashMap<u32, Span>,
}

impl Numbers {
    fn new(what: &'static str) -> Self {
        let given = HashMap::new();
        Self { what, given }
    }

    fn add(&mut self, lower: &mut Lower<'_>, number: u32, name: &Ident) {
        if let Some(first) = self.given.insert(number, name.span) {
            let message = format!("{} {number} stands twice", self.what);
            let diagnostic = Diagnostic::error(name.span, message).cause(first, "first here");
            lower.diagnostics.push(diagnostic);
        }
    }
}

/// Most arguments of one procedure: as many as [`oncrpc_xdr`](https://docs.rs/oncrpc-xdr) codes as a tuple.
const MAX_ARGUMENTS: usize = 8;
