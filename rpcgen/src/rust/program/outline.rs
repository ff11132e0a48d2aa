//! What there is to call and to answer, for code that stands outside of what is generated.

use crate::rust::scope::Scope;
use crate::rust::{File, docs, naming};

use super::{Method, procedures};

/// The module of a program.
#[derive(Clone, Debug)]
pub(crate) struct ProgramOutline {
    /// The name of the module.
    pub(crate) name: String,
    /// Its whole path.
    pub(crate) path: String,
    pub(crate) versions: Vec<VersionOutline>,
}

/// The module of a version.
#[derive(Clone, Debug)]
pub(crate) struct VersionOutline {
    /// The name of the module.
    pub(crate) name: String,
    /// Its whole path.
    pub(crate) path: String,
    pub(crate) procedures: Vec<ProcedureOutline>,
}

/// A procedure, as client and server have it; types by their whole paths.
#[derive(Clone, Debug)]
pub(crate) struct ProcedureOutline {
    /// The name of both functions.
    pub(crate) function: String,
    /// Documentation, by lines.
    pub(crate) docs: Vec<String>,
    /// The server's parameters behind the context: names and types.
    pub(crate) parameters: Vec<(String, String)>,
    /// Values for a client to call it with.
    pub(crate) arguments: Vec<String>,
    /// What it answers.
    pub(crate) result: String,
    /// Whether the trait of a server answers it already.
    pub(crate) answered: bool,
}

impl File<'_> {
    /// The programs of the file, whose module is at the path `root`.
    pub(in crate::rust) fn outline(&self, root: &str) -> Vec<ProgramOutline> {
        let scope = Scope::outside(root);
        let order = self.unit.files[self.file].order.iter();
        let programs = order.filter_map(|definition| match definition {
            crate::ir::Definition::Program(index) => Some(*index),
            _ => None,
        });
        programs
            .map(|index| {
                let program = &self.unit.programs[index];
                let name = self.names.programs[index].clone();
                let path = format!("{root}::{name}");
                let versions = program.versions.iter().zip(naming::versions(program));
                let versions = versions.map(|(version, module)| {
                    let null = procedures::null(version);
                    let methods = self.methods(program, null.as_ref(), version);
                    let procedures = methods.iter().map(|method| self.sketch(method, &scope));
                    VersionOutline {
                        path: format!("{path}::{module}"),
                        name: module,
                        procedures: procedures.collect(),
                    }
                });
                ProgramOutline {
                    versions: versions.collect(),
                    name,
                    path,
                }
            })
            .collect()
    }

    fn sketch(&self, method: &Method<'_>, scope: &Scope<'_>) -> ProcedureOutline {
        let procedure = method.procedure;
        let arguments = procedure.arguments.iter();
        let types = arguments.map(|argument| self.rust_type(&argument.ty, scope));
        let values = procedure.arguments.iter().map(|argument| {
            let value = self.value(&argument.ty, scope);
            match procedure.arguments.len() == 1 && !self.is_taken(&argument.ty) {
                true => format!("&{value}"),
                false => value,
            }
        });
        ProcedureOutline {
            function: method.function.clone(),
            docs: docs::item(&procedure.docs, "", &procedure.definition),
            parameters: method.parameters.iter().cloned().zip(types).collect(),
            arguments: values.collect(),
            result: self.answer(procedure, scope),
            answered: procedures::is_null(procedure),
        }
    }
}
