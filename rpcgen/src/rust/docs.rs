//! Comments and definitions as the lines of rustdoc.

use crate::ir::Docs;
use crate::source::expand_tabs;

/// Documentation of something whose definition is worth showing; without a comment, `what` introduces it.
pub(super) fn item(docs: &Docs, what: &str, definition: &str) -> Vec<String> {
    with_note(docs, what, None, definition)
}

/// The same, with a paragraph of rpcgen's own behind the comments.
pub(super) fn with_note(
    docs: &Docs,
    what: &str,
    note: Option<&str>,
    definition: &str,
) -> Vec<String> {
    let mut lines = comments(docs);
    let one_line = !definition.contains('\n');
    if lines.is_empty() && !one_line {
        lines.extend(wrapped(what));
    }
    if let Some(note) = note {
        if !lines.is_empty() {
            lines.push(String::new());
        }
        lines.extend(wrapped(note));
    }
    if !lines.is_empty() {
        lines.push(String::new());
    }
    if one_line && !definition.contains('`') {
        lines.push(format!("`{definition}`"));
    } else {
        lines.extend(fenced("c", definition.lines()));
    }
    visible(lines)
}

/// Documentation of a part: its comments, or else its declaration.
pub(super) fn part(docs: &Docs, declaration: &str) -> Vec<String> {
    let lines = comments(docs);
    if lines.is_empty() {
        return visible(vec![format!("`{declaration}`")]);
    }
    visible(lines)
}

/// Documentation that rpcgen has words of its own for.
pub(super) fn text(text: &str) -> Vec<String> {
    let paragraphs: Vec<_> = text.split("\n\n").map(wrapped).collect();
    visible(paragraphs.join(&String::new()))
}

/// The lines for C behind a file's last definition, as comments.
pub(super) fn at_end(verbatim: &[String]) -> Vec<String> {
    let mut lines = vec![VERBATIM_AT_END.to_owned()];
    lines.extend(for_c(verbatim));
    let comments = lines.iter().map(|line| format!("// {line}"));
    visible(comments.map(|line| line.trim_end().to_owned()).collect())
}

/// Lines for C, each by itself: one that ends with a backslash goes on in the next, which may have its own `%`.
fn for_c(verbatim: &[String]) -> Vec<String> {
    let lines = verbatim.iter().flat_map(|text| text.lines());
    let lines = lines.map(|line| line.strip_prefix('%').unwrap_or(line));
    lines.map(expand_tabs).collect()
}

/// Lines that show all that is in them.
fn visible(mut lines: Vec<String>) -> Vec<String> {
    for line in &mut lines {
        if line.contains(is_invisible) {
            *line = line.replace(is_invisible, "\u{fffd}");
        }
    }
    lines
}

/// What Rust refuses in a comment: a control character such as a single carriage return, or one that changes
/// the direction of the text, behind which code could hide.
fn is_invisible(letter: char) -> bool {
    letter.is_control() || matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The comments as lines of Markdown that say what the comments say, and the lines for C as they are.
fn comments(docs: &Docs) -> Vec<String> {
    let mut lines = Vec::new();
    for comment in &docs.comments {
        let mut block: Vec<&str> = Vec::new();
        for line in comment.lines().chain([""]) {
            if !line.trim().is_empty() {
                block.push(line);
                continue;
            }
            if block.is_empty() {
                continue;
            }
            if !lines.is_empty() {
                lines.push(String::new());
            }
            if is_prose(&block) {
                lines.extend(wrapped(&escape(&block.join(" "))));
            } else {
                lines.extend(fenced("text", block.iter().copied()));
            }
            block.clear();
        }
    }
    if !docs.verbatim.is_empty() {
        if !lines.is_empty() {
            lines.push(String::new());
        }
        lines.push(VERBATIM.to_owned());
        lines.push(String::new());
        let verbatim = for_c(&docs.verbatim);
        lines.extend(fenced("c", verbatim.iter().map(String::as_str)));
    }
    lines
}

/// Whether lines may be wrapped anew: they all begin in the first column and have no wide gaps.
fn is_prose(block: &[&str]) -> bool {
    let indented = block.iter().skip(1).any(|line| line.starts_with("  "));
    let gaps = block.iter().any(|line| line.trim().contains("   "));
    let list = block
        .iter()
        .any(|line| line.trim_start().starts_with(['-', '+', '|']));
    let rule = |line: &&str| line.chars().all(|c| c.is_ascii_punctuation() || c == ' ');
    !indented && !gaps && !list && !block.iter().any(rule)
}

/// Lines that stand as they are, which rustdoc is not to run.
fn fenced<'a>(language: &str, lines: impl Iterator<Item = &'a str>) -> Vec<String> {
    let lines: Vec<_> = lines.map(str::to_owned).collect();
    let fence = if lines.iter().any(|line| line.contains("```")) {
        "~~~~"
    } else {
        "```"
    };
    let mut fenced = vec![format!("{fence}{language}")];
    fenced.extend(lines);
    fenced.push(fence.to_owned());
    fenced
}

/// Text whose signs mean nothing to Markdown.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !escaped.is_empty() {
            escaped.push(' ');
        }
        if word.starts_with("http://") || word.starts_with("https://") {
            let end = word.trim_end_matches(['.', ',', ')', ';']).len();
            escaped.push_str(&format!("<{}>{}", &word[..end], &word[end..]));
            continue;
        }
        // A name is code.
        let name = word.trim_matches(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let inner = name.trim_matches('_');
        if inner.contains('_') && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            let (before, after) = word.split_once(name).unwrap_or(("", ""));
            escaped.push_str(&format!("{}`{name}`{}", signs(before), signs(after)));
            continue;
        }
        escaped.push_str(&signs(word));
    }
    escaped
}

fn signs(word: &str) -> String {
    let mut escaped = String::with_capacity(word.len());
    for letter in word.chars() {
        if matches!(
            letter,
            '<' | '>' | '[' | ']' | '*' | '_' | '`' | '#' | '\\' | '~' | '&'
        ) {
            escaped.push('\\');
        }
        escaped.push(letter);
    }
    escaped
}

/// One paragraph in lines of [`WIDTH`], none of which begins with what would make it a list.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let starts_list = word.starts_with(['-', '+', '='])
            || word
                .trim_end_matches(['.', ')'])
                .bytes()
                .all(|b| b.is_ascii_digit());
        if let Some(line) = lines.last_mut()
            && (line.is_empty() || line.len() + 1 + word.len() <= WIDTH || starts_list)
        {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
            continue;
        }
        lines.push(word.to_owned());
    }
    lines
}

/// What introduces the lines that a .x file hands on to C.
const VERBATIM: &str = "Before this, the .x file has for C:";

/// The same for those behind its last definition.
const VERBATIM_AT_END: &str = "At its end, the .x file has for C:";

/// Letters in a line of documentation: 100 columns less the `///` and some indentation.
const WIDTH: usize = 92;
