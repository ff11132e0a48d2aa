//! Text to tokens, each with its place and with the comments around it.

use std::ops::Range;

use nom::branch::alt;
use nom::bytes::complete::{tag, take_till, take_until, take_while, take_while1};
use nom::character::complete::{anychar, char, none_of, one_of};
use nom::combinator::{opt, recognize, value};
use nom::multi::many0_count;
use nom::sequence::{delimited, pair, preceded, terminated};
use nom::{IResult, Parser};

use crate::diagnostic::Diagnostic;
use crate::source::{Source, Span, expand_tabs};

/// A word, number or sign of the language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token<'a> {
    /// What it is.
    pub kind: Kind,
    /// It as it is written.
    pub text: &'a str,
    /// Where it is.
    pub span: Span,
    /// Comments on the lines before it.
    pub before: Vec<Comment<'a>>,
    /// Comments behind it on the same line, and those that continue them on the next ones.
    pub after: Vec<Comment<'a>>,
    /// Whether it is the first of its line.
    pub starts_line: bool,
}

impl<'a> Token<'a> {
    /// The end of a file.
    pub(crate) fn end(source: &'a Source) -> Self {
        let end = source.text().len();
        Self {
            kind: Kind::End,
            text: &source.text()[end..],
            span: source.span(end..end),
            before: Vec::new(),
            after: Vec::new(),
            starts_line: true,
        }
    }
}

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A name or a keyword: which of them, only the grammar knows.
    Word,
    /// `12`, `0x0c`, `014`.
    Number,
    /// `'a'`.
    Character,
    /// `"text"`.
    Text,
    /// One of the signs: `{`, `;`, `<<` …
    Sign,
    /// Behind the last token: holds the comments at the end of the file.
    End,
}

/// A comment or another line that means nothing to the grammar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comment<'a> {
    /// What it is.
    pub kind: CommentKind,
    /// It as it is written, marks included.
    pub text: &'a str,
    /// Where it is.
    pub span: Span,
    /// Whether an empty line follows, which parts it from what it stands before.
    pub detached: bool,
}

/// What a comment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommentKind {
    /// `/* … */`
    Block,
    /// `// …`
    Line,
    /// `%…`: a line that Sun's rpcgen copies to its output, `\` continuing it.
    Verbatim,
    /// `#…`: a line for the preprocessor, `\` continuing it.
    Directive,
}

/// Splits a file into tokens, the last of which is [`Kind::End`]; what is none is reported and skipped.
pub fn lex(source: &Source) -> (Vec<Token<'_>>, Vec<Diagnostic>) {
    let text = source.text();
    let start = text.len() - text.strip_prefix('\u{feff}').unwrap_or(text).len();
    lex_part(source, start..text.len(), Lines::Separate)
}

/// Whether a part of a file has lines, or is one line that `\` continues.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Lines {
    Separate,
    Joined,
}

/// Splits a part of a file into tokens.
pub(crate) fn lex_part(
    source: &Source,
    part: Range<usize>,
    lines: Lines,
) -> (Vec<Token<'_>>, Vec<Diagnostic>) {
    let mut lexer = Lexer {
        source,
        tokens: Vec::new(),
        comments: Vec::new(),
        diagnostics: Vec::new(),
    };
    let mut rest = &source.text()[part];
    let mut line_start = lines == Lines::Separate;
    loop {
        let (gap, behind) = match lines {
            Lines::Separate => split(rest, take_while(|c: char| c.is_ascii_whitespace())),
            Lines::Joined => split(rest, joined_gap),
        };
        line_start |= lines == Lines::Separate && gap.contains('\n');
        lexer.gap(gap);
        rest = behind;
        if rest.is_empty() {
            break;
        }
        if lexer.is_full(rest) {
            rest = &rest[rest.len()..];
            break;
        }
        rest = lexer.step(rest, line_start);
        // A comment before the first token of a line does not change that it is the first.
        line_start &= rest.as_ptr() as usize != lexer.behind_last();
    }
    lexer.push(Kind::End, &rest[rest.len()..], true);
    (lexer.tokens, lexer.diagnostics)
}

struct Lexer<'a> {
    source: &'a Source,
    tokens: Vec<Token<'a>>,
    /// Comments since the last token.
    comments: Vec<Comment<'a>>,
    diagnostics: Vec<Diagnostic>,
}

