//! `-Sc`: a client that calls every procedure once.

use crate::rust::{ProcedureOutline, ProgramOutline, VersionOutline};

use super::{CALL_WIDTH, Samples, fill, listed};

impl Samples {
    /// The main function of a client that calls every procedure of every version once.
    pub fn client(&self) -> String {
        let mut calls = String::new();
        let mut functions = String::new();
        for program in &self.programs {
            for version in &program.versions {
                let name = program.name.trim_start_matches("r#");
                let function = format!("{name}_{}", version.name);
                calls += &format!("    {function}(&channel).await;\n");
                functions += &calls_of(&function, program, version);
            }
        }
        fill(
            include_str!("templates/client.rs.in"),
            &[
                ("files", &self.package.files()),
                ("package", &self.package.name()),
                ("calls", &calls),
                ("functions", &functions),
            ],
        )
    }
}

/// The function that calls every procedure of a version.
fn calls_of(function: &str, program: &ProgramOutline, version: &VersionOutline) -> String {
    let (of, path) = (&program.path, &version.path);
    let numbers = [format!("{of}::PROGRAM"), format!("{path}::VERSION")];
    let channel = listed("let channel = channel", &numbers, ";", CALL_WIDTH);
    let calls: String = version.procedures.iter().map(call).collect();
    format!(
        "\n/// Calls every procedure of [`{path}`].\n\
         async fn {function}(channel: impl Fn(u32, u32) -> Channel) {{\n\
         {channel}    let client = {path}::Client::new(channel);\n{calls}}}\n"
    )
}

fn call(procedure: &ProcedureOutline) -> String {
    let ProcedureOutline {
        function,
        arguments,
        ..
    } = procedure;
    let name = function.trim_start_matches("r#");
    let said = format!(
        "\"{name}\", client.{function}({}).await",
        arguments.join(", ")
    );
    if said.len() <= CALL_WIDTH {
        return format!("    said({said});\n");
    }
    let before = format!("let answer = client.{function}");
    let call = listed(&before, arguments, ".await;", CALL_WIDTH);
    format!("{call}    said(\"{name}\", answer);\n")
}
