//! Types as the generated Rust names them, each by its whole path.

use std::fmt;

/// A type by its whole path, so that it means the same wherever it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ty {
    /// `hello::Pair`, `Vec<hello::Pair>`
    Path(Vec<String>, Vec<Ty>),
    /// `&T`
    Reference(Box<Ty>),
    /// `[T; N]`, with `N` as it is written.
    Array(Box<Ty>, String),
    /// `(T, U)`
    Tuple(Vec<Ty>),
}

impl Ty {
    /// `()`
    pub(super) const UNIT: Self = Self::Tuple(Vec::new());

    /// Reads a type; `whole` completes the paths in it. `None` for what generated code has no use for.
    pub(super) fn read(ty: &syn::Type, whole: &dyn Fn(&syn::Path) -> Vec<String>) -> Option<Self> {
        Some(match ty {
            syn::Type::Path(ty) => {
                let arguments = match &ty.path.segments.last()?.arguments {
                    syn::PathArguments::AngleBracketed(arguments) => {
                        let types = arguments.args.iter().filter_map(|argument| match argument {
                            syn::GenericArgument::Type(ty) => Self::read(ty, whole),
                            _ => None,
                        });
                        types.collect()
                    }
                    _ => Vec::new(),
                };
                Self::Path(whole(&ty.path), arguments)
            }
            syn::Type::Reference(ty) => Self::Reference(Box::new(Self::read(&ty.elem, whole)?)),
            syn::Type::Array(ty) => {
                let element = Box::new(Self::read(&ty.elem, whole)?);
                Self::Array(element, length(&ty.len, whole)?)
            }
            syn::Type::Tuple(ty) => {
                let elements = ty.elems.iter().map(|ty| Self::read(ty, whole));
                Self::Tuple(elements.collect::<Option<_>>()?)
            }
            syn::Type::Paren(ty) => Self::read(&ty.elem, whole)?,
            _ => return None,
        })
    }
}

/// The length of an array: a number, or a constant as `usize`.
fn length(length: &syn::Expr, whole: &dyn Fn(&syn::Path) -> Vec<String>) -> Option<String> {
    match length {
        syn::Expr::Lit(literal) => match &literal.lit {
            syn::Lit::Int(number) => Some(number.base10_digits().to_owned()),
            _ => None,
        },
        syn::Expr::Path(path) => Some(whole(&path.path).join("::")),
        syn::Expr::Cast(cast) => {
            let number = self::length(&cast.expr, whole)?;
            Some(format!("{number} as {}", Ty::read(&cast.ty, whole)?))
        }
        syn::Expr::Paren(inner) => self::length(&inner.expr, whole),
        _ => None,
    }
}

impl fmt::Display for Ty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path, arguments) if arguments.is_empty() => f.write_str(&path.join("::")),
            Self::Path(path, arguments) => write!(f, "{}<{}>", path.join("::"), list(arguments)),
            Self::Reference(ty) => write!(f, "&{ty}"),
            Self::Array(ty, length) => write!(f, "[{ty}; {length}]"),
            Self::Tuple(elements) => write!(f, "({})", list(elements)),
        }
    }
}

fn list(types: &[Ty]) -> String {
    types
        .iter()
        .map(Ty::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}
