//! The values of constants and of expressions.

use crate::ast::{Expr, ExprKind};
use crate::diagnostic::Diagnostic;
use crate::ir::Value;

use super::graph;
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
            Made::Expr(expr) => needs(expr, symbols),
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
                Made::Expr(expr) => values.value(expr, symbols, diagnostics),
            };
        }
    }
    values
}

/// The numbers that an expression is made of.
fn needs(expr: &Expr, symbols: &Symbols<'_>) -> Vec<usize> {
    match &expr.kind {
        ExprKind::Number(_) => Vec::new(),
        ExprKind::Name(name) => symbols.numbers_of(name).to_vec(),
        ExprKind::Unary(_, operand) => needs(operand, symbols),
        ExprKind::Binary(left, _, right) => {
            let mut all = needs(left, symbols);
            all.extend(needs(right, symbols));
            all
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
        symbols: &Symbols<'_>,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<i128> {
        match self.value(expr, symbols, diagnostics)? {
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
        symbols: &Symbols<'_>,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<Value> {
        let value = match &expr.kind {
            ExprKind::Number(number) => Some(*number),
            ExprKind::Name(name) => return self.named(name, expr, symbols, diagnostics),
            ExprKind::Unary(sign, operand) => {
                let operand = self.number(operand, symbols, diagnostics)?;
                match sign {
                    '-' => operand.checked_neg(),
                    '~' => Some(!operand),
                    _ => Some(operand),
                }
            }
            ExprKind::Binary(left, operator, right) => {
                let left = self.number(left, symbols, diagnostics);
                let right = self.number(right, symbols, diagnostics);
                calculate(left?, operator, right?)
            }
        };
        // What 64 bits can hold, with or without a sign.
        let value =
            value.filter(|value| (i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(value));
        if value.is_none() {
            let message = "this has no value, or none of 64 bits";
            diagnostics.push(Diagnostic::error(expr.span, message));
        }
        value.map(Value::Number)
    }

    fn named(
        &self,
        name: &str,
        expr: &Expr,
        symbols: &Symbols<'_>,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<Value> {
        let numbers = symbols.numbers_of(name);
        let Some((&first, others)) = numbers.split_first() else {
            // Bool's own enumerators (RFC 4506 §4.4).
            if let Some(known) = ["FALSE", "TRUE"].iter().position(|known| *known == name) {
                return Some(Value::Number(i128::from(known == 1)));
            }
            let message = match symbols.symbol(name) {
                Some(_) => format!("`{name}` is a type, not a constant"),
                None => format!("there is no constant `{name}`"),
            };
            let mut diagnostic = Diagnostic::error(expr.span, message);
            if let Some(like) = symbols.like(name, false, diagnostics.len()) {
                diagnostic = diagnostic.help(format!("there is one named `{like}`"));
            }
            diagnostics.push(diagnostic);
            return None;
        };
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

fn calculate(left: i128, operator: &str, right: i128) -> Option<i128> {
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
