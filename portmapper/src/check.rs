//! `--check`: what a start would do, and why. Nothing is bound, no file is written, no lock is taken.

use std::fmt;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use nix::errno::Errno;

use crate::binding::CannotBind;
use crate::cli::{self, Options};
use crate::daemon::{Failure, account, failed_at, may_start, networks, passed, places};
use crate::hosts_access::HostsAccess;
use crate::plan::{Place, Why};
use crate::privilege::Account;
use crate::settings::{Settings, Source};
use crate::{interfaces, logging};

/// What a start would do.
#[derive(Debug)]
struct Report {
    places: Vec<Place>,
    account: Option<Account>,
    settings: Settings,
}

/// Says what a start would do, or why there would be none.
pub fn run(options: &Options) -> ExitCode {
    logging::start(true, options.debug);
    match report(options) {
        Ok(report) => cli::print(&report.to_string()),
        Err(failure) => {
            eprintln!("{}", failure.on_stderr());
            ExitCode::FAILURE
        }
    }
}

fn report(options: &Options) -> Result<Report, Failure> {
    let settings = Settings::read(options)?;
    let passed = passed()?;
    may_start(options, &passed)?;
    let places = places(&settings, &networks()?, passed)?;
    if places.is_empty() {
        return Err(Failure::NoTransport);
    }
    for place in &places {
        if !is_ours(place) {
            return Err(CannotBind::not_ours(place).into());
        }
    }
    check_folders(&settings)?;
    if settings.hosts_access.value {
        // What is wrong with the files is said when they are read.
        HostsAccess::of_this_host().directories();
    }
    let account = account(&settings)?;
    Ok(Report {
        places,
        account,
        settings,
    })
}

/// Whether the files that a start needs can be made where they are wanted.
fn check_folders(settings: &Settings) -> Result<(), Failure> {
    let has_folder = |path: &Path| path.parent().is_some_and(Path::is_dir);
    let missing = || io::Error::from(Errno::ENOENT);
    let lock = &settings.lock.value;
    if !has_folder(lock) {
        return Err(failed_at(lock, missing()));
    }
    let state_dir = &settings.state_dir.value;
    let is_made = settings.warm_start.value && has_folder(state_dir);
    let would_be_made = |path: &Path| is_made && path.parent() == Some(state_dir);
    match &settings.metrics.value {
        Some(path) if !has_folder(path) && !would_be_made(path) => {
            Err(CannotBind::file(path, &missing()).into())
        }
        _ => Ok(()),
    }
}

/// Whether a place that was named is at an address of this host, or the kernel lets addresses be bound that are not.
fn is_ours(place: &Place) -> bool {
    let (Why::Named(_), Some(address)) = (&place.why, place.address()) else {
        return true;
    };
    let ip = address.ip();
    let own = || interfaces::read().unwrap_or_default();
    let others_as_well = || {
        let family = if ip.is_ipv4() { "ipv4" } else { "ipv6" };
        let switch = format!("/proc/sys/net/{family}/ip_nonlocal_bind");
        std::fs::read(switch).is_ok_and(|value| value.starts_with(b"1"))
    };
    ip.is_unspecified()
        || ip.is_loopback()
        || own().iter().any(|own| own.address == ip)
        || others_as_well()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "listens on")?;
        let shown: Vec<_> = self.places.iter().map(ToString::to_string).collect();
        let width = shown.iter().map(String::len).max().unwrap_or_default();
        for (shown, place) in shown.iter().zip(&self.places) {
            writeln!(f, "  {shown:<width$}  {}", place.why)?;
        }
        match &self.account {
            Some(account) => writeln!(f, "runs as {account}")?,
            None => writeln!(f, "runs as who starts it, without being root")?,
        }
        let state = &self.settings.state_dir.value;
        writeln!(
            f,
            "keeps registrations in {}, {}",
            state.display(),
            self.fate_of(state)
        )?;
        writeln!(f, "settings")?;
        for (name, value, from) in self.settings.list() {
            match from {
                Source::Default => writeln!(f, "  {name} = {value}")?,
                from => writeln!(f, "  {:<32} # {from}", format!("{name} = {value}"))?,
            }
        }
        Ok(())
    }
}

impl Report {
    fn fate_of(&self, state: &Path) -> &'static str {
        match (state.is_dir(), self.settings.warm_start.value) {
            (true, true) => "and reads what is there",
            (true, false) => "and does not read what is there",
            (false, true) => "which is not there and would be made",
            (false, false) => "which is not there: without -w it would not be made",
        }
    }
}