impl<'a> Lexer<'a> {
    /// Takes the token, comment or fault that `rest` starts with, and gives what is behind it.
    fn step(&mut self, rest: &'a str, line_start: bool) -> &'a str {
        if line_start && rest.starts_with('%') {
            let (line, behind) = split(rest, continued_line);
            self.comment(CommentKind::Verbatim, line);
            return behind;
        }
        if line_start && rest.starts_with('#') {
            let (line, behind) = split(rest, directive);
            self.comment(CommentKind::Directive, line);
            return behind;
        }
        if let Ok((behind, text)) = block_comment(rest) {
            self.comment(CommentKind::Block, text);
            return behind;
        }
        if let Ok((behind, text)) = line_comment(rest) {
            self.comment(CommentKind::Line, text);
            return behind;
        }
        // A comment that does not end is no division.
        if !rest.starts_with("/*")
            && let Ok((behind, kind)) = token(rest)
        {
            let mut text = &rest[..rest.len() - behind.len()];
            if matches!(kind, Kind::Word | Kind::Number) && text.len() > MAX_WORD {
                let message = format!("a word of {} letters", text.len());
                let diagnostic = Diagnostic::error(self.span(&text[..MAX_SHOWN]), message);
                let help = format!("words have {MAX_WORD} letters at most");
                self.diagnostics.push(diagnostic.help(help));
                text = &text[..MAX_SHOWN];
            } else if kind == Kind::Number {
                self.check_number(text);
            }
            self.push(kind, text, line_start);
            return behind;
        }
        self.fault(rest)
    }

    /// Whether so much has been read, or was wrong, that the rest is left alone; says so.
    fn is_full(&mut self, rest: &str) -> bool {
        let message = if self.tokens.len() >= MAX_TOKENS {
            format!("more than {MAX_TOKENS} words: the rest is not read")
        } else if self.diagnostics.len() >= MAX_ERRORS {
            format!("more than {MAX_ERRORS} errors: the rest is not read")
        } else {
            return false;
        };
        let end = rest.chars().next().map_or(0, char::len_utf8);
        let span = self.span(&rest[..end]);
        self.diagnostics.push(Diagnostic::error(span, message));
        true
    }

    /// Notes that an empty line, or none, lies behind the last comment.
    fn gap(&mut self, gap: &str) {
        let newlines = gap.matches('\n').count();
        if let Some(comment) = self.comments.last_mut() {
            // A verbatim line ends before its line break, like any other comment.
            comment.detached |= newlines > 1;
        }
    }

    fn span(&self, text: &str) -> Span {
        let start = text.as_ptr() as usize - self.source.text().as_ptr() as usize;
        self.source.span(start..start + text.len())
    }

    fn comment(&mut self, kind: CommentKind, text: &'a str) {
        let comment = Comment {
            kind,
            text,
            span: self.span(text),
            detached: false,
        };
        let line = matches!(kind, CommentKind::Verbatim | CommentKind::Directive);
        match self.tokens.last() {
            Some(last) if !line && self.comments.is_empty() && self.trails(last, &comment) => {
                if let Some(last) = self.tokens.last_mut() {
                    last.after.push(comment);
                }
            }
            _ => self.comments.push(comment),
        }
    }

    /// Whether `comment` belongs to the token before it: it stands on the token's line, or it continues, on
    /// the next line and in the same column, one that does.
    fn trails(&self, token: &Token<'_>, comment: &Comment<'_>) -> bool {
        let text = self.source.text();
        let start = |span: Span| self.source.range(span).start;
        let gap = |from: Span| &text[self.source.range(from).end..start(comment.span)];
        let Some(last) = token.after.last() else {
            return !gap(token.span).contains('\n');
        };
        let column = |at: usize| {
            let line = &text[..at][text[..at].rfind('\n').map_or(0, |at| at + 1)..];
            expand_tabs(line).chars().count()
        };
        gap(last.span).matches('\n').count() == 1
            && column(start(comment.span)) == column(start(last.span))
    }

    /// Where the last token ends, in memory.
    fn behind_last(&self) -> usize {
        let end = |token: &Token<'_>| token.text.as_ptr() as usize + token.text.len();
        self.tokens.last().map_or(0, end)
    }

    fn push(&mut self, kind: Kind, text: &'a str, starts_line: bool) {
        let token = Token {
            kind,
            text,
            span: self.span(text),
            before: std::mem::take(&mut self.comments),
            after: Vec::new(),
            starts_line,
        };
        self.tokens.push(token);
    }

    fn check_number(&mut self, text: &str) {
        if let Err(why) = number(text) {
            let span = self.span(text);
            let diagnostic = Diagnostic::error(span, format!("`{text}` is not a number"));
            self.diagnostics.push(diagnostic.label(why));
        }
    }

    /// Reports what no token starts with, and skips it.
    fn fault(&mut self, rest: &'a str) -> &'a str {
        // Signs that are none in a row are one fault.
        let is_bad = |c: char| !(c.is_ascii_graphic() || c.is_ascii_whitespace());
        let (bad, behind) = split(rest, alt((take_while1(is_bad), recognize(anychar))));
        if rest.starts_with("/*") {
            let span = self.span(&rest[..2]);
            let diagnostic = Diagnostic::error(span, "this comment does not end");
            self.diagnostics.push(diagnostic.help("close it with `*/`"));
            return &rest[rest.len()..];
        }
        if rest.starts_with(['"', '\'']) {
            let line = split(rest, take_till(|c| c == '\n')).0.trim_end();
            let diagnostic = Diagnostic::error(self.span(line), "this quote does not end");
            self.diagnostics.push(diagnostic);
            // It was to be a text, up to what ends the line: nothing else is wrong here.
            let line = line.trim_end_matches([';', ',']);
            self.push(Kind::Text, line, false);
            if let Some(token) = self.tokens.last_mut() {
                token.text = "\"\"";
            }
            return &rest[line.len()..];
        }
        let shown: String = bad.chars().take(MAX_SHOWN).collect();
        let message = format!("`{}` is not part of the language", shown.escape_debug());
        self.diagnostics
            .push(Diagnostic::error(self.span(bad), message));
        behind
    }
}

/// The value of a number as it is written, or why it is none.
pub fn number(text: &str) -> Result<i128, &'static str> {
    let digits: String = text.chars().filter(|&c| c != '\'').collect();
    let digits = digits.trim_end_matches(['u', 'U', 'l', 'L']);
    let (digits, radix, wrong) = if let Some(hex) = digits.strip_prefix("0x") {
        (hex, 16, "not hexadecimal digits")
    } else if let Some(hex) = digits.strip_prefix("0X") {
        (hex, 16, "not hexadecimal digits")
    } else if digits.len() > 1 && digits.starts_with('0') {
        (
            digits,
            8,
            "a number with a leading 0 is octal: only digits 0 to 7",
        )
    } else {
        (digits, 10, "not decimal digits")
    };
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return Err(wrong);
    }
    match u64::from_str_radix(digits, radix) {
        Ok(value) => Ok(value.into()),
        Err(_) => Err("more than 64 bits"),
    }
}

