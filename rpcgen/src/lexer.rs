//! Text to tokens, each with its place and with the comments around it.

use nom::branch::alt;
use nom::bytes::complete::{tag, take_till, take_until, take_while, take_while1};
use nom::character::complete::{anychar, char, none_of, one_of};
use nom::combinator::{opt, recognize, value};
use nom::multi::many0_count;
use nom::sequence::{delimited, pair, preceded, terminated};
use nom::{IResult, Parser};

use crate::diagnostic::Diagnostic;
use crate::source::{Source, Span};

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
    /// A comment behind it on the same line.
    pub after: Option<Comment<'a>>,
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
}

/// Splits a file into tokens, the last of which is [`Kind::End`]; what is none is reported and skipped.
pub fn lex(source: &Source) -> (Vec<Token<'_>>, Vec<Diagnostic>) {
    let mut lexer = Lexer {
        source,
        tokens: Vec::new(),
        comments: Vec::new(),
        diagnostics: Vec::new(),
    };
    let text = source.text();
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut line_start = true;
    loop {
        let (gap, behind) = split(rest, take_while(|c: char| c.is_ascii_whitespace()));
        line_start |= gap.contains('\n');
        lexer.gap(gap);
        rest = behind;
        if rest.is_empty() {
            break;
        }
        rest = lexer.step(rest, line_start);
        line_start = false;
    }
    lexer.push(Kind::End, &rest[rest.len()..]);
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
            let (line, behind) = split(rest, continued_line);
            self.directive(line);
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
            let text = &rest[..rest.len() - behind.len()];
            if kind == Kind::Number {
                self.check_number(text);
            }
            self.push(kind, text);
            return behind;
        }
        self.fault(rest)
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
        let trails = |last: &Token<'_>| {
            let between = self.source.range(Span {
                start: last.span.end,
                end: comment.span.start,
            });
            last.after.is_none() && !self.source.text()[between].contains('\n')
        };
        match self.tokens.last_mut() {
            Some(last) if kind != CommentKind::Verbatim && trails(last) => {
                last.after = Some(comment);
            }
            _ => self.comments.push(comment),
        }
    }

    fn push(&mut self, kind: Kind, text: &'a str) {
        let token = Token {
            kind,
            text,
            span: self.span(text),
            before: std::mem::take(&mut self.comments),
            after: None,
        };
        self.tokens.push(token);
    }

    /// A line for the preprocessor, which we do not have.
    fn directive(&mut self, line: &str) {
        let name = split(
            line[1..].trim_start(),
            take_while(|c: char| c.is_ascii_alphabetic()),
        )
        .0;
        // Refused with the directive that they belong to.
        if matches!(name, "else" | "elif" | "endif") {
            return;
        }
        let message = match name {
            "" => "line markers of a preprocessor are not supported yet".to_owned(),
            _ => format!("preprocessor directive #{name} is not supported yet"),
        };
        let span = self.span(line.trim_end());
        self.diagnostics.push(Diagnostic::error(span, message));
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
        let (bad, behind) = split(rest, recognize(anychar));
        let line = split(rest, take_till(|c| c == '\n')).0;
        if rest.starts_with("/*") {
            let span = self.span(&rest[..2]);
            let diagnostic = Diagnostic::error(span, "this comment does not end");
            self.diagnostics.push(diagnostic.help("close it with `*/`"));
            return &rest[rest.len()..];
        }
        if rest.starts_with(['"', '\'']) {
            let diagnostic =
                Diagnostic::error(self.span(line.trim_end()), "this quote does not end");
            self.diagnostics.push(diagnostic);
            return &rest[line.len()..];
        }
        let message = format!("`{}` is not part of the language", bad.escape_debug());
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
        value(Kind::Sign, alt((tag("<<"), tag(">>"), tag("::")))),
        value(Kind::Sign, recognize(one_of("{}()[]<>;:,=*+-/%|&^~"))),
    ))
    .parse(text)
}

fn word(text: &str) -> IResult<&str, &str> {
    recognize(pair(
        take_while1(|c: char| c.is_ascii_alphabetic() || c == '_'),
        take_while(|c: char| c.is_ascii_alphanumeric() || c == '_'),
    ))
    .parse(text)
}
