//! serde's traits, where the user wants them.

use crate::ir::{Definition, Type};
use crate::options::{OptionsError, Serde};

use super::File;

impl File<'_> {
    /// What serde cannot do.
    pub(super) fn check_serde(&self) -> Result<(), OptionsError> {
        if self.options.serde == Serde::Off {
            return Ok(());
        }
        for definition in &self.unit.files[self.file].order {
            let Definition::Type(id) = definition else {
                continue;
            };
            let def = self.unit.ty(*id);
            if def
                .parts()
                .iter()
                .any(|part| self.long_arrays(part) == Long::Within)
            {
                return Err(OptionsError::new(format!(
                    "`{}` has arrays in an array, one of them of more than 32 elements: serde is not for it",
                    def.name
                )));
            }
        }
        Ok(())
    }

    /// The attribute that has a struct or a union be serde's.
    pub(super) fn serde_derive(&self) -> Option<String> {
        self.serde("derive(serde::Serialize, serde::Deserialize)")
    }

    /// The attribute for a field or an arm that holds arrays longer than serde knows.
    pub(super) fn serde_with(&self, ty: &Type) -> Option<String> {
        match self.long_arrays(ty) {
            Long::No => None,
            _ => self.serde("serde(with = \"oncrpc_xdr::serde::long_arrays\")"),
        }
    }

    /// The attributes of items that are there for serde; `None` if there are no such items.
    pub(super) fn serde_cfg(&self) -> Option<Option<String>> {
        match &self.options.serde {
            Serde::Off => None,
            Serde::On => Some(None),
            Serde::Feature(feature) => Some(Some(format!("#[cfg(feature = {feature:?})]"))),
        }
    }

    fn serde(&self, attribute: &str) -> Option<String> {
        match &self.options.serde {
            Serde::Off => None,
            Serde::On => Some(format!("#[{attribute}]")),
            Serde::Feature(feature) => {
                Some(format!("#[cfg_attr(feature = {feature:?}, {attribute})]"))
            }
        }
    }

    /// Whether a value holds arrays of more elements than serde knows.
    fn long_arrays(&self, ty: &Type) -> Long {
        match self.unit.behind(ty) {
            Type::OpaqueFixed(size) if size.value > MOST_ELEMENTS => Long::Yes,
            Type::Fixed(element, size) => match self.long_arrays(element) {
                Long::No if size.value > MOST_ELEMENTS => Long::Yes,
                Long::No => Long::No,
                _ => Long::Within,
            },
            Type::Array(inner, _) | Type::Optional(inner) | Type::Boxed(inner) => {
                self.long_arrays(inner)
            }
            _ => Long::No,
        }
    }
}

/// Whether a value holds long arrays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Long {
    No,
    Yes,
    /// As elements of arrays.
    Within,
}

/// Most elements of an array that serde has its traits for.
const MOST_ELEMENTS: u32 = 32;
