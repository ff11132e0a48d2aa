//! The server of a version.

use crate::options::Part;
use crate::rust::scope::Scope;
use crate::rust::text::Code;
use crate::rust::{File, docs};

use super::client::MOST_PARAMETERS;
use super::{Method, Methods, procedures};

impl File<'_> {
    /// The trait of a server, with a method for each procedure, and the service that is made of one.
    pub(super) fn server(&self, version: &Methods<'_>, code: &mut Code, scope: &Scope<'_>) {
        let [send, sync] = ["Send", "Sync"].map(|name| scope.prelude(name));
        code.blank();
        code.docs(&docs::text(&format!(
            "Answers version {} of `{}`; what is not written answers PROC_UNAVAIL.",
            version.version.number, version.program.name
        )));
        code.block(
            &format!("pub trait Server: {send} + {sync} + 'static"),
            |code| {
                for method in &version.methods {
                    code.blank();
                    self.answering(method, code, scope);
                }
            },
        );

        let [arc, service] = [("std::sync", "Arc"), ("oncrpc", "Service")]
            .map(|(path, name)| scope.library(path, name));
        let entries = version.methods.iter().map(|method| {
            let (marker, function) = (&method.marker, &method.function);
            let parameters = method.parameters.join(", ");
            format!(
                "{} => {marker}: {function}({parameters})",
                method.procedure.number
            )
        });
        let entries: Vec<_> = entries.collect();
        let program = match self.has(Part::Types) {
            true => "super::PROGRAM".to_owned(),
            false => {
                scope.library(&format!("{}::{}", version.path, version.module), "VERSION");
                scope.library(&version.path, "PROGRAM")
            }
        };
        code.blank();
        code.line("/// This version as a service of a server.");
        let head = format!("pub fn service<S: Server>(server: {arc}<S>) -> {arc}<dyn {service}>");
        code.block(&head, |code| {
            let head = format!("oncrpc::service!({program}, VERSION, procedure, Server, server =>");
            code.list(&head, &entries, ")");
        });
    }

    /// The method that answers a procedure, unless a server has its own.
    fn answering(&self, method: &Method<'_>, code: &mut Code, scope: &Scope<'_>) {
        let procedure = method.procedure;
        let future = scope.library("std::future", "Future");
        let [result, send] = ["Result", "Send"].map(|name| scope.prelude(name));
        let [context, reject] = ["CallContext", "Reject"].map(|name| scope.library("oncrpc", name));
        let body = match procedures::is_null(procedure) {
            true => "Ok(())".to_owned(),
            false => format!("Err({reject}::ProcUnavail)"),
        };
        let unused = match &method.parameters[..] {
            [] => "let _ = cx;".to_owned(),
            names => format!("let _ = (cx, {});", names.join(", ")),
        };
        let mut declared = vec!["&self".to_owned(), format!("cx: &{context}")];
        declared.extend(self.declared(method, scope));
        code.docs(&docs::item(&procedure.docs, "", &procedure.definition));
        if declared.len() > MOST_PARAMETERS {
            code.line("#[allow(clippy::too_many_arguments)]");
        }
        let answer = self.answer(procedure, scope);
        let head = format!("fn {}", method.function);
        let result = format!(" -> impl {future}<Output = {result}<{answer}, {reject}>> + {send}");
        let body = format!("async {{ {body} }}");
        code.function(&head, &declared, &result, &[&unused, &body]);
    }
}
