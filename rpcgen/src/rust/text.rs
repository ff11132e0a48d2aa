//! Rust as text, laid out as rustfmt would: 100 columns, four blanks for each block.

use super::scope::{Imports, Scope};

/// Rust that is being written, a line at a time.
#[derive(Default)]
pub(super) struct Code {
    text: String,
    /// How many blocks are open.
    depth: usize,
}

impl Code {
    /// What has been written, behind `header`, what it imports and an empty line.
    pub(super) fn finish(self, header: &str, imports: &Imports) -> String {
        let mut code = Self::default();
        code.text.reserve(header.len() + self.text.len() + 1024);
        code.line(header);
        code.blank();
        code.imports(imports);
        code.text.push_str(&self.text);
        code.text
    }

    /// One line.
    pub(super) fn line(&mut self, line: &str) {
        if !line.is_empty() {
            self.indent();
            self.text.push_str(line);
        }
        self.text.push('\n');
    }

    /// An empty line between two items; none where a block begins.
    pub(super) fn blank(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with("\n\n") && !self.text.ends_with("{\n") {
            self.text.push('\n');
        }
    }

    /// Lines of documentation.
    pub(super) fn docs(&mut self, lines: &[String]) {
        for line in lines {
            self.indent();
            self.text.push_str("///");
            if !line.is_empty() {
                self.text.push(' ');
                self.text.push_str(line);
            }
            self.text.push('\n');
        }
    }

    /// Attributes, a line each.
    pub(super) fn attributes(&mut self, attributes: impl IntoIterator<Item = String>) {
        for attribute in attributes {
            self.line(&attribute);
        }
    }

    /// `head {`, what `body` writes, and `}`.
    pub(super) fn block(&mut self, head: &str, body: impl FnOnce(&mut Self)) {
        self.block_with(head, "", body);
    }

    /// `head {`, what `body` writes, and `}tail`.
    pub(super) fn block_with(&mut self, head: &str, tail: &str, body: impl FnOnce(&mut Self)) {
        self.indent();
        self.text.push_str(head);
        self.text.push_str(" {\n");
        self.depth += 1;
        body(self);
        self.depth -= 1;
        self.line(&format!("}}{tail}"));
    }

    /// A module: `head {`, what it imports, what `body` writes, and `}`.
    pub(super) fn module<'a>(
        &mut self,
        head: &str,
        scope: Scope<'a>,
        body: impl FnOnce(&mut Self, &Scope<'a>),
    ) {
        let mut inner = Self {
            text: String::new(),
            depth: self.depth + 1,
        };
        body(&mut inner, &scope);
        self.block(head, |code| {
            code.imports(&scope.imports());
            code.text.push_str(&inner.text);
        });
    }

    /// `head { entry, … }tail` on one line if it fits, else each entry on its own.
    pub(super) fn list(&mut self, head: &str, entries: &[String], tail: &str) {
        let len = entries.iter().map(|entry| entry.len() + 2).sum::<usize>();
        if self.fits(head.len() + 4 + len + tail.len()) {
            let body = match entries {
                [] => "{}".to_owned(),
                entries => format!("{{ {} }}", entries.join(", ")),
            };
            return self.line(&format!("{head} {body}{tail}"));
        }
        self.line(&format!("{head} {{"));
        self.entries(entries);
        self.line(&format!("}}{tail}"));
    }

    /// `head(parameter, …)result {`, the lines of the body, and `}`; each parameter on its own line if they do not
    /// fit on one.
    pub(super) fn function(
        &mut self,
        head: &str,
        parameters: &[String],
        result: &str,
        body: &[&str],
    ) {
        let line = format!("{head}({}){result} {{", parameters.join(", "));
        if self.fits(line.len()) {
            self.line(&line);
        } else {
            self.line(&format!("{head}("));
            self.entries(parameters);
            self.line(&format!("){result} {{"));
        }
        self.depth += 1;
        for line in body {
            self.line(line);
        }
        self.depth -= 1;
        self.line("}");
    }

    /// `use` declarations, and an empty line.
    fn imports(&mut self, imports: &Imports) {
        for (path, names) in imports.by_path() {
            if let [name] = names[..] {
                self.line(&format!("use {path}::{name};"));
                continue;
            }
            let line = format!("use {path}::{{{}}};", names.join(", "));
            if self.fits(line.len()) {
                self.line(&line);
                continue;
            }
            self.line(&format!("use {path}::{{"));
            self.depth += 1;
            let mut line = String::new();
            for name in names {
                if !line.is_empty() && !self.fits(line.len() + name.len() + 3) {
                    self.line(&line);
                    line.clear();
                }
                if !line.is_empty() {
                    line.push(' ');
                }
                line.push_str(name);
                line.push(',');
            }
            self.line(&line);
            self.depth -= 1;
            self.line("};");
        }
        self.blank();
    }

    fn entries(&mut self, entries: &[String]) {
        self.depth += 1;
        for entry in entries {
            self.indent();
            self.text.push_str(entry);
            self.text.push_str(",\n");
        }
        self.depth -= 1;
    }

    fn fits(&self, len: usize) -> bool {
        4 * self.depth + len <= WIDTH
    }

    fn indent(&mut self) {
        for _ in 0..self.depth {
            self.text.push_str("    ");
        }
    }
}

/// Columns of a line.
const WIDTH: usize = 100;
