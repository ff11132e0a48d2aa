//! Unions: which labels are legal, and what their arms hold.

use std::collections::{HashMap, HashSet};
use std::ops::RangeInclusive;

use crate::ast::{self, ExprKind, UnionBody};
use crate::diagnostic::Diagnostic;
use crate::source::Span;

use super::lower::Lower;
use super::symbols::{NamedKind, Symbol};
use super::{
    Arm, Builtin, DefaultArm, Discriminant, DiscriminantKind, Field, Label, Type, TypeId, TypeKind,
    Union,
};

/// The labels that have been read: their values and where they stand.
type Labelled = HashMap<i64, Span>;

/// The labels that a discriminant allows.
enum Labels {
    /// All numbers of a range.
    Numbers(RangeInclusive<i128>),
    /// The enumerators of an enum, which is named or defined at a place.
    Enumerators(HashSet<i128>, Span),
}

impl Lower<'_> {
    /// A union. One of bool that holds nothing if that is FALSE is an optional in all but the writing, and
    /// becomes one.
    pub(super) fn union(&mut self, body: &UnionBody, name: &str) -> Option<TypeKind> {
        let discriminant = self.discriminant(&body.discriminant, name);
        let labels_allowed = discriminant.as_ref().map(|(_, labels)| labels);
        let mut labelled = Labelled::new();
        let mut default_at: Option<Span> = None;
        let mut arms: Vec<Arm> = Vec::new();
        let mut held: HashMap<String, (Type, Span)> = HashMap::new();
        let mut default = None;
        let mut sound = true;
        for arm in &body.arms {
            let field = match &arm.field {
                Some(declaration) => match self.arm_field(declaration, name, &mut held) {
                    Some(field) => Some(field),
                    None => {
                        sound = false;
                        continue;
                    }
                },
                None => None,
            };
            let mut labels = Vec::new();
            for label in &arm.labels {
                match label {
                    ast::Label::Case(value) => {
                        match self.label(value, labels_allowed, &mut labelled) {
                            Some(label) => labels.push(label),
                            None => sound = false,
                        }
                    }
                    ast::Label::Default(span) => {
                        if let Some(first) = default_at.replace(*span) {
                            let diagnostic = Diagnostic::error(*span, "`default` stands twice");
                            self.diagnostics.push(diagnostic.cause(first, "first here"));
                        }
                        let (docs, field) = (arm.docs.clone(), field.clone());
                        default = Some(DefaultArm { docs, field });
                    }
                }
            }
            if !labels.is_empty() {
                let docs = arm.docs.clone();
                arms.push(Arm {
                    docs,
                    labels,
                    field,
                });
            }
        }
        let (discriminant, _) = discriminant?;
        if discriminant.kind == DiscriminantKind::Bool {
            default_of_bool(&mut arms, default.take());
            if let Some(field) = optional(&arms) {
                return Some(TypeKind::Alias(Type::Optional(Box::new(field.ty.clone()))));
            }
        }
        sound.then_some(TypeKind::Union(Box::new(Union {
            discriminant,
            arms,
            default,
        })))
    }

    /// The discriminant, and the enumerators that it can be if it is an enum.
    fn discriminant(
        &mut self,
        declaration: &ast::Declaration,
        union: &str,
    ) -> Option<(Discriminant, Labels)> {
        let field = self.field(declaration, union)?;
        let Some((kind, labels)) = self.labels(declaration, &field.ty) else {
            let diagnostic = Diagnostic::error(declaration.span, "this cannot decide between arms")
                .help("a discriminant is an int, an unsigned int, a bool or an enum");
            self.diagnostics.push(diagnostic);
            return None;
        };
        let discriminant = Discriminant {
            name: field.name,
            ty: field.ty,
            kind,
        };
        Some((discriminant, labels))
    }

    /// What kind of discriminant this is, and which labels that allows.
    fn labels(
        &self,
        declaration: &ast::Declaration,
        lowered: &Type,
    ) -> Option<(DiscriminantKind, Labels)> {
        if declaration.shape != ast::Shape::Plain {
            return None;
        }
        let (file, behind) = self.symbols.behind(self.file, &declaration.ty);
        let outside = |ty: Type| match ty {
            Type::Builtin(Builtin::Bool) => Some((DiscriminantKind::Bool, Labels::Numbers(0..=1))),
            Type::Builtin(number) => number_labels(number),
            _ => None,
        };
        let (file, body, id) = match &behind.kind {
            ast::TypeKind::Builtin(builtin) => return outside(Type::Builtin(*builtin)),
            ast::TypeKind::Enum(None, body) => (file, body, lowered.named()?.0),
            ast::TypeKind::Enum(Some(name), body) => {
                let Some(Symbol::Type(index)) = self.symbols.symbol(file, &name.name) else {
                    return None;
                };
                (file, body, TypeId(index))
            }
            ast::TypeKind::Named(name) => match self.symbols.symbol(file, name) {
                Some(Symbol::Type(index)) => {
                    let named = &self.symbols.types[index];
                    let NamedKind::Enum(body) = named.kind else {
                        return None;
                    };
                    (named.file, body, TypeId(index))
                }
                Some(Symbol::Number(_)) => return None,
                None => return outside(self.symbols.outside(name)?),
            },
            _ => return None,
        };
        let values = body
            .members
            .iter()
            .filter_map(|member| self.value_of(file, &member.name.name));
        let labels = Labels::Enumerators(values.map(wrapped).collect(), behind.span);
        Some((DiscriminantKind::Enum(id), labels))
    }

    /// The field of an arm; arms of one name hold the same.
    fn arm_field(
        &mut self,
        declaration: &ast::Declaration,
        union: &str,
        held: &mut HashMap<String, (Type, Span)>,
    ) -> Option<Field> {
        let field = self.field(declaration, union)?;
        let here = declaration.name.span;
        let first = held.entry(field.name.clone());
        let (ty, first) = first.or_insert_with(|| (field.ty.clone(), here));
        if *ty != field.ty {
            let message = format!("arm `{}` has two types", field.name);
            let diagnostic = Diagnostic::error(here, message).cause(*first, "another one here");
            let help = "give one of the two arms another name";
            self.diagnostics.push(diagnostic.help(help));
            return None;
        }
        Some(field)
    }

    fn label(
        &mut self,
        expr: &ast::Expr,
        allowed: Option<&Labels>,
        labelled: &mut Labelled,
    ) -> Option<Label> {
        let value = self.number(expr)?;
        let (value, legal) = match allowed? {
            Labels::Numbers(range) => (value, range.contains(&value)),
            Labels::Enumerators(values, _) => (wrapped(value), values.contains(&wrapped(value))),
        };
        let Some(value) = i64::try_from(value).ok().filter(|_| legal) else {
            let message = "the discriminant cannot have this value";
            let diagnostic = Diagnostic::error(expr.span, message);
            let diagnostic = match allowed? {
                Labels::Enumerators(_, span) => {
                    diagnostic.cause(*span, "this enum has no such enumerator")
                }
                Labels::Numbers(range) => diagnostic.help(format!(
                    "its values go from {} to {}",
                    range.start(),
                    range.end()
                )),
            };
            self.diagnostics.push(diagnostic);
            return None;
        };
        if let Some(first) = labelled.insert(value, expr.span) {
            let diagnostic =
                Diagnostic::error(expr.span, "this label stands twice").cause(first, "first here");
            self.diagnostics.push(diagnostic);
            return None;
        }
        let name = match &expr.kind {
            ExprKind::Name(name) => Some(name.clone()),
            _ => None,
        };
        Some(Label { value, name })
    }
}

