//! Constants in lines for C: `%#define NAME number`.

use crate::ast::{Docs, Ident, Item, ItemKind, Value};
use crate::lexer::{Comment, CommentKind, Kind, Lines, Token, lex_part};
use crate::source::Sources;

use super::item::value;
use super::tokens::{Notes, Tokens};

/// The constants that the lines for C among `taken` define. A line may just as well hold any C: what is no
/// number, or a macro with arguments, is left alone.
pub(super) fn constants(taken: &[Token<'_>], sources: &Sources) -> Vec<Item> {
    let comments = taken.iter().flat_map(|token| &token.before);
    let lines = comments.filter(|comment| comment.kind == CommentKind::Verbatim);
    lines.filter_map(|line| constant(line, sources)).collect()
}

fn constant(line: &Comment<'_>, sources: &Sources) -> Option<Item> {
    let behind = line.text[1..].trim_start().strip_prefix('#')?.trim_start();
    let definition = behind.strip_prefix("define")?;
    let source = sources.of(line.span)?;
    let end = source.range(line.span).end;
    let (tokens, faults) = lex_part(source, end - definition.len()..end, Lines::Joined);
    let name = tokens.first().filter(|name| name.kind == Kind::Word)?;
    let next = tokens.get(1)?;
    let has_arguments = next.text == "(" && next.span.start == name.span.end;
    if !faults.is_empty() || has_arguments {
        return None;
    }
    let notes = Notes::default();
    let (rest, value) = value(Tokens::new(&tokens, &notes).step()).ok()?;
    if !rest.at_end() || value == Value::Text(String::new()) {
        return None;
    }
    let ident = Ident {
        name: name.text.to_owned(),
        span: name.span,
    };
    Some(Item {
        docs: Docs::default(),
        span: line.span,
        kind: ItemKind::Verbatim(ident, value),
    })
}
