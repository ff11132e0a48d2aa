//! The text of the input files, and places in it.

use std::cell::OnceCell;
use std::fmt;
use std::ops::Range;

use elsa::FrozenVec;

/// A stretch of input text: byte offsets that count through all files of a [`Sources`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// Its first byte.
    pub start: u32,
    /// The byte behind its last.
    pub end: u32,
}

impl Span {
    /// Of no file: what is wrong is not in what was read.
    pub const NOWHERE: Self = Self {
        start: u32::MAX,
        end: u32::MAX,
    };

    /// From the start of this one to the end of `last`.
    #[must_use]
    pub fn to(self, last: Self) -> Self {
        Self {
            start: self.start.min(last.start),
            end: self.end.max(last.end),
        }
    }

    /// Whether `other` lies inside of this one.
    pub fn holds(self, other: Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }

    /// The empty place behind this one.
    #[must_use]
    pub fn after(self) -> Self {
        Self {
            start: self.end,
            end: self.end,
        }
    }
}

/// One input file.
#[derive(Clone, Debug)]
pub struct Source {
    name: String,
    text: String,
    start: u32,
    lines: OnceCell<Lines>,
}

/// A place as people name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// The file: another one than was read where a preprocessor's line marker says so.
    pub file: &'a str,
    /// The line, from 1.
    pub line: usize,
    /// The column in letters, from 1.
    pub column: usize,
}

impl Source {
    /// Its name, as diagnostics show it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// All of its text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The span of the text from byte `start` to byte `end` of this file.
    pub fn span(&self, range: Range<usize>) -> Span {
        let offset = |at: usize| self.start + u32::try_from(at).unwrap_or(MAX_TEXT);
        Span {
            start: offset(range.start),
            end: offset(range.end),
        }
    }

    /// The bytes of this file that `span` means; the span must be of this file.
    pub fn range(&self, span: Span) -> Range<usize> {
        let at = |offset: u32| (offset.saturating_sub(self.start) as usize).min(self.text.len());
        at(span.start)..at(span.end)
    }

    /// The text of `span`.
    pub fn slice(&self, span: Span) -> &str {
        &self.text[self.range(span)]
    }

    /// Where byte `at` of this file is.
    pub fn place(&self, at: usize) -> Place<'_> {
        let lines = self.lines.get_or_init(|| Lines::of(&self.text));
        let index = lines.starts.partition_point(|start| *start <= at) - 1;
        let start = lines.starts[index];
        let marker = lines.markers.partition_point(|marker| marker.line < index);
        let (file, line) = match marker.checked_sub(1).map(|last| &lines.markers[last]) {
            Some(marker) => {
                let file = marker.file.as_deref().unwrap_or(&self.name);
                (file, marker.number + (index - marker.line - 1))
            }
            None => (self.name.as_str(), index + 1),
        };
        Place {
            file,
            line,
            column: 1 + self.text[start..at].chars().count(),
        }
    }

    /// The line that byte `at` of this file is in, without its end, and where it starts.
    pub(crate) fn line_start(&self, at: usize) -> usize {
        let lines = self.lines.get_or_init(|| Lines::of(&self.text));
        let index = lines.starts.partition_point(|start| *start <= at) - 1;
        lines.starts[index]
    }
}

/// Where the lines of a file begin, and which of them are line markers.
#[derive(Clone, Debug)]
struct Lines {
    starts: Vec<usize>,
    markers: Vec<Marker>,
}

/// `# 12 "file.x"`: what a preprocessor says of the line behind it.
#[derive(Clone, Debug)]
struct Marker {
    /// The index of the marker's own line.
    line: usize,
    /// The number of the line behind it.
    number: usize,
    /// The file; the same as before if it names none.
    file: Option<String>,
}

impl Lines {
    fn of(text: &str) -> Self {
        let mut starts = vec![0];
        starts.extend(text.match_indices('\n').map(|(at, _)| at + 1));
        let mut markers: Vec<Marker> = Vec::new();
        for (line, text) in text.split('\n').enumerate() {
            let Some((number, file)) = line_marker(text) else {
                continue;
            };
            let last = markers.last().and_then(|marker| marker.file.clone());
            let file = file.map(str::to_owned).or(last);
            markers.push(Marker { line, number, file });
        }
        Self { starts, markers }
    }
}

