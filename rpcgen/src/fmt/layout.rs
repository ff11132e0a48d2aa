//! Which words share a line.

use crate::lexer::{Comment, CommentKind, Kind, Token};
use crate::source::{Source, expand_tabs};

use super::lines::{Line, comment_lines, render};
use super::spacing::{Sign, blank_between, sign};

/// The text of a file from its tokens.
pub(super) fn lay_out(source: &Source, tokens: &[Token<'_>]) -> String {
    let tokens = &without_idle(tokens)[..];
    let mut layout = Layout {
        source,
        lines: Vec::new(),
        line: None,
        continues: false,
        blocks: Vec::new(),
        parentheses: 0,
        head: "",
        number: false,
        bracketed: 0,
        sign: Sign::Between,
        last: None,
        tall: false,
    };
    for (index, token) in tokens.iter().enumerate() {
        layout.token(token, &tokens[index + 1..]);
    }
    layout.end_line();
    while matches!(layout.lines.last(), Some(Line::Blank)) {
        layout.lines.pop();
    }
    render(&layout.lines)
}

/// The tokens without each `;` that ends nothing. The comments around it say nothing of what comes behind.
fn without_idle<'a>(tokens: &[Token<'a>]) -> Vec<Token<'a>> {
    let mut kept: Vec<Token<'a>> = Vec::with_capacity(tokens.len());
    let mut comments = Vec::new();
    for token in tokens {
        let ends_nothing = kept
            .last()
            .is_none_or(|last| [";", "{"].contains(&last.text));
        // Behind a directive it may be all that there is of a branch.
        let is_directive = |comment: &Comment<'_>| comment.kind == CommentKind::Directive;
        if token.text == ";" && ends_nothing && !token.before.iter().any(is_directive) {
            let around = token.before.iter().chain(&token.after).cloned();
            comments.extend(around.map(|comment| Comment {
                detached: true,
                ..comment
            }));
            continue;
        }
        let mut token = token.clone();
        comments.append(&mut token.before);
        token.before = std::mem::take(&mut comments);
        kept.push(token);
    }
    kept
}

/// What a pair of braces holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Block {
    Enum,
    Union,
    /// Fields, procedures, versions, definitions.
    Other,
    /// A body on one line.
    OneLine,
}

struct Layout<'a> {
    source: &'a Source,
    lines: Vec<Line>,
    /// The line that words are added to: how far it is in, and its words.
    line: Option<(usize, String)>,
    /// Whether the line at hand goes on with what an earlier one began.
    continues: bool,
    blocks: Vec<Block>,
    /// Open parentheses.
    parentheses: usize,
    /// The word that says what the next `{` opens.
    head: &'a str,
    /// Whether a number is being calculated: behind `=` and `case`.
    number: bool,
    /// Open `[` and `<`, in which there are numbers.
    bracketed: usize,
    /// What the last sign did, if it was one that may stand alone.
    sign: Sign,
    last: Option<&'a Token<'a>>,
    /// Whether the definition at hand has several lines.
    tall: bool,
}

