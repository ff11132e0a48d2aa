//! A definition as it is written, for documentation.

use crate::source::expand_tabs;

/// `text` without comments, empty lines and the indentation that all but the first line share.
pub(super) fn tidy(text: &str) -> String {
    let text = without_comments(&expand_tabs(&without_verbatim(text)));
    let lines: Vec<_> = text
        .lines()
        .map(str::trim_end)
        .filter(|line| !line.is_empty())
        .collect();
    // Blanks are one byte each; what else could indent a line is not part of the language.
    let indentation = |line: &&str| line.len() - line.trim_start_matches(' ').len();
    let common = lines.iter().skip(1).map(indentation).min().unwrap_or(0);
    let lines = lines.iter().enumerate().map(|(i, line)| match i {
        0 => line.trim_start(),
        _ => &line[common..],
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// `text` on one line.
pub(super) fn one_line(text: &str) -> String {
    let text = without_comments(&without_verbatim(text));
    let words: Vec<_> = text.split_whitespace().collect();
    words.join(" ")
}

/// `text` without the lines that begin with `%`, and those that continue them.
fn without_verbatim(text: &str) -> String {
    let mut continues = false;
    let kept = text.split_inclusive('\n').filter(|line| {
        let verbatim = continues || line.trim_start().starts_with('%');
        continues = verbatim && line.trim_end_matches(['\r', '\n']).ends_with('\\');
        !verbatim
    });
    kept.collect()
}

fn without_comments(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['/', '"']) {
        kept.push_str(&rest[..at]);
        rest = &rest[at..];
        let (end, keep) = if let Some(comment) = rest.strip_prefix("/*") {
            (comment.find("*/").map_or(rest.len(), |end| end + 4), false)
        } else if rest.starts_with("//") {
            (rest.find('\n').unwrap_or(rest.len()), false)
        } else if let Some(text) = rest.strip_prefix('"') {
            (text.find('"').map_or(rest.len(), |end| end + 2), true)
        } else {
            (1, true)
        };
        if keep {
            kept.push_str(&rest[..end]);
        }
        rest = &rest[end..];
    }
    kept.push_str(rest);
    kept
}
