//! Types that contain themselves: lists become lists, other cycles get a place where they are broken up.

use std::collections::HashSet;

use crate::diagnostic::Diagnostic;

use super::{Field, Hold, Struct, Type, TypeDef, TypeId, TypeKind, Unit, graph};

/// Reports types that no value can be of.
pub(super) fn refuse(unit: &Unit, diagnostics: &mut Vec<Diagnostic>) {
    refuse_values_of_themselves(unit, diagnostics);
    refuse_typedefs_of_themselves(unit, diagnostics);
}

/// Finds lists, boxes and levels of nesting.
pub(super) fn break_up(unit: &mut Unit) {
    let lists = lists(unit);
    for (index, def) in unit.types.iter_mut().enumerate() {
        if lists.contains(&TypeId(index))
            && let TypeKind::Struct(def) = &mut def.kind
        {
            def.link = def.fields.pop().map(|field| field.name);
        }
    }
    for ty in types_mut(unit) {
        to_list(ty, &lists);
    }
    nest(unit);
}

/// A struct cannot hold itself as a part: it would have no end.
fn refuse_values_of_themselves(unit: &Unit, diagnostics: &mut Vec<Diagnostic>) {
    let by_value = |def: &TypeDef| {
        let uses = def.uses().into_iter();
        uses.filter(|(_, hold)| *hold == Hold::Value)
            .map(|(id, _)| id.0)
            .collect()
    };
    let edges: Vec<Vec<usize>> = unit.types.iter().map(by_value).collect();
    refuse_cycles(unit, &edges, "contains itself without end", diagnostics);
}

/// Typedefs that are made of nothing but each other name no type.
fn refuse_typedefs_of_themselves(unit: &Unit, diagnostics: &mut Vec<Diagnostic>) {
    let is_alias = |id: &TypeId| matches!(unit.ty(*id).kind, TypeKind::Alias(_));
    let aliases = |(index, def): (usize, &TypeDef)| {
        let uses = def.uses().into_iter().map(|(id, _)| id);
        uses.filter(|id| is_alias(id) && is_alias(&TypeId(index)))
            .map(|id| id.0)
            .collect()
    };
    let edges: Vec<Vec<usize>> = unit.types.iter().enumerate().map(aliases).collect();
    refuse_cycles(unit, &edges, "is made of nothing but itself", diagnostics);
    let mut depths = vec![0; edges.len()];
    for group in graph::components(&edges) {
        for node in group {
            depths[node] = 1 + edges[node].iter().map(|to| depths[*to]).max().unwrap_or(0);
            if depths[node] == MAX_TYPEDEFS + 1 {
                let message = format!("typedefs of typedefs, more than {MAX_TYPEDEFS} deep");
                let span = unit.types[node].span;
                diagnostics.push(Diagnostic::error(span, message));
            }
        }
    }
}

fn refuse_cycles(unit: &Unit, edges: &[Vec<usize>], what: &str, diagnostics: &mut Vec<Diagnostic>) {
    for group in graph::components(edges) {
        if !graph::is_cycle(&group, edges) {
            continue;
        }
        let def = &unit.types[group[0]];
        if diagnostics.iter().any(|earlier| earlier.span == def.span) {
            continue;
        }
        let mut diagnostic = Diagnostic::error(def.span, format!("`{}` {what}", def.name));
        if let Some(other) = group.get(1) {
            let other = &unit.types[*other];
            diagnostic = diagnostic.cause(other.span, format!("by way of `{}`", other.name));
        }
        diagnostics.push(diagnostic.help("a pointer (`*`) ends where there is nothing more"));
    }
}

/// The structs that are lists: the last field, and no other, points to the next one, and nobody holds one
/// other than by a pointer.
fn lists(unit: &Unit) -> HashSet<TypeId> {
    let mut lists = HashSet::new();
    for (index, def) in unit.types.iter().enumerate() {
        let id = TypeId(index);
        let TypeKind::Struct(def) = &def.kind else {
            continue;
        };
        let Some((last, others)) = def.fields.split_last() else {
            continue;
        };
        let links = |field: &Field| {
            let behind = unit.behind(&field.ty);
            matches!(behind, Type::Optional(to) if unit.behind(to) == &Type::Named(id))
        };
        if links(last) && !others.iter().any(links) {
            lists.insert(id);
        }
    }
    let programs = unit.programs.iter().flat_map(|program| &program.versions);
    let procedures = programs.flat_map(|version| &version.procedures);
    let passed = procedures.flat_map(|procedure| {
        let arguments = procedure.arguments.iter().map(|argument| &argument.ty);
        arguments.chain(&procedure.result)
    });
    for ty in unit.types.iter().flat_map(TypeDef::parts).chain(passed) {
        // `T *` is a list, `T *` in an array as well; `T` in whatever else is not.
        let mut ty = ty;
        loop {
            match ty {
                Type::Named(id) => {
                    lists.remove(id);
                    break;
                }
                Type::Optional(to) if matches!(**to, Type::Named(_)) => break,
                Type::Optional(to) | Type::Boxed(to) | Type::Fixed(to, _) | Type::Array(to, _) => {
                    ty = to;
                }
                _ => break,
            }
        }
    }
    lists
}

