//! Where log lines go: to stderr in the foreground, to syslog otherwise.

use std::io::Write;

use log::{Level, LevelFilter, Log, Metadata, Record};
use nix::syslog::{Facility, LogFlags, Priority, Severity, openlog, syslog};

use crate::request_log;

/// Lines on stderr, behind the name of the program.
struct ToStderr;

/// Lines to syslog: requests with facility `auth`, the rest with `daemon`.
struct ToSyslog;

/// Starts logging. `debug` is how often `-d` was said.
pub fn start(foreground: bool, debug: u32) {
    let logger: &'static dyn Log = if foreground { &ToStderr } else { &ToSyslog };
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
    }
}

impl Log for ToStderr {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        // Nobody may be there to read it; then there is nobody to tell.
        let _ = writeln!(std::io::stderr(), "rpcbind: {}", record.args());
    }

    fn flush(&self) {}
}

impl Log for ToSyslog {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let severity = match record.level() {
            Level::Error => Severity::LOG_ERR,
            Level::Warn => Severity::LOG_WARNING,
            Level::Info => Severity::LOG_INFO,
            Level::Debug | Level::Trace => Severity::LOG_DEBUG,
        };
        let facility = match record.target() {
            request_log::TARGET => Facility::LOG_AUTH,
            _ => Facility::LOG_DAEMON,
        };
        let _ = syslog(
            Priority::new(severity, facility),
            record.args().to_string().as_str(),
        );
    }

    fn flush(&self) {}
}
