//! Programs: a module for each, in it one for each version, with a client and a server.

mod client;
mod outline;
mod procedures;
mod server;

use crate::ir::{Argument, Procedure, Program, Type, TypeKind, Version};
use crate::options::Part;

pub(crate) use outline::{ProcedureOutline, ProgramOutline, VersionOutline};

use super::scope::Scope;
use super::text::Code;
use super::{File, docs, names, naming};

/// A version on its way to Rust.
struct Methods<'a> {
    program: &'a Program,
    version: &'a Version,
    /// The version's module.
    module: &'a str,
    /// The path of the program's module where its types are, for a part that is generated without them.
    path: String,
    methods: Vec<Method<'a>>,
}

/// A procedure on its way to Rust.
struct Method<'a> {
    procedure: &'a Procedure,
    /// The type that stands for it.
    marker: String,
    /// The function that calls or answers it.
    function: String,
    parameters: Vec<String>,
}

impl File<'_> {
    /// The module of a program.
    pub(super) fn program(&self, index: usize, code: &mut Code) {
        use Part::{Client, Server, Table, Types};
        if ![Types, Client, Server, Table]
            .into_iter()
            .any(|part| self.has(part))
        {
            return;
        }
        let program = &self.unit.programs[index];
        let name = &self.names.programs[index];
        let definition = format!("program {} = {}", program.name, program.number);
        code.blank();
        code.docs(&docs::item(&program.docs, "", &definition));
        if *name == naming::module(&self.unit.files[self.file].name) {
            code.line("#[allow(clippy::module_inception)]");
        }
        code.block(&format!("pub mod {name}"), |code| {
            if self.has(Types) {
                code.line("/// The program's number.");
                code.line(&format!("pub const PROGRAM: u32 = {};", program.number));
            }
            for (version, module) in program.versions.iter().zip(naming::versions(program)) {
                code.blank();
                self.version(index, version, &module, code);
            }
        });
    }

    /// The module of a version of the program with this index.
    fn version(&self, index: usize, version: &Version, module: &str, code: &mut Code) {
        let program = &self.unit.programs[index];
        let null = procedures::null(version);
        let methods = Methods {
            program,
            version,
            module,
            path: format!(
                "{}{}",
                "super::".repeat(2 + self.depth()),
                self.names.programs[index]
            ),
            methods: self.methods(program, null.as_ref(), version),
        };
        let definition = format!("version {} = {}", version.name, version.number);
        code.docs(&docs::item(&version.docs, "", &definition));
        let version_number = self.has(Part::Types).then_some("VERSION");
        let own = OWN.into_iter().chain(version_number).collect();
        let scope = Scope::new(2 + self.depth(), own, self.options.no_std);
        code.module(&format!("pub mod {module}"), scope, |code, scope| {
            if self.has(Part::Types) {
                code.line("/// The version's number.");
                code.line(&format!("pub const VERSION: u32 = {};", version.number));
                self.procedures(&methods, code);
            } else {
                // What stands in the same place of the module with the types.
                scope.library(&format!("{}::{module}", methods.path), "procedure");
            }
            if self.has(Part::Table) {
                let info = scope.library("oncrpc", "ProcedureInfo");
                code.blank();
                code.line("/// Every procedure of this version, by number.");
                code.line(&format!(
                    "pub const PROCEDURES: &[{info}] = procedure::ALL;"
                ));
            }
            if self.has(Part::Client) {
                self.client(&methods, code, scope);
            }
            if self.has(Part::Server) {
                self.server(&methods, code, scope);
            }
        });
    }

    /// Names everything that becomes a function.
    fn methods<'p>(
        &self,
        program: &Program,
        null: Option<&'p Procedure>,
        version: &'p Version,
    ) -> Vec<Method<'p>> {
        let given = version
            .procedures
            .iter()
            .map(|procedure| &procedure.name[..]);
        let (markers, functions) = naming::procedures(
            self.names.naming,
            &program.name,
            null.map(|null| &null.name[..]),
            &given.collect::<Vec<_>>(),
        );
        let names = markers.into_iter().zip(functions);
        null.into_iter()
            .chain(&version.procedures)
            .zip(names)
            .map(|(procedure, (marker, function))| Method {
                procedure,
                marker,
                function,
                parameters: self.parameters(procedure),
            })
            .collect()
    }

    /// Names of the parameters: as the file has them, else `arg`, or `arg1`, `arg2` and so on.
    fn parameters(&self, procedure: &Procedure) -> Vec<String> {
        let several = procedure.arguments.len() > 1;
        let name = |(index, argument): (usize, &Argument)| match &argument.name {
            Some(name) => self.names.naming.field(name),
            None if several => format!("arg{}", index + 1),
            None => "arg".to_owned(),
        };
        let mut parameters: Vec<_> = procedure.arguments.iter().enumerate().map(name).collect();
        names::unique(&mut parameters, ["cx".to_owned()].into());
        parameters
    }

    /// What a procedure answers, as Rust holds it.
    fn answer(&self, procedure: &Procedure, scope: &Scope<'_>) -> String {
        match &procedure.result {
            Some(ty) => self.rust_type(ty, scope),
            None => "()".to_owned(),
        }
    }

    /// The parameters of a function, with their types.
    fn declared(&self, method: &Method<'_>, scope: &Scope<'_>) -> Vec<String> {
        let types = method
            .procedure
            .arguments
            .iter()
            .map(|argument| &argument.ty);
        let parameters = method.parameters.iter().zip(types);
        let declared =
            parameters.map(|(name, ty)| format!("{name}: {}", self.rust_type(ty, scope)));
        declared.collect()
    }

    /// Whether a value is so small and plain that a reference to it would be the larger one.
    fn is_small(&self, ty: &Type) -> bool {
        match self.unit.behind(ty) {
            Type::Builtin(_) => true,
            Type::Named(id) => matches!(self.unit.ty(*id).kind, TypeKind::Enum(_)),
            _ => false,
        }
    }
}

/// Names that mean something in the module of a version.
const OWN: [&str; 4] = ["Client", "PROCEDURES", "Server", "service"];
