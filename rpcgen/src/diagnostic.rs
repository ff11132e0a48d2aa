//! What is wrong with an input, where, and what makes it so.

use std::ops::Range;

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use crate::source::{Place, Source, Sources, Span};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Nothing is generated.
    Error,
    /// Rust is generated all the same.
    Warning,
}

/// One thing that is wrong with an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in one line.
    pub message: String,
    /// Where it is wrong.
    pub span: Span,
    /// What to say beside the place; may be empty.
    pub label: String,
    /// The place that makes it wrong, such as the first of two definitions.
    pub cause: Option<(Span, String)>,
    /// What to do about it.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error at `span`.
    pub fn error(span: Span, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            message: message.into(),
            span,
            label: String::new(),
            cause: None,
            help: None,
        }
    }

    /// A warning at `span`.
    pub fn warning(span: Span, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(span, message)
        }
    }

    /// Says `label` beside the place.
    #[must_use]
    pub fn label(self, label: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            ..self
        }
    }

    /// Points at the place that makes it wrong.
    #[must_use]
    pub fn cause(self, span: Span, label: impl Into<String>) -> Self {
        Self {
            cause: Some((span, label.into())),
            ..self
        }
    }

    /// Says what to do about it.
    #[must_use]
    pub fn help(self, help: impl Into<String>) -> Self {
        Self {
            help: Some(help.into()),
            ..self
        }
    }

    /// Whether it keeps Rust from being generated.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// The diagnostic as text for people, in the manner of rustc, or as one line for an editor.
    pub fn render(&self, sources: &Sources, style: Style) -> String {
        let renderer = match style {
            Style::Plain => Renderer::plain(),
            Style::Coloured => Renderer::styled(),
            Style::Short => return self.short(sources),
        };
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let mut group = Group::with_title(level.primary_title(&self.message));
        for marks in self.marks(sources) {
            group = match snippet(&marks) {
                Some(snippet) => group.element(snippet),
                None => group.element(marks[0].origin()),
            };
        }
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(help));
        }
        renderer.render(&[group])
    }

    /// `file:line:column: error: message`, as editors and makers of tools read it.
    fn short(&self, sources: &Sources) -> String {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let message = &self.message;
        match sources.of(self.span) {
            Some(source) => {
                let Place { file, line, column } = source.place(source.range(self.span).start);
                format!("{file}:{line}:{column}: {severity}: {message}")
            }
            None => format!("{severity}: {message}"),
        }
    }

    /// The places to show, in groups of those that are shown together: near each other in one file.
    fn marks<'a>(&'a self, sources: &'a Sources) -> Vec<Vec<Mark<'a>>> {
        let Some(primary) = Mark::new(AnnotationKind::Primary, self.span, &self.label, sources)
        else {
            return Vec::new();
        };
        let cause = self
            .cause
            .as_ref()
            .and_then(|(span, label)| Mark::new(AnnotationKind::Context, *span, label, sources));
        match cause {
            Some(cause) if cause.is_near(&primary) => vec![vec![primary, cause]],
            Some(cause) => vec![vec![primary], vec![cause]],
            None => vec![vec![primary]],
        }
    }
}

/// A place to show, and what to say beside it.
struct Mark<'a> {
    kind: AnnotationKind,
    file: &'a Source,
    range: Range<usize>,
    label: &'a str,
}

impl<'a> Mark<'a> {
    fn new(kind: AnnotationKind, span: Span, label: &'a str, sources: &'a Sources) -> Option<Self> {
        let file = sources.of(span)?;
        Some(Self {
            kind,
            file,
            range: file.range(span),
            label,
        })
    }

    fn is_near(&self, other: &Self) -> bool {
        std::ptr::eq(self.file, other.file)
            && self.range.start.abs_diff(other.range.start) <= MAX_APART
    }

    /// The place without its lines.
    fn origin(&self) -> Origin<'a> {
        let Place { file, line, column } = self.file.place(self.range.start);
        Origin::path(file).line(line).char_column(column)
    }
}

/// The lines of a file from the first mark to the last, and no others: a file may have thousands of errors.
/// Nothing if these are longer than anybody reads.
fn snippet<'a>(marks: &[Mark<'a>]) -> Option<Snippet<'a, Annotation<'a>>> {
    let file = marks.first()?.file;
    let first = marks.iter().map(|mark| mark.range.start).min()?;
    let last = marks.iter().map(|mark| mark.range.end).max()?;
    let text = file.text();
    let start = file.line_start(first);
    let end = text[last..].find('\n').map_or(text.len(), |at| last + at);
    if end - start > MAX_SNIPPET {
        return None;
    }
    let place = file.place(start);
    let annotations = marks.iter().map(|mark| {
        let range = mark.range.start - start..mark.range.end - start;
        mark.kind.span(range).label(mark.label)
    });
    let snippet = Snippet::source(&text[start..end])
        .path(place.file)
        .line_start(place.line)
        .annotations(annotations);
    Some(snippet)
}

/// Two places that are further apart than this, in bytes, are shown one after the other.
const MAX_APART: usize = 1_000;

/// Longest text that is shown around a place, in bytes.
const MAX_SNIPPET: usize = 4_000;

/// How rendered diagnostics look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Text alone.
    Plain,
    /// With colours for a terminal.
    Coloured,
    /// One line for each: `file:line:column: error: message`.
    Short,
}

/// All of `diagnostics`, in the order of their places, with a blank line between them.
///
/// Behind the first [`MAX_SHOWN`] nothing but their number is told.
pub fn render_all(diagnostics: &[Diagnostic], sources: &Sources, style: Style) -> String {
    let mut sorted: Vec<_> = diagnostics.iter().collect();
    sorted.sort_by_key(|diagnostic| diagnostic.span);
    let mut rendered: Vec<_> = sorted
        .iter()
        .take(MAX_SHOWN)
        .map(|diagnostic| diagnostic.render(sources, style))
        .collect();
    if sorted.len() > MAX_SHOWN {
        rendered.push(format!("... and {} more", sorted.len() - MAX_SHOWN));
    }
    rendered.join(match style {
        Style::Short => "\n",
        Style::Plain | Style::Coloured => "\n\n",
    })
}

/// Most diagnostics that are shown. Nobody reads so many; a file of a megabyte can have a million.
pub const MAX_SHOWN: usize = 5_000;
