//! The values of constants and of expressions.

use crate::ast::{Expr, ExprKind};
use crate::diagnostic::Diagnostic;
use crate::ir::Value;

use super::graph;
use super::outside;
use super::symbols::{Made, Symbols};

/// The values of all [`Symbols::numbers`]; none for those that have been reported.
pub(super) struct Values(Vec<Option<Value>>);

/// Evaluates all numbers, those that are made of others after these.
pub(super) fn evaluate(symbols: &Symbols<'_>, diagnostics: &mut Vec<Diagnostic>) -> Values {
    let mut values = Values(vec![None; symbols.numbers.len()]);
    let edges: Vec<Vec<usize>> = symbols
        .numbers
        .iter()
        .map(|number| match &number.made {
            Made::Expr(expr) => needs(expr, number.file, symbols),
            Made::Next(last) => last.iter().copied().collect(),
            Made::Text(_) => Vec::new(),
        })
        .collect();
    for group in graph::components(&edges) {
        if graph::is_cycle(&group, &edges) {
            let name = symbols.numbers[group[0]].name;
            let message = format!("the value of `{}` depends on itself", name.name);
            let mut diagnostic = Diagnostic::error(name.span, message);
            if let Some(&other) = group.get(1) {
                let other = symbols.numbers[other].name;
                diagnostic = diagnostic.cause(other.span, "by way of this");
            }
            diagnostics.push(diagnostic);
            continue;
        }
        for index in group {
            values.0[index] = match &symbols.numbers[index].made {
                Made::Text(text) => Some(Value::Text((*text).to_owned())),
                Made::Next(None) => Some(Value::Number(0)),
                Made::Next(Some(last)) => match &values.0[*last] {
                    Some(Value::Number(last)) => Some(Value::Number(last + 1)),
                    _ => None,
                },
                Made::Expr(expr) => {
                    let number = &symbols.numbers[index];
                    let mut unheard = Vec::new();
                    let told = match number.verbatim {
                        true => &mut unheard,
                        false => &mut *diagnostics,
                    };
                    values.value(expr, number.file, symbols, told)
                }
            };
        }
    }
    values
}

/// The numbers that an expression is made of.
fn needs(expr: &Expr, file: usize, symbols: &Symbols<'_>) -> Vec<usize> {
    let mut names = Vec::new();
    names_of(expr, &mut names);
    names
        .into_iter()
        .flat_map(|name| symbols.numbers_of(file, name))
        .collect()
}

/// The names in an expression.
pub(super) fn names_of<'a>(expr: &'a Expr, names: &mut Vec<&'a str>) {
    match &expr.kind {
        ExprKind::Number(_) => {}
        ExprKind::Name(name) => names.push(name),
        ExprKind::Unary(_, operand) => names_of(operand, names),
        ExprKind::Binary(left, _, right) => {
            names_of(left, names);
            names_of(right, names);
        }
    }
}

impl Values {
    /// The value of a number that has a name.
    pub(super) fn get(&self, index: usize) -> Option<&Value> {
        self.0[index].as_ref()
    }

    /// The value of `expr` as a number; `None` after it has been reported.
    pub(super) fn number(
        &self,
        expr: &Expr,
        file: usize,
        symbols: &Symbols<'_>,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<i128> {
        match self.value(expr, file, symbols, diagnostics)? {
            Value::Number(number) => Some(number),
            Value::Text(_) => {
                let diagnostic = Diagnostic::error(expr.span, "a text where a number is needed");
                diagnostics.push(diagnostic);
                None
            }
        }
    }

    fn value(
        &self,
        expr: &Expr,
        file: usize,
        symbols: &Symbols<'_>,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<Value> {
        let value = match &expr.kind {
            ExprKind::Number(number) => Some(*number),
            ExprKind::Name(name) => return self.named(name, expr, file, symbols, diagnostics),
            ExprKind::Unary(sign, operand) => {
                let operand = self.number(operand, file, symbols, diagnostics)?;
                match sign {
                    '-' => operand.checked_neg(),
                    '~' => Some(!operand),
                    _ => Some(operand),
                }
            }
            ExprKind::Binary(left, operator, right) => {
                let left = self.number(left, file, symbols, diagnostics);
                let right = self.number(right, file, symbols, diagnostics);
                calculate(left?, operator, right?)
            }
        };
        // What 64 bits can hold, with or without a sign.
        let value =
            value.filter(|value| (i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(value));
        if value.is_none() {
            let message = match &expr.kind {
                ExprKind::Binary(_, "/" | "%", right)
                    if self.number(right, file, symbols, &mut Vec::new()) == Some(0) =>
                {
                    "this divides by zero"
                }
                _ => "this has no value of 64 bits",
            };
            diagnostics.push(Diagnostic::error(expr.span, message));
        }
        value.map(Value::Number)
    }

    fn named(
        &self,
        name: &str,
        expr: &Expr,
        file: usize,
        symbols: &Symbols<'_>,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<Value> {
        let numbers = symbols.numbers_of(file, name);
        let Some((&first, others)) = numbers.split_first() else {
            if let Some(known) = outside::number(name) {
                return Some(Value::Number(known));
            }
            if symbols.is_lost(name) {
                return None;
            }
            let message = match symbols.symbol(file, name) {
                Some(_) => format!("`{name}` is a type, not a constant"),
                None => format!("there is no constant `{name}`"),
            };
            let help = match symbols.like(name, false, diagnostics.len()) {
                Some(like) => format!("there is one named `{like}`"),
                None => format!("`-D {name}=VALUE` defines it"),
            };
            diagnostics.push(Diagnostic::error(expr.span, message).help(help));
            return None;
        };
        if self.get(first).is_none() && symbols.numbers[first].verbatim {
            let message = format!("`{name}` has no value that rpcgen knows");
            let cause = symbols.numbers[first].name.span;
            let diagnostic = Diagnostic::error(expr.span, message);
            diagnostics.push(diagnostic.cause(cause, "a line for C defines it"));
        }
        let value = self.get(first)?;
        let other = others.iter().find(|other| self.get(**other) != Some(value));
        if let Some(&other) = other {
            let message = format!("`{name}` is the name of procedures with several numbers");
            let cause = symbols.numbers[other].name.span;
            diagnostics.push(Diagnostic::error(expr.span, message).cause(cause, "one of them"));
            return None;
        }
        Some(value.clone())
    }
}

/// The value of `left operator right`, if it has one.
pub(crate) fn calculate(left: i128, operator: &str, right: i128) -> Option<i128> {
    let shift = u32::try_from(right).ok().filter(|bits| *bits < 64);
    match operator {
        "+" => left.checked_add(right),
        "-" => left.checked_sub(right),
        "*" => left.checked_mul(right),
        "/" => left.checked_div(right),
        "%" => left.checked_rem(right),
        "<<" => left.checked_mul(1 << shift?),
        ">>" => Some(left >> shift?),
        "&" => Some(left & right),
        "^" => Some(left ^ right),
        _ => Some(left | right),
    }
}