impl<'a> Layout<'a> {
    fn token(&mut self, token: &'a Token<'a>, behind: &'a [Token<'a>]) {
        if self.last.is_some_and(|last| last.text == "}") && self.starts_definition(token) {
            self.end_line();
        }
        let starts = self.line.is_none() && !self.continues;
        if token.kind != Kind::End && starts && self.blocks.is_empty() {
            self.part(token, behind);
        }
        self.comments_before(token);
        if token.kind == Kind::End {
            return;
        }
        let is_sign = |text: &str| token.kind == Kind::Sign && token.text == text;
        if is_sign("}") && self.blocks.last() != Some(&Block::OneLine) {
            self.end_line();
            self.blocks.pop();
        } else if self.line.is_none() && !self.continues {
            self.keep_blank(token);
        }
        self.word(token);
        self.after(token, behind);
    }

    /// Adds a word to the line at hand.
    fn word(&mut self, token: &'a Token<'a>) {
        let number = self.number || self.bracketed > 0;
        let does = sign(self.last, token, number);
        let indent = self.indent(token);
        let sign_before = self.sign;
        let last = self.last;
        match &mut self.line {
            Some((_, text)) => {
                let blank = last.is_some_and(|last| blank_between(last, sign_before, token));
                if blank && !text.is_empty() {
                    text.push(' ');
                }
                text.push_str(token.text);
            }
            None => self.line = Some((indent, token.text.to_owned())),
        }
        self.sign = does;
        self.last = Some(token);
        let heads = [
            "struct",
            "switch",
            "enum",
            "program",
            "version",
            "namespace",
        ];
        // Behind one of them, another is a name: `enum version { … }`.
        let name = last.is_some_and(|last| heads.contains(&last.text));
        if heads.contains(&token.text) && !name {
            self.head = token.text;
        }
    }

    /// What follows from a word: lines end, blocks open and close.
    fn after(&mut self, token: &'a Token<'a>, behind: &'a [Token<'a>]) {
        let mut ends = false;
        if token.kind == Kind::Sign {
            match token.text {
                "{" => {
                    let block = self.opened(token, behind);
                    ends = block != Block::OneLine;
                    self.tall |= ends;
                    self.blocks.push(block);
                    (self.number, self.head) = (false, "");
                }
                "}" if self.blocks.last() == Some(&Block::OneLine) => {
                    self.blocks.pop();
                }
                ";" => {
                    self.number = false;
                    ends = self.blocks.last() != Some(&Block::OneLine);
                }
                "," => {
                    self.number &= self.parentheses > 0;
                    ends = self.blocks.last() == Some(&Block::Enum) && self.parentheses == 0;
                }
                ":" => {
                    self.number = false;
                    ends = self.blocks.last() == Some(&Block::Union);
                }
                "=" => self.number = true,
                "(" => self.parentheses += 1,
                ")" => self.parentheses = self.parentheses.saturating_sub(1),
                "[" | "<" => self.bracketed += 1,
                "]" | ">" => self.bracketed = self.bracketed.saturating_sub(1),
                _ => {}
            }
        } else if token.text == "case" {
            self.number = true;
        }
        let last_of_body = behind.first().is_some_and(|next| next.text == "}")
            && self.blocks.last() == Some(&Block::Enum);
        if ends || last_of_body {
            self.trailing(&token.after);
            self.end_line();
            return;
        }
        for (index, comment) in token.after.iter().enumerate() {
            let one_line = !comment.text.contains('\n') && comment.kind == CommentKind::Block;
            if one_line && let Some((_, text)) = &mut self.line {
                text.push(' ');
                text.push_str(comment.text.trim_end());
                continue;
            }
            self.trailing(&token.after[index..]);
            self.break_line();
            break;
        }
    }

    /// What `{` opens.
    fn opened(&self, token: &Token<'_>, behind: &[Token<'_>]) -> Block {
        if self.is_one_line(token, behind) {
            return Block::OneLine;
        }
        match self.head {
            "enum" => Block::Enum,
            "switch" => Block::Union,
            _ => Block::Other,
        }
    }

    /// Whether a body is written on one line, is short, and holds nothing that needs a line of its own.
    fn is_one_line(&self, token: &Token<'_>, behind: &[Token<'_>]) -> bool {
        if !["struct", "enum"].contains(&self.head) {
            return self.blocks.last() == Some(&Block::OneLine);
        }
        let mut depth = 0;
        let mut width = self
            .line
            .as_ref()
            .map_or(0, |(indent, text)| indent * TAB + text.chars().count());
        let mut last = token;
        for next in behind {
            let commented = !next.before.is_empty() || !last.after.is_empty();
            if commented || next.starts_line || next.kind == Kind::End || width > MAX_LINE {
                return false;
            }
            width += next.text.chars().count() + 1;
            match next.text {
                "{" => depth += 1,
                "}" if depth == 0 => return width < MAX_LINE,
                "}" => depth -= 1,
                "switch" => return false,
                _ => {}
            }
            last = next;
        }
        false
    }

    /// How far a line is in that begins with `token`.
    fn indent(&self, token: &Token<'_>) -> usize {
        let depth = self.blocks.len();
        let label =
            self.blocks.last() == Some(&Block::Union) && ["case", "default"].contains(&token.text);
        depth - usize::from(label && depth > 0) + usize::from(self.continues)
    }

    /// Sets an empty line where a definition of several lines begins or has ended.
    fn part(&mut self, token: &'a Token<'a>, behind: &'a [Token<'a>]) {
        let after = self.tall && self.last.is_some();
        self.tall = false;
        let mut statement = std::iter::once(token).chain(behind);
        let opens = statement.find(|token| [";", "{"].contains(&token.text));
        let is_tall = opens.is_some_and(|open| {
            let at = behind.iter().position(|token| std::ptr::eq(token, open));
            let (head, rest) = match at {
                Some(at) => (&behind[..at], &behind[at + 1..]),
                None => (&[][..], behind),
            };
            open.text == "{" && !self.would_be_one_line(token, head, open, rest)
        });
        let before = is_tall && matches!(self.lines.last(), Some(Line::Code { .. }));
        if after || before {
            self.blank();
        }
    }

    /// Whether the body that `open` opens will be on one line, behind `first` and the rest of its head.
    ///
    /// By the words, not by how they are spaced: that is about to change.
    fn would_be_one_line(
        &self,
        first: &Token<'_>,
        head: &[Token<'_>],
        open: &Token<'_>,
        rest: &[Token<'_>],
    ) -> bool {
        let words = std::iter::once(first).chain(head).map(|token| token.text);
        let is_body = words.clone().any(|word| ["struct", "enum"].contains(&word))
            && !words.clone().any(|word| word == "switch");
        let width: usize = words.map(|word| word.chars().count() + 1).sum();
        let probe = Layout {
            head: if is_body { "struct" } else { "" },
            line: Some((0, "x".repeat(width + 1))),
            lines: Vec::new(),
            blocks: Vec::new(),
            ..*self
        };
        probe.is_one_line(open, rest)
    }

    /// Whether a definition begins here although the one before it has no `;`.
    fn starts_definition(&self, token: &Token<'_>) -> bool {
        let words = [
            "const",
            "typedef",
            "struct",
            "union",
            "enum",
            "program",
            "namespace",
            "pragma",
            "package",
            "import",
            "version",
        ];
        token.kind == Kind::Word && words.contains(&token.text)
    }

    /// Puts the comments and other lines before a word where they belong.
    fn comments_before(&mut self, token: &Token<'_>) {
        for comment in &token.before {
            let raw = matches!(comment.kind, CommentKind::Verbatim | CommentKind::Directive);
            let in_line = self.line.is_some() && !self.ends_before(token);
            if raw {
                let open = self.line.is_some() && in_line;
                self.flush();
                self.continues |= open;
                self.keep_blank_before(self.source.range(comment.span).start);
                let text = comment.text.trim_end().replace("\r\n", "\n");
                self.lines.push(Line::Raw(text));
                continue;
            }
            let one_line = comment.kind == CommentKind::Block && !comment.text.contains('\n');
            if in_line && one_line {
                if let Some((_, text)) = &mut self.line {
                    text.push(' ');
                    text.push_str(comment.text.trim_end());
                }
                continue;
            }
            if in_line {
                self.break_line();
            } else {
                self.end_line();
            }
            // What stands before the end of a block is still in it.
            let indent = match token.text {
                "}" => self.blocks.len(),
                _ => self.indent(token),
            };
            self.own_comment(comment, indent);
            if comment.detached && token.text != "}" {
                self.blank();
            }
        }
    }

    /// Whether the line at hand ends before `token` whatever is between.
    fn ends_before(&self, token: &Token<'_>) -> bool {
        (token.text == "}" && self.blocks.last() != Some(&Block::OneLine))
            || token.kind == Kind::End
            || (self.last.is_some_and(|last| last.text == "}") && self.starts_definition(token))
    }

    /// A comment on lines of its own.
    fn own_comment(&mut self, comment: &Comment<'_>, indent: usize) {
        let start = self.source.range(comment.span).start;
        self.keep_blank_before(start);
        let lines = comment_lines(comment.text, self.column(start));
        self.lines.push(Line::Comment { indent, lines });
    }

    /// Ends the line at hand with the comments behind it.
    fn trailing(&mut self, comments: &[Comment<'_>]) {
        let mut trailing = Vec::new();
        let mut last_end = None;
        for comment in comments {
            let range = self.source.range(comment.span);
            let lines = comment_lines(comment.text, self.column(range.start));
            let same_line =
                last_end.is_some_and(|end| !self.source.text()[end..range.start].contains('\n'));
            let mut lines = lines.into_iter();
            if same_line && let (Some(last), Some(first)) = (trailing.last_mut(), lines.next()) {
                let last: &mut String = last;
                last.push(' ');
                last.push_str(&first);
            }
            trailing.extend(lines);
            last_end = Some(range.end);
        }
        if let Some((indent, text)) = self.line.take() {
            self.lines.push(Line::Code {
                indent,
                text,
                trailing,
            });
        }
    }

    /// Ends the line at hand, and with it what it says.
    fn end_line(&mut self) {
        self.flush();
        self.continues = false;
    }

    /// Ends the line at hand in the middle of what it says.
    fn break_line(&mut self) {
        self.flush();
        self.continues = true;
    }

    fn flush(&mut self) {
        if let Some((indent, text)) = self.line.take() {
            self.lines.push(Line::Code {
                indent,
                text,
                trailing: Vec::new(),
            });
        }
    }

    fn keep_blank(&mut self, token: &Token<'_>) {
        self.keep_blank_before(self.source.range(token.span).start);
    }

    /// Keeps an empty line before byte `at`, unless a block begins there.
    fn keep_blank_before(&mut self, at: usize) {
        let before = self.source.text()[..at].trim_end();
        let gap = &self.source.text()[before.len()..at];
        let opens =
            matches!(self.lines.last(), Some(Line::Code { text, .. }) if text.ends_with('{'));
        if gap.matches('\n').count() > 1 && !opens {
            self.blank();
        }
    }

    /// Sets an empty line, unless there is one or nothing before it.
    fn blank(&mut self) {
        if !matches!(self.lines.last(), None | Some(Line::Blank)) {
            self.lines.push(Line::Blank);
        }
    }

    /// The column of byte `at`, from 0.
    fn column(&self, at: usize) -> usize {
        let line = &self.source.text()[self.source.line_start(at)..at];
        expand_tabs(line).chars().count()
    }
}

/// Columns of a tab.
const TAB: usize = 8;

/// Longest line that a body is left on, in columns.
const MAX_LINE: usize = 80;