/// The labels of a union that a number decides. `unsigned hyper` is not among them: errors show what was
/// found as a number of 64 bits with a sign.
fn number_labels(number: Builtin) -> Option<(DiscriminantKind, Labels)> {
    let range: RangeInclusive<i128> = match number {
        Builtin::Char => i8::MIN.into()..=i8::MAX.into(),
        Builtin::UnsignedChar => 0..=u8::MAX.into(),
        Builtin::Short => i16::MIN.into()..=i16::MAX.into(),
        Builtin::UnsignedShort => 0..=u16::MAX.into(),
        Builtin::Int => i32::MIN.into()..=i32::MAX.into(),
        Builtin::UnsignedInt => 0..=u32::MAX.into(),
        Builtin::Hyper => i64::MIN.into()..=i64::MAX.into(),
        _ => return None,
    };
    Some((DiscriminantKind::Number(number), Labels::Numbers(range)))
}

/// A number as an enum has it: what 32 bits hold without a sign, with one.
fn wrapped(value: i128) -> i128 {
    u32::try_from(value).map_or(value, |value| value.cast_signed().into())
}

/// A bool has two values: `default` is the one without a label.
fn default_of_bool(arms: &mut Vec<Arm>, default: Option<DefaultArm>) {
    let Some(DefaultArm { docs, field }) = default else {
        return;
    };
    let labels: Vec<_> = [(0, "FALSE"), (1, "TRUE")]
        .into_iter()
        .filter(|(value, _)| {
            !arms
                .iter()
                .flat_map(|arm| &arm.labels)
                .any(|l| l.value == *value)
        })
        .map(|(value, name)| Label {
            value,
            name: Some(name.to_owned()),
        })
        .collect();
    if !labels.is_empty() {
        arms.push(Arm {
            docs,
            labels,
            field,
        });
    }
}

/// What a union of bool holds if it is TRUE, where it holds nothing if it is FALSE.
fn optional(arms: &[Arm]) -> Option<&Field> {
    let of = |value| {
        arms.iter()
            .find(|arm| arm.labels.iter().any(|label| label.value == value))
    };
    match of(0)?.field {
        None => of(1)?.field.as_ref(),
        Some(_) => None,
    }
}