/// Splits off what `parser` takes, which may be nothing.
fn split<'a>(
    text: &'a str,
    mut parser: impl Parser<&'a str, Output = &'a str, Error = nom::error::Error<&'a str>>,
) -> (&'a str, &'a str) {
    match parser.parse(text) {
        Ok((behind, taken)) => (taken, behind),
        Err(_) => ("", text),
    }
}

fn block_comment(text: &str) -> IResult<&str, &str> {
    recognize(delimited(tag("/*"), take_until("*/"), tag("*/"))).parse(text)
}

fn line_comment(text: &str) -> IResult<&str, &str> {
    recognize(preceded(tag("//"), take_till(|c| c == '\n'))).parse(text)
}

/// A line for the preprocessor: it goes on behind a `\`, and behind a comment that goes on.
fn directive(text: &str) -> IResult<&str, &str> {
    let piece = alt((
        recognize((char('\\'), opt(char('\r')), char('\n'))),
        block_comment,
        recognize(none_of("\n")),
    ));
    recognize(many0_count(piece)).parse(text)
}

/// Blanks in a line that `\` continues.
fn joined_gap(text: &str) -> IResult<&str, &str> {
    let piece = alt((
        recognize((char('\\'), opt(char('\r')), char('\n'))),
        take_while1(|c: char| c.is_ascii_whitespace()),
    ));
    recognize(many0_count(piece)).parse(text)
}

/// A whole line, and the next one as well if a `\` stands before the line break.
fn continued_line(text: &str) -> IResult<&str, &str> {
    let piece = alt((
        recognize((char('\\'), opt(char('\r')), char('\n'))),
        recognize(none_of("\n")),
    ));
    recognize(many0_count(piece)).parse(text)
}

fn token(text: &str) -> IResult<&str, Kind> {
    let quoted = |quote: char| {
        let inside = alt((
            recognize(pair(char('\\'), none_of("\n"))),
            recognize(none_of(match quote {
                '"' => "\"\\\n",
                _ => "'\\\n",
            })),
        ));
        terminated(
            preceded(char(quote), recognize(many0_count(inside))),
            char(quote),
        )
    };
    alt((
        value(Kind::Word, word),
        value(
            Kind::Number,
            recognize(pair(
                take_while1(|c: char| c.is_ascii_digit()),
                take_while(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == '\''),
            )),
        ),
        value(Kind::Text, quoted('"')),
        value(Kind::Character, quoted('\'')),
        value(Kind::Sign, alt(LONG_SIGNS.map(tag))),
        value(Kind::Sign, recognize(one_of("{}()[]<>;:,=*+-/%|&^~!?"))),
    ))
    .parse(text)
}

/// Signs of more than one letter, which are read before those of one.
pub(crate) const LONG_SIGNS: [&str; 9] = ["<<", ">>", "::", "<=", ">=", "==", "!=", "&&", "||"];

/// Most words of a file: eight times what the largest .x file known has.
pub(crate) const MAX_TOKENS: usize = 300_000;

/// Most errors of a file, behind which it is not read any further.
pub(crate) const MAX_ERRORS: usize = 10_000;

/// Longest name or number in letters. Of a name C compilers look at 63 letters at least; the longest number
/// of 64 bits has 66 (binary digits apart, with which nobody can write one here).
const MAX_WORD: usize = 1024;

/// Most letters of the input that a message repeats.
pub(crate) const MAX_SHOWN: usize = 40;

fn word(text: &str) -> IResult<&str, &str> {
    recognize(pair(
        take_while1(|c: char| c.is_ascii_alphabetic() || c == '_'),
        take_while(|c: char| c.is_ascii_alphanumeric() || c == '_'),
    ))
    .parse(text)
}