/// The number and the file of `# 12 "file.x"` or `#line 12 "file.x"`, if `line` is one of these.
pub(crate) fn line_marker(line: &str) -> Option<(usize, Option<&str>)> {
    let rest = line.strip_prefix('#')?.trim_start();
    let rest = rest.strip_prefix("line").map_or(rest, str::trim_start);
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let number = rest[..digits].parse().ok()?;
    let file = rest[digits..].trim_start().strip_prefix('"');
    Some((number, file.and_then(|file| Some(file.split_once('"')?.0))))
}

/// All files of a run, side by side in one space of offsets.
///
/// Files are only ever added, so that what refers to one may stay while an `#include` adds another.
#[derive(Clone, Default)]
pub struct Sources {
    files: FrozenVec<Box<Source>>,
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.files.iter()).finish()
    }
}

/// The input is larger than what rpcgen reads.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{name}: the input is larger than {} MiB, with all that it includes", MAX_TEXT >> 20)]
pub struct TooLarge {
    name: String,
}

impl Sources {
    /// Adds a file and gives it back.
    pub fn add(
        &self,
        name: impl Into<String>,
        text: impl Into<String>,
    ) -> Result<&Source, TooLarge> {
        let (name, text) = (name.into(), text.into());
        // One byte between two files, so that the end of one is not the start of the next.
        let start = self
            .files
            .last()
            .map_or(0, |last| last.start as usize + last.text.len() + 1);
        if start + text.len() > MAX_TEXT as usize {
            return Err(TooLarge { name });
        }
        #[expect(clippy::cast_possible_truncation, reason = "at most MAX_TEXT")]
        let start = start as u32;
        let lines = OnceCell::new();
        Ok(self.files.push_get(Box::new(Source {
            name,
            text,
            start,
            lines,
        })))
    }

    /// The file that `span` is in.
    pub fn of(&self, span: Span) -> Option<&Source> {
        let behind = self.files.partition_point(|file| file.start <= span.start);
        let file = self.files.get(behind.checked_sub(1)?)?;
        let offset = (span.start - file.start) as usize;
        (offset <= file.text.len()).then_some(file)
    }

    /// The text of `span`, or nothing if it is of no file.
    pub fn slice(&self, span: Span) -> &str {
        self.of(span).map_or("", |file| file.slice(span))
    }
}

/// `text` with blanks for tabs, as many as reach the next column that a tab stops at.
pub(crate) fn expand_tabs(text: &str) -> String {
    let mut expanded = String::with_capacity(text.len());
    let mut column = 0;
    for letter in text.chars() {
        let width = match letter {
            '\t' => TAB_STOP - column % TAB_STOP,
            _ => 1,
        };
        column = if letter == '\n' { 0 } else { column + width };
        match letter {
            '\t' => expanded.extend(std::iter::repeat_n(' ', width)),
            _ => expanded.push(letter),
        }
    }
    expanded
}

/// Columns between two stops of a tab, as .x files have them.
const TAB_STOP: usize = 8;

/// Most bytes of input in a run, with all that it includes. The largest .x file known has 0.2 MiB.
pub const MAX_TEXT: u32 = 2 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn places(text: &str) -> Vec<(String, usize, usize)> {
        let sources = Sources::default();
        let Ok(source) = sources.add("in.x", text) else {
            panic!("too large")
        };
        let marks = text.match_indices('@').map(|(at, _)| source.place(at));
        marks
            .map(|place| (place.file.to_owned(), place.line, place.column))
            .collect()
    }

    #[test]
    fn a_place_is_a_line_and_a_column_in_letters() {
        let found = places("@\n  @\nüü@");
        let named = |line, column| ("in.x".to_owned(), line, column);
        assert_eq!(found, [named(1, 1), named(2, 3), named(3, 3)]);
    }

    #[test]
    fn a_line_marker_names_the_lines_behind_it() {
        let found = places("@\n# 7 \"other.x\" 2\n@\n@\n#line 3\n@");
        let lines: Vec<_> = found
            .iter()
            .map(|(file, line, _)| (&file[..], *line))
            .collect();
        let other = "other.x";
        assert_eq!(lines, [("in.x", 1), (other, 7), (other, 8), (other, 3)]);
    }

    #[test]
    fn a_span_belongs_to_the_file_that_it_was_made_by() {
        let sources = Sources::default();
        let spans: Vec<_> = ["one", "", "three"]
            .into_iter()
            .filter_map(|text| Some(sources.add(text, text).ok()?.span(0..text.len())))
            .collect();
        let found: Vec<_> = spans.iter().map(|span| sources.slice(*span)).collect();
        assert_eq!(found, ["one", "", "three"]);
    }
}
