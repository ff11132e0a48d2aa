//! A definition as it is written, for documentation.

/// `text` without comments, empty lines and the indentation that all but the first line share.
pub(super) fn tidy(text: &str) -> String {
    let text = without_comments(text).replace('\t', "        ");
    let lines: Vec<_> = text
        .lines()
        .map(str::trim_end)
        .filter(|line| !line.trim_start().is_empty() && !line.trim_start().starts_with('%'))
        .collect();
    let indentation = |line: &&str| line.len() - line.trim_start().len();
    let common = lines.iter().skip(1).map(indentation).min().unwrap_or(0);
    let lines = lines.iter().enumerate().map(|(i, line)| match i {
        0 => line.trim_start(),
        _ => &line[common..],
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// `text` on one line.
pub(super) fn one_line(text: &str) -> String {
    let text = without_comments(text);
    let words: Vec<_> = text.split_whitespace().collect();
    words.join(" ")
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
