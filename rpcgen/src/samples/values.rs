//! Values to call a procedure with.

use super::interface::{Definition, Fields, Interface, Kind};
use super::ty::Ty;

impl Interface {
    /// An expression for a value of a type: the default one if there is one, else the first that can be made.
    pub(super) fn value(&self, ty: &Ty) -> String {
        let value = self.made(ty, &mut Vec::new());
        // Nothing but a type from elsewhere is left, of which this is the best guess.
        value.unwrap_or_else(|| "Default::default()".to_owned())
    }

    /// `None` for a type that cannot be made without one of those in `within`.
    fn made<'a>(&'a self, ty: &'a Ty, within: &mut Vec<&'a [String]>) -> Option<String> {
        match ty {
            Ty::Reference(ty) => Some(format!("&{}", self.made(ty, within)?)),
            Ty::Tuple(elements) => {
                let values = elements.iter().map(|ty| self.made(ty, within));
                Some(format!(
                    "({})",
                    values.collect::<Option<Vec<_>>>()?.join(", ")
                ))
            }
            Ty::Array(element, length) => {
                let value = self.made(element, within)?;
                Some(match is_number(element) {
                    true => format!("[{value}; {length}]"),
                    false => format!("std::array::from_fn(|_| {value})"),
                })
            }
            Ty::Path(path, arguments) => match (self.types.get(path), &path[..]) {
                (Some(definition), _) => self.defined(path, definition, within),
                (None, [.., name]) => match name.as_str() {
                    "bool" => Some("false".to_owned()),
                    "f32" | "f64" => Some("0.0".to_owned()),
                    "Option" => Some("None".to_owned()),
                    "Box" => {
                        let value = self.made(arguments.first()?, within)?;
                        Some(format!("Box::new({value})"))
                    }
                    _ if is_number(ty) => Some("0".to_owned()),
                    _ => Some("Default::default()".to_owned()),
                },
                (None, []) => None,
            },
        }
    }

    fn defined<'a>(
        &'a self,
        path: &'a [String],
        definition: &'a Definition,
        within: &mut Vec<&'a [String]>,
    ) -> Option<String> {
        let name = path.join("::");
        if self.has_default(path) {
            return Some(format!("{name}::default()"));
        }
        if within.contains(&path) {
            return None;
        }
        within.push(path);
        let made = match &definition.kind {
            Kind::Alias(ty) => self.made(ty, within),
            Kind::Struct(fields) => self.filled(&name, fields, within),
            Kind::Enum(variants) => variants.iter().find_map(|(variant, fields)| {
                self.filled(&format!("{name}::{variant}"), fields, within)
            }),
        };
        within.pop();
        made
    }

    fn filled<'a>(
        &'a self,
        name: &str,
        fields: &'a Fields,
        within: &mut Vec<&'a [String]>,
    ) -> Option<String> {
        Some(match fields {
            Fields::None => name.to_owned(),
            Fields::Tuple(types) => {
                let values = types.iter().map(|ty| self.made(ty, within));
                format!("{name}({})", values.collect::<Option<Vec<_>>>()?.join(", "))
            }
            Fields::Named(fields) => {
                let values = fields
                    .iter()
                    .map(|(field, ty)| Some(format!("{field}: {}", self.made(ty, within)?)));
                format!(
                    "{name} {{ {} }}",
                    values.collect::<Option<Vec<_>>>()?.join(", ")
                )
            }
        })
    }

    /// Whether a type of the crate has a default.
    fn has_default(&self, path: &[String]) -> bool {
        match self.types.get(path) {
            None => false,
            Some(Definition { default: true, .. }) => true,
            Some(definition) => match &definition.kind {
                Kind::Alias(Ty::Path(path, _)) if self.types.contains_key(path) => {
                    self.has_default(path)
                }
                // Numbers read better as they are; all others of the libraries' types have a default.
                Kind::Alias(ty @ Ty::Path(..)) => !is_number(ty) && !is_box(ty),
                _ => false,
            },
        }
    }
}

fn is_number(ty: &Ty) -> bool {
    const NUMBERS: [&str; 11] = [
        "bool", "i8", "u8", "i16", "u16", "i32", "u32", "i64", "u64", "f32", "f64",
    ];
    matches!(ty, Ty::Path(path, _) if matches!(&path[..], [name] if NUMBERS.contains(&name.as_str())))
}

fn is_box(ty: &Ty) -> bool {
    matches!(ty, Ty::Path(path, _) if path.last().is_some_and(|name| name == "Box"))
}
