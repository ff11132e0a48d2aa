//! The `use` declarations of a sample.

use std::collections::{BTreeMap, BTreeSet};

/// Names to be imported, by the module that they come from.
#[derive(Default)]
pub(super) struct Imports(BTreeMap<&'static str, BTreeSet<&'static str>>);

impl Imports {
    /// Imports `names` of `module`, if they are `wanted`.
    pub(super) fn add(&mut self, wanted: bool, module: &'static str, names: &[&'static str]) {
        if wanted {
            self.0.entry(module).or_default().extend(names);
        }
    }

    /// The declarations for what comes from the standard library, or for all else.
    pub(super) fn declarations(&self, of_std: bool) -> String {
        let modules = self
            .0
            .iter()
            .filter(|(module, _)| module.starts_with("std") == of_std);
        let lines = modules.map(|(module, names)| match names.len() {
            1 => format!(
                "use {module}::{};",
                names.iter().copied().collect::<String>()
            ),
            _ => {
                let names: Vec<_> = names.iter().copied().collect();
                format!("use {module}::{{{}}};", names.join(", "))
            }
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}
