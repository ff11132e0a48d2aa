//! `-Ss`: what a server answers, to be filled in.

use crate::rust::ProcedureOutline;

use super::{Samples, Server, WIDTH, fill, listed};

impl Samples {
    /// A type for each program that answers it, with a function for each procedure.
    pub fn service(&self) -> String {
        let files = self.package.files();
        let header = fill(
            include_str!("templates/service.rs.in"),
            &[("files", &files)],
        );
        let servers = self.servers();
        header + &servers.iter().map(implementation).collect::<String>()
    }
}

/// The type that answers a program, and its versions.
fn implementation(server: &Server<'_>) -> String {
    let name = &server.name;
    let module = &server.program.path;
    let mut text = format!(
        "\n/// Answers the calls of [`{module}`].\n\
         ///\n\
         /// What the procedures share goes here. They run at the same time: what they change belongs in\n\
         /// a Mutex.\n\
         #[derive(Debug, Default)]\n\
         pub struct {name} {{}}\n"
    );
    for version in &server.program.versions {
        let unanswered = version
            .procedures
            .iter()
            .filter(|procedure| !procedure.answered);
        let functions: Vec<_> = unanswered.map(function).collect();
        text += &format!("\nimpl {}::Server for {name} {{", version.path);
        if !functions.is_empty() {
            text += &format!("\n{}", functions.join("\n"));
        }
        text += "}\n";
    }
    text
}

fn function(procedure: &ProcedureOutline) -> String {
    let docs = procedure.docs.iter().map(|line| match line.as_str() {
        "" => "    ///\n".to_owned(),
        line => format!("    /// {line}\n"),
    });
    let mut parameters = vec!["&self".to_owned(), "_cx: &CallContext".to_owned()];
    parameters.extend(procedure.parameters.iter().map(|(name, ty)| {
        // Nothing reads it yet; a raw name need not be one behind a `_`.
        let name = name.trim_start_matches("r#").trim_start_matches('_');
        format!("_{name}: {ty}")
    }));
    let before = format!("async fn {}", procedure.function);
    let after = format!(" -> Result<{}, Reject> {{", procedure.result);
    let signature = listed(&before, &parameters, &after, WIDTH);
    let answer = if procedure.result == "()" {
        "()"
    } else {
        "answer"
    };
    format!(
        "{}{signature}        // Insert server code here, and answer Ok({answer}).\n        \
         Err(Reject::ProcUnavail)\n    }}\n",
        docs.collect::<String>()
    )
}
