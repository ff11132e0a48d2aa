//! The client of a version.

use crate::ir::Type;
use crate::options::Strings;
use crate::rust::scope::Scope;
use crate::rust::text::Code;
use crate::rust::{File, docs};

use super::{Method, Methods};

impl File<'_> {
    /// The client, with a method for each procedure.
    pub(super) fn client(&self, version: &Methods<'_>, code: &mut Code, scope: &Scope<'_>) {
        let caller = scope.library("oncrpc", "Caller");
        let options = scope.library("oncrpc", "CallOptions");
        code.blank();
        code.docs(&docs::text(&format!(
            "Calls version {} of `{}`.",
            version.version.number, version.program.name
        )));
        code.line("#[derive(Clone, Debug)]");
        code.block("pub struct Client<C>", |code| {
            code.line("caller: C,");
            code.line(&format!("options: {options},"));
        });
        code.blank();
        code.line("oncrpc::client!(Client { caller, options });");
        code.blank();
        code.block(&format!("impl<C: {caller}> Client<C>"), |code| {
            for method in &version.methods {
                code.blank();
                self.call(method, code, scope);
            }
        });
    }

    /// The method that calls a procedure.
    fn call(&self, method: &Method<'_>, code: &mut Code, scope: &Scope<'_>) {
        let procedure = method.procedure;
        let result = scope.prelude("Result");
        let error = scope.library("oncrpc", "CallError");
        let (given, mut declared) = (&method.parameters, self.declared(method, scope));
        let given = match (&given[..], &procedure.arguments[..]) {
            ([name], [argument]) if !self.is_taken(&argument.ty) => {
                declared = vec![format!("{name}: &{}", self.rust_type(&argument.ty, scope))];
                name.clone()
            }
            ([name], _) => format!("&{name}"),
            (names, _) => format!("&({})", names.join(", ")),
        };
        declared.insert(0, "&self".to_owned());
        code.docs(&docs::item(&procedure.docs, "", &procedure.definition));
        if declared.len() > MOST_PARAMETERS {
            code.line("#[allow(clippy::too_many_arguments)]");
        }
        let answer = self.answer(procedure, scope);
        let (marker, function) = (&method.marker, &method.function);
        let call = format!("self.call::<procedure::{marker}>({given})");
        let waits = format!("{call}.await");
        let body = match waits.len() <= MAX_CHAIN {
            true => [&waits[..]].to_vec(),
            false => [&call[..], "    .await"].to_vec(),
        };
        code.function(
            &format!("pub async fn {function}"),
            &declared,
            &format!(" -> {result}<{answer}, {error}>"),
            &body,
        );
    }

    /// Whether a client takes an argument by value.
    pub(super) fn is_taken(&self, ty: &Type) -> bool {
        let text = matches!(self.unit.behind(ty), Type::Text(_));
        self.is_small(ty) || (text && self.options.strings == Strings::Utf8)
    }
}

/// Most columns that rustfmt gives to calls of methods on one line.
const MAX_CHAIN: usize = 60;

/// Most parameters, `self` included, that clippy lets pass.
pub(super) const MOST_PARAMETERS: usize = 7;
