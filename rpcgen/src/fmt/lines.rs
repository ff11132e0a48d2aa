//! Lines on their way to text.

use crate::source::expand_tabs;

/// A line of the tidied file.
#[derive(Debug)]
pub(super) enum Line {
    Blank,
    /// A line for C or for the preprocessor: as it is, in the first column.
    Raw(String),
    /// Words, and what the comment behind them says, a line each.
    Code {
        indent: usize,
        text: String,
        trailing: Vec<String>,
    },
    /// A comment of its own: its lines, those behind the first with the blanks that they have beyond it.
    Comment {
        indent: usize,
        lines: Vec<String>,
    },
}

/// The text of all lines.
pub(super) fn render(lines: &[Line]) -> String {
    let mut text = String::new();
    let mut column = 0;
    for (index, line) in lines.iter().enumerate() {
        match line {
            Line::Blank => text.push('\n'),
            Line::Raw(raw) => {
                text.push_str(raw);
                text.push('\n');
            }
            Line::Comment { indent, lines } => {
                for line in lines {
                    push(&mut text, *indent, line);
                }
            }
            Line::Code {
                indent,
                text: code,
                trailing,
            } => {
                if !is_commented(index.checked_sub(1).map(|before| &lines[before]), *indent) {
                    column = comment_column(&lines[index..], *indent);
                }
                let mut trailing = trailing.iter();
                let Some(first) = trailing.next() else {
                    push(&mut text, *indent, code);
                    continue;
                };
                push(&mut text, *indent, &format!("{code:column$} {first}"));
                for more in trailing {
                    push(&mut text, *indent, &format!("{:column$} {more}", ""));
                }
            }
        }
    }
    text
}

/// Where the comments begin behind these lines, as far as they follow each other in one block.
fn comment_column(lines: &[Line], indent: usize) -> usize {
    let block = lines
        .iter()
        .take_while(|line| is_commented(Some(line), indent));
    let width = |line: &Line| match line {
        Line::Code { text, .. } => text.chars().count(),
        _ => 0,
    };
    block.map(width).max().unwrap_or(0)
}

/// Whether it is a line of a block with a comment behind it.
fn is_commented(line: Option<&Line>, block: usize) -> bool {
    matches!(line, Some(Line::Code { indent, trailing, .. }) if *indent == block && !trailing.is_empty())
}

fn push(text: &mut String, indent: usize, line: &str) {
    if !line.is_empty() {
        text.extend(std::iter::repeat_n('\t', indent));
        text.push_str(line.trim_end());
    }
    text.push('\n');
}

/// The lines of a comment that begins in `column`, each without the blanks that the comment itself is in by.
pub(super) fn comment_lines(comment: &str, column: usize) -> Vec<String> {
    let mut lines = comment.lines().map(|line| line.trim_end_matches('\r'));
    let first = lines.next().unwrap_or_default().trim_end().to_owned();
    let others = lines.map(|line| {
        let words = line.trim_start();
        if words.starts_with('*') {
            return format!(" {}", words.trim_end());
        }
        let blanks = &line[..line.len() - words.len()];
        let beyond = expand_tabs(blanks).chars().count().saturating_sub(column);
        format!("{}{words}", " ".repeat(beyond))
            .trim_end()
            .to_owned()
    });
    std::iter::once(first).chain(others).collect()
}
