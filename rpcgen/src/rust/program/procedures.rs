//! The procedures of a version, as types.

use std::collections::HashSet;

use crate::ir::{Argument, Docs, Procedure, Version};
use crate::rust::File;
use crate::rust::scope::Scope;
use crate::rust::text::Code;

use super::Methods;

impl File<'_> {
    /// The module of the procedures: their types and the table of them, or, without `std`, their numbers.
    pub(super) fn procedures(&self, version: &Methods<'_>, code: &mut Code) {
        let markers = version.methods.iter().map(|method| &method.marker[..]);
        code.blank();
        if self.options.no_std {
            code.line("/// The procedures' numbers.");
            return code.block("pub mod procedure", |code| {
                for method in &version.methods {
                    let procedure = method.procedure;
                    let name = self.names.naming.constant(&procedure.name);
                    code.line(&format!("/// `{}`", procedure.definition));
                    code.attributes(self.allow_global(&name));
                    code.line(&format!("pub const {name}: u32 = {};", procedure.number));
                }
            });
        }
        code.line("/// The procedures, as types.");
        code.attributes(self.names.naming.allow(markers.clone(), []));
        let own: HashSet<_> = markers.chain(["ALL"]).collect();
        let scope = Scope::new(3, own, false);
        code.module("pub mod procedure", scope, |code, scope| {
            let entries = version.methods.iter().map(|method| {
                let procedure = method.procedure;
                let args = procedure.arguments.iter();
                let args: Vec<_> = args.map(|arg| self.shape(&arg.ty, scope)).collect();
                let result = procedure.result.as_ref();
                let result = result.map_or("()".to_owned(), |ty| self.shape(ty, scope));
                format!(
                    "{} => {}({}) -> {result} as {:?}",
                    procedure.number,
                    method.marker,
                    args.join(", "),
                    procedure.name
                )
            });
            let entries: Vec<_> = entries.collect();
            let head =
                "oncrpc::procedures!(program super::super::PROGRAM, version super::VERSION =>";
            code.list(head, &entries, ");");
        });
    }
}

/// Procedure 0, which every version has (RFC 5531 section 12.1), where the .x file leaves it out.
pub(super) fn null(version: &Version) -> Option<Procedure> {
    let given = version
        .procedures
        .iter()
        .any(|procedure| procedure.number == 0);
    (!given).then(|| Procedure {
        name: "NULL".to_owned(),
        docs: Docs {
            comments: vec!["Does nothing, and says so.".to_owned()],
            ..Docs::default()
        },
        definition: "void NULL(void) = 0".to_owned(),
        number: 0,
        arguments: Vec::<Argument>::new(),
        result: None,
    })
}

/// Whether it is the procedure that does nothing.
pub(super) fn is_null(procedure: &Procedure) -> bool {
    procedure.number == 0 && procedure.arguments.is_empty() && procedure.result.is_none()
}
