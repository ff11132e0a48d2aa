//! Where log lines go: to stderr in the foreground, to syslog otherwise.

use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;

use log::{Level, LevelFilter, Log, Metadata, Record};
use nix::syslog::{Facility, LogFlags, Priority, Severity, openlog, syslog};

use crate::request_log;

/// Lines on stderr, behind the name of the program.
struct ToStderr;

/// Lines on a stderr that the journal reads: it knows whose they are, and is told how grave (sd-daemon(3)).
struct ToJournal;

/// Lines to syslog: requests with facility `auth`, the rest with `daemon`.
struct ToSyslog;

/// Starts logging. `debug` is how often `-d` was said.
pub fn start(foreground: bool, debug: u32) {
    let logger: &'static dyn Log = match foreground {
        true if journal_reads_stderr() => &ToJournal,
        true => &ToStderr,
        false => &ToSyslog,
    };
    if !foreground && openlog(Some(c"rpcbind"), LogFlags::LOG_PID, Facility::LOG_DAEMON).is_err() {
        return;
    }
    // A second logger can be there in tests only.
    if log::set_logger(logger).is_ok() {
        log::set_max_level(match debug {
            0 => LevelFilter::Info,
            1 => LevelFilter::Debug,
            _ => LevelFilter::Trace,
        });
        // In the background nobody else would hear of it.
        std::panic::set_hook(Box::new(|panic| log::error!("{panic}")));
    }
}

impl Log for ToStderr {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        // Nobody may be there to read it; then there is nobody to tell.
        let _ = writeln!(io::stderr(), "rpcbind: {}", record.args());
    }

    fn flush(&self) {}
}

impl Log for ToJournal {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let line = journal_line(record.level(), record.args());
        let _ = io::stderr().write_all(line.as_bytes());
    }

    fn flush(&self) {}
}

impl Log for ToSyslog {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let facility = match record.target() {
            request_log::TARGET => Facility::LOG_AUTH,
            _ => Facility::LOG_DAEMON,
        };
        let _ = syslog(
            Priority::new(severity(record.level()), facility),
            record.args().to_string().as_str(),
        );
    }

    fn flush(&self) {}
}

/// How grave a line is. Whoever says `-d` wants to read what comes of it, so it is no less than INFO, as rpcbind
/// has it: many hosts keep nothing below.
fn severity(level: Level) -> Severity {
    match level {
        Level::Error => Severity::LOG_ERR,
        Level::Warn => Severity::LOG_WARNING,
        Level::Info | Level::Debug | Level::Trace => Severity::LOG_INFO,
    }
}

/// A line as the journal takes it: its level in front, and every line of it with its own.
fn journal_line(level: Level, text: &fmt::Arguments<'_>) -> String {
    let level = severity(level) as u8;
    let text = text.to_string();
    text.lines()
        .map(|line| format!("<{level}>{line}\n"))
        .collect()
}

/// Whether stderr is what systemd has connected to the journal, and nobody has put another in its place since.
fn journal_reads_stderr() -> bool {
    let named = std::env::var("JOURNAL_STREAM").unwrap_or_default();
    let stderr = io::stderr().as_fd().try_clone_to_owned().map(File::from);
    let found = stderr.and_then(|stderr| stderr.metadata());
    found.is_ok_and(|found| named == format!("{}:{}", found.dev(), found.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_journal_is_told_how_grave_each_line_is() {
        let text = format_args!("cannot bind tcp\nat all");
        assert_eq!(
            journal_line(Level::Error, &text),
            "<3>cannot bind tcp\n<3>at all\n"
        );
        assert_eq!(journal_line(Level::Warn, &format_args!("x")), "<4>x\n");
        assert_eq!(journal_line(Level::Debug, &format_args!("x")), "<6>x\n");
    }
}
