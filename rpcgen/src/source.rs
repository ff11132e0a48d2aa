//! The text of the input files, and places in it.

use std::ops::Range;

/// A stretch of input text: byte offsets that count through all files of a [`Sources`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// Its first byte.
    pub start: u32,
    /// The byte behind its last.
    pub end: u32,
}

impl Span {
    /// From the start of this one to the end of `last`.
    #[must_use]
    pub fn to(self, last: Self) -> Self {
        Self {
            start: self.start.min(last.start),
            end: self.end.max(last.end),
        }
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
}

/// All input files of a run, side by side in one space of offsets.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    files: Vec<Source>,
}

/// The input is larger than what rpcgen reads.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{name}: the input is larger than {} MiB", MAX_TEXT >> 20)]
pub struct TooLarge {
    name: String,
}

impl Sources {
    /// Adds a file and gives it back.
    pub fn add(
        &mut self,
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
        let index = self.files.len();
        #[expect(clippy::cast_possible_truncation, reason = "at most MAX_TEXT")]
        let start = start as u32;
        self.files.push(Source { name, text, start });
        Ok(&self.files[index])
    }

    /// The file that `span` is in.
    pub fn of(&self, span: Span) -> Option<&Source> {
        let behind = self.files.partition_point(|file| file.start <= span.start);
        self.files.get(behind.checked_sub(1)?)
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

/// Most bytes of input in a run. The largest .x file known has 0.2 MiB.
pub const MAX_TEXT: u32 = 64 << 20;