/// Makes pointers to lists lists.
fn to_list(ty: &mut Type, lists: &HashSet<TypeId>) {
    match ty {
        Type::Optional(to) => match **to {
            Type::Named(id) if lists.contains(&id) => *ty = Type::List(id),
            _ => to_list(to, lists),
        },
        Type::Fixed(element, _) | Type::Array(element, _) | Type::Boxed(element) => {
            to_list(element, lists);
        }
        _ => {}
    }
}

/// Boxes what leads back to what holds it, and counts it as a level of nesting.
fn nest(unit: &mut Unit) {
    let groups = unit.groups();
    let mut group_of = vec![0; unit.types.len()];
    for (number, group) in groups.iter().enumerate() {
        for id in group {
            group_of[id.0] = number;
        }
    }
    for (index, def) in unit.types.iter_mut().enumerate() {
        let back = |id: TypeId| group_of[id.0] == group_of[index];
        for ty in parts_mut(def) {
            enclose(ty, &back);
        }
    }
    let mut nested = Vec::new();
    for (index, def) in unit.types.iter().enumerate() {
        let back = |id: TypeId| group_of[id.0] == group_of[index];
        for (place, field) in fields(def).into_iter().enumerate() {
            let leads_back = match unit.behind(&field.ty) {
                Type::List(id) => back(*id),
                Type::Array(element, _) => opens(unit, element, &back),
                _ => false,
            };
            if leads_back {
                nested.push((index, place));
            }
        }
    }
    for (index, place) in nested {
        if let Some(field) = fields_mut(&mut unit.types[index].kind)
            .into_iter()
            .nth(place)
        {
            field.nested = true;
        }
    }
}

/// Puts what an optional leads back to into a box.
fn enclose(ty: &mut Type, back: &impl Fn(TypeId) -> bool) {
    match ty {
        Type::Optional(to) if to.named().is_some_and(|(id, _)| back(id)) => {
            let inner = std::mem::replace(&mut **to, Type::Builtin(super::Builtin::Bool));
            **to = Type::Boxed(Box::new(inner));
        }
        Type::Fixed(element, _) | Type::Array(element, _) => enclose(element, back),
        _ => {}
    }
}

/// Whether decoding an element leads back without a box that counts the level.
fn opens(unit: &Unit, element: &Type, back: &impl Fn(TypeId) -> bool) -> bool {
    match unit.behind(element) {
        Type::Named(id) | Type::List(id) => back(*id),
        Type::Fixed(element, _) | Type::Array(element, _) => opens(unit, element, back),
        _ => false,
    }
}

fn types_mut(unit: &mut Unit) -> Vec<&mut Type> {
    let mut types: Vec<&mut Type> = unit.types.iter_mut().flat_map(parts_mut).collect();
    let versions = unit
        .programs
        .iter_mut()
        .flat_map(|program| &mut program.versions);
    for procedure in versions.flat_map(|version| &mut version.procedures) {
        types.extend(
            procedure
                .arguments
                .iter_mut()
                .map(|argument| &mut argument.ty),
        );
        types.extend(&mut procedure.result);
    }
    types
}

fn parts_mut(def: &mut TypeDef) -> Vec<&mut Type> {
    match &mut def.kind {
        TypeKind::Alias(ty) => vec![ty],
        kind => fields_mut(kind)
            .into_iter()
            .map(|field| &mut field.ty)
            .collect(),
    }
}

fn fields(def: &TypeDef) -> Vec<&Field> {
    match &def.kind {
        TypeKind::Struct(Struct { fields, .. }) => fields.iter().collect(),
        TypeKind::Union(def) => def.fields().collect(),
        _ => Vec::new(),
    }
}

fn fields_mut(kind: &mut TypeKind) -> Vec<&mut Field> {
    match kind {
        TypeKind::Struct(Struct { fields, .. }) => fields.iter_mut().collect(),
        TypeKind::Union(def) => {
            let default = def.default.iter_mut().filter_map(|arm| arm.field.as_mut());
            let arms = def.arms.iter_mut().filter_map(|arm| arm.field.as_mut());
            arms.chain(default).collect()
        }
        _ => Vec::new(),
    }
}

/// Deepest chain of typedefs of typedefs; the deepest known has 4.
pub(super) const MAX_TYPEDEFS: usize = 64;
