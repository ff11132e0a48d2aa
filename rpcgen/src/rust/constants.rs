//! Constants.

use crate::ir::Value;
use crate::options::{Naming, Part};

use super::text::Code;
use super::{File, docs};

impl File<'_> {
    /// A constant of the file.
    pub(super) fn constant_item(&self, index: usize, code: &mut Code) {
        if !self.has(Part::Types) {
            return;
        }
        let constant = &self.unit.constants[index];
        let name = &self.names.constants[index];
        let (ty, value) = match &constant.value {
            Value::Text(text) => ("&str", format!("{text:?}")),
            Value::Number(number) => {
                let ty = if u32::try_from(*number).is_ok() {
                    "u32"
                } else if i32::try_from(*number).is_ok() {
                    "i32"
                } else if i64::try_from(*number).is_ok() {
                    "i64"
                } else {
                    "u64"
                };
                (ty, number.to_string())
            }
        };
        code.blank();
        code.docs(&docs::item(&constant.docs, "", &constant.definition));
        code.attributes(self.allow_global(name));
        code.line(&format!("pub const {name}: {ty} = {value};"));
    }

    /// The attribute for a constant whose name is not in capitals.
    pub(super) fn allow_global(&self, name: &str) -> Option<String> {
        let small = name.contains(|letter: char| letter.is_ascii_lowercase());
        (self.names.naming == Naming::C && small)
            .then(|| "#[allow(non_upper_case_globals)]".to_owned())
    }
}
