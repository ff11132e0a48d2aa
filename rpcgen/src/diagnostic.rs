//! What is wrong with an input, where, and what makes it so.

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Renderer, Snippet};

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
        for snippet in self.snippets(sources) {
            group = group.element(snippet);
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

    /// The source lines: one snippet, or two if the cause is in another file.
    fn snippets<'a>(&'a self, sources: &'a Sources) -> Vec<Snippet<'a, Annotation<'a>>> {
        let Some(file) = sources.of(self.span) else {
            return Vec::new();
        };
        let mut marks = vec![(AnnotationKind::Primary, self.span, &self.label)];
        let mut other = None;
        if let Some((span, label)) = &self.cause {
            let mark = (AnnotationKind::Context, *span, label);
            match sources.of(*span) {
                Some(of_cause) if std::ptr::eq(of_cause, file) => marks.push(mark),
                Some(of_cause) => other = Some(snippet(of_cause, &[mark])),
                None => {}
            }
        }
        let mut snippets = vec![snippet(file, &marks)];
        snippets.extend(other);
        snippets
    }
}

/// The lines of `file` from the first mark to the last, and no others: a file may have thousands of errors.
fn snippet<'a>(
    file: &'a Source,
    marks: &[(AnnotationKind, Span, &'a String)],
) -> Snippet<'a, Annotation<'a>> {
    let ranges = || marks.iter().map(|(_, span, _)| file.range(*span));
    let first = ranges().map(|range| range.start).min().unwrap_or(0);
    let last = ranges().map(|range| range.end).max().unwrap_or(first);
    let text = file.text();
    let start = file.line_start(first);
    let end = text[last..].find('\n').map_or(text.len(), |at| last + at);
    let place = file.place(start);
    let annotations = marks.iter().map(|(kind, span, label)| {
        let range = file.range(*span);
        kind.span(range.start - start..range.end - start)
            .label(label.as_str())
    });
    Snippet::source(&text[start..end])
        .path(place.file)
        .line_start(place.line)
        .annotations(annotations)
}

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
