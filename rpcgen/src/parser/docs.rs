//! Comments to documentation.

use crate::ast::Docs;
use crate::lexer::{Comment, CommentKind, Token};
use crate::source::expand_tabs;

/// What the comments right before a token say: those that no empty line parts from it.
pub(super) fn before(token: &Token<'_>) -> Docs {
    let attached = token
        .before
        .iter()
        .rev()
        .take_while(|comment| !comment.detached)
        .count();
    let comments = &token.before[token.before.len() - attached..];
    collect(comments.iter())
}

/// What the comments around a member say: those before it and the one behind it.
pub(super) fn around(taken: &[Token<'_>]) -> Docs {
    let mut docs = taken.first().map(before).unwrap_or_default();
    let after = taken.iter().last().map_or(&[][..], |token| &token.after);
    docs.comments.extend(collect(after.iter()).comments);
    docs
}

/// What the comments among tokens say, all of them.
pub(super) fn among(taken: &[Token<'_>]) -> Docs {
    let mut docs = taken.first().map(before).unwrap_or_default();
    for (i, token) in taken.iter().enumerate() {
        let before = token.before.iter().filter(|_| i > 0);
        docs.comments
            .extend(collect(before.chain(&token.after)).comments);
    }
    docs
}

/// The lines for C among tokens, without the `%`; each as it is written, with those that `\` joins to it.
pub(super) fn verbatim(taken: &[Token<'_>]) -> Vec<String> {
    let comments = taken.iter().flat_map(|token| &token.before);
    let lines = comments.filter(|comment| comment.kind == CommentKind::Verbatim);
    lines
        .map(|line| line.text[1..].trim_end().replace('\r', ""))
        .collect()
}

/// The text of comments; lines of `//` that follow each other are one.
fn collect<'a>(comments: impl Iterator<Item = &'a Comment<'a>>) -> Docs {
    let mut docs = Docs::default();
    let mut joins = false;
    for comment in comments {
        let (text, line) = match comment.kind {
            CommentKind::Block => (block(comment.text), false),
            CommentKind::Line => (comment.text.trim_start_matches('/').trim().to_owned(), true),
            CommentKind::Verbatim | CommentKind::Directive => continue,
        };
        match docs.comments.last_mut() {
            Some(last) if joins && line => {
                last.push('\n');
                last.push_str(&text);
            }
            _ if text.is_empty() => {}
            _ => docs.comments.push(text),
        }
        joins = line;
    }
    docs
}

/// The text of `/* … */`, without the stars at the starts of its lines and without common indentation.
fn block(comment: &str) -> String {
    let inside = comment
        .trim_start_matches("/*")
        .trim_end_matches("*/")
        .trim_matches('*');
    let lines = inside.lines().enumerate().map(|(i, line)| {
        let line = expand_tabs(line.trim_end());
        match line.trim_start().strip_prefix('*') {
            Some(behind) if i > 0 => behind.trim_start_matches(['*', '/']).to_owned(),
            _ => line,
        }
    });
    dedent(&lines.collect::<Vec<_>>())
}

/// The lines without the indentation that all but the first share, and without empty ones around them.
fn dedent(lines: &[String]) -> String {
    let width = |line: &String| line.len() - line.trim_start_matches(' ').len();
    let filled = || lines.iter().skip(1).filter(|line| !line.trim().is_empty());
    let common = filled().map(width).min().unwrap_or(0);
    let mut text = String::new();
    for (i, line) in lines.iter().enumerate() {
        let line = match i {
            0 => line.trim_start(),
            _ => line.get(common..).unwrap_or("").trim_end(),
        };
        text.push_str(line);
        text.push('\n');
    }
    text.trim_matches('\n').to_owned()
}
