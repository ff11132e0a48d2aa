//! What Sun's rpcgen refuses in the text itself, before there is any grammar.

use crate::diagnostic::Diagnostic;
use crate::lexer::{CommentKind, Token};
use crate::source::Sources;

use super::tokens::Notes;

/// Reports comments of other dialects, and lines that Sun's rpcgen would cut in two.
pub(super) fn refuse(tokens: &[Token<'_>], sources: &Sources, notes: &Notes) {
    let mut long = None;
    for token in tokens {
        for comment in token.before.iter().chain(&token.after) {
            let column = sources
                .of(comment.span)
                .map(|source| source.place(source.range(comment.span).start).column);
            match comment.kind {
                CommentKind::Line => notes.beyond_sun(comment.span, "comments of `//`"),
                CommentKind::Verbatim if column != Some(1) => {
                    notes.beyond_sun(comment.span, "lines for C that begin with blanks");
                }
                _ => {}
            }
        }
        let Some(source) = sources.of(token.span) else {
            continue;
        };
        let end = source.range(token.span).end;
        let start = source.line_start(end);
        if end - start > MAX_LINE && long != Some((source.name(), start)) {
            long = Some((source.name(), start));
            let message = format!("Sun's rpcgen reads no lines of more than {MAX_LINE} bytes");
            notes.tell(Diagnostic::error(token.span, message));
        }
    }
}

/// Longest line that rpcgen 1.4.3 reads whole, in bytes: `MAXLINESIZE` of its rpc_util.h, less the end.
const MAX_LINE: usize = 1022;
