//! `-Sc`: a client that calls every procedure once.

use super::interface::{Procedure, Program, Version};
use super::{CALL_WIDTH, Samples, fill, listed};

impl Samples {
    /// The main function of a client that calls every procedure of every version once.
    pub fn client(&self) -> String {
        let mut calls = String::new();
        let mut functions = String::new();
        for program in &self.interface.programs {
            for version in &program.versions {
                let module = version.path.last().map_or("", String::as_str);
                let function = format!("{}_{module}", program.name());
                calls += &format!("    {function}(&channel).await;\n");
                functions += &self.version(&function, program, version);
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

    fn version(&self, function: &str, program: &Program, version: &Version) -> String {
        let (of, path) = (program.path.join("::"), version.path.join("::"));
        let numbers = [format!("{of}::PROGRAM"), format!("{path}::VERSION")];
        let channel = listed("let channel = channel", &numbers, ";", CALL_WIDTH);
        let calls = version
            .procedures
            .iter()
            .map(|procedure| self.call(procedure));
        format!(
            "\n/// Calls every procedure of [`{path}`].\n\
             async fn {function}(channel: impl Fn(u32, u32) -> Channel) {{\n\
             {channel}    let client = {path}::Client::new(channel);\n{}}}\n",
            calls.collect::<String>()
        )
    }

    fn call(&self, procedure: &Procedure) -> String {
        let function = &procedure.function;
        let name = function.trim_start_matches("r#");
        let arguments = procedure.arguments.iter();
        let values: Vec<_> = arguments.map(|ty| self.interface.value(ty)).collect();
        let list = values.join(", ");
        let said = format!("\"{name}\", client.{function}({list}).await");
        if said.len() <= CALL_WIDTH {
            return format!("    said({said});\n");
        }
        let before = format!("let answer = client.{function}");
        let call = listed(&before, &values, ".await;", CALL_WIDTH);
        format!("{call}    said(\"{name}\", answer);\n")
    }
}
